"""An issuer's answer, read with suspicion: whatever cannot be one is refused, and nothing of it is quoted."""

# ruff: noqa: SIM300  # expected == actual, constants too

import json
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.lifecycles import DAY, SECOND, START
from tokenflow.core.answers import body_of, epoch, grant_of, lifetime
from tokenflow.core.effects import Response
from tokenflow.core.errors import AnswerNotUnderstood, IssuerError, IssuerRefused
from tokenflow.core.issuers import Shape
from tokenflow.core.secret import Secret
from tokenflow.core.tokens import NEVER, SILENT, At, Expiry

CANARY = "EAABcanary8f3cEAAB"
JSON = {"content-type": "application/json"}


def response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a response; anything but bytes is sent as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=status, headers={**JSON, **(headers or {})}, body=raw)


NOT_ANSWERS = {
    "empty": b"",
    "blank": b"  \r\n",
    "html": b"<html>" + CANARY.encode(),
    "half": b'{"access_token": "' + CANARY.encode(),
    "list": [CANARY],
    "text": CANARY,
    "number": 7,
    "null": None,
    "latin": b'{"access_token": "\xe9"}',
    "deep": b"[" * 100_000,
    "long number": b'{"expires_in": ' + b"9" * 5000 + b"}",
    "other form": b"a=1&token=" + CANARY.encode(),
}


@pytest.mark.proves("R5")
@pytest.mark.parametrize("status", [200, 204, 302, 500])
@pytest.mark.parametrize("body", NOT_ANSWERS)
def test_what_is_no_answer_is_refused_and_not_quoted(body: str, status: int) -> None:
    """HTML, nothing, half a JSON, a list, deep nesting: no answer below 400, a no above."""
    with pytest.raises(IssuerRefused if status >= 400 else AnswerNotUnderstood) as raised:
        body_of(response(NOT_ANSWERS[body], status))
    assert CANARY not in str(raised.value)
    assert CANARY not in repr(vars(raised.value))


def test_json_that_says_html_is_html() -> None:
    """An answer labelled HTML is a page, whatever its body looks like."""
    with pytest.raises(AnswerNotUnderstood):
        body_of(response({"access_token": "x"}, headers={"content-type": "text/html; charset=utf-8"}))


def test_the_old_form_encoded_answer_is_read() -> None:
    """Older Graph versions answered a form; its numbers come as text."""
    found = body_of(response(b"access_token=x%20y&expires=5183999", headers={"content-type": "text/plain"}))
    assert {"access_token": "x y", "expires": "5183999"} == dict(found)


@pytest.mark.proves("B7")
@pytest.mark.parametrize(
    ("status", "body", "facts"),
    [
        (400, {"error": "invalid_grant", "error_description": CANARY}, {"error": "invalid_grant"}),
        (200, {"error": "slow_down"}, {"error": "slow_down"}),
        (
            400,
            {
                "error": {
                    "message": CANARY,
                    "type": "OAuthException",
                    "code": 190,
                    "error_subcode": 463,
                    "fbtrace_id": "A1b",
                    "is_transient": True,
                }
            },
            {"type": "OAuthException", "code": 190, "subcode": 463, "fbtrace_id": "A1b"},
        ),
        (401, {"error_code": 7, "error": None}, {"code": 7}),
        (500, {}, {}),
        (400, {"error": f"the token {CANARY} is not valid"}, {}),
        (400, {"error": CANARY}, {}),
        (400, {"error": {"code": CANARY, "type": CANARY + "\n", "error_subcode": [CANARY]}}, {}),
        (400, {"error": {"code": True}}, {}),
    ],
)
def test_a_no_keeps_codes_and_leaves_texts_behind(status: int, body: Any, facts: dict[str, Any]) -> None:
    """B7: error, code, subcode, type and trace are kept when they look like codes; free text never is."""
    with pytest.raises(IssuerRefused) as raised:
        body_of(response(body, status))
    assert {"http": status, **facts} == raised.value.facts
    assert status == raised.value.status
    assert CANARY not in str(raised.value)
    assert CANARY not in repr(vars(raised.value))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30", 30),
        ("0", 0),
        ("999999", 86_400),
        ("9" * 5000, None),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
    ],
)
def test_retry_after_is_seconds_within_a_day(text: str, expected: int | None) -> None:
    """Retry-After counts when it is a plain number of seconds, and at most for a day."""
    with pytest.raises(IssuerRefused) as raised:
        body_of(response({}, 429, {"retry-after": text}))
    assert expected == raised.value.retry_after


@pytest.mark.parametrize("value", [None, "", 5, True, [], {}, ["x"]])
def test_an_answer_without_an_access_token_is_none(value: Any) -> None:
    """Absent, empty, or not a text: there is no token in it."""
    with pytest.raises(AnswerNotUnderstood, match="no access_token"):
        grant_of({"access_token": value, "token_type": "bearer"}, START)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3600, At(START + 3600 * SECOND)),
        ("3600", At(START + 3600 * SECOND)),
        (3600.0, At(START + 3600 * SECOND)),
        (0, NEVER),
        ("0", NEVER),
        (None, SILENT),
        ("", SILENT),
        (3650 * 86_400, At(START + 3650 * DAY)),
    ],
)
def test_a_lifetime_is_a_number_of_seconds(value: Any, expected: Expiry) -> None:
    """Seconds as number or text are counted from now, 0 is the issuer's own meaning, absent is silence."""
    assert expected == lifetime(value, START, zero=NEVER)


