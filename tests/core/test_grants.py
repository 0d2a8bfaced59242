"""What a grant makes of a token: its expiry (T3), its class, its scope, and whether it is ours at all."""

# ruff: noqa: SIM300  # expected == actual, constants too

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.lifecycles import APP, DAY, HOUR, MINUTE, SECOND, START, lifecycle_of, small, token_of, user
from tokenflow.core.errors import AnswerNotUnderstood, PayloadError, Refused
from tokenflow.core.grants import (
    Life,
    class_of,
    demand_value,
    identity_of,
    life_of,
    received,
    verified,
    with_defaults,
)
from tokenflow.core.secret import Secret
from tokenflow.core.tokens import NEVER, SILENT, At, Expiry, Grant, Inspection

LIVES = small(
    {"open": {}},
    lifetimes={
        "assumed": {"typical": "2h"},
        "asked": {"typical": "2h", "if_silent": "ask_issuer"},
        "endless": {"typical": "2h", "if_silent": "never_expires"},
        "never": {"typical": "never"},
        "strict": {"typical": "2h", "if_silent": "fail"},
    },
)
CLASSES = ("assumed", "asked", "endless", "never", "strict", "undeclared", None)


@given(st.sampled_from(CLASSES), st.just(NEVER) | st.integers(0, 2**60).map(At), st.integers(0, 2**60))
def test_the_issuers_answer_always_wins(name: str | None, expires: Expiry, now: int) -> None:
    """T3: an instant or a never from the issuer is taken as it is and is no estimate."""
    assert Life(expires=expires) == life_of(LIVES, name, expires, now)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("assumed", Life(expires=At(START + 2 * HOUR), estimated=True)),
        ("asked", Life(expires=At(START + 2 * HOUR), estimated=True)),
        ("endless", Life(expires=NEVER)),
        ("never", Life(expires=NEVER)),
        ("undeclared", Life(expires=NEVER, estimated=True)),
        (None, Life(expires=NEVER, estimated=True)),
    ],
)
def test_silence_follows_the_class(name: str | None, expected: Life) -> None:
    """T3: what silence means is the class's to say, and what is assumed is marked estimated."""
    assert expected == life_of(LIVES, name, SILENT, START)


def test_a_class_may_demand_an_answer() -> None:
    """T3: with `if_silent: fail` an answer without an expiry is no answer."""
    with pytest.raises(AnswerNotUnderstood, match="strict"):
        life_of(LIVES, "strict", SILENT, START)


@pytest.mark.parametrize(
    ("declared", "expires", "expected"),
    [
        ("short", At(START + HOUR), "short"),
        ("short", At(START + 2 * HOUR), "short"),
        ("short", At(START + 2 * HOUR + 1), "long"),
        ("short", At(START + 60 * DAY), "long"),
        ("short", SILENT, "short"),
        ("short", NEVER, "short"),
        ("long", At(START + HOUR), "long"),
        (None, At(START + HOUR), None),
    ],
)
def test_a_token_that_arrives_long_lived_starts_long(
    declared: str | None, expires: Expiry, expected: str | None
) -> None:
    """Ruling 21: the declared class stands unless the life that came is beyond its `at_most`."""
    assert expected == class_of(user(), declared, expires, START)


def test_never_takes_the_class_that_never_ends() -> None:
    """A token without an end takes the class declared as never, when there is one."""
    lifecycle = small(
        {"open": {}},
        lifetimes={"short": {"typical": "1h", "at_most": "2h"}, "never": {"typical": "never"}},
    )
    assert "never" == class_of(lifecycle, "short", NEVER, START)
    assert "short" == class_of(lifecycle, "short", At(START + 5 * HOUR), START)


values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=5).map(Secret)
"""RFC 6749 §A.12: a token is made of nothing else."""

grants = st.builds(
    Grant,
    access_token=values,
    refresh_token=st.none() | values,
    expires=st.sampled_from([NEVER, SILENT]) | st.integers(START + 1, START + 100 * DAY).map(At),
    refresh_expires=st.sampled_from([NEVER, SILENT, At(START + DAY)]),
    scope=st.none() | st.frozensets(st.sampled_from("abc")),
    attributes=st.dictionaries(st.sampled_from("xy"), st.integers()),
)


@pytest.mark.proves("R9")
@given(grants)
def test_a_missing_refresh_token_or_scope_leaves_the_old(grant: Grant) -> None:
    """RFC 6749 §5.1, §6: what the answer does not name stands; every new value is a new generation."""
    held = token_of(
        user(),
        "issued",
        refresh_token=Secret("old"),
        refresh_expires=At(START + 9),
        scope=frozenset("z"),
        attributes={"x": 0, "kept": 1},
    )
    after = attrs.evolve(held, **received(user(), grant, held, "long", START))
    assert grant.access_token == after.access_token
    assert (grant.refresh_token or Secret("old")) == after.refresh_token
    assert (grant.refresh_expires if grant.refresh_token else At(START + 9)) == after.refresh_expires
    assert (frozenset("z") if grant.scope is None else grant.scope) == after.scope
    assert {"x": 0, "kept": 1, **grant.attributes} == dict(after.attributes)
    assert (held.generation + 1, START, held.issued_at) == (
        after.generation,
        after.refreshed_at,
        after.issued_at,
    )
    assert (grant.expires == SILENT) == after.estimated


