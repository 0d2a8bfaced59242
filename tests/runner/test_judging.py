"""Expectations: the truth always holds, a falsehood is named with what was found."""

from collections.abc import Mapping
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.lifecycles import START, USER
from tokenflow import Explanation, Secret, Token, TokenKind
from tokenflow.core.events import About, Acquired, Happened, Notified, RuleWarned
from tokenflow.core.tokens import NEVER, SECOND, At
from tokenflow.runner.judging import facts_of, judge_error, judge_heard, judge_seen, judge_token
from tokenflow.runner.story import Step

DAY = 86_400 * SECOND
CANARY = "canary-of-a-token"

attributes = st.dictionaries(st.sampled_from(["user_id", "name", "perms"]), st.text("ab", max_size=3))
verdicts = st.dictionaries(
    st.sampled_from(["extend", "revoke", "expire"]), st.sampled_from(["yes", "no", "depends"])
)


@st.composite
def explanations(draw: st.DrawFn) -> Explanation:
    """Any token, and any word on what it may do."""
    token = Token(
        key="ana",
        id="t1",
        kind=TokenKind("user"),
        lifecycle=f"{USER['metadata']['name']}@1.0.0",
        digest="d",
        issuer="facebook",
        state=draw(st.sampled_from(["issued", "extended", "expired"])),
        entered_at=START,
        attributes=draw(attributes),
        expires=draw(st.just(NEVER) | st.integers(START, START + 100 * DAY).map(At)),
        estimated=draw(st.booleans()),
        access_token=draw(st.none() | st.just(Secret(CANARY))),
        reason=draw(st.none() | st.sampled_from(["password_changed", "operator"])),
        platform=draw(st.none() | st.sampled_from(["web", "android"])),
        supersedes=draw(st.none() | st.just("t0")),
    )
    history = (
        Acquired(about=attrs.evolve(About.of(token, START), token_id="t0"), state="issued", platform="web"),
    )
    return Explanation(
        token=token, usable=draw(st.booleans()), legal=draw(verdicts), deadlines=(), history=history
    )


def expectation(found: Explanation) -> dict[str, Any]:
    """Expect of a token all that is so."""
    facts = facts_of(found, START)
    if facts["supersedes"] is not None:
        facts["supersedes"] = "ana"
    return {**facts, "cannot": ["no_such_event"]}


def step(**expected: Any) -> Step:
    return Step(number=1, name="a step", act="use", how={}, **expected)


@given(explanations())
def test_the_truth_holds(found: Explanation) -> None:
    """What is found of a token is what may be expected of it, field by field."""
    assert judge_token("ana", expectation(found), found, START) == []


@given(explanations())
def test_no_fact_is_the_value(found: Explanation) -> None:
    """A report of facts may be printed."""
    assert CANARY not in repr(facts_of(found, START))


@given(explanations(), st.data())
def test_a_falsehood_is_named_with_what_was_found(found: Explanation, data: st.DataObject) -> None:
    """One line, of that one field: expected and found."""
    truth = expectation(found)
    name = data.draw(st.sampled_from(sorted(set(truth) - {"attributes", "cannot", "can"})))
    lie = {"expires_in": "300d", "usable": not truth["usable"], "estimated": not truth["estimated"]}.get(
        name, "x"
    )

    (line,) = judge_token("ana", {**truth, name: lie}, found, START)
    assert line.startswith(f"ana.{name}: expected {lie}, found ")


