"""Between flows and the transport: whom one may ask now, and what is learnt from the answer.

A Gate holds each issuer's breaker and budget, shared by all callers and sweeps of an engine. A flow
runs on an Errand: once it was admitted to an issuer, all its requests go there, for half an exchange
would lose what the first half brought.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from random import SystemRandom
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import attrs

from tokenflow.core.answers import body_of
from tokenflow.core.breakers import GENEROUS, Breaker, Bucket
from tokenflow.core.effects import Issuer, Request, Response
from tokenflow.core.errors import AnswerNotUnderstood, IssuerRefused, IssuerUnreachable, SpecError
from tokenflow.core.lifecycles import Meaning
from tokenflow.core.policies import meaning_among, until_of
from tokenflow.core.tokens import SECOND
from tokenflow.engine.clocks import Clock
from tokenflow.engine.forks import ForkLock
from tokenflow.engine.transports import Transport

PATIENCE: Final = 5.0
"""Seconds a caller waits for a spent budget, before it is told."""
_NO_WORD: Final = 60 * SECOND
"""How long a budget is closed by a 429 that does not say."""
_LONGEST: Final = 3600 * SECOND
"""An issuer that asks for more silence is asked again after an hour: tokens may end meanwhile."""
_READ: Final = ("token_endpoint", "introspection_endpoint")
"""Endpoints whose answers have a form; one without it is no answer."""
_GATEWAY: Final = (502, 503, 504)


@attrs.frozen(kw_only=True)
class IssuerHealth:
    """How an issuer stands with an engine."""

    issuer: str
    client_id: str
    breaker: str
    """closed (it is asked), open (it is left alone), or half_open (one call tries)."""
    asked_again_in: float
    """Seconds until it may be asked by a sweep; 0: now."""
    budget_left: int
    """How many calls may go out at once."""


@attrs.frozen
class _Standing:
    breaker: Breaker = attrs.field(factory=Breaker)
    bucket: Bucket = attrs.field(factory=Bucket)


class Gate:
    """Whom an engine may ask now. May be used from any thread; times are of the boot-time clock."""

    def __init__(
        self,
        issuers: Mapping[str, Issuer],
        meanings: Callable[[str], Iterable[Meaning]],
        clock: Clock,
        chance: Callable[[], float] | None = None,
    ) -> None:
        """*meanings* are of an issuer's own document. *chance* in [0, 1) spreads rests; by default the
        system's, for a fork repeats the numbers of any other (security.md H7).
        """
        self._issuers, self._meanings, self._clock = issuers, meanings, clock
        self._chance = chance or SystemRandom().random
        self._lock = ForkLock()
        self._standings: dict[str, _Standing] = {}
        self._waiting: Counter[str] = Counter()

    def waits(self, name: str, *, leisurely: bool) -> int:
        """Return how long, in microseconds, until the issuer may be asked; 0: now, or nobody knows it.

        *leisurely* is a sweep, which leaves a quarter of the burst to callers and goes behind them.
        """
        issuer, now = self._known(name), self._clock.reading().boot
        if issuer is None:
            return 0
        with self._lock:
            return self._waits(issuer, now, leisurely=leisurely)

    def take(self, name: str, *, leisurely: bool) -> int:
        """Return 0 and count a call, or how long to wait."""
        issuer, now = self._known(name), self._clock.reading().boot
        if issuer is None:
            return 0
        with self._lock:
            wait = self._waits(issuer, now, leisurely=leisurely)
            if not wait:
                self._spend(issuer, now, leisurely=leisurely)
            return wait

    def spend(self, name: str, *, leisurely: bool) -> None:
        """Count a further call of an errand that was admitted."""
        issuer = self._known(name)
        if issuer is not None:
            with self._lock:
                self._spend(issuer, self._clock.reading().boot, leisurely=leisurely)

    def rests(self, name: str) -> bool:
        """Return whether the issuer is left alone because it does not answer."""
        with self._lock:
            return self._of(name).breaker.waits(self._clock.reading().boot) > 0

    @contextmanager
    def queue(self, name: str) -> Iterator[None]:
        """Have sweeps stand back while a caller waits."""
        with self._lock:
            self._waiting[name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting[name] -= 1

    def answered(self, name: str, request: Request, response: Response | None) -> None:
        """Learn from an answer (None: one that could not be read): it is there, in trouble, or wants less."""
        issuer, reading = self._known(name), self._clock.reading()
        if issuer is None:
            return
        kind, wait = _verdict(issuer, self._meanings, request, response, reading.wall)
        with self._lock:
            if kind == "transient":
                self._failed(issuer, reading.boot, at_least=wait)
                return
            self._succeeded(issuer, reading.boot)
            if kind == "rate_limited":
                standing = self._of(name)
                bucket = standing.bucket.closed(issuer.budget, reading.boot + (wait or _NO_WORD))
                self._standings[name] = attrs.evolve(standing, bucket=bucket)

    def silent(self, name: str) -> None:
        """Learn that no answer came."""
        issuer = self._known(name)
        if issuer is not None:
            with self._lock:
                self._failed(issuer, self._clock.reading().boot)

    def probe(self, name: str) -> int | None:
        """Return what marks the one call that tries whether the issuer is back; None while none is out."""
        with self._lock:
            return self._of(name).breaker.probe

    def nothing_sent(self, name: str, probe: int | None) -> None:
        """Learn that an errand asked nothing: another may try, if its *probe* was the one that is out."""
        with self._lock:
            standing = self._of(name)
            if probe is not None and standing.breaker.probe == probe:
                breaker = attrs.evolve(standing.breaker, probe=None)
                self._standings[name] = attrs.evolve(standing, breaker=breaker)

    def route(self, url: str, admitted: Iterable[str] = ()) -> str | None:
        """Return the issuer a URL belongs to: the longest endpoint it lies below, else its host's.

        Of several with the same endpoints (two apps at one issuer) it is one that is *admitted* already.
        """
        plain, host, found, length = url.partition("?")[0], urlsplit(url)[:2], None, -1
        for name in dict.fromkeys((*admitted, *self._issuers)):
            issuer = self._known(name)
            for endpoint in () if issuer is None else issuer.endpoints.values():
                within = plain == endpoint or plain.startswith(f"{endpoint.rstrip('/')}/")
                fits = len(endpoint) if within else 0 if urlsplit(endpoint)[:2] == host else -1
                if fits > length:
                    found, length = name, fits
        return found

    def health(self) -> tuple[IssuerHealth, ...]:
        """Return how every issuer stands that was asked so far, by name."""
        now = self._clock.reading().boot
        with self._lock:
            return tuple(
                IssuerHealth(
                    issuer=name,
                    client_id=issuer.client_id,
                    breaker=_word(standing.breaker, now),
                    asked_again_in=self._waits(issuer, now, leisurely=True) / SECOND,
                    budget_left=standing.bucket.left(issuer.budget, now),
                )
                for name, standing in sorted(self._standings.items())
                if (issuer := self._known(name)) is not None
            )

    def _known(self, name: str) -> Issuer | None:
        try:
            return self._issuers.get(name)
        except SpecError:  # a pinned spec may name one that is gone: the flow says so
            return None

    def _of(self, name: str) -> _Standing:
        return self._standings.get(name, _Standing())

    def _waits(self, issuer: Issuer, now: int, *, leisurely: bool) -> int:
        standing, budget = self._of(issuer.name), issuer.budget
        wait = standing.breaker.waits(now)
        if _unlimited(issuer, standing.bucket, leisurely=leisurely):
            return max(wait, standing.bucket.shut - now)
        wait = max(wait, standing.bucket.waits(budget, now, spare=budget.burst // 4 if leisurely else 0))
        return max(wait, budget.interval) if leisurely and self._waiting[issuer.name] else wait

    def _spend(self, issuer: Issuer, now: int, *, leisurely: bool) -> None:
        standing = self._of(issuer.name)
        free = _unlimited(issuer, standing.bucket, leisurely=leisurely)
        self._standings[issuer.name] = _Standing(
            standing.breaker.asked(issuer.breaker, now),
            standing.bucket if free else standing.bucket.taken(issuer.budget, now),
        )

    def _succeeded(self, issuer: Issuer, now: int) -> None:
        standing = self._of(issuer.name)
        bucket = standing.bucket
        if standing.breaker.rests:  # it is back: the herd that waited is let through slowly at first
            bucket = bucket.emptied(issuer.budget, now)
        self._standings[issuer.name] = _Standing(standing.breaker.on_success(), bucket)

    def _failed(self, issuer: Issuer, now: int, *, at_least: int = 0) -> None:
        standing = self._of(issuer.name)
        breaker = standing.breaker.on_failure(issuer.breaker, now, self._chance(), at_least=at_least)
        self._standings[issuer.name] = attrs.evolve(standing, breaker=breaker)


class Errand:
    """A transport for one flow, through the gate."""

    def __init__(self, gate: Gate, transport: Transport, *, leisurely: bool = False) -> None:
        """*leisurely*: a sweep's, which may wait; a caller's goes first."""
        self._gate, self._transport, self._leisurely = gate, transport, leisurely
        self._admitted: dict[str, int | None] = {}
        """To which issuers, and the gate's probe by then: it is this errand's, if there is one."""
        self._unused: set[str] = set()
        """Admitted to, and not asked yet: the call is counted."""

    def another(self, *, leisurely: bool) -> "Errand":
        """Return a new errand by the same gate and transport."""
        return Errand(self._gate, self._transport, leisurely=leisurely)

    async def admit(self, name: str) -> None:
        """Return when the issuer may be asked; raises IssuerUnreachable, nothing sent.

        A caller waits up to PATIENCE seconds for a budget; nobody waits for an issuer that rests.
        """
        if name in self._admitted:
            return
        wait = self._gate.take(name, leisurely=self._leisurely)
        if wait and not self._leisurely:
            wait = await self._in_turn(name, wait)
        if wait:
            why = "does not answer and is left alone" if self._gate.rests(name) else "has had its calls"
            again = -(-wait // SECOND)
            raise IssuerUnreachable(f"{name} {why} just now; it is asked again in {again} s", sent=False)
        self._admitted[name] = self._gate.probe(name)
        self._unused.add(name)

    async def _in_turn(self, name: str, wait: int) -> int:
        """Wait for a call, and return 0, or how much longer it would take."""
        clock = asyncio.get_running_loop().time
        until = clock() + PATIENCE
        with self._gate.queue(name):
            while wait and clock() + wait / SECOND <= until and not self._gate.rests(name):
                await asyncio.sleep(wait / SECOND)
                wait = self._gate.take(name, leisurely=False)
        return wait

    async def send(self, request: Request, *, step: str | None = None, within: int | None = None) -> Response:
        """Return the response; raises IssuerUnreachable or AnswerNotUnderstood, and what a transport does.

        *within* is how many microseconds the exchange may take, if that is less than the transport's own.
        """
        name = self._gate.route(request.url, sorted(self._admitted))
        if name is None:
            return await self._exchanged(request, step, within)
        if name in self._unused:
            self._unused.discard(name)
        elif name in self._admitted:
            self._gate.spend(name, leisurely=self._leisurely)
        else:
            await self.admit(name)
            self._unused.discard(name)
        try:
            response = await self._exchanged(request, step, within)
        except IssuerUnreachable:
            self._gate.silent(name)
            raise
        except AnswerNotUnderstood:
            self._gate.answered(name, request, None)
            raise
        except BaseException:  # cut short, or never sent: nothing is learnt
            self._gate.nothing_sent(name, self._admitted[name])
            raise
        self._gate.answered(name, request, response)
        return response

    async def _exchanged(self, request: Request, step: str | None, within: int | None) -> Response:
        if within is None:
            return await self._transport.send(request, step=step)
        try:
            async with asyncio.timeout(within / SECOND):
                return await self._transport.send(request, step=step)
        except TimeoutError:
            failure = IssuerUnreachable(f"no answer came within {within / SECOND:g} s", sent=True)
        raise failure  # outside the handler: no frame that held the request is chained to it

    async def close(self) -> None:
        """Close connections."""
        await self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self._unused:
            self._gate.nothing_sent(name, self._admitted[name])


def _verdict(
    issuer: Issuer,
    meanings: Callable[[str], Iterable[Meaning]],
    request: Request,
    response: Response | None,
    now: int,
) -> tuple[str, int]:
    """Return what an answer means (fine, transient, rate_limited or another no), and for how long at least.

    Elsewhere an application calls what it likes: only a gateway's no, or a limit, is news there.
    """
    read = request.url.partition("?")[0] in {issuer.endpoints.get(name) for name in _READ}
    if response is None or (not read and response.status < 400):
        return ("transient" if read else "fine"), 0
    try:
        body_of(response, issuer.response)
    except IssuerRefused as no:
        meaning = meaning_among(meanings(issuer.name), no)
        kind = "rate_limited" if response.status == 429 else meaning.kind  # it is there, whatever it calls it
        if kind == "transient" and not read and response.status not in _GATEWAY:
            return "fine", 0
        until = until_of(meaning, no, now)
        return kind, 0 if until is None else max(0, min(until - now, _LONGEST))
    except AnswerNotUnderstood:
        return "transient", 0
    return "fine", 0


def _unlimited(issuer: Issuer, bucket: Bucket, *, leisurely: bool) -> bool:
    """Return whether calls are not counted: a caller's, where no budget is declared and no herd is let in."""
    return issuer.budget is GENEROUS and not leisurely and bucket.ramp is None


def _word(breaker: Breaker, now: int) -> str:
    if not breaker.rests:
        return "closed"
    return "open" if now < breaker.until else "half_open"
