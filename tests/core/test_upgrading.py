"""A spec upgraded and migrated equals a spec started new, for every life that both would have lived (M3)."""

# expected == actual, constants too

from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from tests.core.lifecycles import DAY, HOUR, ROTATING, START, USER
from tests.core.mutants import caught
from tests.core.upgrading import (
    Answer,
    Deed,
    Edit,
    Life,
    Pair,
    Pass,
    Raise,
    begin,
    deeds,
    drop,
    pair,
    put,
    rename,
)
from tokenflow.core import migrating
from tokenflow.core.deadlines import deadlines
from tokenflow.core.errors import Refused
from tokenflow.core.migrating import upgrade
from tokenflow.core.steps import Settled, legal
from tokenflow.core.tokens import SILENT, Token

Data = dict[str, Any]
RENEW: Final = {"at": "expires - 50%", "every": "11m", "raise": "extend"}

ANOTHER: Final = rename("extended", "prolonged", instead={"final": True})
LATER: Final = put(
    "states", "extended", "timers", "warn", value={"at": "expires - 3d", "raise": "expiring_soon"}
)
NO_DAILY: Final = drop("states", "extended", "timers", "daily")
NO_EXTEND: Final = drop("states", "extended", "transitions", "extend")
OF_USER: Final = [
    ANOTHER,
    rename("extended", "prolonged"),
    rename("issued", "fresh"),
    rename("non_expiring", "lasting"),
    put("states", "issued", "timers", "renew", value=RENEW),
    LATER,
    put("states", "extended", "timers", "warn", value={"at": "expires - 20d", "raise": "expiring_soon"}),
    put(
        *("states", "extended", "timers", "nudge"),
        value={"at": "entered + 1h", "every": "2d", "raise": "expiring_soon"},
    ),
    NO_DAILY,
    NO_EXTEND,
    drop("everywhere", "renamed"),
    put("states", "archived", value={"final": True}),
    put("lifetimes", "long", "typical", value="45d"),
    put("lifetimes", "long", "typical", value="never"),
    put("lifetimes", "short", "typical", value="2h"),
    put("token", "attributes", "note", value={"type": "string", "default": "none"}),
    put("token", "attributes", "form", value={"type": "string", "required": True, "default": "person"}),
    drop("token", "attributes", "permissions"),
    put("token", "identity", value=["user_id"]),
    put("token", "identity", value=["user_id", "form"]),
    put("token", "kind", value="person"),
]
OF_ROTATING: Final = [
    rename("awaiting_refresh", "waiting"),
    rename("issued", "fresh"),
    rename("signed_out", "left"),
    put(
        *("states", "awaiting_refresh", "timers", "again"),
        value={"at": "entered + 1h", "every": "1h", "raise": "refresh"},
    ),
    put("states", "awaiting_refresh", "timers", "cap", value={"at": "entered + 2d", "raise": "expire"}),
    drop("states", "issued", "timers", "renew"),
    drop("states", "awaiting_refresh", "transitions", "refresh"),
    put("lifetimes", "access", "typical", value="3h"),
    put("token", "attributes", "name", value={"type": "string", "default": "nobody"}),
    put("token", "identity", value=["subject", "form"]),
]


@attrs.frozen(kw_only=True)
class Case:
    """A life to live: which spec, how it is edited, how the token comes, and what happens to it."""

    base: Data = attrs.field(repr=lambda data: str(data["metadata"]["name"]))
    edits: list[Edit]
    timers: str
    facts: Data
    platform: str
    lives: int | str
    long: bool
    history: list[Deed]

    def pair(self) -> Pair:
        """Return the two versions."""
        return pair(self.base, self.edits, self.timers)

    def begin(self, two: Pair, *, new: bool) -> Life:
        """Return the token as it has just come, under one of the versions."""
        return begin(two.new if new else two.old, self.facts, self.platform, self.lives, self.long)


