"""The breaker and the budget of an issuer: bounded calls whatever happens, and a way back."""

# expected == actual, constants too

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from random import Random

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.mutants import caught
from tokenflow.core import breakers
from tokenflow.core.breakers import Breaker, BreakerRule, Bucket, Budget
from tokenflow.core.tokens import SECOND

MINUTE = 60 * SECOND
rules = st.builds(
    BreakerRule,
    failures=st.integers(1, 9),
    rest=st.integers(SECOND, 5 * MINUTE),
    longest=st.integers(SECOND, 30 * MINUTE),
)
budgets = st.builds(Budget, calls=st.integers(1, 5_000), per=st.integers(SECOND, 60 * MINUTE))
chances = st.floats(0, 1, exclude_max=True)


def outage(rule: BreakerRule, chance: list[float], step: int, steps: int) -> tuple[list[int], Breaker]:
    """Ask whenever it is allowed, at every *step*, and never hear anything; return when, and what is left."""
    breaker, asked = Breaker(), list[int]()
    for now in range(0, steps * step, step):
        if not breaker.waits(now):
            breaker = breaker.asked(rule, now)
            breaker = breaker.on_failure(rule, now, chance[len(asked) % len(chance)])
            asked.append(now)
    return asked, breaker


def check_calls_during_an_outage(rule: BreakerRule, chance: list[float], step: int, steps: int) -> None:
    asked, breaker = outage(rule, chance, step, steps)
    span = steps * step
    assert len(asked) <= rule.failures + 2 * (span // rule.rest + 1)
    after = asked[rule.failures - 1 :]
    assert all(later - earlier >= rule.rest // 2 for earlier, later in pairwise(after))
    assert breaker.until <= span + max(rule.longest, rule.rest)


during_outages = given(
    rules, st.lists(chances, min_size=1, max_size=9), st.integers(SECOND // 4, MINUTE), st.integers(1, 400)
)


@pytest.mark.proves("H2")
@during_outages
def test_an_outage_costs_two_calls_a_rest_at_most(
    rule: BreakerRule, chance: list[float], step: int, steps: int
) -> None:
    """After the failures that open it there is one call a rest, and no rest is longer than the longest."""
    check_calls_during_an_outage(rule, chance, step, steps)


@given(rules, st.lists(st.booleans(), max_size=40))
def test_it_opens_after_so_many_failures_in_a_row(rule: BreakerRule, answers: list[bool]) -> None:
    """Not before, and any answer between them begins the count anew."""
    breaker, row = Breaker(), 0
    for answered in answers:
        breaker = breaker.on_success() if answered else breaker.on_failure(rule, 0, 0.5)
        row = 0 if answered else row + 1
        if row >= rule.failures:
            assert breaker.waits(0) > 0
            return
        assert breaker.waits(0) == 0


@given(rules, chances)
def test_half_open_lets_one_call_try(rule: BreakerRule, chance: float) -> None:
    """The others wait for its outcome; one that is lost is given up, and the next may try."""
    breaker = Breaker()
    for _ in range(rule.failures):
        breaker = breaker.on_failure(rule, 0, chance)
    now = breaker.until
    assert (breaker.waits(now - 1), breaker.waits(now)) == (1, 0)
    trying = breaker.asked(rule, now)
    assert trying.waits(now) == rule.rest
    assert trying.waits(now + rule.rest) == 0
    assert trying.on_success() == Breaker()
    assert trying.on_failure(rule, now, chance).rests == 2


@given(rules, st.lists(chances, min_size=1, max_size=30))
def test_calls_that_were_out_when_it_opened_change_nothing(rule: BreakerRule, late: list[float]) -> None:
    """Their failures are no news; an answer of theirs is."""
    breaker = Breaker()
    for _ in range(rule.failures):
        breaker = breaker.on_failure(rule, 0, 0.0)
    for chance in late:
        assert breaker.on_failure(rule, 1, chance) == breaker
    assert breaker.on_success() == Breaker()


@given(rules, chances)
def test_what_was_begun_before_it_opened_tries_nothing(rule: BreakerRule, chance: float) -> None:
    """A further call of a flow that was admitted in time is no probe: its failure makes no rest longer."""
    breaker = Breaker()
    for _ in range(rule.failures):
        breaker = breaker.on_failure(rule, 0, chance)
    assert breaker.asked(rule, 0).on_failure(rule, 1, chance) == breaker
    at = breaker.until
    assert breaker.asked(rule, at).on_failure(rule, at, chance).rests == 2


@given(rules, st.integers(1, 3600 * SECOND))
def test_an_issuer_that_says_when_is_left_alone_until_then(rule: BreakerRule, wait: int) -> None:
    """A Retry-After opens it at once, and is the least it rests."""
    assert Breaker().on_failure(rule, 0, 0.0, at_least=wait).waits(0) >= wait


def check_no_window_holds_more(budget: Budget, spans: list[tuple[int, int]]) -> None:
    """Be idle for a while, then take whatever there is for a while, and so on."""
    bucket, now, taken = Bucket(), 0, list[int]()
    for idle, busy in spans:
        now, end = now + idle, now + idle + busy
        while now <= end and len(taken) < 300:
            if wait := bucket.waits(budget, now):
                now += wait
            else:
                bucket = bucket.taken(budget, now)
                taken.append(now)
        now = max(now, end)
    for first, start in enumerate(taken):
        assert sum(1 for at in taken[first:] if at < start + budget.per) <= budget.calls


small_budgets = st.builds(Budget, calls=st.integers(1, 60), per=st.integers(SECOND, 10 * MINUTE))
spans = st.integers(0, 5 * MINUTE)
takings = given(small_budgets, st.lists(st.tuples(spans, spans), max_size=12))


@takings
def test_no_stretch_of_time_holds_more_than_the_budget(budget: Budget, spans: list[tuple[int, int]]) -> None:
    """However greedily it is taken: at most `calls` in any `per`."""
    check_no_window_holds_more(budget, spans)


@given(budgets, st.integers(0, 10**15))
def test_a_budget_gives_a_burst_and_then_an_even_pace(budget: Budget, now: int) -> None:
    """What is left counts down to nothing, and the next call is there after one interval."""
    bucket = Bucket()
    for left in range(budget.burst, 0, -1):
        assert (bucket.left(budget, now), bucket.waits(budget, now)) == (left, 0)
        bucket = bucket.taken(budget, now)
    assert bucket.left(budget, now) == 0
    assert bucket.waits(budget, now) == budget.interval
    assert bucket.waits(budget, now + budget.interval) == 0


@given(budgets, st.integers(0, 10**15))
def test_what_is_spared_is_left_for_callers(budget: Budget, now: int) -> None:
    """A sweep that spares calls stops that much earlier; the calls are there for others."""
    spare, bucket, taken = budget.burst // 4, Bucket(), 0
    while not bucket.waits(budget, now, spare=spare):
        bucket, taken = bucket.taken(budget, now), taken + 1
    assert taken == budget.burst - spare
    assert bucket.left(budget, now) == spare


@given(budgets, st.integers(0, 10**12), st.integers(0, 10**9))
def test_a_closed_budget_gives_nothing_until_then(budget: Budget, now: int, span: int) -> None:
    """And an earlier word does not open it: the latest instant stands."""
    bucket = Bucket().closed(budget, now + span).closed(budget, now)
    assert bucket.waits(budget, now) >= span
    assert span == 0 or bucket.left(budget, now) == 0


def check_the_way_back(budget: Budget, patience: int) -> None:
    bucket, taken = Bucket().emptied(budget, 0), list[int]()
    now = 0
    while now <= patience:
        wait = bucket.waits(budget, now)
        if wait:
            now += wait
            continue
        bucket = bucket.taken(budget, now)
        taken.append(now)
    early = [at for at in taken if at < patience // 8]
    late = [at for at in taken if at >= patience - patience // 8]
    assert taken[0] >= budget.interval
    assert 4 * len(early) <= 3 * len(late)
    assert max(b - a for a, b in pairwise(taken)) <= max(budget.interval, SECOND)


ways_back = given(st.builds(Budget, calls=st.integers(600, 2_000), per=st.just(MINUTE)))


@ways_back
def test_after_an_outage_the_pace_grows(budget: Budget) -> None:
    """A herd that waited is let through slowly at first, a call a second at least, and then at full pace."""
    check_the_way_back(budget, 40 * SECOND)


LIFE, BEGINS, ENDS = 3600 * SECOND, 1800 * SECOND, 3000 * SECOND


def check_a_herd(count: int, budget: Budget) -> None:
    """Tokens of one minute fall due over 50 to 85 % of an hour; for twenty minutes the issuer is away.

    They are asked for in due order, as a sweep does; one that failed comes again with the others.
    """
    chance, rule = Random(1), BreakerRule()
    tokens = sorted(
        (issued + int(LIFE * (0.5 + 0.35 * chance.random())), issued + LIFE)
        for issued in (int(MINUTE * chance.random()) for _ in range(count))
    )
    breaker, bucket, now, next_one = Breaker(), Bucket(), 0, 0
    calls: Counter[int] = Counter()
    during = late = 0
    while next_one < count:
        due, ends = tokens[next_one]
        now = max(now, due)
        wait = max(breaker.waits(now), bucket.waits(budget, now, spare=budget.burst // 4))
        if wait:
            now += wait
            continue
        breaker, bucket = breaker.asked(rule, now), bucket.taken(budget, now)
        calls[now // SECOND] += 1
        if BEGINS <= now < ENDS:
            during += 1
            breaker = breaker.on_failure(rule, now, chance.random())
            continue
        if breaker.rests:
            bucket = bucket.emptied(budget, now)
        breaker, next_one, late = breaker.on_success(), next_one + 1, late + (now >= ends)
    assert during <= 2 * (ENDS - BEGINS) // rule.rest
    assert late == 0
    assert max(calls[second] for second in calls if second >= ENDS // SECOND) <= budget.calls // 60


@pytest.mark.proves("H2")
def test_a_herd_of_thousands_waits_costs_little_and_comes_back_in_order() -> None:
    """Few calls meanwhile, no second afterwards above the budget, no token over (security.md finding 15)."""
    check_a_herd(2_000, Budget(calls=600, per=MINUTE))


@pytest.mark.campaign
def test_a_herd_of_fifty_thousand() -> None:
    """The finding's own numbers: two hundred calls a second."""
    check_a_herd(50_000, Budget(calls=12_000, per=MINUTE))


def test_a_herd_without_a_breaker_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above fails when nothing opens."""
    monkeypatch.setattr(Breaker, "on_failure", lambda self, *a, **k: self)
    with pytest.raises(AssertionError):
        check_a_herd(2_000, Budget(calls=600, per=MINUTE))


BREAKERS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "never opens": lambda patch: patch.setattr(Breaker, "on_failure", lambda self, *a, **k: self),
    "half open for all": lambda patch: patch.setattr(
        Breaker, "asked", lambda self, rule, now: attrs.evolve(self, rests=0)
    ),
    "rests for a moment": lambda patch: patch.setattr(
        breakers, "max", lambda *values: values[0] // 8, raising=False
    ),
}


@pytest.mark.parametrize("bug", BREAKERS)
def test_a_planted_bug_of_the_breaker_is_caught(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The property above fails on each of them."""
    BREAKERS[bug](monkeypatch)
    caught(during_outages(check_calls_during_an_outage))


BUCKETS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], Callable[[], object]]] = {
    "as many again after the burst": (
        lambda patch: patch.setattr(Budget, "interval", property(lambda self: self.per // self.calls)),
        takings(check_no_window_holds_more),
    ),
    "a call costs nothing": (
        lambda patch: patch.setattr(Bucket, "taken", lambda self, budget, now: self),
        takings(check_no_window_holds_more),
    ),
    "the whole herd at once": (
        lambda patch: patch.setattr(Bucket, "emptied", lambda self, budget, now: self),
        ways_back(lambda budget: check_the_way_back(budget, 40 * SECOND)),
    ),
    "no ramp": (
        lambda patch: patch.setattr(breakers, "_SLOWEST", 1),
        ways_back(lambda budget: check_the_way_back(budget, 40 * SECOND)),
    ),
}


@pytest.mark.parametrize("bug", BUCKETS)
def test_a_planted_bug_of_the_budget_is_caught(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The properties above fail on each of them."""
    plant, prop = BUCKETS[bug]
    plant(monkeypatch)
    caught(prop)
