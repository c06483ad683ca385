"""A stage called once more, or a job tried, without leaving anything."""