@pytest.mark.parametrize(
    ("want", "left", "holds"),
    [
        ("60d", 60 * DAY, True),
        ("60d", 60 * DAY + SECOND, True),
        ("60d", 60 * DAY - SECOND, True),
        ("60d", 60 * DAY + SECOND + 1, False),
        ("60d", 60 * DAY - SECOND - 1, False),
        ("~60d", 60 * DAY + 60 * DAY // 50, True),
        ("~60d", 60 * DAY - 60 * DAY // 50, True),
        ("~60d", 60 * DAY + 60 * DAY // 50 + 1, False),
        ("~60d", 60 * DAY - 60 * DAY // 50 - 1, False),
        ("never", None, True),
        ("never", 60 * DAY, False),
        ("60d", None, False),
        ("~60d", None, False),
    ],
)
def test_a_lifetime_is_exact_to_a_second_or_about_two_in_a_hundred(
    want: str, left: int | None, holds: bool
) -> None:
    """`60d` means the second, `~60d` allows 2 %, `never` is no number."""
    token = Token(
        key="ana",
        id="t",
        kind=TokenKind("user"),
        lifecycle="l@1",
        digest="d",
        issuer="i",
        state="issued",
        entered_at=START,
        expires=NEVER if left is None else At(START + left),
    )
    found = Explanation(token=token, usable=True, legal={}, deadlines=(), history=())

    assert (judge_token("ana", {"expires_in": want}, found, START) == []) is holds


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        ({"can": ["extend"]}, True),
        ({"can": ["extend", "invalidate"]}, True),
        ({"can": ["extend", "revoke"]}, False),
        ({"can": []}, False),
        ({"cannot": ["revoke"]}, True),
        ({"cannot": ["revoke", "extend"]}, False),
    ],
)
def test_can_names_some_of_what_may_happen_and_cannot_none(wanted: Mapping[str, Any], holds: bool) -> None:
    """An empty `can` means that nothing may happen."""
    token = Token(
        key="ana",
        id="t",
        kind=TokenKind("user"),
        lifecycle="l@1",
        digest="d",
        issuer="i",
        state="s",
        entered_at=START,
    )
    legal = {"extend": "yes", "invalidate": "depends", "revoke": "no"}
    found = Explanation(token=token, usable=True, legal=legal, deadlines=(), history=())

    assert (judge_token("ana", wanted, found, START) == []) is holds


def test_a_token_that_is_not_there_is_one_finding() -> None:
    """Not one for each field."""
    assert judge_token("ana", {"state": "issued", "usable": True}, None, START) == [
        "ana: expected a token, found none"
    ]


def test_an_error_is_expected_by_its_code() -> None:
    """The same code, or none on both sides; anything else is named."""
    assert judge_error(step(expect_error="custody"), "custody") == []
    assert judge_error(step(), None) == []
    assert judge_error(step(), "custody") == ["expected no error, found error custody"]
    assert judge_error(step(expect_error="custody"), None) == ["expected error custody, found no error"]


def test_notices_and_warnings_are_expected_by_name() -> None:
    """Others may come beside them; one that does not come is named with those that did."""
    about = About(tenant="d", key="ana", token_id="t", revision=1, at=START)
    heard: list[Happened] = [
        Notified(about=about, name="token.expired"),
        RuleWarned(about=about, act="use", rule="prefer", because="so"),
    ]

    assert judge_heard(step(expect_notified=("token.expired",), expect_warning="prefer"), heard) == []
    assert judge_heard(step(expect_notified=("token.revoked",), expect_warning="other"), heard) == [
        "expected notice token.revoked, found token.expired",
        "expected warning other, found prefer",
    ]
    assert judge_heard(step(expect_notified=("token.expired",)), []) == [
        "expected notice token.expired, found none"
    ]


@given(st.sets(st.sampled_from("abcd")), st.sets(st.sampled_from("abcd")), st.sets(st.sampled_from("abcd")))
def test_an_answer_has_what_it_should_and_lacks_what_it_should(
    has: set[str], lacks: set[str], there: set[str]
) -> None:
    """One finding for each field that is missing, and for each that should be."""
    expected = {"has": sorted(has), "lacks": sorted(lacks)}
    wrong = judge_seen(step(expect_seen=expected), dict.fromkeys(there, 1))

    assert len(wrong) == len(has - there) + len(lacks & there)
    assert all(f"expected {name} in the answer" in " ".join(wrong) for name in has - there)
