"""The sandbox and the clock of the engine's tests."""

from tests.engine.conftest import ground, stage

__all__ = ["ground", "stage"]
