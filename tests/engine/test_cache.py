"""The hot read: no store, no network, and never longer than it may be trusted."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.ground import HOUR, NOW, Ground
from tokenflow import SECOND, HeldToken, MemoryStore, Row, StoreUnreadable, Token, TokenKind
from tokenflow.engine.cache import LIMIT, Cache

KEYS = ("a", "b")


class Counting(MemoryStore):
    """A store that counts what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if not name.startswith("_") and callable(found):
            self.asked[name] += 1
        return found


def test_a_hit_asks_nobody(ground: Ground) -> None:
    """A thousand hits cost no access to the store and no request."""
    store = Counting()
    with ground.open(store, trust_cache=60) as engine:
        ground.rotating(engine)
        first = engine.token("k")
        asked, requests = Counter(store.asked), ground.requests()
        assert all(engine.token("k") is first for _ in range(1000))
        assert asked == store.asked
        assert requests == ground.requests()


def test_a_save_drops_what_was_remembered(ground: Ground) -> None:
    """A token revoked, extended or invalidated here is not served from memory a moment later."""
    with ground.open(trust_cache=60) as engine:
        ground.rotating(engine)
        old = engine.token("k").secret
        engine.extend("k")
        assert engine.token("k").secret != old
        engine.invalidate("k")
        assert engine.explain("k").token.state == "invalidated"
        assert engine.desk.cache.get("k", ground.clock()) is None


def test_another_engines_revocation_is_seen_within_the_trust(ground: Ground) -> None:
    """What another process ended is served for at most trust_cache seconds more."""
    store = MemoryStore()
    with ground.open(store, trust_cache=5) as one, ground.open(store) as other:
        ground.rotating(one)
        held = one.token("k")
        other.invalidate("k")
        ground.pass_time(4.9)
        assert one.token("k") is held
        ground.pass_time(0.2)
        assert refused(lambda: one.token("k"))


class Breaking(MemoryStore):
    """A store that cannot be read for a while."""

    broken = False

    def load(self, tenant: str, key: str) -> Row | None:
        if self.broken:
            raise StoreUnreadable("the disk failed", mend="mend it")
        return super().load(tenant, key)


@pytest.mark.proves("R10")
def test_a_token_that_is_good_outlives_its_store(ground: Ground) -> None:
    """While the store cannot be read, the last token is served until it is about to end, and not beyond."""
    store = Breaking()
    with ground.open(store, trust_cache=1) as engine:
        ground.rotating(engine)
        held = engine.token("k")
        store.broken = True
        ground.pass_time(HOUR - 61)
        assert engine.token("k") is held
        assert refused(lambda: engine.extend("k")) == "StoreUnreadable"
        assert engine.token("k") is held
        assert refused(lambda: engine.token("another")) == "StoreUnreadable"
        ground.pass_time(61)
        assert refused(lambda: engine.token("k")) == "StoreUnreadable"


@pytest.mark.parametrize("here", [True, False])
def test_a_token_that_is_known_to_have_ended_does_not(ground: Ground, here: bool) -> None:
    """What was ended here, or seen to have been ended elsewhere, is not served when the store breaks."""
    store = Breaking()
    with ground.open(store, trust_cache=1) as engine, ground.open(store) as other:
        ground.rotating(engine)
        engine.token("k")
        (engine if here else other).invalidate("k")
        ground.pass_time(2)
        assert refused(lambda: engine.token("k")) == "PersonNeeded"
        store.broken = True
        assert refused(lambda: engine.token("k")) == "StoreUnreadable"


def refused(ask: Callable[[], Any]) -> str:
    try:
        ask()
    except Exception as error:  # noqa: BLE001
        return type(error).__name__
    return ""


