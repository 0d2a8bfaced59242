"""Bring a token over to a newer version of its lifecycle, as that version's `migrate:` says (rule M3).

A token that cannot come over is not stranded: it stays pinned to the version it has, and goes on
living there (rule M1). Nothing here is performed; `flows.migrating` does.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from tokenflow.core._machine import Row
from tokenflow.core.errors import Refused, Rejected, TokenflowError
from tokenflow.core.events import About, Migrated
from tokenflow.core.grants import identity_of, life_of
from tokenflow.core.lifecycles import Lifecycle, State
from tokenflow.core.steps import Settled, Step, choose, settle, view_of
from tokenflow.core.tokens import SILENT, Attempt, Instant, Token, TokenKind
from tokenflow.core.versions import Range, Version

_ENDS: Final[Mapping[str, Any]] = {"then": [{"forget": "all"}, {"cascade": "invalidate"}]}
"""What ends a token ends what was derived from it, when a migration does it too."""

_RIGHTLY: Final = frozenset({"current", "newer", "over"})
"""Why a token stays where nothing is amiss."""


@attrs.frozen(kw_only=True)
class Passage:
    """One entry of `migrate:`: which versions come over, and how."""

    versions: Range
    states: Mapping[str, str]
    """old state -> new state; one that is not named keeps its name."""
    keeps_timers: bool
    """What has fired stays fired; otherwise all deadlines are made anew."""


@attrs.frozen(kw_only=True)
class Migration:
    """What became of one token, or would become of it."""

    key: str
    before: str
    """name@version it is, or was, pinned to."""
    after: str
    source: str
    """Its state there, once the clock had had its say."""
    state: str
    code: str | None = None
    """Why it stays: a code of `migrate`, or already_live, wrong_key ...; None when it comes over."""
    why: str | None = None
    mend: str | None = None

    @property
    def refused(self) -> bool:
        """Whether it ought to come over and does not."""
        return self.code not in (None, *_RIGHTLY)


def passages(lifecycle: Lifecycle) -> Iterator[Passage]:
    """Yield what a version says of older ones, in order."""
    for entry in lifecycle.spec.get("migrate", ()):
        yield Passage(
            versions=Range.parse(entry["from"]),
            states=entry.get("states", {}),
            keeps_timers=entry.get("timers") == "keep",
        )


def version_of(token: Token) -> Version:
    """Return the version of the spec *token* is pinned to."""
    return Version.parse(token.lifecycle.rpartition("@")[2])


def newer(lifecycles: Mapping[str, Lifecycle], token: Token) -> Lifecycle | None:
    """Return the newer version of *token*'s lifecycle among *lifecycles*, or None: there is no way back."""
    name = token.lifecycle.rpartition("@")[0]
    found = lifecycles.get(name)
    if found is None or found.ref == token.lifecycle:
        return None
    return found if Version.parse(found.version) > version_of(token) else None


def upgrade(old: Lifecycle, new: Lifecycle, settled: Settled, now: Instant) -> Settled:
    """Return a token that was settled under *old* as it is under *new*, where the clock has its say again.

    Raises Refused as `migrate` does.
    """
    moved = migrate(old, new, settled.token, now)
    after = settle(new, moved.after, now)
    return Settled(token=after.token, steps=(*settled.steps, moved, *after.steps), due=after.due)


def stays(token: Token, no: TokenflowError) -> Migration:
    """Return what is said of a token that does not come over."""
    return Migration(
        key=token.key,
        before=token.lifecycle,
        after=token.lifecycle,
        source=token.state,
        state=token.state,
        code=no.code,
        why=str(no).partition("\n")[0],
        mend=no.mend,
    )


def lost(key: str, trouble: TokenflowError) -> Migration:
    """Return what is said of a key whose token cannot be read."""
    why = str(trouble).partition("\n")[0]
    return Migration(
        key=key, before="", after="", source="", state="", code=trouble.code, why=why, mend=trouble.mend
    )


def comes_over(token: Token, settled: Settled) -> Migration:
    """Return what is said of *token* that comes over as *settled*."""
    moved = next(event for one in settled.steps for event in one.happened if isinstance(event, Migrated))
    return Migration(
        key=token.key,
        before=token.lifecycle,
        after=settled.token.lifecycle,
        source=moved.source,
        state=settled.token.state,
    )


