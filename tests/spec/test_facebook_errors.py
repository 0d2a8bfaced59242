"""Every error that Facebook documents, row by row, and what the shipped Issuer makes of it.

The numbers here are a copy of their own, in the order of Facebook's pages: codes, subcodes of a token,
a code's exchange, a missing token, a login on a device, the login dialog.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenflow.core.answers import body_of
from tokenflow.core.compiling import compile_issuer, meanings_of
from tokenflow.core.effects import Response
from tokenflow.core.errors import IssuerError, IssuerRefused
from tokenflow.core.flows.failing import advised
from tokenflow.core.issuers import STANDARD
from tokenflow.core.lifecycles import Meaning
from tokenflow.core.policies import meaning_among
from tokenflow.runner.examples import examine
from tokenflow.spec import load

FACEBOOK = load("facebook")
SHAPE = compile_issuer(FACEBOOK.data, client_id="1").response
MEANINGS = meanings_of(FACEBOOK.data)
KINDS = {"transient", "rate_limited", "reconsent", "permanent", "configuration", "revoked", "expired"}

LOGIN = ("revoked", "invalidate", "session_ended")
WAIT = ("rate_limited", None, None)
AGAIN = ("transient", None, None)
ASK = ("reconsent", None, None)
MISSING = ("reconsent", "check_permissions", None)
MEND = ("configuration", None, None)
NEVER = ("permanent", None, None)
EXPIRED = ("expired", "expire", None)

CODES = {
    **dict.fromkeys((1, 2), AGAIN),
    3: MEND,
    **dict.fromkeys((4, 9, 17, 32, 341, 613, *range(80000, 80015)), WAIT),
    **dict.fromkeys((10, *range(200, 300)), MISSING),
    100: NEVER,
    101: MEND,
    102: LOGIN,
    104: MEND,
    190: ("revoked", "invalidate", None),
    191: MEND,
    368: NEVER,
    412: ASK,
    450: LOGIN,
    452: LOGIN,
    506: NEVER,
    803: NEVER,
    901: MEND,
    2500: MEND,
}
"""Facebook's codes, each alone."""

SUBCODES = {
    456: LOGIN,
    457: LOGIN,
    458: ("revoked", "invalidate", "app_removed"),
    459: ("revoked", "invalidate", "user_checkpointed"),
    460: ("revoked", "invalidate", "password_changed"),
    461: LOGIN,
    462: LOGIN,
    463: EXPIRED,
    464: ("revoked", "invalidate", "user_unconfirmed"),
    465: LOGIN,
    466: LOGIN,
    467: ("revoked", "invalidate", "logged_out"),
    468: EXPIRED,
    490: ("revoked", "invalidate", "user_checkpointed"),
    492: ("revoked", "invalidate", "role_lost"),
    493: EXPIRED,
    470: ("revoked", "invalidate", None),
    99999: ("revoked", "invalidate", None),
}
"""Subcodes of 190 and 102; the last two are nobody's."""

OTHERS: list[tuple[dict[str, Any], tuple[str, str | None, str | None]]] = [
    ({"code": 100, "error_subcode": 36007}, NEVER),
    ({"code": 100, "error_subcode": 36008}, MEND),
    ({"code": 100, "error_subcode": 36009}, NEVER),
    ({"code": 100, "message": "Invalid verification code format."}, NEVER),
    ({"code": 1, "message": "Error validating client secret."}, AGAIN),
    ({"code": 100, "type": "GraphMethodException", "message": "Invalid appsecret_proof"}, MEND),
    ({"code": 100, "error_subcode": 33, "type": "GraphMethodException"}, NEVER),
    ({"code": 17, "error_subcode": 1349172}, AGAIN),
    ({"code": 31, "error_subcode": 1349174}, AGAIN),
    ({"code": 31, "error_subcode": 1349173}, NEVER),
    ({"code": 463, "error_subcode": 1349152}, NEVER),
    ({"message": "Error validating access token."}, ASK),
    ({"code": 4711}, NEVER),
    ({"code": 4711, "is_transient": True}, AGAIN),
    ({"code": 190, "is_transient": True}, AGAIN),
    ({"code": 4, "is_transient": True}, WAIT),
    ({"code": 4711, "is_transient": False}, NEVER),
]


def refused(body: Any, status: int = 400) -> IssuerRefused:
    """Return the no that an answer of Facebook's is."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(IssuerRefused) as no:
        body_of(Response(status=status, body=raw), SHAPE)
    return no.value


def meaning(body: Any, status: int = 400) -> Meaning:
    """Return what the shipped Issuer makes of an answer."""
    return meaning_among(MEANINGS, refused(body, status))


def said(found: Meaning) -> tuple[str, str | None, str | None]:
    """Return a meaning as the tables here write it."""
    return found.kind, found.event, found.payload.get("reason")


def graph(**fields: Any) -> dict[str, Any]:
    """Return an error in Graph's shape."""
    return {"error": {"type": "OAuthException", "message": "x", **fields}}


