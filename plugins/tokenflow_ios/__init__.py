"""The ios guest."""
