"""The server guest."""
