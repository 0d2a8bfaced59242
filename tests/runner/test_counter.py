"""Where tickets are redeemed in a story: over TLS only, and the phone keeps a fingerprint."""

import socket
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx2
import pytest

from tokenflow import IssuerUnreachable, Refused, Secret
from tokenflow.runner.counter import Counter, Redeem, counting, fingerprint, shown
from tokenflow.sandbox import ledger

CANARY = "canary-of-a-token"
ORIGIN = "https://phone.example"


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    """One that is open, and gives a token for the ticket `good`."""
    with counting(tmp_path_factory.mktemp("counter")) as listening:
        yield listening


def noting(looked: list[Secret]) -> Redeem:
    """Note the tickets that are shown, and give nothing for them."""

    def redeem(ticket: Secret, origin: str, event_id: str) -> Mapping[str, str]:
        looked.append(ticket)
        return {}

    return redeem


def test_what_is_given_is_noted_but_for_the_token(counter: Counter) -> None:
    """Ticket, origin and event id arrive; of the token a fingerprint is kept, as in the ledger."""
    asked = []

    def redeem(ticket: Secret, origin: str, event_id: str) -> Mapping[str, str]:
        asked.append((ticket.reveal(), origin, event_id))
        return {"access_token": CANARY, "kind": "user"}

    counter.redeem = redeem
    found = shown(counter, Secret("good"), ORIGIN, "story:1")
    assert found == {"access_token": fingerprint(CANARY), "kind": "user"}
    assert asked == [("good", ORIGIN, "story:1")]
    assert fingerprint(CANARY) == ledger.fingerprint(CANARY)
    assert CANARY not in repr(counter)


def test_a_no_is_said_by_its_code(counter: Counter) -> None:
    """What the application refuses is refused to the phone, with the same code and nothing else."""

    def redeem(ticket: Secret, origin: str, event_id: str) -> Mapping[str, str]:
        raise Refused("ticket_refused", "because of this and that")

    counter.redeem = redeem
    with pytest.raises(Refused) as caught:
        shown(counter, Secret("used"), ORIGIN, "story:2")
    assert caught.value.code == "ticket_refused"
    assert "this and that" not in str(caught.value)


def test_a_closed_counter_gives_nothing(counter: Counter) -> None:
    """Before an engine stands behind it, it refuses."""
    counter.redeem = None
    with pytest.raises(Refused) as caught:
        shown(counter, Secret("good"), ORIGIN, "story:3")
    assert caught.value.code == "not_here"


def test_plain_http_gets_no_answer(counter: Counter) -> None:
    """A ticket shown in the clear is not looked at."""
    looked: list[Secret] = []
    counter.redeem = noting(looked)
    with httpx2.Client(trust_env=False) as client, pytest.raises(httpx2.HTTPError):
        client.post(counter.url.replace("https://", "http://"), data={"ticket": "good"})
    assert not looked


def test_an_answer_is_never_stored(counter: Counter) -> None:
    """What is given says `no-store`, for whatever stands in between."""
    import ssl

    counter.redeem = lambda ticket, origin, event_id: {"kind": "user"}
    trust = ssl.create_default_context(cafile=str(counter.ca_file))
    with httpx2.Client(verify=trust, trust_env=False) as client:
        answer = client.post(counter.url, data={"ticket": "good"}, headers={"origin": ORIGIN})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")


def test_who_does_not_know_its_certificate_does_not_trust_it(counter: Counter, tmp_path: Path) -> None:
    """A phone that trusts another counter's certificate shows no ticket here."""
    looked: list[Secret] = []
    counter.redeem = noting(looked)
    with counting(tmp_path) as other, pytest.raises(IssuerUnreachable):
        shown(Counter(port=counter.port, ca_file=other.ca_file), Secret("good"), ORIGIN, "story:4")
    assert not looked


def test_it_listens_on_loopback_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """Its key is the owner's alone, and its port is free again afterwards."""
    with counting(tmp_path) as listening:
        assert listening.url.startswith("https://127.0.0.1:")
        assert stat.S_IMODE((tmp_path / "counter.pem").stat().st_mode) == 0o600
        assert b"PRIVATE" not in listening.ca_file.read_bytes()

    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", listening.port)) != 0
