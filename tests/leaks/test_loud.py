"""Whatever Python prints when it fails, and whoever prints it, it prints no secret (security.md B10)."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.engine.ground import CLIENT, CLIENT_SECRET, NOW, Ground
from tests.leaks.encodings import search, table
from tests.leaks.scanner import Scanner

ROOT: Final = Path(__file__).parent.parent.parent
TOLD: Final = (
    "Using selector",  # asyncio, in debug
    "Task exception was never retrieved",
    "was never awaited",
    "ZeroDivisionError",
    "Current thread",  # faulthandler
    "held: <HeldToken",
    "runner = <asyncio.runners.Runner",  # a frame's locals
    "said all: 1 True",
)
"""What shows that all of it was printed, or that there was nothing to be found is no wonder."""


@pytest.mark.proves("B10")
def test_a_program_that_fails_loudly_says_no_secret(ground: Ground, scanner: Scanner) -> None:
    """Development mode, asyncio's debug mode, hooks that print locals, logs at DEBUG: none shows one."""
    store, key = ground.sqlite()
    births = ground.folder / "births"
    asked = [ground.running.url, store, key, str(NOW), str(births)]
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "always", "-m", "tests.leaks.loud", *asked],
        input=json.dumps({"client": CLIENT, "secret": CLIENT_SECRET, "code": ground.code()}),
        env={**os.environ, "PYTHONASYNCIODEBUG": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    Path("/tmp/loud.births").write_text(births.read_text())
    theirs = json.loads(births.read_text())
    births.unlink()
    said = done.stdout + done.stderr

    assert done.returncode == 1, said
    assert [one for one in TOLD if one not in said] == []
    assert len(theirs) > 5
    assert search(said.encode(), table({**theirs, **scanner.births.alive()})) == set()
