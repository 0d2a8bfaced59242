"""docs/how-to/inspect.md: it names every form there is, and its commands are commands."""

import re
import shlex
from pathlib import Path
from typing import Final

import pytest

from tests.house import ROOT
from tokenflow import Registry
from tokenflow.cli.app import run

PAGE: Final = (ROOT / "docs/how-to/inspect.md").read_text("utf-8")


def test_every_form_is_on_the_page_and_nothing_else() -> None:
    """A new form is told of, and one that is gone is taken out."""
    named = set(re.findall(r"`([a-z]+\.[a-z_]+)`", PAGE.partition("## What it knows")[2]))
    assert named == Registry.installed(only_builtin=True).formats().keys()


def test_its_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line of it, on files of that name; what is piped in is asked for by its last part."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FB_APP_SECRET", "half")
    monkeypatch.setenv("FB_CLIENT_TOKEN", "other")
    Path("debug_token.json").write_text(
        '{"data": {"is_valid": true, "app_id": "1", "type": "USER", "scopes": []}}'
    )
    Path("cookie.txt").write_text("fbsr_1=aaa.bbb")
    Path("token.txt").write_text("123456|half")
    image = Path("image/data/data/com.example.app/shared_prefs")
    image.mkdir(parents=True)
    (image / "com.facebook.AccessTokenManager.SharedPreferences.xml").write_text("<map />")
    lines = [line for line in PAGE.splitlines() if line.startswith("tokenflow inspect")]

    assert len(lines) == 4
    assert [run(shlex.split(line)[1:]) for line in lines] == [0, 0, 0, 0]
