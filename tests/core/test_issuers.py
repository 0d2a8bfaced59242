"""Odd answers as data: any path into any answer, and every shape the facts tell of."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenflow.core.answers import body_of, grant_of, scope_of
from tokenflow.core.compiling import compile_issuer
from tokenflow.core.effects import Issuer, Response
from tokenflow.core.errors import AnswerNotUnderstood, IssuerError, IssuerRefused
from tokenflow.core.issuers import Shape, at_path, first_at, says
from tokenflow.core.secret import Secret
from tokenflow.core.tokens import NEVER, SECOND, SILENT, At, Expiry, Grant

START = 1_800_000_000 * SECOND
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc01"), inner, max_size=3),
    max_leaves=12,
)
paths = st.lists(
    st.sampled_from(["a", "b", "c", "0", "1", "99", "9" * 5000, "-1", ""]), min_size=1, max_size=5
).map(".".join)


def issuer(**document: Any) -> Issuer:
    """Compile an issuer's document."""
    return compile_issuer({"metadata": {"name": "odd"}, **document}, client_id="me")


def granted(shape: dict[str, Any], body: Any, *, ahead: int = 0, kind: str = "application/json") -> Grant:
    """Read an answer as an issuer with that `response` means it."""
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    how = issuer(response=shape).response
    return grant_of(
        body_of(Response(status=200, headers={"content-type": kind}, body=raw), how), START, how, ahead=ahead
    )


@given(values, paths)
def test_any_path_leads_somewhere_or_nowhere(fields: Any, path: str) -> None:
    """No path raises, whatever it is taken into; what it finds is what stepping by hand finds."""
    found = at_path(fields, path)
    by_hand = fields
    for step in path.split("."):
        if isinstance(by_hand, dict):
            by_hand = by_hand.get(step)
        elif isinstance(by_hand, list) and step in ("0", "1", "99") and int(step) < len(by_hand):
            by_hand = by_hand[int(step)]
        else:
            by_hand = None
    assert found is by_hand


@given(values, st.dictionaries(st.sampled_from(["access_token", "expires_in", "expires_at", "scope"]), paths))
def test_any_mapping_of_any_answer_is_a_grant_or_a_refusal_of_ours(
    fields: Any, shape: dict[str, str]
) -> None:
    """Random answers under random mappings raise nothing but our errors."""
    try:
        grant = granted({**shape, "attributes": {"seen": "a.b"}, "ok": {"c": True}}, fields)
    except IssuerError:
        return
    assert grant.access_token is not None
    assert grant.access_token.reveal()


SLACK = {
    "access_token": ["authed_user.access_token", "access_token"],
    "expires_in": ["authed_user.expires_in", "expires_in"],
    "scope": "authed_user.scope",
    "attributes": {"subject": "authed_user.id", "team": "team.id"},
}


ENDS_AT = {"expires_at": "expires_at"}
MANY = {"n": "n", "long": "l", "map": "m"}
IN_2030 = 1_893_456_000


def after(seconds: float) -> At:
    """Return an end so many seconds from the request."""
    return At(START + int(seconds * SECOND))


@pytest.mark.parametrize(
    ("shape", "body", "expires", "facts"),
    [
        (
            SLACK,
            {"authed_user": {"access_token": "t", "id": "U", "expires_in": 9}},
            after(9),
            {"subject": "U"},
        ),
        (SLACK, {"access_token": "t", "expires_in": "9"}, after(9), {}),
        ({"expires_in": ["expires_in", "expires"]}, {"expires": 5}, after(5), {}),
        (ENDS_AT, {"expires_at": IN_2030, "expires_in": 1}, At(IN_2030 * SECOND), {}),
        (ENDS_AT, {"expires_at": 0}, SILENT, {}),
        ({**ENDS_AT, "zero": "never"}, {"expires_at": 0}, NEVER, {}),
        (ENDS_AT, {"expires_at": None, "expires_in": 7}, after(7), {}),
        (ENDS_AT, {"expires_at": "2030-01-01T00:00:00Z"}, At(IN_2030 * SECOND), {}),
        ({"expires_in": "ms", "unit": "milliseconds"}, {"ms": 1500}, after(1.5), {}),
        ({"expires_in": "m", "unit": "minutes"}, {"m": 2}, after(120), {}),
        ({**ENDS_AT, "unit": "milliseconds"}, {"expires_at": IN_2030 * 1000}, At(IN_2030 * SECOND), {}),
        ({"access_token": "data.0.key"}, {"data": [{"key": "t"}]}, SILENT, {}),
        ({"attributes": MANY}, {"n": 7, "l": "x" * 300, "m": {}}, SILENT, {"n": 7}),
    ],
)
def test_an_odd_answer_is_read_as_its_issuer_means_it(
    shape: dict[str, Any], body: Any, expires: Expiry, facts: dict[str, Any]
) -> None:
    """Nested, listed, under another name, since 1970, a 0, a date, another unit: all by data."""
    found = granted(shape, {"access_token": "t", **body} if "authed_user" not in body else body)
    assert (found.access_token, found.expires, dict(found.attributes)) == (Secret("t"), expires, facts)


