"""What a stage reads, looks for and lists while it runs, and whether it is still so."""
