"""The process in which stages run: its signals, seeds, imports, children and end."""
