"""Tiny projects, one edit of each, and what must be computed again after it."""
