"""The number an operator wakes up for: tokens that will expire before their next attempt (rule R1)."""

import re

import attrs

from tests.core.lifecycles import DAY, MINUTE, PAGE, SECOND, START, lifecycle_of, token_of, user
from tests.engine.ground import HOUR, Ground
from tokenflow.core.attending import counted_as, unattended
from tokenflow.core.effects import Change, Flow, Save
from tokenflow.core.flows.saving import load
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.tokens import Attempt, Revoking
from tokenflow.engine.health import Counted
from tokenflow.engine.metrics import LABELS, exposition

LINE = re.compile(r'^tokenflow_[a-z_]+(\{([a-z]+="[^"]*",?)+\})? -?[0-9.e+-]+$')


def attempt(**changes: object) -> Attempt:
    """An attempt to extend that failed."""
    return Attempt(event="extend", number=1, started_at=START, error="transient", **changes)  # type: ignore[arg-type]


def test_a_token_is_attended_while_a_try_lies_before_its_end() -> None:
    """A timer or a retry that renews it in time does; a lost answer, or consent that is due, does not."""
    lifecycle: Lifecycle = user()
    token = token_of(lifecycle, "issued", lives=90 * MINUTE)
    retry = START + 80 * MINUTE
    assert not unattended(lifecycle, token)
    for one, expected in (
        (attempt(retry_at=retry), False),
        (attempt(retry_at=START + 91 * MINUTE), True),
        (attempt(uncertain=True, unknown_since=START), True),
        (Attempt(event="extend", number=1, started_at=START, error="reconsent"), True),
    ):
        held = token_of(lifecycle, "issued", lives=90 * MINUTE, attempt=one)
        assert unattended(lifecycle, held) == expected, one


def test_what_nothing_can_renew_is_nobodys_omission() -> None:
    """A page's token with an end, one that never ends, and one that is to end are not counted as such."""
    page = lifecycle_of(PAGE)
    assert not unattended(page, token_of(page, "issued", lives=DAY))
    lifecycle = user()
    assert not unattended(lifecycle, token_of(lifecycle, "non_expiring", lives=None))
    mark = Revoking(since=START, again_at=START)
    assert counted_as(lifecycle, token_of(lifecycle, "issued", revoking=mark)) == "revoking"
    last = Revoking(since=START, again_at=START, irrevocable_since=START + SECOND)
    assert counted_as(lifecycle, token_of(lifecycle, "issued", revoking=last)) == "irrevocable"


def _lost_answer() -> Flow[None]:
    """Have the token's renewal be one whose answer was lost, and which is not repeated."""
    token = yield from load("secretly/ada")
    lost = attempt(command="extend", uncertain=True, unknown_since=token.entered_at)
    after = attrs.evolve(token, attempt=lost, revision=token.revision + 1)
    yield Save((Change(token=after, expected=token.revision),))


def test_health_and_metrics_tell_the_same_and_nothing_of_anybody(ground: Ground) -> None:
    """What nobody renews is counted until it ends; a scrape names its issuer and lifecycle, no more."""
    for engine in (ground.open(), ground.durable()):
        with engine:
            ground.rotating(engine, key="secretly/ada")
            assert engine.health().expiring_unattended == ()
            assert "tokenflow_expiring_unattended 0\n" in exposition(engine.health())
            engine.stop_refreshing("for a test", issuer="sandbox-oauth2")
            engine.desk.begin(engine.desk.alone("secretly/ada", _lost_answer, None)).result()
            one = Counted(issuer="sandbox-oauth2", lifecycle="oauth2-rotating", tokens=1)
            health = engine.health()
            assert health.expiring_unattended == (one,)
            text = exposition(health)
            assert 'expiring_unattended{issuer="sandbox-oauth2",lifecycle="oauth2-rotating"} 1\n' in text
            assert 'tokenflow_refreshing_stopped{issuer="sandbox-oauth2"} 1\n' in text
            lines = [line for line in text.splitlines() if not line.startswith("#")]
            assert all(LINE.match(line) for line in lines), lines
            assert {name for line in lines for name in re.findall(r'([a-z]+)="', line)} <= set(LABELS)
            assert "ada" not in text
            ground.pass_time(2 * HOUR)
            assert engine.health().expiring_unattended == (), "it is over"
