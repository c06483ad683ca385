"""Inside the job: the engine, the context of a stage, provenance."""
