"""Local directories as cache, archive and listing."""
