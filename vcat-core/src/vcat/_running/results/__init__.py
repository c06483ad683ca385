"""Results of earlier runs: looked up, claimed, filed, and what was printed given again."""
