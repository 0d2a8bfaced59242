"""Ratios measured side by side in one run: never seconds, never a gate that a busy machine can fail."""
