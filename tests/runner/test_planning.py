"""What a plan tells beyond what happens: migrations, refusals, who is needed, and what cannot be read."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from tests.properties.issuing import APP, ScriptedTransport
from tests.properties.lives import SPECS
from tests.properties.planning import DAY, HOUR, REGISTRY, Patience, World, world
from tokenflow import Engine, IssuerUnreachable, Refused, Secret
from tokenflow.core.plans import Act, Plan
from tokenflow.engine.opening import read_all
from tokenflow.engine.wishes import Wanted
from tokenflow.runner.applying import apply
from tokenflow.runner.planning import _Planner, plan

NEXT: Final = """
apiVersion: tokenflow/v1
kind: Lifecycle
metadata: {{name: facebook-user, version: {version}}}
extends: builtin:facebook-user
{more}
"""


def newer(folder: Path, version: str, more: str = "") -> str:
    """Write a newer version of a lifecycle and return its path."""
    path = folder / "facebook-user.yaml"
    path.write_text(NEXT.format(version=version, more=more), encoding="utf-8")
    return str(path)


def planned(found: World, specs: Any = SPECS, until: int = DAY, **more: Any) -> Plan:
    return plan(found.glass(read_all(specs, REGISTRY)), until=until, specs=specs, **more)


def of(made: Plan, key: str) -> list[Act]:
    return [act for act in made.acts if act.key == key]


def test_a_token_of_an_older_version_would_come_over(tmp_path: Path) -> None:
    """It is shown first, from which version to which; applied, it is there, and nothing was asked."""
    spec = newer(tmp_path, "1.1.0", 'migrate: [{from: "<1.1.0"}]')
    with world([("log_in", "fb/ada")]) as found:
        made = planned(found, (spec,), until=HOUR // 2)
        (act,) = of(made, "fb/ada")
        assert (act.does, act.lifecycle, act.calls) == ("migrate", "facebook-user@1.1.0", ())
        assert act.begins == ("fb/ada: facebook-user@1.0.0 -> facebook-user@1.1.0",)
        with Engine.open(
            [spec],
            found.store,
            clock=found.clock,
            client_ids={"facebook": "1"},
            redirect_uri="https://x.example/",
        ) as engine:
            (applied,) = apply(engine, made)
            assert (applied.outcome, applied.state) == ("done", "issued")
            assert engine.explain("fb/ada").token.lifecycle == "facebook-user@1.1.0"


def test_a_token_that_no_migration_takes_is_refused_with_the_reason(tmp_path: Path) -> None:
    """It stays on its own version, whose deadlines go on."""
    spec = newer(tmp_path, "2.0.0", 'clock: {skew: 90s}\nmigrate: [{from: "<0.5.0"}]')
    with world([("log_in", "fb/ada")]) as found:
        refused, *others = of(planned(found, (spec,)), "fb/ada")
    assert (refused.does, refused.event, refused.verdict) == ("refuse", "migrate", "no")
    assert refused.why is not None
    assert "no `migrate` entry of facebook-user@2.0.0 takes 1.0.0" in refused.why
    assert [act.event for act in others] == ["extend"]
    assert others[0].lifecycle == "facebook-user@1.0.0"


def test_specs_that_changed_since_the_plan_are_refused(tmp_path: Path) -> None:
    """A plan is applied with the very specs it was made with."""
    spec = newer(tmp_path, "1.1.0", 'migrate: [{from: "<1.1.0"}]')
    with world([("log_in", "fb/ada")]) as found:
        made = planned(found, (spec,))
        with pytest.raises(Exception, match=r"facebook-user@1\.1\.0 changed since the plan was made"):
            apply(found.engine, made)


def test_a_plan_of_another_tenant_is_refused() -> None:
    """Its keys may be here, too, and are others' tokens."""
    with world([("log_in", "fb/ada")]) as found:
        made = attrs.evolve(found.plan(DAY), tenant="other")
        with pytest.raises(Refused, match="the plan was made for the tenant 'other'"):
            apply(found.engine, made)