@pytest.mark.parametrize("status", [400, 401, 403])
def test_every_code_means_what_facebook_documents(status: int) -> None:
    """All of the table, whatever the HTTP status of the day is."""
    assert {code: said(meaning(graph(code=code), status)) for code in CODES} == CODES


@pytest.mark.parametrize("code", [190, 102])
def test_every_subcode_of_a_token_means_what_facebook_documents(code: int) -> None:
    """The same under 190 and under 102; an unknown one ends the token, and nobody says why."""
    assert {sub: said(meaning(graph(code=code, error_subcode=sub))) for sub in SUBCODES} == SUBCODES


@pytest.mark.parametrize(("fields", "wanted"), OTHERS)
def test_every_other_row_means_what_facebook_documents(fields: dict[str, Any], wanted: Any) -> None:
    """A login's code, a proof, a device, what passes by itself, and what has no number or an unknown one."""
    assert said(meaning(graph(**fields))) == wanted


@pytest.mark.parametrize("status", [200, 400])
def test_the_oldest_answers_say_no_flatly(status: int) -> None:
    """`error_code` and `error_msg` beside each other, with HTTP 200 too, mean the same."""
    assert said(meaning({"error_code": 190, "error_msg": "x"}, status)) == CODES[190]
    assert said(meaning({"error_code": 190, "error_subcode": 460}, status)) == SUBCODES[460]


@pytest.mark.parametrize(
    ("status", "kind"), [(500, "transient"), (503, "transient"), (429, "rate_limited"), (404, "permanent")]
)
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]"])
def test_an_answer_without_numbers_is_judged_by_its_status(status: int, kind: str, body: bytes) -> None:
    """Facebook's proxies answer for it at times."""
    assert meaning(body, status).kind == kind


def test_the_dialog_s_numbers_are_the_graph_s() -> None:
    """901 and 200 come back with the browser, and mean what they mean from the Graph."""
    assert said(meaning({"error_code": 901, "error_message": "x"}, 302)) == MEND
    assert said(meaning({"error": "access_denied", "error_code": 200}, 302)) == MISSING


def test_advice_for_an_unknown_code_names_it() -> None:
    """Nobody has to look into a log for the number."""
    for fields, number in (({"code": 4711}, "4711"), ({"code": 190, "error_subcode": 470}, "470")):
        no = refused(graph(**fields))
        mend = getattr(advised(no, meaning_among(MEANINGS, no)), "mend", None)
        assert number in (mend or "")


def test_every_meaning_has_advice_and_examples_that_hold() -> None:
    """A person can act on each, and each is shown by an answer that goes the way real ones go."""
    assert all(one.advice for one in MEANINGS)
    examined = examine(FACEBOOK)
    assert (examined.failed, examined.bare) == ((), ())


leaves = st.none() | st.booleans() | st.integers(-5, 90_000) | st.sampled_from(["190", "x", "", 4.5, 1349174])
keys = st.sampled_from(
    ["error", "code", "error_code", "error_subcode", "type", "is_transient", "error_msg", "message"]
)
bodies = st.recursive(leaves, lambda one: st.lists(one, max_size=2) | st.dictionaries(keys, one, max_size=4))


@given(bodies.map(lambda body: json.dumps(body).encode()) | st.binary(max_size=20), st.integers(200, 599))
def test_any_error_body_has_a_meaning_and_nothing_is_raised(body: bytes, status: int) -> None:
    """Total: whatever comes, it is a yes, or a no of one of the classes."""
    kind = "yes"
    try:
        body_of(Response(status=status, body=body), SHAPE)
    except IssuerError as error:
        kind = meaning_among(MEANINGS, error).kind
    assert kind in {"yes", *KINDS}


@given(st.integers(0, 10**9 - 1), st.none() | st.integers(0, 10**9 - 1))
def test_any_number_has_a_meaning_with_advice(code: int, subcode: int | None) -> None:
    """Known or not: a person is told what can be done."""
    assert meaning(graph(code=code, error_subcode=subcode)).advice


def test_a_flat_error_would_be_taken_for_a_yes_without_the_documents_word() -> None:
    """The harness can fail: the standard shape sees no `error` in HTTP 200."""
    assert body_of(Response(status=200, body=b'{"error_code": 190}'), STANDARD) == {"error_code": 190}