@pytest.mark.proves("R8")
@pytest.mark.parametrize("ago", [0, 1, DAY])
def test_what_arrives_already_over_is_no_answer(ago: int) -> None:
    """A value whose end is now or past is refused, so that the held one stays."""
    grant = Grant(access_token=Secret("x"), expires=At(START - ago))
    with pytest.raises(AnswerNotUnderstood, match="already over"):
        received(user(), grant, token_of(user(), "issued"), "long", START)


def test_a_grant_without_a_value_is_none() -> None:
    """Usable implies a value: a grant that holds none is no answer where one is to be kept."""
    demand_value(user(), Grant(access_token=Secret("x")))
    with pytest.raises(AnswerNotUnderstood):
        demand_value(user(), Grant(access_token=None))


def test_only_declared_attributes_are_kept_and_required_ones_demanded() -> None:
    """Undeclared facts fall away, defaults fill in, and a missing required one is named."""
    found = with_defaults(user(), {"app_id": "1", "user_id": "2", "secret_hobby": "x", "permissions": None})
    assert {"app_id": "1", "user_id": "2", "permissions": []} == found
    with pytest.raises(Refused, match="needs user_id") as raised:
        with_defaults(user(), {"app_id": "1", "user_id": None})
    assert "attribute_missing" == raised.value.code


def test_identity_is_values_and_form() -> None:
    """Ruling 23: the acquisition's name may be part of what makes a token unique; unknown parts unmake it."""
    app = lifecycle_of(APP)
    assert ("facebook-app", "1", "inline") == identity_of(app, {"app_id": "1"}, "inline")
    assert ("facebook-app", "1", "generated") == identity_of(app, {"app_id": 1}, "generated")
    assert () == identity_of(LIVES, {"app_id": "1"}, "inline")
    assert () == identity_of(user(), {"app_id": "1"}, "web")


OURS = Inspection(active=True, app_id="app", subject="7", scope=frozenset({"email", "pages"}))
HANDED = Grant(
    access_token=Secret("x"),
    expires=At(START + HOUR),
    scope=frozenset({"email"}),
    attributes={"user_id": "7", "app_id": "forged", "name": "as the client says"},
)


def verify(grant: Grant, found: Inspection) -> Grant:
    """Return what `verified` makes of a value an Android client handed over."""
    return verified(user(), user().acquisitions["android"], "app", grant, found, START)


def test_what_is_kept_is_what_the_issuer_says() -> None:
    """D1, D2: a confirmed value takes the issuer's scope, end and facts over the client's."""
    found = verify(
        HANDED, attrs.evolve(OURS, expires=At(START + 90 * MINUTE), attributes={"app_id": "app", "x": None})
    )
    assert At(START + 90 * MINUTE) == found.expires
    assert frozenset({"email", "pages"}) == found.scope
    assert {"user_id": "7", "app_id": "app", "name": "as the client says"} == dict(found.attributes)
    assert At(START + HOUR) == verify(HANDED, OURS).expires


@pytest.mark.proves("D2")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"active": False}, "forged"),
        ({"active": False, "facts": {"code": 190, "subcode": 463}}, "expired"),
        ({"app_id": "another"}, "other_app"),
        ({"app_id": ""}, "other_app"),
        ({"subject": "8"}, "other_user"),
        ({"subject": ""}, "other_user"),
        ({"expires": At(START)}, "expired"),
        ({"expires": At(START - 1)}, "expired"),
    ],
)
def test_what_is_not_ours_is_not_kept(changes: dict[str, Any], code: str) -> None:
    """D1: a value that is dead, another app's, another user's or over is refused by its own code."""
    with pytest.raises(PayloadError) as raised:
        verify(HANDED, attrs.evolve(OURS, **changes))
    assert code == raised.value.code


def test_a_scope_the_issuer_does_not_confirm_is_refused() -> None:
    """D1: a client may not claim more than the issuer granted."""
    with pytest.raises(Refused, match="scope ads, root") as raised:
        verify(attrs.evolve(HANDED, scope=frozenset({"ads", "email", "root"})), OURS)
    assert "not_verified" == raised.value.code


@given(
    st.frozensets(st.sampled_from("abcd")),
    st.frozensets(st.sampled_from("abcd")),
    st.sampled_from(["7", "8"]),
    st.sampled_from([7, "7", "8", None]),
    st.sampled_from(["app", "other", None]),
    st.booleans(),
    st.integers(-HOUR, HOUR),
)
def test_verification_accepts_exactly_what_is_ours(
    asked: frozenset[str],
    granted: frozenset[str],
    subject: str,
    claimed: object,
    app: str | None,
    active: bool,
    lives: int,
) -> None:
    """D1: active, this app, this user, no more scope than granted, and not over: all of them or refused."""
    grant = attrs.evolve(HANDED, scope=asked, attributes={"user_id": claimed})
    found = Inspection(active=active, app_id=app, subject=subject, scope=granted, expires=At(START + lives))
    expected = (
        active
        and app == "app"
        and (claimed is None or str(claimed) == subject)
        and asked <= granted
        and lives > 0
    )
    try:
        kept = verify(grant, found)
    except (PayloadError, Refused):
        assert not expected
    else:
        assert expected
        assert granted == kept.scope


def test_a_second_is_a_million() -> None:
    """Instants are integer microseconds (T1)."""
    assert 1_000_000 == SECOND
    assert 86_400 * SECOND == DAY
