"""Rule M3 by example: what comes over, what stays and why, and what nobody may lose on the way."""

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.lifecycles import DAY, HOUR, MINUTE, ROTATING, START, USER, lifecycle_of, token_of
from tests.core.mutants import caught
from tests.core.performing import World, answer
from tests.core.upgrading import renaming
from tokenflow.core import flows, migrating
from tokenflow.core.effects import Request, Response
from tokenflow.core.errors import PromptPending, Refused
from tokenflow.core.events import Migrated
from tokenflow.core.flows import holding
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.migrating import migrate, prospect, upgrade
from tokenflow.core.secret import Secret
from tokenflow.core.steps import settle
from tokenflow.core.tokens import Attempt, Token

Data = dict[str, Any]
LIVE: Final = ("issued", "extended", "non_expiring")
OLD: Final = lifecycle_of(USER)
NOTHING: Final[Mapping[str, str]] = {}


def newer(
    *edits: Callable[[Data], object],
    base: Data = USER,
    version: str = "2.0.0",
    takes: str | None = None,
    states: Mapping[str, str] = NOTHING,
) -> Lifecycle:
    """Return the next version: *edits* made, and a `migrate` entry for the versions it *takes*."""
    data = copy.deepcopy(base)
    for edit in edits:
        edit(data)
    data["metadata"]["version"] = version
    data["migrate"] = [{"from": takes or f"<{version}", "states": dict(states)}]
    return lifecycle_of(data)


def needs(name: str, **more: Any) -> Callable[[Data], object]:
    """Demand an attribute."""
    return lambda data: data["token"]["attributes"].update({name: {"required": True, **more}})


def short(**changes: Any) -> Token:
    """A short token of the user lifecycle."""
    facts = {"app_id": "a", "user_id": "7"}
    return attrs.evolve(token_of(OLD, "issued", attributes=facts, platform="web"), **changes)


def refused(new: Lifecycle, token: Token, old: Lifecycle = OLD) -> str:
    """Return why a token stays."""
    with pytest.raises(Refused) as no:
        migrate(old, new, token, START)
    assert f"stays {token.lifecycle}" in str(no.value)
    return no.value.code


@pytest.mark.parametrize(
    ("code", "new", "changes"),
    [
        ("not_taken", newer(takes="<1.0.0"), {}),
        ("not_taken", newer(takes=">=1.1 <2"), {}),
        ("state_gone", newer(lambda data: renaming(data, "issued", "fresh")), {}),
        ("state_gone", newer(states={"issued": "nowhere"}), {}),
        ("attribute_missing", newer(needs("org")), {}),
        ("other_issuer", newer(lambda data: data.update(issuer="another")), {}),
        ("custody", newer(lambda data: data["token"]["custody"].update(may_live=["client"])), {}),
        ("no_value", newer(), {"access_token": None}),
        ("over", newer(), {"state": "expired"}),
        (
            "under_way",
            newer(),
            {"attempt": Attempt(event="extend", number=1, started_at=START, lease_until=START + HOUR)},
        ),
        ("newer", newer(version="0.9.0"), {}),
        ("changed_content", newer(version="1.0.0"), {"digest": "another"}),
        ("current", OLD, {}),
    ],
)
def test_what_cannot_come_over_says_why(code: str, new: Lifecycle, changes: dict[str, Any]) -> None:
    """Each reason has its code, and the token is what it was."""
    assert refused(new, short(**changes)) == code


def test_every_refusal_that_can_be_mended_says_how() -> None:
    """Whoever reads the table knows what to write."""
    told = [
        prospect(OLD, new, short(), START)
        for new in (newer(takes="<1.0.0"), newer(states={"issued": "nowhere"}), newer(needs("org")))
    ]

    assert [one.mend for one in told] == [
        'say that it comes over: `migrate: [{from: "<2.0.0"}]`',
        "name what becomes of it: `migrate: [{states: {issued: ...}}]`",
        "give `token.attributes.org` a default, or acquire a new token",
    ]
    assert all(one.refused and one.before == one.after == "facebook-user@1.0.0" for one in told)


