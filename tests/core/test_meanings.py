"""What an issuer's no means, wherever it says it; until when; and that nothing of its text is kept."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.mutants import caught
from tokenflow.core import answers
from tokenflow.core.answers import body_of, refusal
from tokenflow.core.compiling import compile_issuer, meanings_of
from tokenflow.core.effects import Response
from tokenflow.core.errors import (
    AnswerNotUnderstood,
    IssuerError,
    IssuerRefused,
    IssuerUnreachable,
    SpecError,
)
from tokenflow.core.flows.failing import advised
from tokenflow.core.lifecycles import Meaning
from tokenflow.core.policies import meaning_among, until_of
from tokenflow.core.tokens import SECOND

START = 1_800_000_000 * SECOND
DATE = "Fri, 15 Jan 2027 08:00:00 GMT"
"""START, as HTTP writes it."""
KINDS = {"transient", "rate_limited", "reconsent", "permanent", "configuration", "revoked", "expired"}
CANARY = "canary-f00d-secret"

ODD = [
    {"match": {"body": {"error.details.0.reason": "SCOPE"}}, "class": "reconsent", "advice": "ask"},
    {"match": {"body": {"ok": False, "error": ["gone", "left"]}}, "class": "revoked"},
    {"match": {"headers": {"X-Error": ["expired", 7]}}, "class": "expired"},
    {"match": {"type": ["OAuthException", "Gate"]}, "class": "configuration"},
    {"match": {"http": [418, "5xx"]}, "class": "transient"},
    {
        "match": {"body": {"limit": "hit"}},
        "class": "rate_limited",
        "until": {"header": "X-Reset", "as": "epoch"},
    },
    {"match": {"error": "slow"}, "class": "rate_limited", "until": {"body": "wait.ms", "as": "milliseconds"}},
    {"match": {"error": "rest"}, "class": "rate_limited", "until": {"header": "X-Until"}},
]


def refused(body: Any, status: int = 400, **headers: str) -> IssuerRefused:
    """Return the no that an issuer with those meanings gives."""
    shape = compile_issuer({"metadata": {"name": "odd"}, "errors": ODD}, client_id="").response
    found = {name.replace("_", "-"): value for name, value in headers.items()}
    response = Response(status=status, headers=found, body=json.dumps(body).encode())
    try:
        body_of(response, shape)
    except IssuerRefused as error:
        return error
    raise AssertionError("it was taken for a yes")


def meant(error: IssuerError, rules: list[dict[str, Any]] = ODD) -> Meaning:
    """Return what that no means there."""
    return meaning_among(meanings_of({"errors": rules}), error)


@pytest.mark.parametrize(
    ("body", "status", "headers", "kind"),
    [
        ({"error": {"details": [{"reason": "SCOPE"}]}}, 403, {}, "reconsent"),
        ({"error": {"details": [{"reason": "OTHER"}]}}, 403, {}, "permanent"),
        ({"ok": False, "error": "left"}, 400, {}, "revoked"),
        ({"ok": "false", "error": "left"}, 400, {}, "permanent"),
        ({"error": "left"}, 400, {}, "permanent"),
        ({}, 401, {"x_error": "expired"}, "expired"),
        ({}, 401, {"x_error": "7"}, "expired"),
        ({}, 401, {"x_error": "Expired"}, "permanent"),
        ({"error": {"type": "Gate"}}, 400, {}, "configuration"),
        ({}, 418, {}, "transient"),
        ({}, 503, {}, "transient"),
        ({}, 429, {}, "rate_limited"),
        ({}, 400, {}, "permanent"),
    ],
)
def test_a_meaning_is_found_wherever_the_issuer_puts_it(
    body: Any, status: int, headers: dict[str, str], kind: str
) -> None:
    """A path of the body, a header, a type, a status: all of a match, and the first that matches."""
    assert meant(refused(body, status, **headers)).kind == kind


@pytest.mark.parametrize(
    ("body", "headers", "seconds"),
    [
        ({"limit": "hit"}, {"x_reset": str(START // SECOND + 90)}, 90),
        ({"limit": "hit"}, {"x_reset": str(START // SECOND + 90), "retry_after": "5"}, 90),
        ({"limit": "hit"}, {"retry_after": "5"}, 5),
        ({"limit": "hit"}, {"x_reset": "soon", "retry_after": "5"}, 5),
        ({"limit": "hit"}, {"x_reset": str(START // SECOND + 10**7)}, 86_400),
        ({"limit": "hit"}, {"x_reset": "2027-01-15T08:00:30Z"}, 30),
        ({"error": "slow", "wait": {"ms": 2500}}, {}, 2.5),
        ({"error": "slow", "wait": {"ms": "1500"}}, {}, 1.5),
        ({"error": "slow", "wait": {"ms": -1}}, {}, None),
        ({"error": "slow", "wait": {"ms": True}}, {}, None),
        ({"error": "rest"}, {"x_until": "0.25"}, 0.3),
        ({"error": "rest"}, {"x_until": DATE.replace("08:00:00", "08:01:00")}, 60),
        ({"error": "rest"}, {"retry_after": DATE.replace("08:00:00", "08:00:20"), "date": DATE}, 20),
        ({"error": "rest"}, {"retry_after": DATE}, None),
    ],
)
def test_until_when_is_exact(body: Any, headers: dict[str, str], seconds: float | None) -> None:
    """Since 1970, from now, in any unit, or a date: to the tenth of a second, rounded up; at most a day."""
    error = refused(body, 429, **headers)
    found = until_of(meant(error), error, START)
    assert found == (None if seconds is None else START + round(seconds * SECOND))


def test_only_an_issuers_no_says_until_when() -> None:
    """A timeout says nothing, and what is no answer does not either."""
    assert until_of(Meaning(match={}, kind="transient"), IssuerUnreachable("x", sent=True), START) is None


numbers = st.integers(-(10**9) + 1, 10**9 - 1)


@given(numbers, st.none() | numbers, numbers)
def test_a_run_of_numbers_takes_what_lies_between_its_ends_and_both_ends(
    first: int, last: int | None, number: int
) -> None:
    """`200..299` takes 200 and 299 and nothing outside; `80000..` has no end; a number may come as text."""
    run = f"{first}..{'' if last is None else last}"
    inside = first <= number and (last is None or number <= last)
    for code in (number, str(number)):
        no = IssuerRefused("no", status=400, facts={"code": code})
        found = meant(no, [{"match": {"code": ["word", run]}, "class": "reconsent"}])
        assert (found.kind == "reconsent") is inside


@pytest.mark.parametrize("code", [None, "", "250x", "word", "200..299"])
def test_what_is_no_number_is_in_no_run(code: Any) -> None:
    """A word, a text with a number in it, and the run's own text are outside of every run."""
    no = IssuerRefused("no", status=400, facts={"code": code})
    assert meant(no, [{"match": {"code": "200..299"}, "class": "reconsent"}]).kind == "permanent"


