"""The sqlite guest."""
