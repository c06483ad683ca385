"""What vcat promises about speed, measured: ``nox -s bench``, or ``python -m benchmarks``."""
