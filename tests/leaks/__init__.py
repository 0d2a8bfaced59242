"""A pytest plugin over the whole suite: no secret comes out of any channel, in any encoding.

It knows each secret from its birth (births), overhears every channel (channels), and looks for the ones in
the others when a test is over (scanner). A leak fails the test in which it happened and names channel,
encoding and kind, never the secret. `test_controls` leaks deliberately, through every channel: what is not
caught there makes the whole run void.
"""

from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.leaks import births, channels
from tests.leaks.channels import CHANNELS
from tests.leaks.encodings import ENCODINGS
from tests.leaks.scanner import Scanner

SCANNER: Final = pytest.StashKey[Scanner]()
_UNDO: Final = pytest.StashKey[pytest.MonkeyPatch]()
_SUMS: Final = pytest.StashKey[list[dict[str, Any]]]()


def pytest_configure(config: pytest.Config) -> None:
    """Listen from before the first test is read."""
    scanner, patch = Scanner(), pytest.MonkeyPatch()
    births.listen(scanner.births, patch.setattr)
    channels.listen(scanner.said, patch.setattr)
    config.stash[SCANNER], config.stash[_UNDO], config.stash[_SUMS] = scanner, patch, []


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave everything as it was."""
    config.stash[_UNDO].undo()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> Generator[None, Any, Any]:
    """Keep for good what is made for several tests."""
    known = request.config.stash[SCANNER].births
    known.depth += fixturedef.scope != "function"
    try:
        return (yield)
    finally:
        known.depth -= fixturedef.scope != "function"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    """Begin anew with each test."""
    scanner = item.config.stash[SCANNER]
    scanner.begin()
    scanner.births.running = True
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    """Look when all of a test's fixtures are gone, and what they leave behind is there."""
    result = yield
    scanner = item.config.stash[SCANNER]
    scanner.births.running = False
    for when, name, text in item._report_sections:
        if name != "log":  # each record was heard by itself
            scanner.said.say("output", f"{name} at {when}", text)
    given = getattr(item, "funcargs", {})
    folders = [one for one in (given.get("tmp_path"), given.get("nobodys_settings")) if isinstance(one, Path)]
    scanner.figures.tests += 1
    found = scanner.leaks(folders)
    if found:
        told = "".join(f"\n  {one}" for one in found)
        pytest.fail(f"{len(found)} secrets came out of {item.nodeid}:{told}", pytrace=False)
    return result


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that summarises what this one has seen."""
    config = session.config
    seen = _figures(config.stash[SCANNER])
    if hasattr(config, "workeroutput"):
        config.workeroutput["leaks"] = seen
    else:
        config.stash[_SUMS].append(seen)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:
    """Take what a worker has seen."""
    seen = getattr(node, "workeroutput", {}).get("leaks")
    if seen is not None:
        node.config.stash[_SUMS].append(seen)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Publish the figures."""
    sums = config.stash[_SUMS]
    planted, tests, scanned, files, leaks, seconds = (
        sum(one[name] for one in sums)
        for name in ("planted", "tests", "scanned", "files", "leaks", "seconds")
    )
    caught = set().union(*(one["controls"] for one in sums))
    terminalreporter.write_line(
        f"leaks: {planted} canaries planted, {len(CHANNELS)} channels, {len(ENCODINGS)} encodings, "
        f"{scanned / 1e6:.1f} MB and {files} files scanned after {tests} tests in {seconds:.1f} s: "
        f"{leaks} hits; controls caught {len(caught)}/{len(CHANNELS)}" + ("" if caught else " (not run)")
    )


def _figures(scanner: Scanner) -> dict[str, Any]:
    seen = scanner.figures
    return {
        "planted": scanner.births.planted,
        "tests": seen.tests,
        "scanned": seen.scanned,
        "files": seen.files,
        "leaks": seen.leaks,
        "seconds": seen.seconds,
        "controls": sorted(seen.controls),
    }


@pytest.fixture
def scanner(request: pytest.FixtureRequest) -> Scanner:
    """The scanner of this process, for those who leak deliberately."""
    return request.config.stash[SCANNER]
