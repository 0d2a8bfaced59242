"""The model issuer: it grants what the spec plans for, rotates as its document says, and fails when told.

It stands where plugins stand, so the flows above it are the engine's own. Its one truth is of the
one token it gave last: until when it lives, and which refresh token is the current one.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol

import attrs

from tokenflow.core.effects import Code, Exchange, Flow, Issuer, Order, now
from tokenflow.core.errors import IssuerError, IssuerRefused, IssuerUnreachable, Refused, Rejected
from tokenflow.core.issuers import run_of
from tokenflow.core.lifecycles import CommandSpec, Lifecycle
from tokenflow.core.policies import meaning_of
from tokenflow.core.secret import Secret
from tokenflow.core.setting import AcquireFlow, CommandFlow, DeriveFlow
from tokenflow.core.steps import choose, payload_of, view_of
from tokenflow.core.tokens import NEVER, At, Expiry, Grant, Inspection, Instant, Token, TokenKind

VALUE: Final = Secret("simulated")
FAR: Final[Instant] = 1 << 62
"""Later than anything."""
_EMPTY: Final = {"list": (), "integer": 0, "number": 0, "boolean": False, "instant": None}


class Allowance(Protocol):
    """An issuer's limit on calls."""

    def take(self, at: Instant) -> int | None:
        """Take one call; return None, or in how many seconds to come again."""

    def room(self, at: Instant, calls: int) -> bool:
        """Take *calls* if there is room for them all, and return whether there was."""


@attrs.frozen
class Called:
    """One call: which, and whether it was answered, refused, limited or lost."""

    name: str
    outcome: str = "answered"


@attrs.frozen
class Trouble:
    """What the issuer does wrong: in a span of time, or with the next call (both instants None)."""

    what: str
    """outage, refuse or lose."""
    kind: str = ""
    """The class of the refusal."""
    since: Instant | None = None
    until: Instant | None = None