def test_a_form_encoded_answer_is_read_by_the_declared_names() -> None:
    """A body that is a form is an answer when it holds the token, wherever the issuer puts it."""
    found = granted({"access_token": "key", "expires_in": "life"}, "key=t&life=60", kind="text/plain")
    assert (found.access_token, found.expires) == (Secret("t"), At(START + 60 * SECOND))
    with pytest.raises(IssuerRefused) as raised:
        granted({}, "error=bad_verification_code&error_description=secret+words", kind="text/plain")
    assert raised.value.facts == {"http": 200, "error": "bad_verification_code"}


@pytest.mark.parametrize(
    ("ok", "body"),
    [({"ok": True}, {"ok": False}), ({"code": 0}, {"code": 7}), ({"a.b": "y"}, {"a": {"b": "n"}})],
)
def test_a_no_in_a_200_is_a_no(ok: dict[str, Any], body: dict[str, Any]) -> None:
    """Where the status does not tell, the declared flag does; without the flag the answer stands."""
    with pytest.raises(IssuerRefused) as raised:
        granted({"ok": ok}, {"access_token": "t", **body})
    assert raised.value.status == 200
    assert granted({"ok": ok}, {"access_token": "t"}).access_token == Secret("t")


@pytest.mark.parametrize("token_type", ["DPoP", "mac", "PoP"])
def test_a_token_bound_to_a_key_is_refused_wherever_its_type_stands(token_type: str) -> None:
    """A bound token sent as Bearer would be refused by every API; it is refused when it comes."""
    with pytest.raises(AnswerNotUnderstood, match="key"):
        granted({"token_type": "t.kind"}, {"access_token": "t", "t": {"kind": token_type}})


def test_a_clock_ahead_shortens_an_end_it_names_and_no_other() -> None:
    """`expires_at` is by the issuer's clock; `expires_in` is by ours and stays."""
    hour = 3600 * SECOND
    named = {"access_token": "t", "expires_at": (START + hour) // SECOND}
    assert granted({"expires_at": "expires_at"}, named, ahead=60 * SECOND).expires == At(
        START + hour - 60 * SECOND
    )
    assert granted({}, {"access_token": "t", "expires_in": 3600}, ahead=60 * SECOND).expires == At(
        START + hour
    )


@pytest.mark.parametrize(
    ("value", "separator", "expected"),
    [
        ("a b,c", None, {"a", "b", "c"}),
        ("a b,c", ",", {"a b", "c"}),
        ("a, b ,", ",", {"a", "b"}),
        (["a b"], None, {"a b"}),
        ("", None, set()),
        (None, None, None),
        ([1], None, None),
        (7, ",", None),
    ],
)
def test_a_scope_is_parted_as_its_issuer_parts_it(
    value: Any, separator: str | None, expected: set[str] | None
) -> None:
    """Spaces or commas without a word from the issuer; exactly its separator with one."""
    assert scope_of(value, separator) == (None if expected is None else frozenset(expected))


@given(values, st.text(max_size=4) | st.integers() | st.booleans())
def test_a_value_says_what_a_spec_wanted_only_if_it_is_that(value: Any, wanted: Any) -> None:
    """true is not 1 and not "True"; a number may come as text; a map or a list says nothing."""
    if says(value, wanted):
        assert isinstance(value, bool) == isinstance(wanted, bool)
        assert str(value) == str(wanted)


def test_the_first_path_that_leads_to_something_counts() -> None:
    """Null is nothing; false, 0 and an empty text are something."""
    assert first_at({"a": None, "b": 0}, ("a", "b", "c")) == 0
    assert first_at({}, ("a",)) is None


def test_an_issuer_that_says_nothing_is_standard() -> None:
    """Without `requests` and `response` an issuer is asked and read as RFC 6749 has it."""
    plain = issuer()
    assert plain.response == Shape()
    assert (plain.requests.scope_separator, plain.requests.pkce, plain.requests.body) == (" ", "S256", "form")


def test_a_lost_answer_comes_to_what_the_contract_makes_harmless() -> None:
    """The default is to repeat, but for a strict issuer, which is asked; the document may say otherwise."""
    by_contract = {
        contract: issuer(rotation={"contract": contract}).lost_answer
        for contract in ("none", "grace", "idempotent", "strict")
    }
    assert by_contract == {"none": "repeat", "grace": "repeat", "idempotent": "repeat", "strict": "probe"}
    assert issuer(rotation={"contract": "strict", "lost_answer": "reconsent"}).lost_answer == "reconsent"
    assert issuer(clock={"skew": "30s"}).skew == 30 * SECOND
