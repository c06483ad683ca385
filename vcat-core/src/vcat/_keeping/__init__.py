"""Values to verified bytes and back: codec, entries, archives, events."""
