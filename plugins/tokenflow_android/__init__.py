"""The android guest."""