def test_the_first_entry_that_takes_the_version_counts() -> None:
    """As with candidates: from top to bottom, and no further."""
    data = copy.deepcopy(USER)
    renaming(data, "issued", "fresh")
    data["metadata"]["version"] = "2.0.0"
    data["migrate"] = [{"from": "<1.0.0"}, {"from": "<2", "states": {"issued": "fresh"}}, {"from": ">=1"}]

    assert migrate(OLD, lifecycle_of(data), short(), START).after.state == "fresh"


def test_a_migration_is_one_audited_step() -> None:
    """One event, dated now, that says from where to where; the revision grows by one; the value stays."""
    new = newer(lambda data: renaming(data, "issued", "fresh"), states={"issued": "fresh"})
    token = short()
    step = migrate(OLD, new, token, START + HOUR)

    (told,) = step.happened
    assert isinstance(told, Migrated)
    assert (told.from_lifecycle, told.to_lifecycle) == ("facebook-user@1.0.0", "facebook-user@2.0.0")
    assert (told.source, told.state, told.about.at) == ("issued", "fresh", START + HOUR)
    assert (step.after.revision, step.after.entered_at) == (token.revision + 1, START)
    assert step.after.access_token == token.access_token


def test_the_clock_has_its_say_under_the_old_version_first_and_then_under_the_new() -> None:
    """A token that was over before it was touched is over; one that is over by the new spec ends at once."""
    ended = settle(OLD, short(), START + 2 * HOUR)
    with pytest.raises(Refused, match="it ended in `expired`"):
        upgrade(OLD, newer(), ended, START + 2 * HOUR)

    guessed = short(estimated=True)
    sooner = newer(lambda data: data["lifetimes"]["short"].update(typical="30m"))
    after = upgrade(OLD, sooner, settle(OLD, guessed, START + 40 * 60_000_000), START + 40 * 60_000_000)
    assert (after.token.state, after.token.entered_at) == ("expired", START + 30 * 60_000_000)


@pytest.mark.parametrize(("timers", "stays"), [("keep", {"renew", "warn"}), ("recompute", set())])
def test_what_has_fired_stays_fired_where_the_new_version_keeps_timers(timers: str, stays: set[str]) -> None:
    """Rule M3: `timers: keep` warns nobody twice; without it each timer is as if it had not fired."""

    def takes(data: Data) -> None:
        states = data["states"]
        states["issued"]["timers"]["warn"] = {"at": "expires - 50m", "raise": "expiring_soon"}
        states["issued"]["transitions"]["expiring_soon"] = {}

    old = newer(takes, version="1.5.0")
    data = copy.deepcopy(dict(old.spec))
    data["metadata"]["version"], data["migrate"] = "2.0.0", [{"from": "<2", "timers": timers}]
    facts = {"app_id": "a", "user_id": "7"}
    fired = {"renew": START + 65 * MINUTE, "warn": START + 40 * MINUTE}
    token = token_of(old, "issued", attributes=facts, platform="web", fired=fired)
    after = migrate(old, lifecycle_of(data), token, START + 66 * MINUTE).after
    assert stays == set(after.fired)


def _ends(state: str, refresh: Secret | None, waiting: Attempt | None) -> None:
    token = token_of(OLD, state, attributes={"app_id": "a", "user_id": "7"}, platform="web")
    token = attrs.evolve(token, refresh_token=refresh, attempt=waiting, fired={"renew": START})
    step = migrate(OLD, newer(states={state: "invalidated"}), token, START + HOUR)

    assert (step.after.access_token, step.after.refresh_token) == (None, None)
    assert (step.after.attempt, dict(step.after.fired), step.after.entered_at) == (None, {}, START + HOUR)
    assert step.cascades == ("invalidate",)


retries = st.builds(
    Attempt,
    event=st.just("extend"),
    number=st.integers(1, 3),
    started_at=st.just(START),
    retry_at=st.just(START + DAY),
    error=st.just("transient"),
)
endings = given(st.sampled_from(LIVE), st.none() | st.just(Secret("r")), st.none() | retries)


