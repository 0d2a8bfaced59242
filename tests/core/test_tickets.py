"""What a ticket is: its text, where its record is kept, which audience it may name, and what it brings."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenflow.core.errors import Refused
from tokenflow.core.secret import Secret
from tokenflow.core.tickets import (
    STUB_LIVES,
    Handed,
    demand_origin,
    demand_page,
    is_over,
    mark_of,
    place_of,
    same,
    written,
)

HANDED = Handed(
    access_token=Secret("CANARY"),
    client_id="app",
    kind="user",
    scope=frozenset({"email", "ads"}),
    expires_in=60,
    issuer="facebook",
    lifecycle="facebook-user@1.0.0",
)

urlsafe = st.text("abcXYZ019_-", min_size=1, max_size=64)
instants = st.integers(0, 10**17)


@given(random=urlsafe, until=instants, other=urlsafe)
def test_a_record_is_found_by_its_ticket_alone(random: str, until: int, other: str) -> None:
    """Its place tells when the ticket ends and nothing else of it, and no other ticket has it."""
    place = place_of(written(random, until))
    assert place is not None
    assert int(place.partition("-")[0]) == until
    assert len(random) < 6 or random not in place
    assert (place_of(written(other, until)) == place) == (other == random)
    assert mark_of(place).startswith("ticket/")


@given(text=st.text(max_size=200))
def test_any_text_is_a_ticket_or_none(text: str) -> None:
    """Whatever is shown either has a place or is no ticket; nothing is raised."""
    place = place_of(Secret(text))
    assert place is None or text.isascii()


@pytest.mark.parametrize("text", ["", "abc", "abc.", ".1", "a b.1", "a.x", "a.-1", "a" * 65 + ".1", "é.1"])
def test_what_is_no_ticket_has_no_place(text: str) -> None:
    assert place_of(Secret(text)) is None


@given(until=instants)
def test_a_stub_stays_a_while_and_then_goes(until: int) -> None:
    """It is kept ten minutes beyond the ticket's end, to the microsecond."""
    place = place_of(written("x", until))
    assert place is not None
    assert not is_over(place, until + STUB_LIVES)
    assert is_over(place, until + STUB_LIVES + 1)


@given(kept=st.none() | st.text(), shown=st.none() | st.text())
def test_only_what_was_kept_is_the_same(kept: str | None, shown: str | None) -> None:
    """None is nothing but None: no session is not the session of an empty name."""
    assert same(kept, shown) == (kept == shown)


@pytest.mark.parametrize(
    "audience",
    [
        "https://app.example",
        "https://app.example:8443",
        "https://127.0.0.1:9000",
        "https://[::1]:9000",
        "https://xn--bcher-kva.example",
    ],
)
def test_an_https_origin_is_an_audience(audience: str) -> None:
    demand_origin(audience)


@pytest.mark.parametrize(
    ("audience", "code"),
    [
        ("http://app.example", "transport_not_allowed"),
        ("http://127.0.0.1", "transport_not_allowed"),
        ("http://localhost:3000", "transport_not_allowed"),
        ("http://[::1]", "transport_not_allowed"),
        ("HTTPS://app.example", "transport_not_allowed"),
        ("app.example", "transport_not_allowed"),
        ("", "transport_not_allowed"),
        ("https://", "bad_audience"),
        ("https://app.example/", "bad_audience"),
        ("https://app.example/tickets", "bad_audience"),
        ("https://app.example?x=1", "bad_audience"),
        ("https://app.example#x", "bad_audience"),
        ("https://user@app.example", "bad_audience"),
        ("https://App.example", "bad_audience"),
        ("https://app.example:443", "bad_audience"),
        ("https://app.example:0", "bad_audience"),
        ("https://app.example:65536", "bad_audience"),
        ("https://app.example.", "bad_audience"),
        ("https://b\u00fccher.example", "bad_audience"),
        ("https://app.example\\@evil.example", "bad_audience"),
        ("https://app.example\n", "bad_audience"),
        ("https://*", "bad_audience"),
    ],
)
def test_anything_else_is_none(audience: str, code: str) -> None:
    """Plain HTTP is refused on loopback too, and an origin is written as a browser writes it."""
    with pytest.raises(Refused) as caught:
        demand_origin(audience)
    assert caught.value.code == code


def test_a_page_may_be_on_plain_loopback() -> None:
    """What it sends up stays on the machine; a name that may be anything is none of its addresses."""
    for audience in ("https://app.example", "http://127.0.0.1:8000", "http://[::1]", "http://127.0.0.1"):
        demand_page(audience)
    for audience in (
        "http://localhost",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.2",
        "http://[::1]\n",
    ):
        with pytest.raises(Refused) as caught:
            demand_page(audience)
        assert caught.value.code == "transport_not_allowed"
    with pytest.raises(Refused, match="no origin"):
        demand_page("http://127.0.0.1:0")


def test_what_its_bearer_is_given_is_a_form() -> None:
    """A token with what OAuth says of one; without an end it says nothing of it."""
    assert HANDED.form() == {
        "access_token": "CANARY",
        "token_type": "bearer",
        "scope": "ads email",
        "expires_in": "60",
        "kind": "user",
        "issuer": "facebook",
        "lifecycle": "facebook-user@1.0.0",
    }
    assert "CANARY" not in repr(HANDED) + str(HANDED)
    assert "CANARY" in json.dumps(HANDED.form())