@attrs.define(kw_only=True)
class ModelIssuer:
    """Its flows answer at once; `calls` gathers what was asked of it."""

    lifecycle: Lifecycle
    contract: Issuer
    expires_in: int | None = None
    allowance: Allowance | None = None
    spans: tuple[Trouble, ...] = ()
    """Troubles with a beginning and an end, the earliest first."""
    calls: list[Called] = attrs.field(factory=list)
    waiting: list[Trouble] = attrs.field(factory=list)
    """Troubles that the next calls meet, one each."""
    dead: bool = False
    ends: Expiry = NEVER
    refresh: Secret | None = None
    used: tuple[Secret | None, Instant] = (None, 0)
    """The refresh token before this one, and when it was replaced."""
    given: int = 0

    def acquire(self, name: str) -> AcquireFlow:
        """Return the flow of a first acquisition: whoever has to consent does."""

        def flow(order: Order) -> Flow[Grant]:
            at = yield from now()
            self._meet("acquire", at)
            self.dead = False
            life = self.expires_in if self.expires_in is not None else self._life_at_birth(order, at)
            grant = self._grant(at, life, rotated=self._refreshes())
            return attrs.evolve(grant, attributes={**self._facts(), **order.attributes})

        return flow

    def login_in(self, name: str, order: Order) -> str | None:
        """Return None: here every login is a new one."""
        return None

    def command(self, name: str) -> CommandFlow:
        """Return the flow of a command."""

        def flow(order: Order) -> Flow[Grant | Inspection | None]:
            at = yield from now()
            command = self._command(name, order)
            lost = self._meet(command.name if command is not None else name, at)
            answer = self._answer(command, order, at)
            if lost:
                self.calls[-1] = Called(self.calls[-1].name, "lost")
                raise IssuerUnreachable("the answer was lost on its way", sent=True)
            return answer

        return flow

    def exchange(self, name: str) -> Exchange:
        """Return the flow of a code exchange; the acquisition it belongs to is one call here."""

        def flow(order: Order, code: Code) -> Flow[Grant]:
            return self._grant((yield from now()), self.expires_in, rotated=self._refreshes())

        return flow

    def derive(self, name: str) -> DeriveFlow:
        """Return the flow of a deriver; a simulation follows one token, not its children."""

        def flow(order: Order) -> Flow[Sequence[Grant]]:
            yield from now()
            return ()

        return flow

    def believe(self, token: Token) -> None:
        """Take *token*, which came out of a fast lane, for the one it gave last."""
        self.ends, self.refresh, self.dead = token.expires, token.refresh_token, False

    def in_trouble(self, at: Instant) -> bool:
        """Return whether it may answer otherwise than well."""
        return self.dead or bool(self.waiting) or self._in_span(at) is not None

    def well_until(self, at: Instant) -> Instant:
        """Return when the next span of trouble begins; far away when none will."""
        return next((one.since for one in self.spans if one.since is not None and one.since >= at), FAR)

    def _in_span(self, at: Instant) -> Trouble | None:
        for one in self.spans:
            assert one.since is not None, "a span has a beginning"
            assert one.until is not None, "a span has an end"
            if one.since <= at < one.until:
                return one
        return None

    def _meet(self, name: str, at: Instant) -> bool:
        """Note a call; raise what stands in its way; return whether its answer is to be lost."""
        found = self.waiting.pop(0) if self.waiting else self._in_span(at)
        if found is not None and found.what == "outage":
            self.calls.append(Called(name, "failed"))
            raise IssuerUnreachable("the issuer is out", sent=False)
        wait = self.allowance.take(at) if self.allowance is not None else None
        if wait is not None:
            self.calls.append(Called(name, "limited"))
            raise IssuerRefused("too many calls", status=429, facts={}, retry_after=wait)
        if found is not None and found.what == "refuse":
            self.calls.append(Called(name, "refused"))
            raise refusal(self.lifecycle, found.kind)
        self.calls.append(Called(name))
        return found is not None

    def _answer(self, command: CommandSpec | None, order: Order, at: Instant) -> Grant | Inspection | None:
        over = isinstance(self.ends, At) and self.ends.instant <= at
        if command is None or (command.produces is None and not command.rotates):
            if command is not None and command.name == "revoke":
                self.dead = True
                return None
            asked = order.token.access_token if order.token is not None else None
            spent = asked is not None and asked != VALUE and not self._current(asked, at)
            told = {**order.attributes, **({} if order.grant is None else order.grant.attributes)}
            subject = told.get("user_id")
            return Inspection(
                active=not (self.dead or over or spent),
                app_id=order.issuer.client_id,
                subject=None if subject is None else str(subject),
                scope=order.scope if order.grant is None else order.grant.scope,
                expires=self.ends,
            )
        presented = order.token.refresh_token if order.token is not None else None
        if self.dead or (command.rotates and not self._current(presented, at)):
            self.dead = True
            self.calls[-1] = Called(self.calls[-1].name, "refused")
            raise refusal(self.lifecycle, "revoked")
        return self._grant(at, self._life_after(command, order), rotated=command.rotates)

    def _current(self, presented: Secret | None, at: Instant) -> bool:
        """Return whether a refresh token may be used: one that was used before only as the contract says."""
        if presented is None or self.contract.rotation == "none" or presented == self.refresh:
            return True
        older, since = self.used
        if presented != older:
            return False
        return self.contract.rotation == "idempotent" or (
            self.contract.rotation == "grace" and at < since + self.contract.grace
        )

    def _grant(self, at: Instant, life: int | None, *, rotated: bool) -> Grant:
        self.ends = NEVER if life is None else At(at + life)
        if rotated and (self.refresh is None or self.contract.rotation != "none"):
            self.used, self.refresh = (self.refresh, at), self._another()
        return Grant(access_token=VALUE, refresh_token=self.refresh if rotated else None, expires=self.ends)

    def _another(self) -> Secret:
        """Return a refresh token unlike the last; one out of a fast lane has a name that comes yet."""
        self.given += 1
        made = Secret(f"simulated-{self.given}")
        return made if made != self.refresh else self._another()

    def _command(self, name: str, order: Order) -> CommandSpec | None:
        """Return the spec's command that a plugin's flow is asked for."""
        found = [one for one in self.lifecycle.commands.values() if one.use == name]
        exact = [one for one in found if dict(one.options) == dict(order.options)]
        return next(iter(exact or found), None)

    def _life_at_birth(self, order: Order, at: Instant) -> int | None:
        """Return how long a first value lives: as the state it leads to plans, or as the acquisition says."""
        spec = self.lifecycle
        declared = spec.acquisitions[order.platform].lifetime
        asked = Token(
            key=order.key,
            tenant="default",
            id=order.key,
            kind=TokenKind(spec.kind),
            lifecycle=spec.ref,
            digest=spec.digest,
            issuer=spec.issuer,
            state=spec.initial,
            entered_at=at,
            platform=order.platform,
            runs_on=order.runs_on,
            attributes={**self._facts(), **order.attributes},
        )
        payload = payload_of(spec, "acquired", {"lifetime": declared, "platform": order.platform})
        try:
            row = choose(spec, asked, "acquired", view_of(spec, asked, event=payload))
        except Rejected:
            row = None  # what comes of it is the flow's to say
        planned = None if row is None else spec.states[row.target or spec.initial].lifetime
        return self._typical(planned or declared)

    def _life_after(self, command: CommandSpec, order: Order) -> int | None:
        """Return how long the new value lives: as the state it leads to plans, or as the command says."""
        token, lifecycle = order.token, self.lifecycle
        for event in lifecycle.states[token.state].accepts if token is not None else ():
            assert token is not None
            view = view_of(lifecycle, token, event=payload_of(lifecycle, event, None))
            for row in lifecycle.chooser.rows(event, token.state):
                if row.data.get("do") == command.name and all(c.check(view) is True for c in row.conditions):
                    return self._typical(
                        lifecycle.states[row.target or token.state].lifetime or command.produces
                    )
        return self._typical(command.produces)

    def _typical(self, name: str | None) -> int | None:
        lifetime = self.lifecycle.lifetimes.get(name or "")
        return None if lifetime is None else lifetime.typical

    def _refreshes(self) -> bool:
        return any(command.rotates for command in self.lifecycle.commands.values())

    def _facts(self) -> dict[str, Any]:
        """Return something for every attribute the lifecycle declares without a default."""
        return {
            name: _EMPTY.get(spec.get("type", "string"), f"simulated-{name}")
            for name, spec in self.lifecycle.attributes.items()
            if "default" not in spec
        }


def refusal(lifecycle: Lifecycle, kind: str) -> IssuerError:
    """Return an issuer's no that the spec takes for *kind*; raises Refused when it knows none."""
    if kind == "transient":
        return IssuerUnreachable("the issuer did not answer", sent=False)
    facts = [{name: _one_of(wanted) for name, wanted in one.match.items()} for one in lifecycle.meanings]
    status = 429 if kind == "rate_limited" else 400
    for said in ({}, *facts):
        no = IssuerRefused(f"the issuer refused: {kind}", status=status, facts=said)
        if meaning_of(lifecycle, no).kind == kind:
            return no
    known = ", ".join(sorted({one.kind for one in lifecycle.meanings} | {"transient", "rate_limited"}))
    raise Refused(
        "unknown_class", f"{lifecycle.ref} takes no answer of its issuer for {kind!r}; it knows: {known}"
    )


def _one_of(wanted: Any) -> object:
    first = wanted[0] if isinstance(wanted, list | tuple) else wanted
    run = run_of(first)
    if run is not None:
        return run[0]
    return f"{first[0]}00" if isinstance(first, str) and first.endswith("xx") else first
