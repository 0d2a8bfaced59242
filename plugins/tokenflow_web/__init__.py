"""The web guest."""
