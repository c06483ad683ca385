"""What of a project travels: ignore rules, names, and one walk over its files."""