def test_a_token_about_to_end_is_not_served_from_memory(ground: Ground) -> None:
    """However long the cache is trusted, an entry ends before the token does, by the skew."""
    with ground.open(trust_cache=10 * HOUR) as engine:
        engine.acquire("app", lifecycle="oauth2-app", platform="server")
        held = engine.token("app")
        assert held.expires_at is not None
        for left in (61, 60, 59, 0, -1):
            ground.clock.set_wall(held.expires_at - left * SECOND)
            served = engine.desk.cache.get("app", ground.clock())
            assert served is None


def test_a_clock_that_goes_back_makes_a_miss(ground: Ground) -> None:
    """An entry from a later instant than now is not trusted."""
    with ground.open(trust_cache=60) as engine:
        ground.rotating(engine)
        engine.token("k")
        assert engine.desk.cache.get("k", ground.clock()) is not None
        assert engine.desk.cache.get("k", ground.clock() - 1) is None


def test_a_revocation_while_it_is_remembered_is_not_covered_up(ground: Ground) -> None:
    """A token that is saved anew between being found and being remembered is not remembered."""
    store = MemoryStore()
    with ground.open(store, trust_cache=60) as engine:
        ground.rotating(engine)
        remember = engine.desk._remember

        def late(held: HeldToken, lifecycle: Any) -> None:
            with ground.open(store) as other:
                other.invalidate("k")
            remember(held, lifecycle)

        engine.desk._remember = late  # type: ignore[method-assign]
        engine.token("k")
        assert engine.desk.cache.get("k", ground.clock()) is None


def test_a_value_that_is_never_kept_is_not_cached(ground: Ground) -> None:
    """`keep_value: false` holds in memory too."""
    with ground.open(trust_cache=60) as engine:
        engine.acquire("inline", lifecycle="facebook-app", platform="inline")
        assert engine.token("inline").secret.reveal().startswith("111|")
        assert engine.desk.cache.get("inline", ground.clock()) is None


def held(key: str, number: int) -> HeldToken:
    return HeldToken(
        Token(
            key=key,
            id=str(number),
            kind=TokenKind("user"),
            lifecycle="l@1",
            digest="d",
            issuer="i",
            state="issued",
            entered_at=NOW,
        )
    )


acts = st.lists(
    st.tuples(
        st.sampled_from(["put", "get", "get", "drop", "move"]),
        st.sampled_from(KEYS),
        st.integers(-3 * SECOND, 3 * SECOND),
    ),
    max_size=40,
)


@given(acts=acts, trust=st.sampled_from([0.0, 0.5, 2.0]))
def test_the_cache_against_its_sentence(acts: list[tuple[str, str, int]], trust: float) -> None:
    """It returns the last put of a key, not dropped since, from its instant until trust or freshness ends."""
    cache, now = Cache(trust), NOW
    model: dict[str, tuple[HeldToken, int, int]] = {}
    for number, (act, key, amount) in enumerate(acts):
        if act == "put":
            one, until = held(key, number), min(now + amount, now + int(trust * SECOND))
            cache.put(key, one, now, now + amount)
            if until > now:
                model[key] = (one, now, until)
        elif act == "drop":
            cache.drop(key)
            model.pop(key, None)
        elif act == "move":
            now += amount
        else:
            entry = model.get(key)
            expected = entry[0] if entry is not None and entry[1] <= now < entry[2] else None
            assert cache.get(key, now) is expected


@pytest.mark.proves("H6")
def test_the_cache_is_bounded() -> None:
    """Beyond its limit the oldest entries go."""
    cache, one = Cache(60), held("k", 1)
    for number in range(LIMIT + 10):
        cache.put(str(number), one, NOW, NOW + SECOND)
    assert cache.get("9", NOW) is None
    assert cache.get("10", NOW) is one


def test_a_closed_cache_keeps_nothing() -> None:
    """After close nothing is found and nothing is kept."""
    cache, one = Cache(60), held("k", 1)
    cache.put("k", one, NOW, NOW + SECOND)
    cache.close()
    cache.put("k", one, NOW, NOW + SECOND)
    assert cache.get("k", NOW) is None
