"""A token that is to end on purpose: out of service at once, its issuer told until it confirms (R23, R24)."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.lifecycles import DAY, PAGE, SECOND, USER, lifecycle_of, token_of, user
from tests.core.performing import World, answer
from tokenflow.core import flows
from tokenflow.core.deadlines import due_at
from tokenflow.core.effects import Effect, Flow, Order, Save, Send, now
from tokenflow.core.errors import IssuerUnreachable, NotRevoked, PromptPending, Refused, Rejected
from tokenflow.core.events import Notified, RevocationFailed
from tokenflow.core.lifecycles import Retry
from tokenflow.core.revoking import TRIES, begun, in_vain
from tokenflow.core.tokens import Revoking

DOWN = IssuerUnreachable("gone", sent=True)
NO = answer({"error": {"code": 100}}, 400)
"""A definite no that says nothing of the token."""
BUSY, FULL = (answer({"error": {"code": code}}, 500) for code in (2, 4))


def verdicts(world: World, key: str = "me", **how: Any) -> dict[str, str]:
    """Revoke *key* and return the verdict of each token."""
    return {one.key: one.verdict for one in world.revoke(key, **how).outcomes}


TOLD_PAGE: Final[dict[str, Any]] = {
    **PAGE,
    "commands": {"revoke": {"use": "facebook.revoke"}},
    "events": {**PAGE["events"], "revoke": {}},
    "states": {**PAGE["states"], "revoked": {"final": True, "absorbs": ["invalidate", "expire"]}},
    "everywhere": {**PAGE["everywhere"], "revoke": {"do": "revoke", "to": "revoked"}},
}
"""A page's lifecycle whose issuer can be told."""


def opened(world: World, data: Mapping[str, Any]) -> None:
    """Have *data* be the lifecycle of its name, and of the tokens pinned to that version."""
    lifecycle = lifecycle_of(data)
    world.lifecycles[lifecycle.name] = world.pins[lifecycle.digest] = lifecycle


def mark_of(world: World, key: str = "me") -> Revoking:
    """Return what is noted of a token that is being revoked."""
    mark = world.rows[key].revoking
    assert mark is not None, f"{key} is not being revoked"
    return mark


def due(world: World, key: str = "me") -> int:
    """Return when a token falls due next."""
    token = world.rows[key]
    at = due_at(world.pins[token.digest], token)
    assert at is not None, f"{key} is never due"
    return at


@pytest.mark.proves("R23")
def test_the_issuer_is_told_then_the_token_ends_here_and_its_children_first() -> None:
    """What no issuer can be told of ends here only, and the report says so of each token, children first."""
    world = World()
    world.android()
    world.pages()
    found = world.revoke().outcomes
    assert [one.verdict for one in found] == ["unsupported", "unsupported", "revoked"]
    assert [one.key for one in found] == ["page/p1", "page/p2", "me"]
    assert "declares no `revoke`" in str(found[0].why)
    assert [row.state for row in world.rows.values()] == ["revoked", "invalidated", "invalidated"]
    assert all(row.access_token is None for row in world.rows.values())
    assert len(world.sent("revoke")) == 1


@pytest.mark.proves("R23")
@given(error=st.sampled_from([DOWN, NO, BUSY, FULL]))
@settings(max_examples=4)
def test_whose_issuer_does_not_confirm_is_never_served_again(error: Any) -> None:
    """Whatever the issuer says instead of yes: no verb uses the token, and none sends anything for it."""
    world = World()
    world.android()
    world.pages()
    world.script.append(error)
    report = world.revoke()
    assert [one.verdict for one in report.outcomes] == ["unsupported", "unsupported", "failed"]
    with pytest.raises(NotRevoked, match="me was not revoked"):
        report.demand()
    assert world.rows["me"].access_token is not None, "its issuer may have to be told again"
    before = len(world.requests)
    verbs = (
        flows.token(world.setting, "me"),
        flows.extend(world.setting, "me"),
        flows.derive(world.setting, "me", lifecycle="facebook-page", key="page/{page_id}"),
        flows.hand_over(world.setting, "me", to="server", audience="https://a.example"),
        flows.acquire(world.setting, "me", lifecycle="facebook-user", platform="web"),
    )
    for verb in verbs:
        with pytest.raises((Refused, Rejected)):
            world.run(verb)
    world.now += 80 * DAY
    with pytest.raises((Refused, Rejected)):
        world.token()
    assert len(world.requests) == before


