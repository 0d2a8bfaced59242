"""The conformance kit, started as a process of its own (ruling 19): the house never imports pytest."""

import importlib.util
import os
import subprocess
import sys
import tempfile
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from xml.etree import ElementTree

import attrs

from tokenflow.core.errors import MissingExtra, PluginError
from tokenflow.engine.privacy import without_secrets

_NEEDS = ("pytest", "hypothesis")


@attrs.frozen
class Test:
    """One sentence a plugin was held to."""

    name: str
    passed: bool
    message: str | None
    """What was found instead, or None."""


@attrs.frozen
class Results:
    """How a plugin did."""

    tests: tuple[Test, ...]
    finished: bool
    """Whether the tests came to their end."""

    @property
    def passed(self) -> bool:
        """Whether there were tests, and all of them passed."""
        return self.finished and bool(self.tests) and all(one.passed for one in self.tests)


def run_kit(plugin: str, *, quiet: bool) -> Results:
    """Hold a plugin (its name, or its folder) to the kit; pytest's words go to stderr when *quiet*.

    Raises MissingExtra without pytest and Hypothesis, PluginError for what is no plugin.
    """
    missing = [name for name in _NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"the conformance kit needs {' and '.join(missing)}",
            mend='pip install "tokenflow-engine[testing]"',
        )
    folder = Path(plugin)
    here = folder if folder.is_dir() else None
    modules = _installed(plugin) if here is None else _declared(folder)
    with tempfile.TemporaryDirectory(prefix="tokenflow-kit-") as temporary:
        kit, report = Path(temporary) / "test_conformance.py", Path(temporary) / "report.xml"
        kit.write_text(_kit_of(modules), encoding="utf-8")
        done = _pytest([str(kit), *_own_tests(here)], report, here, quiet=quiet)
        return Results(tuple(_read(report)), done.returncode in (0, 1))


def _installed(name: str) -> list[str]:
    """Return the module of an installed plugin."""
    points = [point for point in entry_points(group="tokenflow") if point.name == name]
    if not points:
        known = ", ".join(sorted(point.name for point in entry_points(group="tokenflow")))
        raise PluginError(
            f"`{name}` is neither the name of an installed plugin nor a folder", mend=f"installed: {known}"
        )
    return [point.module for point in points]


def _declared(folder: Path) -> list[str]:
    """Return the modules that a folder's pyproject.toml declares as plugins."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
        points = project["project"]["entry-points"]["tokenflow"]
    except (OSError, tomllib.TOMLDecodeError, KeyError):
        raise PluginError(
            f"{folder} is the folder of no plugin",
            mend="its pyproject.toml needs a table [project.entry-points.tokenflow]",
        ) from None
    return [value.partition(":")[0] for value in points.values()]


def _kit_of(modules: list[str]) -> str:
    lines = ["import importlib", "from tokenflow.testing import plugin_conformance"]
    for number, module in enumerate(modules):
        lines.append(f"Test{number} = plugin_conformance(importlib.import_module({module!r}))")
    return "\n".join(lines) + "\n"


def _own_tests(folder: Path | None) -> list[str]:
    """Return the folder's own tests, which may hold it to more: to the kit of stores, say."""
    return [] if folder is None else [str(path.resolve()) for path in sorted(folder.rglob("test_*.py"))]


def _pytest(
    files: list[str], report: Path, folder: Path | None, *, quiet: bool
) -> "subprocess.CompletedProcess[str]":
    own = [] if folder is None else [str(folder.resolve()), str((folder / "src").resolve())]
    path = os.pathsep.join([*own, *filter(None, [os.environ.get("PYTHONPATH")])])
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", f"--junit-xml={report}"]
    done = subprocess.run(  # noqa: S603  # this Python, and files of our own or of the person's who asked
        [sys.executable, "-m", "pytest", *options, f"--rootdir={report.parent}", *files],
        cwd=report.parent if folder is None else folder,
        env={
            **without_secrets(os.environ),
            "PYTHONPATH": path,
            "PYTHONDONTWRITEBYTECODE": "1",
            "HYPOTHESIS_STORAGE_DIRECTORY": str(report.parent / "hypothesis"),
        },
        stdout=subprocess.PIPE if quiet else None,
        check=False,
        text=True,
    )
    if quiet:
        sys.stderr.write(done.stdout)
    return done


def _read(report: Path) -> "list[Test]":
    if not report.exists():
        return []
    tests = []
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314  # pytest wrote it just now
        wrong = next((one for one in case if one.tag in ("failure", "error")), None)
        said = [] if wrong is None else wrong.get("message", "").splitlines()
        name = f"{case.get('classname')}::{case.get('name')}"
        tests.append(Test(name, wrong is None, said[0] if said else None))
    return tests