def _cases(
    base: Data, pool: list[Edit], acts: st.SearchStrategy[list[Deed]], **how: Any
) -> st.SearchStrategy[Case]:
    built: st.SearchStrategy[Case] = st.builds(
        Case,
        base=st.just(base),
        edits=st.lists(
            st.sampled_from(pool), max_size=4, unique_by=lambda one: tuple(one.states) or one.name
        ),
        timers=st.sampled_from(["keep", "keep", "recompute"]),
        lives=st.sampled_from([HOUR, 60 * DAY, 60 * DAY, "never", "silent", "silent"]),
        long=st.booleans(),
        history=acts,
        **{name: st.sampled_from(choices) for name, choices in how.items()},
    )
    return built


USER_DEEDS: Final = deeds(
    [*["extend"] * 6, "revoke"],
    [
        *[("renamed", {"name": "x"})] * 4,
        *[("expiring_soon", {})] * 4,
        ("invalidate", {"reason": "logged_out"}),
        ("expire", {}),
    ],
)


def _users(pool: list[Edit], acts: st.SearchStrategy[list[Deed]] = USER_DEEDS) -> st.SearchStrategy[Case]:
    return _cases(USER, pool, acts, facts=[{"app_id": "a", "user_id": "7"}], platform=["web", "android"])


REFUSED_DAILY: Final[st.SearchStrategy[list[Deed]]] = st.just([Pass(2 * DAY), Answer("extend", None, False)])


rotating = _cases(
    ROTATING,
    OF_ROTATING,
    deeds(
        ["refresh"],
        [*[("renamed", {"name": "x"})] * 6, ("expire", {}), ("logout", {}), ("invalidate", {})],
    ),
    facts=[{"subject": "s"}, {"subject": "s", "name": "n"}],
    platform=["server"],
)
cases: st.SearchStrategy[Case] = st.one_of(_users(OF_USER), rotating)

LATE = Case(
    base=USER,
    edits=[rename("extended", "prolonged"), put("lifetimes", "long", "typical", value="45d")],
    timers="keep",
    facts={"app_id": "a", "user_id": "7"},
    platform="android",
    lives="silent",
    long=True,
    history=[Pass(8 * 86_400_000_000), Answer("extend", None, True), Raise("renamed", {"name": "x"})],
)


def _alike(case: Case) -> None:
    """Live under the old version and come over; live under the new one; compare what both share."""
    two = case.pair()
    before, fresh = case.begin(two, new=False), case.begin(two, new=True)
    before.live(case.history)
    fresh.live(case.history)
    old = before.token
    if two.old.states[old.state].final:
        with pytest.raises(Refused, match="ended"):
            upgrade(two.old, two.new, Settled(token=old, steps=(), due=None), before.now)
        return
    over = migrating.upgrade(two.old, two.new, Settled(token=old, steps=(), due=None), before.now)
    after = Life(two.new, over.steps[0].after, before.now)
    after.take(over.steps[1:])
    _sound(two, old, over.steps[0].after)
    lived = before.moves(two.mapped) + after.moves(str)
    same = lived == fresh.moves(str) and before.failures == fresh.failures
    event(f"the same life: {same}")
    if same:
        _equal(two, case, old, over.steps[0].after, after.token, fresh.token)


def _sound(two: Pair, old: Token, new: Token) -> None:
    """Assert what holds of every migration, whatever else would have happened."""
    state = two.new.states[new.state]
    assert (two.new.ref, two.new.digest) == (new.lifecycle, new.digest)
    assert two.mapped(old.state) == new.state
    assert old.revision + 1 == new.revision
    assert (old.id, old.generation, old.scope) == (new.id, new.generation, new.scope)
    assert set(new.fired) <= {timer.name for timer in state.timers}
    assert new.attempt is None or new.attempt.event in state.accepts
    if not state.final:
        assert (old.access_token, old.refresh_token) == (new.access_token, new.refresh_token)


def _equal(two: Pair, case: Case, old: Token, moved: Token, settled: Token, fresh: Token) -> None:
    """Assert that a token that came over is as if it had begun under the new version."""
    assert _bare(two, fresh) == _bare(two, settled)
    if two.new.states[fresh.state].final or moved.state != settled.state:
        return
    assert legal(two.new, fresh) == legal(two.new, settled)
    if case.timers == "keep":
        assert set(moved.fired) <= set(fresh.fired), "a timer is taken for fired that would not have"
        assert _due(two, fresh, old) == _due(two, settled, old)
    else:
        assert deadlines(two.new, attrs.evolve(fresh, fired={})) == deadlines(two.new, moved)


