"""Somebody who is handed a token: over TLS only, and it keeps a fingerprint."""

import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from tokenflow.runner.receiver import Receiver, fingerprint, receiving
from tokenflow.sandbox import ledger

CANARY = "canary-of-a-token"


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """One that listens."""
    with receiving(tmp_path_factory.mktemp("receiver")) as listening:
        yield listening


def hand(receiver: Receiver, url: str, trusted: str | bool) -> httpx2.Response:
    import ssl

    verify = ssl.create_default_context(cafile=trusted) if isinstance(trusted, str) else trusted
    with httpx2.Client(verify=verify, trust_env=False) as client:
        return client.post(url, data={"access_token": CANARY, "kind": "user"})


def test_what_arrives_is_noted_but_for_the_token(receiver: Receiver) -> None:
    """Its fingerprint stands in its place, the same as the sandbox's ledger has."""
    answer = hand(receiver, receiver.url, str(receiver.ca_file))

    assert answer.status_code == 204
    assert receiver.received[-1] == {"kind": "user", "fingerprint": fingerprint(CANARY)}
    assert fingerprint(CANARY) == ledger.fingerprint(CANARY)
    assert CANARY not in repr(receiver)


def test_plain_http_gets_no_answer(receiver: Receiver) -> None:
    """A token sent in the clear is not received."""
    before = len(receiver.received)
    with pytest.raises(httpx2.HTTPError):
        hand(receiver, receiver.url.replace("https://", "http://"), False)

    assert len(receiver.received) == before


def test_who_does_not_know_its_certificate_does_not_trust_it(receiver: Receiver, tmp_path: Path) -> None:
    """Another receiver's certificate, and the machine's own list, do not fit."""
    with receiving(tmp_path) as other, pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        hand(receiver, receiver.url, str(other.ca_file))


def test_it_listens_on_loopback_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """Its key is the owner's alone, and its port is free again afterwards."""
    with receiving(tmp_path) as listening:
        parts = urlsplit(listening.url)
        assert parts.hostname == "127.0.0.1"
        assert stat.S_IMODE((tmp_path / "receiver.pem").stat().st_mode) == 0o600
        assert b"PRIVATE" not in listening.ca_file.read_bytes()

    with socket.socket() as probe:
        assert probe.connect_ex((parts.hostname, parts.port)) != 0
