"""The javascript guest."""
