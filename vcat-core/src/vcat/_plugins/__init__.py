"""From type strings to backends: entry points, the registry, configuration files."""
