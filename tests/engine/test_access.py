"""Handles: who may do what with a tenant's tokens."""

import asyncio
import inspect
import itertools
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from tests.engine.tenancy import KEYED, SPEC, Issuing, acquire, opened, options
from tokenflow import AsyncEngine, Engine, Refused, Secret, Token
from tokenflow.engine.access import CAPABILITIES, VERBS, AsyncHandle, Handle, shown

NO_VERBS = {"open", "close", "for_tenant", "handle", "adopt", "stop_refreshing", "resume_refreshing"}
"""What only who opened an engine has: it is about all tenants."""
EVERY = [frozenset(some) for size in range(4) for some in itertools.combinations(sorted(CAPABILITIES), size)]


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine with one token, `k`."""
    with opened(Issuing()) as engine:
        acquire(engine, "k")
        yield engine


def verbs(cls: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(cls, callable) if not name.startswith("_")}


@pytest.mark.proves("E2")
@pytest.mark.parametrize(("engine_class", "handle"), [(Engine, Handle), (AsyncEngine, AsyncHandle)])
def test_every_verb_has_a_row(engine_class: type, handle: type) -> None:
    """A verb that is added to an engine asks for a capability, and is on its handles; nothing else is."""
    assert verbs(engine_class) - NO_VERBS == VERBS.keys()
    assert verbs(handle) == VERBS.keys()
    for name in VERBS:
        assert inspect.signature(getattr(handle, name)) == inspect.signature(getattr(engine_class, name))


@pytest.mark.proves("E2")
def test_a_verb_is_for_who_has_its_capability(engine: Engine) -> None:
    """Each verb, over each set of capabilities: without its own it is refused before its arguments count."""
    for verb, may in itertools.product(VERBS, EVERY):
        call = getattr(engine.handle(may=may), verb)
        with pytest.raises(TypeError if VERBS[verb] in may else Refused) as caught:
            call(of_no_argument=1)
        if isinstance(caught.value, Refused):
            assert caught.value.code == "not_permitted"
            assert f"asks for `{VERBS[verb]}`" in str(caught.value)


@pytest.mark.proves("E2")
def test_without_a_word_a_handle_may_use(engine: Engine) -> None:
    """The default is the least: a request goes out with the token, which the holder never sees."""
    handle = engine.handle()
    assert KEYED["use"](handle, "k").status == 200
    with pytest.raises(Refused, match="asks for `read`"):
        handle.token("k")
    with pytest.raises(Refused, match="asks for `admin`"):
        handle.revoke("k")


def secrets_in(value: Any, seen: set[int] | None = None) -> list[Secret]:
    """Every secret that can be reached from *value* by its fields and items."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return []
    seen.add(id(value))
    if isinstance(value, Secret):
        return [value]
    if attrs.has(type(value)):
        inner: list[Any] = [getattr(value, field.name) for field in attrs.fields(type(value))]
    elif isinstance(value, dict):
        inner = [*value, *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        inner = list(value)
    else:
        inner = list(getattr(value, "__dict__", {}).values())
    return [secret for one in inner for secret in secrets_in(one, seen)]


@pytest.mark.proves("E2", "E3")
def test_nothing_without_read_shows_a_token(engine: Engine) -> None:
    """What `explain`, `introspect` and every verb of an administrator come to holds no value of a token."""
    blind, seeing = engine.handle(may=("use", "admin")), engine.handle(may=CAPABILITIES)
    asked = [verb for verb in KEYED if VERBS[verb] != "read" and verb not in ("derive", "extend")]
    for number, verb in enumerate(asked):
        acquire(engine, f"k{number}")
        assert secrets_in(KEYED[verb](blind, f"k{number}")) == [], verb
    assert secrets_in(acquire(blind, "new")) == []
    assert secrets_in(seeing.explain("k")) != []
    assert secrets_in(acquire(seeing, "newer")) != []


@pytest.mark.proves("E3")
def test_tokens_are_veiled_wherever_they_are_returned(engine: Engine) -> None:
    """Alone, in a tuple, or in an explanation; what else is returned stays as it is."""
    token: Token = engine.explain("k").token
    assert secrets_in(shown((token, (token, 7)), {"use"})) == []
    assert shown(7, {"use"}) == 7
    assert shown(token, {"read"}) is token


@pytest.mark.proves("E6")
def test_a_handle_cannot_be_changed(engine: Engine) -> None:
    """Nobody widens one; and it prints without its engine."""
    handle = engine.handle()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        handle.may = CAPABILITIES  # type: ignore[misc]
    assert repr(handle) == "Handle(may=frozenset({'use'}))"


def test_what_is_no_capability_is_refused(engine: Engine) -> None:
    """By name, and with those there are."""
    with pytest.raises(Refused, match="no capability 'root'") as caught:
        engine.handle(may=["use", "root"])  # type: ignore[list-item]
    assert caught.value.mend == "there is: admin, read, use"


@pytest.mark.proves("E2")
def test_an_awaited_handle_is_the_same() -> None:
    """Its verbs are coroutines, and ask for the same."""

    async def play() -> None:
        engine = await AsyncEngine.open([SPEC], **options(Issuing()))
        async with engine:
            other = engine.for_tenant("acme", may="admin")
            token = await other.acquire("k", lifecycle="movable", platform="server")
            assert token.access_token is None
            assert await engine.handle().keys() == []
            assert await engine.for_tenant("acme").keys() == ["k"]
            with pytest.raises(Refused, match="asks for `read`"):
                await other.token("k")
            async with other.keep():
                assert (await engine.for_tenant("acme").health()).kept == 1

    asyncio.run(play())