@endings
def test_a_token_that_is_mapped_to_a_final_state_keeps_nothing(
    state: str, refresh: Secret | None, waiting: Attempt | None
) -> None:
    """No value, no refresh token, no attempt; and what was derived from it is told (rules F4, F5)."""
    _ends(state, refresh, waiting)


def _demands(have: bool, default: bool) -> None:
    new = newer(needs("org", **({"default": "none"} if default else {})))
    token = short(attributes={"app_id": "a", "user_id": "7", **({"org": "x"} if have else {})})
    if have or default:
        assert migrate(OLD, new, token, START).after.attributes["org"] == ("x" if have else "none")
    else:
        assert prospect(OLD, new, token, START).code == "attribute_missing"


demands = given(st.booleans(), st.booleans())


@demands
def test_a_required_attribute_is_there_or_the_token_stays(have: bool, default: bool) -> None:
    """Its own value, else the default, else it does not come over."""
    _demands(have, default)


def test_planted_bugs_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A final state that keeps a secret, and a required attribute that is skipped."""
    with monkeypatch.context() as patch:
        patch.setattr(migrating, "_ended", lambda token, now: token)
        caught(endings(_ends))
    with monkeypatch.context() as patch:
        patch.setattr(migrating, "_attributes", lambda old, new, token: dict(token.attributes))
        caught(demands(_demands))


@given(st.sampled_from(LIVE), st.integers(0, 80 * DAY))
def test_migrating_twice_is_migrating_once(state: str, later: int) -> None:
    """What has come over is current; it comes over no more."""
    new = newer(lambda data: renaming(data, "issued", "fresh"), states={"issued": "fresh"})
    token = token_of(OLD, state, lives=None, attributes={"app_id": "a", "user_id": "7"}, platform="web")
    once = migrate(OLD, new, token, START).after

    assert refused(new, once, old=new) == "current"
    assert prospect(new, new, once, START + later).refused is False


class Rollout:
    """A world whose engine was opened with newer specs than its tokens have."""

    def __init__(self, *newer: Lifecycle) -> None:
        self.world = World()
        self.old = self.world.setting
        self.new = attrs.evolve(
            self.old, lifecycles={**self.old.lifecycles, **{one.name: one for one in newer}}
        )
        self.world.pins |= {one.digest: one for one in newer}

    def upgrade(self) -> World:
        """From now on the newer specs are open."""
        self.world.setting = self.new
        return self.world


def test_children_end_with_a_parent_that_a_migration_ends() -> None:
    """In one transaction, as by any other end (decision record 2)."""
    rollout = Rollout(newer(states={"extended": "invalidated"}))
    rollout.world.android()
    rollout.world.pages()
    world = rollout.upgrade()
    world.run(holding.current(world.setting, "me"))

    assert {key: row.state for key, row in world.rows.items()} == {
        "me": "invalidated",
        "page/p1": "invalidated",
        "page/p2": "invalidated",
    }


def test_an_answer_that_comes_after_the_token_came_over_is_kept_by_the_new_version() -> None:
    """A slow worker's refresh is the only copy: it is kept in the state the new version has for it."""
    new = newer(lambda data: renaming(data, "issued", "fresh"), base=ROTATING, states={"issued": "fresh"})
    rollout = Rollout(new)
    rollout.world.rotating()
    world = rollout.world

    def overtaken(request: Request) -> Response:
        row = world.rows["rot"]  # another worker has given the attempt up, and brought the token over
        step = migrate(world.pins[row.digest], new, attrs.evolve(row, attempt=None), world.now)
        world.rows["rot"] = attrs.evolve(step.after, revision=row.revision + 1)
        return world._issuer(request)

    world.script.append(overtaken)
    renewed = world.run(flows.raise_event(world.setting, "rot", "refresh"))

    assert (renewed.lifecycle, renewed.state) == ("oauth2-rotating@2.0.0", "fresh")
    assert world.rows["rot"].access_token == renewed.access_token != Secret("access-0")
    assert world.rows["rot"].generation == 2


