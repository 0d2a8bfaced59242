"""What holders of an engine may do: a handle on one tenant's tokens, and three capabilities.

Code that calls an API needs no token, and code that reads one need not end it. So an application gives each
part of itself a handle that can do just what the part is for. It guards against accidents and against
whatever is told by users what to ask for: code in the same process that means harm is not held by it.
"""

import asyncio
import functools
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any, Concatenate, Final, Literal, ParamSpec, Protocol, TypeAlias, TypeVar, get_args

import attrs

from tokenflow.core.errors import Refused
from tokenflow.core.tokens import Token
from tokenflow.engine.aio import AsyncEngine
from tokenflow.engine.explanations import Explanation
from tokenflow.engine.held import HeldToken
from tokenflow.engine.sync import Engine

P = ParamSpec("P")
T = TypeVar("T")

Capability: TypeAlias = Literal["use", "read", "admin"]
"""use: send authorised requests, see how tokens stand. read: see the tokens. admin: begin, change, end."""

VERBS: Final[Mapping[str, Capability]] = {
    "use": "use",
    "explain": "use",
    "whose": "use",
    "keys": "use",
    "introspect": "use",
    "deletion": "use",
    "health": "use",
    "token": "read",
    "report": "read",
    "hand_over": "read",
    "redeem": "read",
    "acquire": "admin",
    "answer": "admin",
    "invite": "admin",
    "accept": "admin",
    "extend": "admin",
    "derive": "admin",
    "send": "admin",
    "receive": "admin",
    "invalidate": "admin",
    "revoke": "admin",
    "revoke_all": "admin",
    "forget": "admin",
    "migrate": "admin",
    "sweep": "admin",
    "reap": "admin",
    "keep": "admin",
}
"""The capability each verb asks for. Whoever could say what an API answered holds the token, so `report` asks
for read; and what a verb returns holds no token for a holder without read."""


CAPABILITIES: Final[frozenset[Capability]] = frozenset(get_args(Capability))


def permitted(may: Iterable[Capability] | Capability) -> frozenset[Capability]:
    """Return *may* as a set; raises Refused("not_permitted") for what is no capability."""
    wanted: frozenset[Any] = frozenset([may] if isinstance(may, str) else may)
    if unknown := wanted - CAPABILITIES:
        raise Refused(
            "not_permitted",
            f"there is no capability {', '.join(map(repr, sorted(map(str, unknown))))}",
            mend=f"there is: {', '.join(sorted(CAPABILITIES))}",
        )
    return wanted


class _Holder(Protocol):
    """A handle, of either engine."""

    @property
    def _engine(self) -> Any: ...

    @property
    def may(self) -> frozenset[Capability]: ...


def demand(may: Iterable[Capability], verb: str) -> None:
    """Raise Refused("not_permitted") unless *may* holds what the verb asks for."""
    wanted, held = VERBS[verb], sorted(may)
    if wanted not in held:
        raise Refused(
            "not_permitted",
            f"`{verb}` asks for `{wanted}`, and this handle may {' and '.join(held) or 'nothing'}",
            mend=f"ask for a handle that may: engine.handle(may=[..., {wanted!r}])",
        )


