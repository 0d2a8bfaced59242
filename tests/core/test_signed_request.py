"""signed_request: what a secret signed is read, and nothing else is."""

import base64
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenflow import PayloadError, Secret, is_signed, sign_request, signed_payload

SECRET = Secret("foo_app_secret")
PUBLISHED = (
    "U0_O1MqqNKUt32633zAkdd2Ce-jGVgRgJeRauyx_zC8=.eyJvYXV0aF90b2tlbiI6ImZvb190b2tlbiIsImFsZ29yaXRobSI6IkhNQUMtU0hBMj"
    "U2IiwiaXNzdWVkX2F0IjozMjEsImNvZGUiOiJmb29fY29kZSIsInN0YXRlIjoiZm9vX3N0YXRlIiwidXNlcl9pZCI6MTIzLCJmb28iOiJiYXIifQ=="
)
fields = st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=20), max_size=5)


def refused(text: str) -> str:
    """Return the code *text* is refused with."""
    with pytest.raises(PayloadError) as caught:
        signed_payload(text, SECRET)
    return caught.value.code


def signed(body: bytes) -> str:
    """Return *body* as it is, rightly signed."""
    mac = hmac.digest(SECRET.reveal().encode(), body, "sha256")
    return f"{base64.urlsafe_b64encode(mac).decode()}.{body.decode()}"


def test_a_published_one_is_read_with_the_padding_it_was_signed_with() -> None:
    """The MAC covers the text as sent: with its padding it is good, without it is another text."""
    assert signed_payload(PUBLISHED, SECRET)["user_id"] == 123
    assert refused(PUBLISHED.rstrip("=")) == "forged"


@pytest.mark.proves("D5")
@pytest.mark.parametrize("place", range(len(PUBLISHED)))
def test_no_single_bit_may_differ(place: int) -> None:
    """Whichever of the eight bits of a character is turned, nothing is taken."""
    for bit in range(8):
        changed = PUBLISHED[:place] + chr(ord(PUBLISHED[place]) ^ 1 << bit) + PUBLISHED[place + 1 :]
        assert refused(changed) in {"forged", "malformed"}


@given(fields)
def test_what_is_signed_is_read_again(payload: dict[str, Any]) -> None:
    """Signing and reading are each other's inverse, padded or not."""
    text = sign_request({**payload, "algorithm": "HMAC-SHA256"}, SECRET)
    assert signed_payload(text, SECRET) == {**payload, "algorithm": "HMAC-SHA256"}
    assert not is_signed(text, Secret("another"))


@pytest.mark.proves("D5")
@pytest.mark.parametrize("algorithm", ["none", "hmac-sha256", "HS256", None, ["HMAC-SHA256"]])
def test_the_algorithm_is_exactly_one(algorithm: object) -> None:
    """A right signature over another algorithm's name is a forgery (security.md D5)."""
    body = base64.urlsafe_b64encode(json.dumps({"algorithm": algorithm}).encode()).rstrip(b"=")
    assert refused(signed(body)) == "forged"


@pytest.mark.parametrize(
    "body",
    [b"AAAAA", b"W10=", b"W10==", b"e30", b"eyJhIjo", b"____", base64.urlsafe_b64encode(b"[" * 9_000)],
)
def test_what_is_no_whole_object_is_refused_though_it_is_signed(body: bytes) -> None:
    """A list, half an object, wrong padding, or nesting without end is no payload."""
    assert refused(signed(body)) in {"malformed", "forged"}


def test_an_error_holds_neither_the_text_nor_the_secret() -> None:
    """Nothing of what was sent hangs on to the error: no cause, no context, no text in it."""
    with pytest.raises(PayloadError) as caught:
        signed_payload(signed(b"eyJhIjo"), SECRET)
    assert caught.value.__context__ is None
    assert "eyJhIjo" not in str(caught.value)