def test_a_no_that_comes_after_the_token_came_over_is_told_and_changes_nothing() -> None:
    """The attempt was concluded by another; the caller still hears what the issuer said."""
    new = newer(lambda data: renaming(data, "extended", "prolonged"), states={"extended": "prolonged"})
    rollout = Rollout(new)
    rollout.world.android()
    world = rollout.world

    def overtaken(request: Request) -> Response:
        row = world.rows["me"]
        step = migrate(world.pins[row.digest], new, attrs.evolve(row, attempt=None), world.now)
        world.rows["me"] = attrs.evolve(step.after, revision=row.revision + 1)
        return answer({"error": {"code": 100}}, 400)

    world.script.append(overtaken)
    with pytest.raises(Exception, match="the issuer answered 400"):
        world.run(flows.extend(world.setting, "me"))

    assert (world.rows["me"].state, world.rows["me"].attempt) == ("prolonged", None)


def test_a_login_on_a_key_whose_state_is_no_more_goes_its_way() -> None:
    """A person logs in again on a key that stays pinned to a state the new version does not have."""
    rollout = Rollout(newer(lambda data: renaming(data, "extended", "prolonged")))
    rollout.world.android()
    world = rollout.upgrade()
    with pytest.raises(PromptPending) as pending:
        world.run(flows.acquire(world.setting, "me", lifecycle="facebook-user", platform="web"))
    assert world.rows["me"].state == "extended", "the live token stays until the person has finished"
    state = pending.value.url.partition("state=")[2]
    again = world.run(flows.answer(world.setting, "me", {"state": state, "code": "c0de"}))

    assert (again.lifecycle, again.state) == ("facebook-user@2.0.0", "issued")


def test_a_person_is_known_again_under_another_identity() -> None:
    """Who logs in anew on a key that ended under the old identity is judged by the new one."""
    rollout = Rollout(newer(lambda data: data["token"].update(identity=["user_id"])))
    rollout.world.android()
    rollout.world.run(flows.invalidate(rollout.old, "me"))
    rollout.upgrade()

    assert rollout.world.android().identity == ("facebook-user", "7")
    payload = {"access_token": "x", "user_id": "8"}
    rollout.world.script.append(answer({"active": True, "app_id": "app", "user_id": "8"}))
    another = flows.acquire(rollout.new, "me", lifecycle="facebook-user", platform="android", payload=payload)
    with pytest.raises(Refused, match="belongs to another"):
        rollout.world.run(another)


def test_a_batch_is_one_save_and_a_conflict_costs_nobody_else_anything() -> None:
    """Together when nobody interferes; by itself when somebody does; a busy one is left for the next time."""
    rollout = Rollout(newer(), newer(base=ROTATING))
    rollout.world.android()
    rollout.world.rotating()
    world = rollout.upgrade()
    world.log.clear()
    told = world.run(flows.migrate(world.setting, ["me", "nobody", "rot"]))
    assert [one.key for one in told] == ["me", "rot"]
    assert world.log.count("Save") == 1

    rollout = Rollout(newer(), newer(base=ROTATING))
    rollout.world.android()
    rollout.world.rotating()
    world = rollout.upgrade()
    world.meddle("me", 6)
    told = world.run(flows.migrate(world.setting, ["me", "rot"]))
    assert [(one.key, one.code) for one in told] == [("me", "revision_conflict"), ("rot", None)]
    assert world.rows["rot"].lifecycle == "oauth2-rotating@2.0.0"


def test_while_the_clock_is_held_nobody_comes_over() -> None:
    """Deadlines would be judged by a time that is not to be trusted (rule T12)."""
    rollout = Rollout(newer())
    rollout.world.android()
    world = rollout.upgrade()
    world.held = "the clock leapt"
    (told,) = world.run(flows.migrate(world.setting, ["me"]))
    world.run(holding.current(world.setting, "me"))

    assert told.code == "clock_held"
    assert world.rows["me"].lifecycle == "facebook-user@1.0.0"