def prospect(old: Lifecycle, new: Lifecycle, token: Token, now: Instant) -> Migration:
    """Return what migrating *token* from *old* to *new* at *now* would come to."""
    settled = settle(old, token, now)
    try:
        return comes_over(token, upgrade(old, new, settled, now))
    except Refused as no:
        return stays(settled.token, no)


def migrate(old: Lifecycle, new: Lifecycle, token: Token, now: Instant) -> Step:
    """Return the step that pins *token*, settled under *old* at *now*, to *new*.

    Its state is mapped or keeps its name, and so do its dates: deadlines follow from them under
    *new*. New attributes get their defaults. Raises Refused, and the token stays where it is:
    current, newer (it is itself), changed_content, over, under_way, not_taken, state_gone,
    other_issuer, custody, attribute_missing, no_value.
    """
    passage = _passage(old, new, token)
    target = _target(old, new, token, passage)
    _check(old, new, token, target)
    attributes = _attributes(old, new, token)
    after = attrs.evolve(
        token,
        kind=TokenKind(new.kind),
        lifecycle=new.ref,
        digest=new.digest,
        issuer=new.issuer,
        state=target.name,
        attributes=attributes,
        identity=_identity(new, token, attributes),
        fired={},
        attempt=_attempt(new, token, target),
        revision=token.revision + 1,
    )
    after = _ended(after, now) if target.final else _estimated_anew(new, after, target)
    if passage.keeps_timers:
        after = attrs.evolve(after, fired=_fired(old.states[token.state], token, after, target))
    moved = Migrated(
        about=About.of(after, now),
        from_lifecycle=token.lifecycle,
        to_lifecycle=after.lifecycle,
        source=token.state,
        state=after.state,
    )
    row = Row("migrate", token.state, target.name, (), _ENDS, 0) if target.final else None
    return Step(before=token, after=after, row=row, happened=(moved,))


def _passage(old: Lifecycle, new: Lifecycle, token: Token) -> Passage:
    have, version = version_of(token), Version.parse(new.version)
    if token.lifecycle == new.ref and token.digest == new.digest:
        raise _stays(token, "current", "there is no newer version")
    if old.states[token.state].final:
        raise _stays(token, "over", f"it ended in `{token.state}`")
    if token.revoking is not None:
        raise _stays(token, "revoking", "it is being revoked, as its own version says")
    if have > version:
        raise _stays(token, "newer", f"{new.ref} is an older version")
    if have == version:
        raise _stays(
            token,
            "changed_content",
            f"{new.ref} has other content now",
            "give the change a new version",
        )
    if token.attempt is not None and token.attempt.open:  # it is concluded by the spec that made it
        raise _stays(token, "under_way", f"the answer to `{token.attempt.event}` is awaited", "try again")
    for passage in passages(new):
        if have in passage.versions:
            return passage
    if token.digest == new.digest:  # only the number is new
        return Passage(versions=Range.parse(new.version), states={}, keeps_timers=True)
    raise _stays(
        token,
        "not_taken",
        f"no `migrate` entry of {new.ref} takes {token.lifecycle.rpartition('@')[2]}",
        f'say that it comes over: `migrate: [{{from: "<{new.version}"}}]`',
    )


def _target(old: Lifecycle, new: Lifecycle, token: Token, passage: Passage) -> State:
    name = passage.states.get(token.state, token.state)
    if name in new.states:
        return new.states[name]
    gone = f"{new.ref} has no state `{name}`"
    raise _stays(
        token, "state_gone", gone, f"name what becomes of it: `migrate: [{{states: {{{token.state}: ...}}}}]`"
    )


def _check(old: Lifecycle, new: Lifecycle, token: Token, target: State) -> None:
    """Raise Refused where the new version would not have this token at all."""
    if old.issuer not in ("", new.issuer):
        detail = f"{new.ref} is issued by {new.issuer or 'nobody'}, and this token by {old.issuer}"
        raise _stays(token, "other_issuer", detail, "acquire a new one")
    if token.runs_on not in new.may_live:
        detail = f"it lives on the {token.runs_on}, where {new.ref} tokens may not"
        raise _stays(token, "custody", detail, "acquire a new one where it may live")
    acquisition = new.acquisitions.get(token.platform or "")
    elsewhere = acquisition is not None and (acquisition.kept_by != "tokenflow" or not acquisition.keep_value)
    if target.usable and token.access_token is None and not elsewhere:
        detail = f"nothing is held that could be used in `{target.name}`"
        raise _stays(token, "no_value", detail, "map its state to one that is not usable")