def _asked(verb: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], T]:
    """Return the verb as a handle has it."""

    @functools.wraps(verb)
    def call(handle: _Holder, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            demand(handle.may, verb.__name__)
            result = verb(handle._engine, *args, **kwargs)
            for token in _news(handle, result):
                handle._engine.desk.audit.given(token)
            return shown(result, handle.may)
        except BaseException:
            del args, kwargs  # a traceback that shows locals would show what was handed over
            raise

    return call


def _awaited(
    verb: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]:
    """Return the verb as a handle of an `AsyncEngine` has it."""

    @functools.wraps(verb)
    async def call(handle: _Holder, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            demand(handle.may, verb.__name__)
            result = await verb(handle._engine, *args, **kwargs)
            for token in _news(handle, result):
                await asyncio.to_thread(handle._engine.desk.audit.given, token)
            return shown(result, handle.may)
        except BaseException:
            del args, kwargs  # a traceback that shows locals would show what was handed over
            raise

    return call


def _news(handle: _Holder, result: object) -> Iterator[Token]:
    """Yield the tokens in *result* whose values go out to a holder for the first time: that is audited."""
    if "read" in handle.may:
        for token in _tokens(result):
            if token.access_token is not None and not handle._engine.desk.audit.was_given(token):
                yield token


def _tokens(result: object) -> Iterator[Token]:
    match result:
        case Token():
            yield result
        case HeldToken() | Explanation():
            yield result.token
        case tuple():
            for one in result:
                yield from _tokens(one)


def shown(result: T, may: Iterable[Capability]) -> T:
    """Return what a verb came to, as a holder of *may* gets it: without read, without a token's values."""
    return result if "read" in may else _veiled(result)


def _veiled(result: Any) -> Any:
    match result:
        case Token():
            return attrs.evolve(result, access_token=None, refresh_token=None)
        case Explanation():
            return attrs.evolve(result, token=_veiled(result.token))
        case tuple():
            return tuple(_veiled(one) for one in result)
    return result


@attrs.frozen
class Handle:
    """What one tenant's tokens may be asked: `engine.handle()`, `engine.for_tenant("acme")`.

    The verbs are the engine's. One that asks for a capability the handle has not raises Refused
    ("not_permitted") before anything happens; another tenant's keys, tickets and codes are as unknown as any.
    It cannot be changed, costs nothing to make, and works until its engine is closed.
    """

    _engine: Engine = attrs.field(repr=False)
    may: frozenset[Capability] = attrs.field(converter=permitted)

    @property
    def tenant(self) -> str:
        """Whose tokens they are."""
        return self._engine.desk.tenant

    use = _asked(Engine.use)
    explain = _asked(Engine.explain)
    whose = _asked(Engine.whose)
    keys = _asked(Engine.keys)
    introspect = _asked(Engine.introspect)
    deletion = _asked(Engine.deletion)
    health = _asked(Engine.health)
    token = _asked(Engine.token)
    report = _asked(Engine.report)
    hand_over = _asked(Engine.hand_over)
    redeem = _asked(Engine.redeem)
    acquire = _asked(Engine.acquire)
    answer = _asked(Engine.answer)
    invite = _asked(Engine.invite)
    accept = _asked(Engine.accept)
    extend = _asked(Engine.extend)
    derive = _asked(Engine.derive)
    send = _asked(Engine.send)
    receive = _asked(Engine.receive)
    invalidate = _asked(Engine.invalidate)
    revoke = _asked(Engine.revoke)
    revoke_all = _asked(Engine.revoke_all)
    forget = _asked(Engine.forget)
    migrate = _asked(Engine.migrate)
    sweep = _asked(Engine.sweep)
    reap = _asked(Engine.reap)
    keep = _asked(Engine.keep)


@attrs.frozen
class AsyncHandle:
    """The same of an open `AsyncEngine`, awaited."""

    _engine: AsyncEngine = attrs.field(repr=False)
    may: frozenset[Capability] = attrs.field(converter=permitted)

    @property
    def tenant(self) -> str:
        """Whose tokens they are."""
        return self._engine.desk.tenant

    use = _awaited(AsyncEngine.use)
    explain = _awaited(AsyncEngine.explain)
    whose = _awaited(AsyncEngine.whose)
    keys = _awaited(AsyncEngine.keys)
    introspect = _awaited(AsyncEngine.introspect)
    deletion = _awaited(AsyncEngine.deletion)
    health = _awaited(AsyncEngine.health)
    token = _awaited(AsyncEngine.token)
    report = _awaited(AsyncEngine.report)
    hand_over = _awaited(AsyncEngine.hand_over)
    redeem = _awaited(AsyncEngine.redeem)
    acquire = _awaited(AsyncEngine.acquire)
    answer = _awaited(AsyncEngine.answer)
    invite = _awaited(AsyncEngine.invite)
    accept = _awaited(AsyncEngine.accept)
    extend = _awaited(AsyncEngine.extend)
    derive = _awaited(AsyncEngine.derive)
    send = _awaited(AsyncEngine.send)
    receive = _awaited(AsyncEngine.receive)
    invalidate = _awaited(AsyncEngine.invalidate)
    revoke = _awaited(AsyncEngine.revoke)
    revoke_all = _awaited(AsyncEngine.revoke_all)
    forget = _awaited(AsyncEngine.forget)
    migrate = _awaited(AsyncEngine.migrate)
    sweep = _awaited(AsyncEngine.sweep)
    reap = _awaited(AsyncEngine.reap)
    keep = _asked(AsyncEngine.keep)
