"""The real `tokenflow sandbox` command in a process of its own, and people to log in to it."""

import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile

import pytest

from tests.acceptance.clients.authority import Authority, Later, Somebody
from tokenflow.sandbox import AdminClient

APP_ID = "400800"
APP_SECRET = "a-secret-to-play-with"
CLIENT_TOKEN = "a-client-token-to-play-with"
ALL_PERMS = ("ADMINISTER", "EDIT_PROFILE", "CREATE_CONTENT", "MODERATE_CONTENT", "CREATE_ADS", "BASIC_ADMIN")

#: Seconds until a process that says nothing counts as broken.
PATIENCE = 30

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def authority() -> Iterator[Authority]:
    """Start the command, wait for the line that says it is ready, and end that very process."""
    command = [sys.executable, "-m", "tokenflow", "sandbox", "--port", "0", "--any-loopback-redirect"]
    command += ["--app-id", APP_ID, "--app-secret", APP_SECRET, "--client-token", CLIENT_TOKEN]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TOKENFLOW_")}
    with (
        TemporaryFile("w+") as complaints,
        subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
        ) as process,
    ):
        try:
            yield _ready(process)
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()  # does nothing to a process that has ended
        complaints.seek(0)
        # Whatever the clients did, the command said nothing about it and ended as it was asked to.
        assert (process.returncode, complaints.read()) == (0, "")


def _ready(process: "subprocess.Popen[str]") -> Authority:
    # readline() waits for as long as the pipe is open; a process that is late is ended, which closes it.
    late = threading.Timer(PATIENCE, process.kill)
    late.start()
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
    finally:
        late.cancel()
        late.join()
    ready = json.loads(line)
    return Authority(
        url=ready["url"],
        admin=AdminClient(ready["url"], ready["admin_token"]),
        app_id=ready["app_id"],
        app_secret=ready["app_secret"],
        client_token=ready["client_token"],
    )


@pytest.fixture
def person(authority: Authority) -> Somebody:
    """Return somebody who never logged in before."""
    made = Somebody(id=f"1000{next(_NUMBERS):04}")
    authority.admin.person(made.id, made.name)
    return made


@pytest.fixture
def pages(authority: Authority, person: Somebody) -> tuple[str, str, str]:
    """Return the ids of three pages that the person administers, in the order they are listed."""
    first, second, third = (f"2000{next(_NUMBERS):04}" for _ in range(3))
    for page in (first, second, third):
        authority.admin.page(page, f"Page {page}")
        authority.admin.role(page, person.id, ALL_PERMS)
    return first, second, third


@pytest.fixture
def later(authority: Authority) -> Later:
    """Return how to be some seconds in the future for the length of a block."""

    @contextmanager
    def moved(seconds: float) -> Iterator[None]:
        authority.admin.advance(seconds)
        try:
            yield
        finally:
            authority.admin.advance(-seconds)

    return moved
