"""One server for all tests of a run, as an editor keeps one for all files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.editor.server import Server, running
from tests.acceptance.installing import installed, kept_between_runs

NODE = Path(__file__).parent / "node"


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server that is installed and running."""
    kept = kept_between_runs(request, tmp_path_factory, "yaml-language-server")
    with running(installed(NODE, kept) / "node_modules") as started:
        yield started
