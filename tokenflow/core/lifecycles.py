"""A lifecycle: the table a spec declares, as values. `compiling` makes one, `steps` walks it."""

from collections.abc import Mapping
from typing import Any

import attrs

from tokenflow.core._machine import Chooser
from tokenflow.core.conditions import Condition
from tokenflow.core.drawings import dot, mermaid, picture_of
from tokenflow.core.issuers import Clue
from tokenflow.core.moments import Timer


@attrs.frozen(kw_only=True)
class Lifetime:
    """How long a class of token is expected to live; a planning value, the issuer's answer wins."""

    name: str
    typical: int | None
    """Microseconds; None is never."""
    at_least: int | None = None
    at_most: int | None = None
    if_silent: str = "assume_typical"
    """assume_typical, ask_issuer, never_expires or fail (rule T3)."""


@attrs.frozen(kw_only=True)
class SecretSpec:
    """A secret by reference, and where it may be."""

    reference: str
    custody: str = "server"


@attrs.frozen(kw_only=True)
class Acquisition:
    """One way to get a first token: `acquire.<platform>`."""

    platform: str
    use: str
    runs_on: str
    verify: str | None = None
    lifetime: str | None = None
    secrets: tuple[str, ...] = ()
    consent: str = "none"
    """person, admin or none: who has to agree."""
    kept_by: str = "tokenflow"
    keep_value: bool = True
    scope: tuple[str, ...] = ()
    when: tuple[Condition, ...] = ()
    options: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Derivation:
    """How child tokens come from a parent: `derive`."""

    parents: tuple[str, ...]
    """Lifecycle names; the parent is of any of them."""
    use: str
    when: tuple[Condition, ...] = ()
    advice: str | None = None
    """What to do where the parent is not what `when` wants."""
    runs_on: tuple[str, ...] = ("server",)
    secrets: tuple[str, ...] = ()
    set: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    """attribute -> item.x, parent.x or app.x: the first that is known."""
    lifetime: str = "answer"
    on_parent: Mapping[str, str] = attrs.field(factory=dict)
    """parent's event -> event raised on the child."""
    unlisted: str | None = None
    """Event raised on a child that the issuer does not name any more; None: nothing is."""
    unlisted_payload: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Retry:
    """When a failed command is tried again (rule R1)."""

    attempts: int = 1
    first: int = 5_000_000
    factor: int = 2
    longest: int = 3_600_000_000
    jitter: bool = True
    only: frozenset[str] = frozenset({"transient", "rate_limited"})


@attrs.frozen(kw_only=True)
class CommandSpec:
    """A named call to the issuer: `commands.<name>`."""

    name: str
    use: str
    runs_on: str = "server"
    secrets: tuple[str, ...] = ()
    produces: str | None = None
    rotates: bool = False
    idempotent: bool = False
    timeout: int | None = None
    """Microseconds an exchange of it may take; None: as long as any (ruling 30)."""
    lease: int = 120 * 1_000_000
    """Microseconds one worker owns an attempt and the token's clock waits for it (rule T11)."""
    retry: Retry = Retry()
    options: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Substitute:
    """What is given in the token's place when it is handed over: `hand_over`."""

    use: str
    """A command that brings a code."""
    to: frozenset[str]
    """client, server, or both: who gets it."""
    when: tuple[Condition, ...] = ()
    """What has to hold of the token; else it is given itself."""
    secrets: tuple[str, ...] = ()
    options: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Rule:
    """A policy: `rules`."""

    id: str
    applies_to: frozenset[str]
    because: str
    deny_when: tuple[Condition, ...] = ()
    warn_when: tuple[Condition, ...] = ()


@attrs.frozen(kw_only=True)
class Meaning:
    """What an issuer's no means: `errors`; the first that matches counts."""

    match: Mapping[str, Any]
    kind: str
    """transient, rate_limited, reconsent, permanent, configuration, revoked or expired."""
    event: str | None = None
    payload: Mapping[str, Any] = attrs.field(factory=dict)
    advice: str | None = None
    until: Clue | None = None
    """Where the answer says until when to wait, if not in Retry-After."""


@attrs.frozen(kw_only=True)
class State:
    """One state: what may be done in it, and its timers."""

    name: str
    usable: bool = False
    final: bool = False
    lifetime: str | None = None
    absorbs: frozenset[str] = frozenset()
    timers: tuple[Timer, ...] = ()
    accepts: tuple[str, ...] = ()
    """Events with a transition here, its own before everywhere's (rule E1)."""


@attrs.frozen(kw_only=True, eq=False)
class Lifecycle:
    """One version of a spec, compiled. Read-only: any number of tokens and threads share it."""

    name: str
    version: str
    digest: str
    kind: str
    issuer: str
    sensitivity: str
    identity: tuple[str, ...]
    attributes: Mapping[str, Mapping[str, Any]]
    may_live: frozenset[str]
    transport: str
    """https, or none: it may not move."""
    app: Mapping[str, Any]
    """Facts of the registered app."""
    secrets: Mapping[str, SecretSpec]
    lifetimes: Mapping[str, Lifetime]
    skew: int
    backward_tolerance: int
    acquisitions: Mapping[str, Acquisition]
    derivation: Derivation | None
    commands: Mapping[str, CommandSpec]
    events: Mapping[str, Mapping[str, Any]]
    """event -> defaults of its payload."""
    initial: str
    states: Mapping[str, State]
    rules: tuple[Rule, ...]
    meanings: tuple[Meaning, ...]
    clues: tuple[Clue, ...] = ()
    """What the meanings look at in an answer beyond its own codes."""
    hand_over: Substitute | None = None
    """None: whoever may be given the token is given itself."""
    chooser: Chooser = attrs.field(repr=False)
    spec: Mapping[str, Any] = attrs.field(repr=False)
    """The resolved document, as the store keeps it under `digest` (rule M1)."""

    @property
    def ref(self) -> str:
        """name@version."""
        return f"{self.name}@{self.version}"

    def mermaid(self) -> str:
        """Return the lifecycle as a Mermaid state diagram."""
        return mermaid(picture_of(self))

    def dot(self) -> str:
        """Return the lifecycle as DOT, for Graphviz."""
        return dot(picture_of(self))
