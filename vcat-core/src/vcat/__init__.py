"""vcat: a script of plain functions becomes a job."""
