"""What every test stands on: nobody's own settings, and one pace for Hypothesis."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# Hundreds of processes are started here: what is compiled is kept, so that each need not compile it again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

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
