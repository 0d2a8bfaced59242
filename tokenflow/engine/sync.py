"""`Engine`: serves usable tokens by key, to threads."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from tokenflow.core.errors import PromptPending
from tokenflow.core.tokens import Token
from tokenflow.engine import adopting, reaping, receiving, recognising, revoking, stopping, tickets
from tokenflow.engine.desk import Desk
from tokenflow.engine.handles import Keeping
from tokenflow.engine.held import HeldToken
from tokenflow.engine.keeper import Keeper
from tokenflow.engine.loop import forgetting
from tokenflow.engine.opening import Options, open_desk
from tokenflow.engine.sweeping import IN_FLIGHT
from tokenflow.engine.wishes import Kept, Wanted

if TYPE_CHECKING:
    from tokenflow.engine.access import Capability, Handle

P = ParamSpec("P")
T = TypeVar("T")


def waited(verb: Callable[Concatenate[Desk, P], "Future[T]"]) -> Callable[Concatenate["Engine", P], T]:
    """Return the verb as a plain call: start it on the engine's loop and wait for its outcome."""

    @functools.wraps(verb)
    def call(engine: "Engine", /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            with forgetting():
                future = verb(engine.desk, *args, **kwargs)
        finally:
            del args, kwargs  # a traceback that shows locals would show what was handed over
        return future.result()

    return call


class Engine:
    """Serves usable tokens by key. Any number of threads may share one.

    A caller that goes away (an exception, Ctrl-C) cancels nothing: what was begun is finished and
    kept by the engine's own thread.
    """

    def __init__(self, desk: Desk) -> None:
        """Use `Engine.open`."""
        self.desk = desk

    @classmethod
    def open(cls, specs: Sequence[str | Path], store: Any = "memory", **options: Any) -> Self:
        """Open an engine on *specs* (names of shipped specs, or files) and a *store* URL.

        Options are those of `tokenflow.Options`. Raises SpecError, PluginError, StoreError.
        """
        return cls(open_desk(specs, store, Options(**options)))

    def token(self, key: str, *, by: str | None = None) -> HeldToken:
        """Return a usable token: fresh from memory, else extended or acquired as its lifecycle says.

        *by*: the key of the token of whoever asks; Refused("not_theirs") unless it is that one, or derived
        from it.
        Raises TokenNotFound, PersonNeeded when a login is needed, IssuerError when it is over and the
        issuer did not help.
        """
        held = self.desk.cache.get(key, self.desk.clock()) if by in (None, key) else None
        return held if held is not None else self.desk.token(key, by).result()

    def acquire(
        self,
        /,
        key: str,
        *,
        prompt: Callable[[PromptPending], Mapping[str, str] | None] | None = None,
        **how: Any,
    ) -> Token:
        """Get a first token for *key*: `lifecycle=`, `platform=`, and `payload=` or `prompt=`.

        *prompt* is given what a person has to see, `.url`, and returns the parameters that came back. Where
        there is a `.user_code` beside it, it only shows both, and the issuer is asked here, in its own time,
        until the person has decided. Without *prompt* PromptPending is raised and the login stays parked
        for `answer`.
        """
        try:
            with forgetting():
                future = self.desk.acquire(key, **how)
        finally:
            del how  # a traceback that shows locals would show what was handed over
        try:
            return future.result()
        except PromptPending as pending:
            if prompt is None:
                raise
            parked = pending
        params = prompt(parked)
        if parked.poll is not None:
            return self.desk.decided(key).result()
        return self.answer(key, params or {})

    answer = waited(Desk.answer)
    extend = waited(Desk.extend)
    send = waited(Desk.send)
    derive = waited(Desk.derive)
    introspect = waited(Desk.introspect)
    invalidate = waited(Desk.invalidate)
    revoke = waited(revoking.revoke)
    revoke_all = waited(revoking.revoke_all)
    use = waited(Desk.use)
    report = waited(Desk.report)
    hand_over = waited(tickets.hand_over)
    redeem = waited(tickets.redeem)
    invite = waited(tickets.invite)
    accept = waited(tickets.accept)
    receive = waited(receiving.receive)
    deletion = waited(receiving.deletion)
    explain = waited(Desk.explain)
    whose = waited(recognising.whose)
    keys = waited(Desk.keys)
    forget = waited(Desk.forget)
    migrate = waited(Desk.migrate)
    sweep = waited(Desk.sweep)
    health = waited(Desk.health)
    reap = waited(reaping.reap)
    adopt = waited(adopting.adopt)
    stop_refreshing = waited(stopping.stop_refreshing)
    resume_refreshing = waited(stopping.resume_refreshing)

    def keep(
        self,
        wishes: Sequence[Wanted] | None = None,
        *,
        tell: Callable[[Kept], None] | None = None,
        in_flight: int = IN_FLIGHT,
    ) -> Keeping:
        """Keep every token in the store alive: `with engine.keep(): ...`, or `engine.keep().run()`.

        *wishes*, by default those of the Tokens documents the engine was opened with, are acquired when
        missing. *tell* hears, on the engine's thread, how a wanted token stands whenever that changes.
        *in_flight* tokens are attended to at once.
        """
        chosen = self.desk.wishes if wishes is None else wishes
        return Keeping(Keeper(self.desk, chosen, tell=tell, in_flight=in_flight))

    def for_tenant(self, tenant: str, *, may: "Iterable[Capability] | Capability" = "use") -> "Handle":
        """Return a handle on another tenant's tokens, in the same store: see `Handle`.

        Raises Refused ("bad_tenant", "not_permitted").
        """
        return _handle(self.desk, tenant, may)

    def handle(self, *, may: "Iterable[Capability] | Capability" = "use") -> "Handle":
        """Return a handle on the engine's own tenant's tokens that can do no more than *may* says.

        Raises Refused ("not_permitted").
        """
        return _handle(self.desk, self.desk.tenant, may)

    def close(self) -> None:
        """Let what runs end, then close transport and store."""
        self.desk.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _handle(desk: Desk, tenant: str, may: "Iterable[Capability] | Capability") -> "Handle":
    from tokenflow.engine.access import Handle

    assert desk.tenants is not None, "an engine is opened on its own tenant's desk"
    return Handle(Engine(desk.tenants.desk(tenant)), may)
