"""The sandbox and the clock of the engine's tests, and one application over them."""

from collections.abc import Iterator

import pytest

from tests.engine.conftest import ground, read_once, stage
from tests.engine.ground import Ground
from tests.web.ground import Web, opened, web_of

__all__ = ["ground", "read_once", "stage"]


@pytest.fixture
def web(ground: Ground) -> Iterator[Web]:
    """An application at https://app.example, over an engine on a store in memory."""
    with opened(ground) as engine:
        yield web_of(ground, engine)
