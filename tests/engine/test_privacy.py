"""A process that keeps tokens is read by no other of its user, and what it starts is given no secret."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from tests.plugins.sqlite_ground import NOBODY
from tokenflow.engine.privacy import without_secrets

AS_NOBODY: Final = f"""
import os, sys
if os.geteuid() == 0:
    os.setgid({NOBODY}); os.setuid({NOBODY})
"""
KEEPER: Final = f"""
import ctypes, resource, sys
from tokenflow.engine.privacy import keep_memory_private
{AS_NOBODY}
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # what a program has that was started as this user
if sys.argv[1] == "private":
    assert keep_memory_private()
print(resource.getrlimit(resource.RLIMIT_CORE)[0], flush=True)
sys.stdin.read()
"""
LOOKS: Final = f"""{AS_NOBODY}
for name in ("environ", "mem", "maps"):
    try:
        open(f"/proc/{{sys.argv[1]}}/{{name}}", "rb").close()
    except PermissionError:
        continue
    print(name)
"""


@contextmanager
def keeper(how: str) -> Iterator["subprocess.Popen[str]"]:
    """Yield a process of an ordinary user that waits."""
    command = [sys.executable, "-c", KEEPER, how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def readable(process: "subprocess.Popen[str]") -> list[str]:
    """Return what another process of that user may open of it."""
    looked = subprocess.run(
        [sys.executable, "-c", LOOKS, str(process.pid)], capture_output=True, text=True, check=True
    )
    return looked.stdout.split()


@pytest.mark.proves("A12")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl is Linux's")
def test_no_process_of_the_same_user_looks_into_a_keeper() -> None:
    """Its environment, memory and maps are closed, and it leaves no core file; any other's are open."""
    with keeper("private") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "0\n"
        assert readable(process) == []
    with keeper("as it comes") as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert "environ" in readable(process), "the look itself works"


@pytest.mark.proves("A10")
def test_what_is_started_gets_no_secret() -> None:
    """What is called like a secret stays here; what a program needs, and our own settings, go along."""
    kept = {
        "PATH": "/bin",
        "HOME": "/root",
        "LANG": "C",
        "TOKENFLOW_DISABLE_PLUGINS": "web",
        "PYTHONPATH": "x",
    }
    secret = ("FB_APP_SECRET", "TOKENS_KEY", "oauth2_client_secret", "GITHUB_TOKEN", "PGPASSWORD")
    ours = ("TOKENFLOW_RUN_KEY", "CREDENTIALS_DIRECTORY")
    assert without_secrets(kept | dict.fromkeys((*secret, *ours), "canary")) == kept
