"""The facebook guest."""