@pytest.mark.proves("R23")
def test_it_is_told_again_six_times_and_then_daily_and_that_stays_to_be_seen() -> None:
    """10 s, doubled, half more or less; then an end that is told once, and tried each day until it helps."""
    world = World()
    world.android()
    world.script.extend([NO] * 8)
    assert verdicts(world) == {"me": "failed"}
    for number in range(1, TRIES.attempts):
        mark = mark_of(world)
        wait = mark.again_at - world.now
        assert (mark.tries, mark.irrevocable_since) == (number, None)
        assert 0.5 <= wait / (10 * SECOND * 2 ** (number - 1)) <= 1.5
        assert mark.again_at == due(world)
        world.now = mark.again_at - 1
        world.run(flows.attend(world.setting, "me"))
        assert mark_of(world) == mark, "before its time it is not told"
        world.now += 1
        world.run(flows.attend(world.setting, "me"))
    assert mark_of(world).irrevocable_since == world.now
    told = [one for one in world.of("me") if isinstance(one, RevocationFailed | Notified)]
    assert [type(one).__name__ for one in told] == ["RevocationFailed", "Notified"]
    assert told[1].about.delivery is not None, "it is told at least once"
    for _ in range(2):
        assert 0.9 * DAY <= mark_of(world).again_at - world.now <= DAY
        world.now = mark_of(world).again_at
        world.run(flows.attend(world.setting, "me"))
    assert len([one for one in world.of("me") if isinstance(one, RevocationFailed)]) == 1
    world.now = mark_of(world).again_at
    assert world.run(flows.attend(world.setting, "me")).state == "revoked"
    assert world.rows["me"].revoking is None


def test_a_spec_says_when_its_issuer_is_told_again() -> None:
    """A command with a `retry` of several attempts has its own schedule; another has the house's."""
    own = {**USER["commands"]["revoke"], "retry": {"attempts": 2, "first": "1m", "jitter": "none"}}
    world = World()
    opened(world, {**USER, "commands": {**USER["commands"], "revoke": own}})
    world.android()
    world.script.extend([NO, NO])
    world.revoke()
    assert mark_of(world).again_at == world.now + 60 * SECOND
    world.revoke()
    assert mark_of(world).irrevocable_since == world.now


def test_what_was_never_asked_uses_up_no_try() -> None:
    """An issuer that is left alone, or a clock that is held, is no try; it is told again all the same."""
    for hinder in ("closed", "held"):
        world = World()
        world.android()
        if hinder == "closed":
            world.closed = IssuerUnreachable("it rests", sent=False)
        else:
            world.held = "it leapt"
        assert verdicts(world) == {"me": "failed"}
        assert mark_of(world).tries == 0
        assert world.now < mark_of(world).again_at <= world.now + 15 * SECOND
        world.closed = world.held = None
        world.now = mark_of(world).again_at
        assert world.run(flows.attend(world.setting, "me")).state == "revoked"


def test_an_issuer_that_calls_the_token_dead_has_confirmed() -> None:
    """A no that its spec calls `revoked` ends the token: the verdict is `already`, as for a second asking."""
    world = World()
    world.android()
    world.script.append(answer({"error": {"code": 190, "error_subcode": 460}}, 400))
    assert verdicts(world) == {"me": "already"}
    assert (world.rows["me"].state, world.rows["me"].reason) == ("invalidated", "password_changed")
    world = World()
    world.android()
    world.revoke().demand()
    assert verdicts(world) == {"me": "already"}
    assert len(world.sent("revoke")) == 1


def test_a_lifecycle_without_the_event_ends_here_and_says_so() -> None:
    """Nothing is sent where a spec declares no `revoke`; with no `invalidate` either it is refused."""
    world = World()
    world.android()
    world.pages()
    (one,) = world.revoke("page/p1").outcomes
    assert (one.verdict, world.rows["page/p1"].state) == ("unsupported", "invalidated")
    assert world.rows["page/p1"].reason == "revoked"
    assert not world.sent("revoke")
    assert world.rows["me"].revoking is None, "its parent lives on"
    opened(world, {**PAGE, "everywhere": {}})
    with pytest.raises(Refused) as raised:
        world.revoke("page/p2")
    assert raised.value.code == "cannot_revoke"


