"""What a job writes down while it runs: events, logs, values, where its results come from."""