def test_advice_names_the_answers_own_numbers_where_it_asks_for_them() -> None:
    """`{code}` and `{subcode}` become the answer's; a brace of another kind stays as it is written."""
    rules = [{"match": {"code": "0.."}, "class": "permanent", "advice": "{code}/{subcode} {other}"}]
    no = IssuerRefused("no", status=400, facts={"code": 4711})
    said = advised(no, meant(no, rules))
    assert isinstance(said, IssuerRefused)
    assert said.mend == "4711/none {other}"


leaves = st.sampled_from([CANARY, f"token {CANARY}", 190, "hit", False, None, 7.5])
keys = st.sampled_from(["ok", "error", "limit", "wait", "ms", "details"])
texts = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=4)
)


@pytest.mark.proves("B7")
@given(texts, st.sampled_from([200, 400, 429, 500]), st.sampled_from([CANARY, "7", ""]))
def test_nothing_an_issuer_writes_is_kept_but_codes_and_the_specs_own_words(
    body: Any, status: int, header: str
) -> None:
    """B7: whatever the body and the headers hold, no free text hangs on the error."""
    fields = body if isinstance(body, dict) else {}
    shape = compile_issuer({"metadata": {"name": "odd"}, "errors": ODD}, client_id="").response
    headers = {"x-error": header, "x-reset": header, "x-until": header, "retry-after": header}
    error = refusal(Response(status=status, headers=headers), fields, shape)
    assert CANARY not in f"{error} {error.facts} {vars(error)!r}"
    assert meant(error).kind in KINDS


def test_a_fact_that_keeps_what_the_issuer_wrote_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted bug: the noticed value is the issuer's, not the spec's."""

    def leaky(response: Response, fields: Any, clues: Any) -> dict[str, Any]:
        return {"noticed": {clue.key: response.headers.get(clue.name) for clue in clues}}

    monkeypatch.setattr(answers, "_noticed", leaky)
    caught(test_nothing_an_issuer_writes_is_kept_but_codes_and_the_specs_own_words)


answers_of_all_kinds = st.one_of(
    st.builds(refused, texts.filter(lambda body: isinstance(body, dict)), st.sampled_from([400, 403, 500])),
    st.just(IssuerUnreachable("x", sent=True)),
    st.just(AnswerNotUnderstood("x")),
    st.just(SpecError("x")),
)
rules = st.lists(
    st.fixed_dictionaries(
        {
            "match": st.dictionaries(
                st.sampled_from(["http", "code", "subcode", "error", "type"]),
                st.sampled_from([400, "4xx", "hit", [190, "hit"], "xx"]),
                min_size=1,
            ),
            "class": st.sampled_from(sorted(KINDS)),
        }
    ),
    max_size=4,
)


@given(answers_of_all_kinds, rules)
def test_everything_that_can_go_wrong_has_a_meaning(error: Any, listed: list[dict[str, Any]]) -> None:
    """Total: any error under any meanings is of one of the classes, and the first that matches is it."""
    found = meant(error, listed)
    assert found.kind in KINDS
    if not isinstance(error, IssuerRefused):
        assert found.kind == ("transient" if isinstance(error, IssuerError) else "configuration")
        return
    kinds = [rule["class"] for rule in listed if meant(error, [rule]).match]
    if kinds:
        assert found.kind == kinds[0]
