"""The command ``vcat``."""
