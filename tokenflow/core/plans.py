"""A plan: what would be done to which token and when, as a value that can be kept, read and held to.

Nothing here looks or acts. `runner.planning` makes a plan, `flows.planned` does one act of it.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow.core.errors import Refused
from tokenflow.core.events import AttemptBegun, Happened, Migrated, Transitioned
from tokenflow.core.tokens import Instant, Token, frozen_mapping

FORM: Final = 1
"""The version of a plan's JSON. It grows when an older tokenflow would misread it."""

UNBORN: Final = "planned-"
"""What ids begin with that are made up while planning."""


@attrs.frozen(kw_only=True)
class Sight:
    """What a token was when the plan was made, or would be by then; all empty where there was none."""

    id: str | None = None
    """None as well for one that the plan itself acquires: nobody knows its id yet."""
    revision: int = 0
    state: str | None = None

    @classmethod
    def of(cls, token: Token | None) -> "Sight":
        """Return what is seen of *token*."""
        if token is None:
            return cls()
        known = None if token.id.startswith(UNBORN) else token.id
        return cls(id=known, revision=token.revision, state=token.state)

    def fits(self, token: Token | None) -> bool:
        """Return whether *token* is what was seen."""
        now = Sight.of(token)
        return now == self or (self.id is None and attrs.evolve(now, id=None) == self)


@attrs.frozen(kw_only=True)
class Reason:
    """One condition of a row, and what it comes to."""

    needs: str
    verdict: str
    """yes, no, depends (on what is not known yet) or error."""
    leads_to: str
    """The state its row leads to."""


@attrs.frozen(kw_only=True)
class Act:
    """One thing that would be done to one token."""

    key: str
    does: str
    """fire (an event is taken), acquire, migrate, or refuse (it is due, and would not be taken)."""
    due: Instant
    """When it falls due; in the past for what is late."""
    at: Instant
    """When it would be done: never before the plan was made."""
    lifecycle: str
    """name@version the token follows, or would."""
    event: str | None = None
    timer: str | None = None
    hard: bool = False
    """A fact about the world, not an act of ours (rule T8)."""
    command: str | None = None
    source: str | None = None
    state: str | None = None
    """Where it would stand then; None when that is not known."""
    ends: bool = False
    """Whether it would be over then."""
    calls: tuple[tuple[str, str], ...] = ()
    """(issuer, what is asked of it), in order."""
    begins: tuple[str, ...] = ()
    """What would be saved, in order, of this token and its children; see `begun`."""
    verdict: str = "yes"
    """yes, no, depends (on an answer nobody has yet) or error."""
    reasons: tuple[Reason, ...] = ()
    notices: tuple[str, ...] = ()
    """Who would hear, and timers that would be missed."""
    person: str | None = None
    """What a person has to do, or None."""
    platform: str | None = None
    """By which it would be acquired; with these attributes and this scope."""
    attributes: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping, hash=False)
    scope: tuple[str, ...] = ()
    why: str | None = None
    """What stands in the way."""
    sees: Sight = Sight()

    @property
    def changes(self) -> bool:
        """Whether it would change anything."""
        return self.does != "refuse"


@attrs.frozen(kw_only=True)
class Plan:
    """What would be done between two instants, the earliest first."""

    made: Instant
    until: Instant
    tenant: str
    store: str
    """The store's own id."""
    looked_at: int
    """How many live tokens there are."""
    held: str | None = None
    """Why timers are held: then nothing would be done at all (rule T12)."""
    specs: tuple[str, ...] = ()
    """What it was made with, beside what tokens are pinned to: paths and names."""
    digests: Mapping[str, str] = attrs.field(factory=dict, converter=frozen_mapping)
    """Content of those lifecycles, by name@version."""
    acts: tuple[Act, ...] = ()
    cut: bool = False
    """There is more than a plan holds."""

    @property
    def changes(self) -> bool:
        """Whether anything would change."""
        return any(act.changes for act in self.acts)

    @property
    def calls(self) -> Mapping[str, int]:
        """How many calls each issuer would get."""
        return Counter(issuer for act in self.acts for issuer, _ in act.calls)


def begun(happened: tuple[Happened, ...]) -> tuple[str, ...]:
    """Return what a save begins, a line each: moves, attempts, migrations. What else happened is no act."""
    lines = []
    for event in happened:
        match event:
            case Transitioned():
                lines.append(f"{event.about.key}: {event.event}: {event.source} -> {event.state}")
            case AttemptBegun():
                lines.append(f"{event.about.key}: {event.command} for {event.event}")
            case Migrated():
                lines.append(f"{event.about.key}: {event.from_lifecycle} -> {event.to_lifecycle}")
    return tuple(lines)


def to_json(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain data, with a digest that tells whether somebody changed it."""
    data = {"form": FORM, **attrs.asdict(plan, value_serializer=_plain)}
    return {"plan": data, "digest": _digest(data)}


def from_json(found: Any) -> Plan:
    """Return the plan that `to_json` wrote; raises Refused("not_a_plan")."""
    try:
        data = dict(found["plan"])
        whole = found["digest"] == _digest(data)
        form = data.pop("form")
        if whole and form == FORM:
            acts = tuple(_act(one) for one in data.pop("acts"))
            return Plan(**{**data, "specs": tuple(data["specs"]), "acts": acts})
    except (KeyError, TypeError, ValueError, AttributeError):
        whole, form = False, None
    why = f"it has form {form}, and this tokenflow reads {FORM}" if whole else "it is none, or was changed"
    raise Refused("not_a_plan", f"this is no plan that can be applied: {why}", mend="make a new one")


def _act(data: Mapping[str, Any]) -> Act:
    nested = {
        "calls": tuple((issuer, use) for issuer, use in data["calls"]),
        "begins": tuple(data["begins"]),
        "scope": tuple(data["scope"]),
        "notices": tuple(data["notices"]),
        "reasons": tuple(Reason(**one) for one in data["reasons"]),
        "sees": Sight(**data["sees"]),
    }
    return Act(**{**data, **nested})


def _plain(_: Any, __: Any, value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _digest(data: Mapping[str, Any]) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
