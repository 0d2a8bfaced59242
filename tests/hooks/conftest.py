"""A site-packages of one's own: modules and distributions that are really there, for one test."""

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import attrs
import pytest

ACME = """
    from tokenflow import Acquirer, hookimpl

    @hookimpl
    def tokenflow_acquirers():
        yield Acquirer(name="acme.api_key", flow=lambda order: iter(()))
"""


@attrs.frozen
class Site:
    """A folder on sys.path."""

    folder: Path

    def module(self, name: str, source: str = ACME) -> Path:
        """Write a module and return its file."""
        file = self.folder / f"{name}.py"
        file.write_text(dedent(source))
        return file

    def distribution(self, name: str, version: str = "1.2", **points: str) -> None:
        """Install a distribution that declares plugins, as a wheel would have left it."""
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = "".join(f"{point} = {module}\n" for point, module in points.items())
        (info / "entry_points.txt").write_text(f"[tokenflow]\n{lines}")

    def plugin(self, name: str, source: str = ACME) -> Path:
        """Write a module `tokenflow_<name>` and a distribution `<name>-tokens` that declares it."""
        self.distribution(f"{name}-tokens", **{name: f"tokenflow_{name}"})
        return self.module(f"tokenflow_{name}", source)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Put an empty folder on sys.path, and forget afterwards what was imported from it."""
    folder = tmp_path / "site"
    folder.mkdir()
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(folder))
    yield Site(folder)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
