"""The sandbox and the clock of the engine's tests, and one application over them."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.conftest import ground, stage
from tests.engine.ground import SPECS, Ground
from tests.web.ground import Web, opened, web_of
from tokenflow.engine import opening
from tokenflow.hooks.registry import Registry
from tokenflow.spec import Document

__all__ = ["ground", "stage"]


@pytest.fixture(scope="session")
def documents() -> list[Document]:
    """The shipped specs that engines are opened with here, and their issuers."""
    return opening.read_all(SPECS, Registry.installed())


@pytest.fixture(autouse=True)
def read_once(documents: list[Document], monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the shipped specs once for all tests: reading is tested elsewhere, and takes its time."""
    real = opening.read_all

    def remembered(specs: Any, registry: Registry) -> list[Document]:
        return list(documents) if tuple(specs) == SPECS else real(specs, registry)

    monkeypatch.setattr(opening, "read_all", remembered)


@pytest.fixture
def web(ground: Ground) -> Iterator[Web]:
    """An application at https://app.example, over an engine on a store in memory."""
    with opened(ground) as engine:
        yield web_of(ground, engine)
