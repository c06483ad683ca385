"""The bundle as bytes: its parts, what they are made of, and what is kept of them for the next."""
