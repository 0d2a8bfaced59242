"""Two deadlines and the permissions of a Facebook token, as the shipped lifecycles have them."""

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.ground import NOW
from tokenflow import SECOND, At, Inspection, IssuerRefused, Refused, Secret
from tokenflow.core.compiling import compile_lifecycle
from tokenflow.core.events import About, Notified
from tokenflow.core.grants import learned
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.policies import check_rules
from tokenflow.core.steps import settle, step, take, view_of
from tokenflow.core.tokens import Token, TokenKind
from tokenflow.spec import load

DAY = 86_400 * SECOND
LIVES = {
    name: compile_lifecycle(load(name).data, digest=load(name).digest, guards={})
    for name in ("facebook-user", "facebook-mobile")
}
both = pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)


def held(life: Lifecycle, ends: int | None, **more: Any) -> Token:
    """A long-lived token; it lives 60 days, and access to data ends as told."""
    attributes = {"app_id": "1", "user_id": "2", "data_access": "open", "data_access_expires_at": ends}
    base = Token(
        key="me", id="t", kind=TokenKind("user"), lifecycle=life.ref, digest=life.digest,
        issuer="facebook", state="extended", entered_at=NOW, issued_at=NOW, refreshed_at=NOW,
        expires=At(NOW + 60 * DAY), access_token=Secret("T0KEN"), attributes=attributes,
    )  # fmt: skip
    return attrs.evolve(base, **more)


def told(life: Lifecycle, token: Token, at: int) -> tuple[Token, list[str]]:
    """Return the token at *at*, with no timer but those of its data, and the notices."""
    settled = settle(life, attrs.evolve(token, fired={**token.fired, "renew": at}), at)
    names = [one.name for step in settled.steps for one in step.happened if isinstance(one, Notified)]
    return settled.token, [name for name in names if name.startswith("data_access")]


def read(life: Lifecycle, token: Token, reads: str) -> str:
    """Return what the rule says of a call: yes, warned or refused."""
    view = view_of(life, token, request={"reads": reads})
    try:
        return "warned" if check_rules(life, "use", view, About.of(token, NOW)) else "yes"
    except Refused as no:
        return "refused" if no.code == "data-access" and "reauthorize" in str(no) else str(no)


@both
def test_access_to_data_ends_before_the_token_does(life: Lifecycle) -> None:
    """Warned a week before, noted when it is over; then data reads are refused, and the token lives on."""
    token = held(life, NOW + 20 * DAY)
    assert (told(life, token, NOW + 12 * DAY)[1], read(life, token, "user_data")) == ([], "yes")
    token, notices = told(life, token, NOW + 14 * DAY)
    assert (notices, read(life, token, "user_data")) == (["data_access.ending"], "warned")
    token, notices = told(life, token, NOW + 20 * DAY)
    assert (notices, read(life, token, "user_data")) == (["data_access.over"], "refused")
    assert read(life, token, "page_data") == "yes"
    assert (token.state, token.access_token) == ("extended", Secret("T0KEN"))


@both
@given(ends=st.none() | st.integers(0, 58).map(lambda days: NOW + days * DAY), day=st.integers(1, 58))
def test_an_unknown_end_of_access_is_never(life: Lifecycle, ends: int | None, day: int) -> None:
    """0 and silence are never: nothing is told. A known one is told as over exactly when it is."""
    token, notices = told(life, held(life, ends), NOW + day * DAY)
    assert ("data_access.over" in notices) is (ends is not None and ends <= NOW + day * DAY)
    if ends is None:
        assert token.attributes["data_access"] == "open"


def test_a_daily_extension_does_not_tell_again() -> None:
    """What is over was told once, however often the state is entered anew."""
    life = LIVES["facebook-user"]
    token, notices = told(life, held(life, NOW + DAY), NOW + 2 * DAY)
    assert "data_access.over" in notices
    row = life.chooser.rows("extend", "extended")[0]
    again = take(life, token, row, now=NOW + 3 * DAY, cause="timer", payload={}).after
    assert told(life, again, NOW + 3 * DAY)[1] == []


@given(
    st.frozensets(st.sampled_from("abcd")), st.none() | st.frozensets(st.sampled_from("abcd")), st.booleans()
)
def test_what_the_issuer_says_is_granted_is_the_scope(
    before: frozenset[str], now: frozenset[str] | None, declined: bool
) -> None:
    """The scope shrinks and grows as told, declared facts are kept, others not, and the value stays."""
    life = LIVES["facebook-user"]
    token = held(life, None, scope=before)
    facts = {"declined_scopes": ["x"], "odd": 1} if declined else {}
    changes = learned(life, Inspection(active=True, scope=now, attributes=facts), token)
    assert changes.keys() == {"scope", "attributes"}
    assert changes["scope"] == (before if now is None else now)
    assert changes["attributes"].get("declined_scopes") == (["x"] if declined else None)
    assert "odd" not in changes["attributes"]


def test_a_dead_token_is_a_no_like_any_other() -> None:
    """What an inspection says of a dead token is in the facts its refusal is judged by."""
    with pytest.raises(IssuerRefused) as no:
        learned(
            LIVES["facebook-user"],
            Inspection(active=False, facts={"code": 190, "subcode": 460}),
            held(LIVES["facebook-user"], None),
        )
    assert no.value.facts == {"code": 190, "subcode": 460}


@both
def test_asking_what_is_granted_leaves_the_token_in_its_state(life: Lifecycle) -> None:
    """`check_permissions` runs the command and stays."""
    (row,) = life.chooser.rows("check_permissions", "extended")
    assert (row.target, row.data["do"]) == (None, "permissions")
    assert life.commands["permissions"].use == "facebook.permissions"


@both
def test_system_users_and_apps_have_no_second_deadline(life: Lifecycle) -> None:
    """They act for nobody who would have to be asked again."""
    for name in ("facebook-system-user", "facebook-app"):
        states = load(name).data["states"].values()
        timers = [timer["at"] for state in states for timer in (state or {}).get("timers", {}).values()]
        assert not [at for at in timers if at.startswith("attributes.")]
    assert [timer for timer in life.states["extended"].timers if timer.moment.attribute]
    assert (
        step(life, held(life, None), "data_access_over", now=NOW, cause="timer").after.attributes[
            "data_access"
        ]
        == "over"
    )
