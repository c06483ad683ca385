"""What a job would fail of, found before it is submitted."""