def test_a_timer_whose_command_is_refused_is_told_with_the_reason(tmp_path: Path) -> None:
    """The engine would only be refused, too: here in the words that it would say."""
    spec = tmp_path / "elsewhere.yaml"
    spec.write_text(
        "apiVersion: tokenflow/v1\nkind: Lifecycle\nmetadata: {name: elsewhere, version: 1.0.0}\n"
        "extends: builtin:facebook-user\n"
        "rules:\n- id: not-now\n  applies_to: [command]\n  deny_when: [{token.kind: user}]\n"
        "  because: Not before noon.\n",
        encoding="utf-8",
    )
    with world([]) as found:
        with Engine.open(
            [str(spec)],
            found.store,
            clock=found.clock,
            transport=lambda: ScriptedTransport(found.issuer),
            client_ids={"facebook": APP},
            secrets={"env:FB_APP_SECRET": Secret("s")},
            redirect_uri="https://app.example/back",
        ) as engine:
            payload = {"code": "ada", "redirect_uri": "https://app.example/back"}
            engine.acquire("fb/ada", lifecycle="elsewhere", platform="server", payload=payload)
        refused = of(planned(found, (str(spec),)), "fb/ada")[0]
    assert (refused.does, refused.verdict, refused.calls) == ("refuse", "no", ())
    assert refused.why is not None
    assert "Not before noon." in refused.why


def test_what_is_missing_would_be_acquired_by_whom() -> None:
    """A machine's token is acquired and its life goes on; a person's login ends what can be told."""
    wishes = [
        Wanted(key="login", lifecycle="oauth2-rotating", platform="web", attributes={}, scope=("mail",)),
        Wanted(key="fb/ada", lifecycle="facebook-user", platform="server", attributes={}, scope=()),
    ]
    with world([("log_in", "fb/ada")]) as found:
        made = planned(found, wishes=wishes)
        before = len(found.issuer.given)
        (login,) = of(made, "login")
        assert (login.does, login.verdict, login.person) == (
            "acquire",
            "depends",
            "a person has to log in by web",
        )
        assert (login.scope, login.state, login.calls) == (("mail",), None, ())
        assert all(act.does == "fire" for act in of(made, "fb/ada"))
        applied = apply(found.engine, made, stop=Patience(found.clock))
        asked = next(one for one in applied if one.act.key == "login")
        assert (asked.outcome, getattr(asked.error, "url", "").partition("?")[0]) == (
            "person",
            "https://issuer.example/oauth2/authorize",
        )
        assert len(found.issuer.given) > before


def test_guards_are_told_with_their_reasons() -> None:
    """Which row is taken and which condition kept it from the other."""
    with world([("log_in", "fb/ada")]) as found:
        (act,) = of(found.plan(2 * HOUR), "fb/ada")
    assert (act.event, act.timer, act.hard, act.source, act.state) == (
        "extend",
        "renew",
        False,
        "issued",
        "extended",
    )
    assert act.verdict == "yes"
    assert [(one.needs, one.verdict, one.leads_to) for one in act.reasons] == [
        ("app.marketing_access = standard", "no", "non_expiring")
    ]
    assert act.calls[0] == ("facebook", "facebook.extend")


def test_hard_ends_are_told_as_ends() -> None:
    """What time takes, dated to the deadline, and what a person has to do then."""
    with world([("log_in", "fb/ada"), ("pass", 2 * HOUR)]) as found:
        (act,) = of(found.plan(HOUR), "fb/ada")
        assert (act.event, act.hard, act.ends, act.state) == ("expire", True, True, "expired")
        assert act.due < act.at == found.clock()
        assert "timer renew is missed" in act.notices
        assert act.person == "a person has to log in again"


def too_late(found: World, made: Plan) -> Any:
    """Apply a plan when the token's time is over, which nobody has noted yet."""
    found.clock.advance(2 * HOUR)
    found.began.clear()
    (applied, *_) = apply(found.engine, made)
    return applied


def test_what_the_plan_does_not_list_is_not_done() -> None:
    """Its renewal was planned, its end would happen now: neither is saved, and nothing is sent."""
    with world([("log_in", "fb/ada")]) as found:
        given, before = len(found.issuer.given), found.store.load("default", "fb/ada")
        applied = too_late(found, found.plan(2 * HOUR))
        assert (applied.outcome, applied.error.code) == ("refused", "not_as_planned")
        assert "now it would be `fb/ada: expire: issued -> expired`" in str(applied.error)
        assert (len(found.issuer.given), found.store.load("default", "fb/ada")) == (given, before)
        assert found.began == []


