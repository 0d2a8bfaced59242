"""The command line, called in this process: as fast as a function, and with its exit code."""

import json
from pathlib import Path
from typing import Any, Protocol

import pytest
from attrs import frozen

from tokenflow.cli.app import run


@frozen
class Said:
    """What a command left: its exit code, and what it wrote where."""

    code: int
    out: str
    err: str

    @property
    def object(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        found: dict[str, Any] = json.loads(self.out)
        assert next(iter(found)) == "version"
        assert found["version"] == 1
        return found


class Call(Protocol):
    """Run `tokenflow` with arguments."""

    def __call__(self, *arguments: object) -> Said: ...


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache folder of the whole run: the user's own is left alone."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def tokenflow(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, cache: Path) -> Call:
    """The `tokenflow` command."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: object) -> Said:
        code = run([str(each) for each in arguments])
        return Said(code, *capsys.readouterr())

    return call
