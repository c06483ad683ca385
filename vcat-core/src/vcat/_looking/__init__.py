"""All that reads: deployments, job lists, logs, results."""