def test_a_plan_that_is_not_held_to_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """When nobody compares what is saved with the plan, its end slips through, and is seen here."""
    room = import_module("tokenflow.core.flows.planned")
    monkeypatch.setattr(room, "_as_listed", lambda effect, expected, act: expected)
    with world([("log_in", "fb/ada")]) as found:
        assert too_late(found, found.plan(2 * HOUR)).outcome != "refused"
        row = found.store.load("default", "fb/ada")
        assert row is not None
        assert row.state == "expired"


def test_an_issuer_that_says_no_is_told_and_the_lifecycle_goes_on() -> None:
    """The act failed; its retry is a deadline like any other, and the next plan lists it."""
    with world([("log_in", "fb/ada")]) as found:
        made = found.plan(2 * HOUR)
        found.clock.advance(HOUR + HOUR // 10)
        found.issuer.mode = "out"
        (applied, *_) = apply(found.engine, made)
        assert (applied.outcome, applied.state, applied.as_planned) == ("failed", "issued", False)
        assert isinstance(applied.error, IssuerUnreachable)
        (again, *_) = of(found.plan(HOUR), "fb/ada")
        assert (again.event, again.timer, again.state) == ("extend", None, "extended")


def test_while_timers_are_held_nothing_is_planned() -> None:
    """The reason is the plan; it cannot be applied."""
    with world([("log_in", "fb/ada"), ("pass", HOUR)]) as found:
        found.do(("extend", "fb/ada"))
        found.clock.set_wall(found.clock() - DAY)
        made = found.plan(DAY)
        assert (made.acts, made.changes) == ((), False)
        assert made.held is not None
        assert "behind what this store has already seen" in made.held
        with pytest.raises(Exception, match="nothing is planned while timers are held"):
            apply(found.engine, made)


def test_a_token_whose_spec_is_lost_keeps_no_other_waiting() -> None:
    """It is told, and the rest is planned."""
    with world([("log_in", "fb/ada"), ("log_in", "rot/bob")]) as found:
        row = found.store.load("default", "fb/ada")
        assert row is not None
        found.store.take("spec", row.digest)
        made = plan(found.glass(()), until=DAY)
    (lost,) = of(made, "fb/ada")
    assert (lost.does, lost.verdict) == ("refuse", "error")
    assert lost.why is not None
    assert "which is nowhere kept" in lost.why
    assert of(made, "rot/bob") != []


def test_a_plan_holds_so_many_acts_and_says_when_there_are_more() -> None:
    """It is cut, never endless."""
    with world([("log_in", "rot/ada")]) as found:
        made = plan(found.glass(), until=30 * DAY, most=10)
        assert (len(made.acts), made.cut) == (10, True)
        assert not found.plan(HOUR).cut


def test_a_look_needs_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """No secret is read and no value is opened, not even of a store in this process."""

    def never(*_: Any) -> Secret:
        raise AssertionError("a secret was read")

    with world([("log_in", "fb/ada")]) as found:
        monkeypatch.setattr("tokenflow.engine.secrets.SecretReader.__call__", never)
        monkeypatch.setattr("tokenflow.engine.ciphers.AesGcm.open", never)
        assert found.plan(DAY).acts


MINUTES: Final = [
    Wanted(key="app", lifecycle="oauth2-app", platform="server", attributes={}, scope=("mail",))
]


def looks_for_each_act(monkeypatch: pytest.MonkeyPatch, days: int) -> float:
    """Return how often a token is looked at for one act, when a plan acquires it again and again."""
    seen = []
    attend = _Planner._attended

    def seeing(self: _Planner, key: str, at: int) -> Iterator[Act]:
        seen.append(key)
        return attend(self, key, at)

    monkeypatch.setattr(_Planner, "_attended", seeing)
    with world([]) as found:
        made = planned(found, ("oauth2-app",), until=days * DAY, wishes=MINUTES)
    monkeypatch.undo()
    return len(seen) / len(made.acts)


def test_a_plan_takes_as_long_as_it_has_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that is acquired anew at each end is looked at once an act, however far the plan goes."""
    assert looks_for_each_act(monkeypatch, 4) <= 1
    assert looks_for_each_act(monkeypatch, 40) <= 1


def test_one_token_alone_fills_no_plan_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan ends with the act that is one too many of one token, and says that there is more."""
    monkeypatch.setattr("tokenflow.runner.planning.MOST_OF_ONE", 12)
    with world([]) as found:
        made = planned(found, ("oauth2-app",), until=400 * DAY, wishes=MINUTES)
    assert (len(made.acts), made.cut) == (12, True)
