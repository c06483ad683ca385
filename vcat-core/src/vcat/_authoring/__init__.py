"""What a script builds: stages, graphs and parameters; pure, no I/O."""
