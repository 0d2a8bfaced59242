"""Placeholder sentence, replaced with the room."""
