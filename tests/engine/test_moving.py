"""From one server to another, over real TLS: the ticket is redeemed, and the issuer decides what came."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.engine.ground import ADA, BOB, Ground
from tokenflow import Engine, HttpTransport, Secret, SpecError, TokenflowError
from tokenflow.core.events import Acquired, Redeemed
from tokenflow.runner.counter import Counter, counting

OURS = "https://b.example"
SPEC = """
apiVersion: tokenflow/v1
kind: Lifecycle
metadata: {{name: moved, version: 1.0.0}}
extends: builtin:facebook-user
acquire:
  moved:
    use: server.ticket
    {verify}
    runs_on: server
    lifetime: long
    with: {{from: ["{giver}"], audience: "https://b.example"}}
"""
VERIFY = "verify: facebook.debug_token"


@contextmanager
def giving(ground: Ground, folder: Path) -> Iterator[tuple[Engine, Counter]]:
    """A server that holds Ada's tokens, and redeems tickets at its counter."""
    with counting(folder) as counter, ground.open() as giver:

        def redeem(ticket: Secret, origin: str, event_id: str) -> Mapping[str, str]:
            return giver.redeem(ticket, origin).form()

        counter.redeem = redeem
        ground.facebook(giver)
        yield giver, counter


@contextmanager
def taking(
    ground: Ground, counter: Counter, folder: Path, *, verify: str = VERIFY, **changes: Any
) -> Iterator[Engine]:
    """A server that takes tokens from there."""
    giver = counter.url.removesuffix("/tickets")
    (spec := folder / "moved.yaml").write_text(SPEC.format(verify=verify, giver=giver))
    trusting = lambda: HttpTransport(ca_file=str(counter.ca_file))  # noqa: E731
    with ground.open(specs=[str(spec)], transport=trusting, **changes) as taker:
        yield taker


def take(taker: Engine, counter: Counter, ticket: Secret, **how: Any) -> Any:
    """Bring a ticket to the server that takes tokens."""
    payload = {"ticket": ticket.reveal(), "redeem_uri": counter.url}
    return taker.acquire("k", lifecycle="moved", platform="moved", payload=payload, **how)


def test_a_token_moves_from_one_server_to_another(ground: Ground, tmp_path: Path) -> None:
    """It is fetched once, the issuer vouches for it, and both sides tell where it went and came from."""
    with giving(ground, tmp_path) as (giver, counter), taking(ground, counter, tmp_path) as taker:
        ticket = giver.hand_over("ada", to="server", audience=OURS)
        token = take(taker, counter, ticket.value, attributes={"user_id": ADA})
        assert token.access_token == giver.explain("ada").token.access_token
        assert token.attributes["user_id"] == ADA
        origin = counter.url.removesuffix("/tickets")
        assert token.handed_by == origin == taker.explain("k").token.handed_by
        assert [one.handed_by for one in taker.explain("k").history if isinstance(one, Acquired)] == [origin]
        used = [one for one in giver.explain("ada").history if isinstance(one, Redeemed)]
        assert [(one.to, one.audience) for one in used] == [("server", OURS)]
        with pytest.raises(TokenflowError) as caught:
            take(taker, counter, ticket.value)
        assert caught.value.code == "ticket_refused"


def test_the_issuer_decides_whose_it_is(ground: Ground, tmp_path: Path) -> None:
    """Another user's, another kind's and another app's token are refused, whatever the sender says."""
    with giving(ground, tmp_path) as (giver, counter):
        ground.admin.page("7", "Bakery", "Food")
        ground.admin.role("7", ADA, ["ADMINISTER"])
        giver.derive("ada", lifecycle="facebook-page", key="page/{page_id}")
        cases: tuple[tuple[str, dict[str, Any], dict[str, Any], str | None], ...] = (
            ("ada", {"attributes": {"user_id": BOB}}, {}, "other_user"),
            ("page/7", {}, {}, "other_kind"),
            ("ada", {}, {"client_ids": {"facebook": "999", "sandbox-oauth2": "shop"}}, None),
        )
        for key, how, changes, code in cases:
            ticket = giver.hand_over(key, to="server", audience=OURS)
            with taking(ground, counter, tmp_path, **changes) as taker:
                with pytest.raises(TokenflowError) as caught:
                    take(taker, counter, ticket.value, **how)
                assert code is None or caught.value.code == code
                assert taker.keys() == []


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("https://evil.example/tickets", "foreign_host"),
        ("https://127.0.0.1:1/tickets", "foreign_host"),
        ("http://127.0.0.1:80/tickets", "transport_not_allowed"),
        ("file:///etc/passwd", "transport_not_allowed"),
        ("", "transport_not_allowed"),
    ],
)
def test_nobody_else_is_asked(ground: Ground, tmp_path: Path, uri: str, code: str) -> None:
    """Who brings a ticket does not choose whom this server calls: the spec's list does, over HTTPS."""
    counter = Counter(port=9, ca_file=tmp_path / "none.pem")
    with taking(ground, counter, tmp_path, trust_cache=0.0) as taker:
        payload = {"ticket": "t.1", "redeem_uri": uri}
        with pytest.raises(TokenflowError) as caught:
            taker.acquire("k", lifecycle="moved", platform="moved", payload=payload)
        assert caught.value.code == code


@pytest.mark.parametrize("payload", [None, b"{", {}, {"ticket": "t.1"}, {"ticket": 1, "redeem_uri": "x"}])
def test_what_holds_no_ticket_is_malformed(ground: Ground, tmp_path: Path, payload: object) -> None:
    counter = Counter(port=9, ca_file=tmp_path / "none.pem")
    with taking(ground, counter, tmp_path) as taker:
        with pytest.raises(TokenflowError) as caught:
            taker.acquire("k", lifecycle="moved", platform="moved", payload=payload)
        assert caught.value.code == "malformed"


def test_without_anybody_to_vouch_the_spec_is_refused(ground: Ground, tmp_path: Path) -> None:
    """The linter says so before an engine is opened (TF621)."""
    counter = Counter(port=9, ca_file=tmp_path / "none.pem")
    with pytest.raises(SpecError, match="TF621"), taking(ground, counter, tmp_path, verify=""):
        raise AssertionError("it was opened")
