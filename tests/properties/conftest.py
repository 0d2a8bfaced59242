"""Properties read each shipped spec once, as the engine's tests do."""

from tests.engine.conftest import read_once

__all__ = ["read_once"]