NOT_LIFETIMES = [
    *(
        -1,
        "-1",
        -3600,
        3650 * 86_400 + 1,
        10**30,
        1e300,
        float("inf"),
        float("nan"),
        1.5,
        "1.5",
        "soon",
        " 5",
    ),
    *("--5", "-", "+5", "5s", "0x10", "1e3", "٣", "9" * 50, True, False, [], {}, [3600], "3600\n"),
]


@pytest.mark.proves("R6")
@pytest.mark.parametrize("value", NOT_LIFETIMES, ids=repr)
def test_what_cannot_be_a_lifetime_is_refused(value: Any) -> None:
    """Negative, beyond ten years, fractions, words, lists and booleans are no lifetime."""
    with pytest.raises(AnswerNotUnderstood, match="lifetime"):
        lifetime(value, START)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, NEVER), ("1800000000", At(START)), (1_800_000_000, At(START)), (None, SILENT)],
)
def test_an_instant_counts_from_1970(value: Any, expected: Expiry) -> None:
    """`expires_at` is an instant; 0 is what the issuer means by it; absent is silence."""
    assert expected == epoch(value, zero=NEVER)


@pytest.mark.parametrize(
    "value", [-1, "--1", 253_402_300_800, 10**17, 1e300, True, "x", [], 1.5, ""], ids=repr
)
def test_what_cannot_be_an_instant_is_refused(value: Any) -> None:
    """Before 1970, after the year 9999 (milliseconds taken for seconds, say) or no number: refused."""
    with pytest.raises(AnswerNotUnderstood, match="instant"):
        epoch(value, zero=NEVER)
    assert At(1_800_000_000_000_000) == epoch(1_800_000_000_000, zero=NEVER, unit=1000)


def test_a_grant_is_read_whole() -> None:
    """RFC 6749 §5.1: tokens become secrets, lifetimes instants, the scope a set."""
    found = grant_of(
        {
            "access_token": "a",
            "refresh_token": "r",
            "expires_in": 60,
            "refresh_expires_in": "120",
            "scope": "b  a",
        },
        START,
    )
    assert Secret("a") == found.access_token
    assert Secret("r") == found.refresh_token
    assert (At(START + 60 * SECOND), At(START + 120 * SECOND)) == (found.expires, found.refresh_expires)
    assert frozenset({"a", "b"}) == found.scope
    bare = grant_of({"access_token": "a", "refresh_token": "", "scope": None}, START)
    assert (None, None, SILENT) == (bare.refresh_token, bare.scope, bare.expires)
    assert (
        frozenset({"x y", "z"})
        == grant_of({"access_token": "a", "scope": "x y,z"}, START, Shape(scope_separator=",")).scope
    )


@pytest.mark.proves("R6")
@pytest.mark.parametrize("end", ["expires_in", "refresh_expires_in"])
@pytest.mark.parametrize("value", ["1h", -1, True, 10**12, []])
def test_a_nonsense_lifetime_costs_no_refresh_token(end: str, value: Any) -> None:
    """R6: beside a refresh token, which may be the only copy, an end that cannot be one is silence."""
    fields = {"access_token": "a", "refresh_token": "r", "expires_in": 60, "refresh_expires_in": 120}
    found = grant_of({**fields, end: value}, START)
    assert Secret("r") == found.refresh_token
    assert SILENT == (found.expires if end == "expires_in" else found.refresh_expires)
    with pytest.raises(AnswerNotUnderstood, match="lifetime"):
        grant_of({"access_token": "a", end: value}, START)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(CANARY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
fields = st.dictionaries(
    st.sampled_from(
        [
            "access_token",
            "refresh_token",
            "expires_in",
            "refresh_expires_in",
            "scope",
            "error",
            "code",
            "type",
            "x",
        ]
    ),
    json_values,
    max_size=6,
)
bodies = (
    st.binary(max_size=60)
    | fields.map(lambda found: json.dumps(found).encode())
    | st.sampled_from(
        [body if isinstance(body, bytes) else json.dumps(body).encode() for body in NOT_ANSWERS.values()]
    )
)


@pytest.mark.proves("R5")
@given(bodies, st.sampled_from([200, 201, 204, 301, 400, 401, 429, 500]), st.sampled_from([JSON, {}]))
def test_no_body_does_anything_but_answer_or_be_refused(
    body: bytes, status: int, headers: dict[str, str]
) -> None:
    """Whatever an issuer sends ends in a grant or in an IssuerError that quotes none of it."""
    try:
        found = grant_of(body_of(Response(status=status, headers=headers, body=body)), START)
    except IssuerError as error:
        shown = "".join(traceback.format_exception(error)) + repr(vars(error))
    else:
        shown = repr(found)
        assert found.access_token is not None
        assert found.access_token.reveal()
        assert not isinstance(found.expires, At) or START < found.expires.instant <= START + 3650 * DAY
    assert CANARY not in shown
