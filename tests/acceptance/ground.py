"""The installed command in processes of its own, and a sandbox in another."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from tokenflow.sandbox import AdminClient

ROOT: Final = Path(__file__).resolve().parents[2]
SPECS: Final = ROOT / "specs"
APP, SECRET, CLIENT_TOKEN, ADMIN = "1234567890", "play-secret", "play-client-token", "play-admin-token"
PATIENCE: Final = 60
"""Seconds a command may take on a busy machine."""
NOTHING: Final[Mapping[str, str]] = {}
RESULT = subprocess.CompletedProcess[str]


def command(*arguments: str | Path) -> list[str]:
    """Return the command line of `tokenflow` with *arguments*."""
    return [sys.executable, "-m", "tokenflow", *(str(each) for each in arguments)]


def environment(**more: str) -> dict[str, str]:
    """Return what a command is run with: the test's own empty home, and *more*."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    return {**kept, **more}


def tokenflow(*arguments: str | Path, cwd: Path | None = None, known: Mapping[str, str] = NOTHING) -> RESULT:
    """Run a command to its end, with what is *known* in its environment."""
    assert "XDG_DATA_HOME" in os.environ, "the home is the test's own (tests/conftest.py)"
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment(**known),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def printed(result: RESULT) -> dict[str, Any]:
    """Return the one JSON object a command put on stdout."""
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["version"] == 1
    return found


@frozen
class Elsewhere:
    """A sandbox in a process of its own, and what a run needs to know to act there."""

    url: str
    admin: AdminClient

    @property
    def known(self) -> Mapping[str, str]:
        """What the environment of a run says of it."""
        return {
            "TOKENFLOW_SANDBOX_ADMIN_TOKEN": ADMIN,
            "FB_APP_ID": APP,
            "FB_APP_SECRET": SECRET,
            "FB_CLIENT_TOKEN": CLIENT_TOKEN,
            "FB_REDIRECT_URI": "http://127.0.0.1/callback",
        }


@contextmanager
def sandbox(*more: str) -> Iterator[Elsewhere]:
    """Run `tokenflow sandbox` on a free port, for as long as the block lasts."""
    with subprocess.Popen(
        command(
            *("sandbox", "--port", "0", "--app-id", APP, "--app-secret", SECRET),
            *("--client-token", CLIENT_TOKEN, "--any-loopback-redirect", "--virtual-time", *more),
        ),
        env=environment(TOKENFLOW_SANDBOX_ADMIN_TOKEN=ADMIN),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            yield Elsewhere(ready["url"], AdminClient(ready["url"], ready["admin_token"]))
        finally:
            process.terminate()
            process.wait(PATIENCE)