def test_an_issuer_that_has_no_way_to_be_told_is_not_blamed() -> None:
    """A plugin that says `cannot_revoke` has the token end here only; what holds no value is not told of."""
    world = World()
    world.android()

    def nowhere(order: Order) -> Flow[None]:
        yield from now()
        raise Refused("cannot_revoke", f"{order.issuer.name} declares no revocation_endpoint")

    world.plugins.commands["facebook.revoke"] = nowhere
    (one,) = world.revoke().outcomes
    assert (one.verdict, one.why) == ("unsupported", "facebook declares no revocation_endpoint")
    assert world.rows["me"].state == "invalidated"
    world = World()
    with pytest.raises(PromptPending):
        world.run(flows.acquire(world.setting, "me", lifecycle="facebook-user", platform="web"))
    assert verdicts(world) == {"me": "unsupported"}
    assert not world.sent("revoke")


def test_a_repeated_event_id_tells_how_it_stands() -> None:
    """A revocation that is asked for again under its event id sends nothing (rule E4)."""
    world = World()
    world.android()
    world.script.append(NO)
    assert verdicts(world, event_id="one") == {"me": "failed"}
    assert verdicts(world, event_id="one") == {"me": "failed"}
    assert len(world.sent("revoke")) == 1
    assert verdicts(world, event_id="two") == {"me": "revoked"}


class _Dead(BaseException):
    """The process was killed."""


class Mortal(World):
    """A world in which the process dies before one of its saves and sends."""

    left: int | None = None

    def _perform(self, effect: Effect) -> Any:
        if self.left is not None and isinstance(effect, Save | Send):
            if not self.left:
                raise _Dead
            self.left -= 1
        return super()._perform(effect)


def cut_short(stops: int) -> Mortal:
    """Return a world of a person, a page, and a page that its issuer can be told of; the revoker has died."""
    world = Mortal()
    world.android()
    world.pages()
    opened(world, {**TOLD_PAGE, "metadata": {**PAGE["metadata"], "version": "2.0.0"}})
    world.elsewhere("page/p2", digest="facebook-page@2.0.0", lifecycle="facebook-page@2.0.0")
    world.left = stops
    with suppress(_Dead):
        world.revoke()
    world.left = None
    return world


@pytest.mark.proves("R24")
@given(stops=st.integers(0, 12), by=st.sampled_from(["sweep", "asked"]))
@settings(max_examples=26)
def test_a_cascade_that_died_anywhere_is_taken_up(stops: int, by: str) -> None:
    """Killed before any of its saves and sends, it is brought to its end by sweeps, or by who asks again."""
    world = cut_short(stops)
    began = (
        any(one.revoking is not None for one in world.rows.values()) or world.rows["me"].state == "revoked"
    )
    assert began == (stops > 0)
    if by == "asked":
        world.now += 130 * SECOND  # the lease of the one who died is over
        world.revoke()
    for _ in range(6):
        world.now += 130 * SECOND
        for key in sorted(world.rows):
            world.run(flows.attend(world.setting, key))
    ended = {key: row.state for key, row in world.rows.items()}
    if began or by == "asked":
        assert ended == {"me": "revoked", "page/p1": "invalidated", "page/p2": "revoked"}
    else:
        assert ended == {"me": "extended", "page/p1": "issued", "page/p2": "issued"}


def test_a_child_waits_for_no_sibling_and_its_parent_for_it() -> None:
    """A sweep tells the issuer of the children first, and of the parent also when a child fails."""
    world = cut_short(3)
    world.now += 61 * SECOND
    world.script.append(NO)
    world.run(flows.attend(world.setting, "me"))
    assert not world.sent("revoke"), "its child's issuer was not told yet"
    world.run(flows.attend(world.setting, "page/p2"))
    assert mark_of(world, "page/p2").tries == 1
    world.now = mark_of(world).again_at
    world.run(flows.attend(world.setting, "me"))
    assert world.rows["me"].state == "revoked"
    assert mark_of(world, "page/p2").tries == 1, "the child is still pending, and lives on for its issuer"


@given(tries=st.integers(0, 40), until=st.none() | st.integers(0, 10**15), counts=st.booleans())
@settings(max_examples=50)
def test_there_is_always_a_next_try(tries: int, until: int | None, counts: bool) -> None:
    """However often it was in vain, a next try lies ahead: within a day, or when the issuer wants it."""
    token = begun(token_of(user(), "extended"), 0)
    assert token.revoking is not None
    mark = attrs.evolve(token.revoking, tries=tries)
    after = in_vain(token, mark, Retry(attempts=6), kind="transient", counts=counts, until=until, now=10**12)
    found = after.revoking
    assert found is not None
    assert found.again_at > 10**12
    assert found.again_at >= (until or 0)
    assert found.again_at <= max(10**12 + DAY, until or 0)
    assert (found.irrevocable_since is not None) == (found.tries >= 6)
