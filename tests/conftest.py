"""What every test stands on: nobody's own settings, and one pace for Hypothesis."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadGroupScheduling

# Hundreds of processes are started here: what is compiled is kept, so that each need not compile it again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

pytest_plugins = ["tests.leaks"]  # no secret comes out of any test

# A suite that a script began in the background ignores Ctrl-C, and so would every process it starts: those
# that are told to stop by it would go on for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A shared machine pauses when it likes: a slow example is no failure, and a failure prints how to repeat it.
settings.register_profile("gate", deadline=None, print_blob=True)
settings.load_profile("gate")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave campaigns to those who ask for them with `-m campaign`."""
    if "campaign" in config.option.markexpr:
        return
    campaigns = [item for item in items if item.get_closest_marker("campaign")]
    config.hook.pytest_deselected(items=campaigns)
    items[:] = [item for item in items if item not in campaigns]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give a worker a group or a file at a time: what a file's tests share is made once.

    In their order the last files are short, so that all workers end together.
    """
    if config.option.dist != "loadgroup":
        return None
    config.option.loadscopereorder = False
    scheduler = LoadGroupScheduling(config, log)
    group_of = scheduler._split_scope

    def group_or_file(nodeid: str) -> str:
        group: str = group_of(nodeid)
        return group if group != nodeid else nodeid.partition("::")[0]

    scheduler._split_scope = group_or_file
    return scheduler


@pytest.fixture(autouse=True)
def nobodys_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hide the reader's plugins, proxies and data from the test; return the empty home it has instead."""
    for name in list(os.environ):
        if name.startswith("TOKENFLOW_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(home / name.lower()))
    return home