def _bare(two: Pair, token: Token) -> Token:
    """Return all of a token but how often it was saved, which timers fired, and what is not declared.

    An estimate stands as it was made in a state that has no lifetime of its own.
    """
    known = {name: value for name, value in token.attributes.items() if name in two.new.attributes}
    guessed = token.estimated and two.new.states[token.state].lifetime is None
    expires = SILENT if guessed else token.expires
    return attrs.evolve(token, revision=0, fired={}, attributes=known, expires=expires)


def _due(two: Pair, token: Token, old: Token) -> list[Any]:
    """Return when the timers fall due that mean the same moment in both versions, and do the same."""
    before, after = two.old.states[old.state], two.new.states[token.state]
    known = {(timer.name, timer.event, timer.moment, timer.every, timer.hard) for timer in before.timers}
    same = {
        timer.name
        for timer in after.timers
        if (timer.name, timer.event, timer.moment, timer.every, timer.hard) in known
        and (timer.event in before.accepts) == (timer.event in after.accepts)
        and timer.moment.at(old) == timer.moment.at(token)
    }
    return [(line[0], line[3]) for line in deadlines(two.new, token) if line[4] in same or line[4] is None]


@given(cases)
@example(LATE)
@settings(max_examples=200, deadline=None)
def test_an_upgraded_token_is_as_if_it_had_begun_under_the_new_version(case: Case) -> None:
    """Rule M3: same state, dates, expiry, attributes, identity, legal events and deadlines, in every life."""
    _alike(case)


def _skips_the_mapping(patch: pytest.MonkeyPatch) -> None:
    whole = migrating._target

    def same(old: Any, new: Any, token: Token, passage: Any) -> Any:
        return new.states.get(token.state) or whole(old, new, token, passage)

    patch.setattr(migrating, "_target", same)


def _keeps_every_stamp(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(migrating, "_fired", lambda old, before, after, target: dict(before.fired))


def _resets_no_timer(patch: pytest.MonkeyPatch) -> None:
    whole = migrating.passages
    patch.setattr(
        migrating, "passages", lambda new: (attrs.evolve(one, keeps_timers=True) for one in whole(new))
    )


def _forgets_what_fired(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(migrating, "_fired", lambda old, before, after, target: {})


def _keeps_a_stale_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(migrating, "_estimated_anew", lambda new, token, target: token)


def _enters_anew(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        migrating,
        "_estimated_anew",
        lambda new, token, target: attrs.evolve(token, entered_at=START + 9 * DAY),
    )


def _adds_no_default(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(migrating, "_attributes", lambda old, new, token: dict(token.attributes))


def _keeps_the_identity(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(migrating, "_identity", lambda new, token, attributes: token.identity)


def _keeps_every_attempt(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(migrating, "_attempt", lambda new, token, target: token.attempt)


def _drops_every_attempt(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(migrating, "_attempt", lambda new, token, target: None)


@pytest.mark.parametrize(
    ("plant", "lived"),
    [
        (_skips_the_mapping, _users([ANOTHER])),
        (_keeps_every_stamp, _users([NO_DAILY], REFUSED_DAILY)),
        (_resets_no_timer, cases),
        (_forgets_what_fired, cases),
        (_keeps_a_stale_end, cases),
        (_enters_anew, cases),
        (_adds_no_default, cases),
        (_keeps_the_identity, cases),
        (_keeps_every_attempt, _users([NO_EXTEND])),
        (_drops_every_attempt, cases),
    ],
)
def test_a_planted_bug_is_found(
    plant: Callable[[pytest.MonkeyPatch], None],
    lived: st.SearchStrategy[Case],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Deadlines kept stale, stamps not reset, defaults and identity forgotten, a wrong attempt: found."""
    plant(monkeypatch)
    caught(given(lived)(_alike), examples=1500)


@pytest.mark.campaign
@given(cases)
@settings(max_examples=20_000, deadline=None)
def test_many_upgraded_tokens_are_as_if_they_had_begun_there(case: Case) -> None:
    """The same, many times over."""
    _alike(case)
