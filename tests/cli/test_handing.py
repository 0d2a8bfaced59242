"""`tokenflow token hand-over`: a ticket alone on stdout, kept nowhere, and good once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tokenflow import Engine, Refused, Secret

PHONE = "https://phone.example"
HAND_OVER = ("token", "hand-over", "--to", "client")
LENT = {"env:FB_CLIENT_TOKEN": Secret("CANARY" * 5)}


def opened(store: str) -> Engine:
    """An engine on the store, as the application has it that redeems the ticket."""
    how = {"client_ids": {"facebook": "1234567890"}, "redirect_uri": "https://x.example/cb"}
    return Engine.open(["facebook-client"], store, secrets=LENT, **how)


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with a client token under `embedded`."""
    url = f"sqlite:{tmp_path / 'kept' / 'tokens.db'}"
    with opened(url) as engine:
        engine.acquire("embedded", lifecycle="facebook-client", platform="dashboard")
    return url


def test_the_ticket_is_the_only_line_and_good_once(tokenflow: Call, store: str) -> None:
    """What a pipe gets is the ticket; what a person needs to know of it is on stderr."""
    said = tokenflow(
        "token", "hand-over", "embedded", "--store", store, "--to", "client", "--audience", PHONE
    )
    assert said.code == 0
    (ticket,) = said.out.splitlines()
    assert "good once, until" in said.err
    assert ticket not in said.err
    with opened(store) as engine:
        assert engine.redeem(ticket, PHONE).access_token is not None
        with pytest.raises(Refused):
            engine.redeem(ticket, PHONE)


def test_where_it_went_is_shown(tokenflow: Call, store: str) -> None:
    """`token show` and `explain` tell to whom and when, and a second use as an alarm; never the ticket."""
    said = tokenflow(
        "token", "hand-over", "embedded", "--store", store, "--to", "client", "--audience", PHONE
    )
    ticket = said.out.strip()
    with opened(store) as engine:
        engine.redeem(ticket, PHONE)
        with pytest.raises(Refused):
            engine.redeem(ticket, PHONE)
    for command in (("token", "show", "embedded"), ("explain", "embedded")):
        out = tokenflow(*command, "--store", store).out
        assert f"handed over to the client at {PHONE}, by a ticket" in out
        assert f"the ticket was redeemed, and it went to the client at {PHONE}" in out
        assert f"ALARM: a used ticket for {PHONE} was shown again" in out
        assert ticket not in out
        assert ticket.partition(".")[0] not in out


@pytest.mark.parametrize(
    ("key", "audience", "code"),
    [
        ("embedded", "http://127.0.0.1", 1),
        ("embedded", "https://phone.example/path", 1),
        ("nobody", PHONE, 1),
    ],
)
def test_a_refusal_prints_no_ticket(tokenflow: Call, store: str, key: str, audience: str, code: int) -> None:
    said = tokenflow(*HAND_OVER, key, "--store", store, "--audience", audience)
    assert (said.code, said.out) == (code, "")
    assert "error" in said.err


def test_it_is_written_to_no_file(store: str, tmp_path: Path) -> None:
    """A secret in a file stays there: stdout is a terminal or a pipe, and nothing is made otherwise."""
    command = [sys.executable, "-m", "tokenflow", *HAND_OVER, "embedded", "--store", store]
    command += ["--audience", PHONE]
    environ = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    with (out := tmp_path / "out").open("w") as kept:
        done = subprocess.run(command, stdout=kept, stderr=subprocess.PIPE, text=True, env=environ)
    assert done.returncode == 2
    assert "not written to a file" in done.stderr
    assert out.read_text() == ""
    piped = subprocess.run(command, capture_output=True, text=True, env=environ)
    assert (piped.returncode, len(piped.stdout.splitlines())) == (0, 1)