def _attributes(old: Lifecycle, new: Lifecycle, token: Token) -> dict[str, Any]:
    """Return its facts with new defaults, without those that are declared no more.

    Before a first value arrived none is demanded.
    """
    dropped = old.attributes.keys() - new.attributes.keys()
    known = {name: spec["default"] for name, spec in new.attributes.items() if "default" in spec}
    known |= {
        name: value for name, value in token.attributes.items() if name not in dropped and value is not None
    }
    if token.issued_at is None:
        return known
    missing = [n for n, spec in new.attributes.items() if spec.get("required") and n not in known]
    if missing:
        raise _stays(
            token,
            "attribute_missing",
            f"{new.ref} needs {', '.join(missing)}, which it has not",
            f"give `token.attributes.{missing[0]}` a default, or acquire a new token",
        )
    return known


def _identity(new: Lifecycle, token: Token, attributes: Mapping[str, Any]) -> tuple[str, ...]:
    return identity_of(new, attributes, "derived" if token.parent is not None else token.platform or "")


def identity_under(lifecycle: Lifecycle, token: Token) -> tuple[str, ...]:
    """Return the identity that *token*, of whatever version, has by *lifecycle*'s measure."""
    if token.digest == lifecycle.digest:
        return token.identity
    return _identity(lifecycle, token, token.attributes)


def onward(lifecycle: Lifecycle, token: Token, row: Row, payload: Mapping[str, Any]) -> Row:
    """Return the row that takes the answer to the command of *row*, of another version than *token*'s now.

    Where none does, the answer is kept in the state the token is in: it may be the only copy.
    """
    try:
        found = choose(lifecycle, token, row.event, view_of(lifecycle, token, event=payload))
    except Rejected:
        found = None
    if found is not None and "do" in found.data:
        return found
    return Row(row.event, token.state, None, (), {"do": row.data["do"]}, 0)


def _fired(old: State, before: Token, after: Token, target: State) -> dict[str, Instant]:
    """Return what has fired and stays so: its moment is the same, or had come by then too.

    One whose moment is later now than when it fired will fire when it comes.
    """
    kept = {}
    for timer in target.timers:
        stamp = before.fired.get(timer.name)
        due = timer.due(after)
        then = [one.moment.at(before) for one in old.timers if one.name == timer.name]
        if stamp is not None and (then == [timer.moment.at(after)] or (due is not None and due <= stamp)):
            kept[timer.name] = stamp
    return kept


def _attempt(new: Lifecycle, token: Token, target: State) -> Attempt | None:
    """Return what is to be tried again, or waits for a person, where it still can be.

    Raises Refused while nobody knows what the issuer did: that must not be forgotten (rule F3).
    """
    waiting = token.attempt
    if waiting is None:
        return None
    if waiting.event in target.accepts and waiting.command in ("", *new.commands):
        return waiting
    if waiting.unknown_since is not None:
        detail = f"nobody knows yet what became of `{waiting.event}`, which `{target.name}` does not take"
        raise _stays(token, "under_way", detail, "try again")
    return None


def _ended(token: Token, now: Instant) -> Token:
    """A final state keeps no value (rule F4)."""
    return attrs.evolve(
        token,
        entered_at=now,
        fired={},
        attempt=None,
        access_token=None,
        refresh_token=None,
        refresh_expires=SILENT,
    )


def _estimated_anew(new: Lifecycle, token: Token, target: State) -> Token:
    """What the issuer never said is assumed as *new* assumes it, from when the value arrived (rule T3)."""
    lifetime = new.lifetimes.get(target.lifetime or "")
    if not token.estimated or token.refreshed_at is None or lifetime is None or lifetime.if_silent == "fail":
        return token
    life = life_of(new, lifetime.name, SILENT, token.refreshed_at)
    return attrs.evolve(token, expires=life.expires, estimated=life.estimated)


def _stays(token: Token, code: str, why: str, mend: str | None = None) -> Refused:
    return Refused(code, f"{token.key!r} stays {token.lifecycle}: {why}", mend=mend)
