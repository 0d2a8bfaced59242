"""Get a first token. A login that needs a person is parked: its answers so far are kept and replayed."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from tokenflow.core.conditions import View
from tokenflow.core.effects import (
    PROMPT_LIVES,
    Change,
    Emit,
    Flow,
    Load,
    MayRenew,
    Nonce,
    Now,
    Park,
    Prompt,
    ReadSecret,
    Save,
    Unpark,
)
from tokenflow.core.errors import (
    ClockHeld,
    ConsentDenied,
    IssuerRefused,
    PromptExpired,
    PromptPending,
    Refused,
)
from tokenflow.core.events import About, Acquired, LoginParked, WasRefused
from tokenflow.core.flows.asking import with_asked_end
from tokenflow.core.flows.failing import with_advice
from tokenflow.core.flows.journaling import Parked, journaled, keeping, plainly
from tokenflow.core.flows.learning import taught
from tokenflow.core.flows.logins import brought_again, login_in, note_taken
from tokenflow.core.flows.saving import again, keep, look, pinned
from tokenflow.core.grants import (
    class_of,
    demand_expected,
    demand_value,
    demand_vouched,
    identity_of,
    received,
    verified,
    with_defaults,
)
from tokenflow.core.lifecycles import Acquisition, Lifecycle
from tokenflow.core.migrating import identity_under
from tokenflow.core.moments import Trusted
from tokenflow.core.policies import check_custody, check_rules, lend, meaning_of
from tokenflow.core.revoking import demand_not_revoking
from tokenflow.core.setting import Setting
from tokenflow.core.steps import Step, choose, fitting, payload_of, step, take, view_of
from tokenflow.core.tokens import Grant, Inspection, Instant, Token, TokenKind


def acquire(
    setting: Setting,
    key: str,
    *,
    lifecycle: str,
    platform: str,
    payload: Any = None,
    attributes: Mapping[str, Any] | None = None,
    scope: frozenset[str] = frozenset(),
    place: str | None = None,
    event_id: str | None = None,
    tenant: str = "default",
    entries: list[Any] | None = None,
    keep_entries: Callable[[list[Any]], Flow[None]] | None = None,
    handed_by: str | None = None,
) -> Flow[Token]:
    """Get a first token for *key* and keep it; raises PromptPending when a person is needed.

    What a client hands over is verified at the issuer before it is kept. A key is bound to its
    lifecycle and identity by its first acquisition (ruling 18). *place* is where it is called from,
    *handed_by* the origin that handed the payload over, if another did. A login that is resumed goes on
    from its *entries*; *keep_entries* makes them durable after each answer of the issuer's. A payload
    whose login was taken before (`Acquirer.once`) gets the token that came of it, and under another key
    none: PayloadError (replayed). While what the key holds is being revoked: Refused (revoking).
    """
    spec = setting.lifecycle(lifecycle)
    acquisition = setting.acquisition(spec, platform)
    what: dict[str, Any] = {"payload": payload, "attributes": attributes}
    login = login_in(setting, key, lifecycle=lifecycle, platform=platform, **what)
    if (before := (yield from brought_again(setting, key, event_id, login))) is not None:
        return before
    old: Token | None = yield Load(key)
    if old is not None:
        demand_not_revoking(old)
    clock = yield from trusted()
    asked = yield from _requested(spec, acquisition, key, tenant, old, clock.now)
    place = place or acquisition.runs_on
    try:
        warned = _allowed(spec, acquisition, asked, attributes or {}, place, clock.now)
    except Refused as no:
        about = About.of(old or asked, clock.now, event_id if old is not None else None)
        yield Emit((WasRefused(about=about, act="acquire", code=no.code),))
        raise
    if warned:
        yield Emit(warned)
    if acquisition.consent == "none" and payload is None:  # nobody waits for it: it is as good as a refresh
        yield MayRenew(spec.issuer)
    order = setting.acquisition_order(
        spec, acquisition, key, payload=payload, attributes=attributes or {}, scope=scope
    )
    resumed, entries = entries is not None, [] if entries is None else entries
    try:
        flow = setting.plugins.acquire(acquisition.use)(order)
        grant = yield from journaled(
            flow, entries, exchange=plainly if keep_entries is None else keeping(keep_entries)
        )
        grant = attrs.evolve(grant, handed_by=handed_by or grant.handed_by)
        grant = yield from _checked(setting, spec, acquisition, asked, grant)
        demand_expected(spec, attributes or {}, grant)
        grant = yield from with_asked_end(setting, spec, asked, grant, acquisition.lifetime)
    except Parked as parked:
        remembered = {
            "lifecycle": lifecycle,
            "platform": platform,
            "attributes": dict(attributes or {}),
            "scope": sorted(scope),
            "place": place,
            "event_id": event_id,
            "tenant": tenant,
        }
        prompt = parked.prompt
        journal = yield from waiting_for(prompt, {**remembered, "entries": entries})
        yield Park(key, journal)
        if not (resumed and prompt.poll is not None):  # else it is shown already
            yield from _show(spec, asked, old, journal["until"], clock.now)
        raise PromptPending(key, prompt.url, prompt.user_code, prompt.poll) from None
    except IssuerRefused as no:
        if no.mend is not None:  # its plugin knows better
            raise
        raise with_advice(no, meaning_of(spec, no)) from None
    except ConsentDenied:
        yield from _refused(setting, spec, asked, old, clock.now, event_id)
        raise
    asked = attrs.evolve(asked, scope=scope or frozenset(acquisition.scope))

    def attempt() -> Flow[Token]:
        latest: Token | None = yield Load(key)
        return (
            yield from _keep(
                setting, spec, acquisition, asked, latest, grant, attributes or {}, event_id or login
            )
        )

    kept = yield from again(attempt)
    yield from note_taken(login, key, clock.now)
    return kept


def answer(setting: Setting, key: str, params: Mapping[str, str]) -> Flow[Token]:
    """Finish a parked login with the parameters that came back; raises PromptExpired.

    The `state` decides which login it is, and each is finished once (RFC 6749 §10.12). A lifecycle that
    was not opened is the one the token is pinned to.
    """
    clock = yield from trusted()  # before the login is taken up: it may be answered again
    setting = yield from at_hand(setting, key)
    parked: Mapping[str, Any] | None = yield Unpark(key, params.get("state", ""))
    if parked is None:
        raise PromptExpired(
            f"{key}: no login with that state is waiting",
            mend="it was finished already, or a newer link took its place; open the newest link, "
            "or begin the login again",
        )
    if parked["until"] < clock.now:
        raise PromptExpired(f"{key}: the login waited longer than 10 minutes", mend="begin it again")
    entries = [*parked["entries"], {"asked": "Ask", "answer": dict(params)}]
    return (yield from resume(setting, key, parked, entries))


def resume(
    setting: Setting,
    key: str,
    parked: Mapping[str, Any],
    entries: list[Any],
    keep_entries: Callable[[list[Any]], Flow[None]] | None = None,
) -> Flow[Token]:
    """Go on with the login of *parked*, as `acquire` does."""
    return (
        yield from acquire(
            setting,
            key,
            lifecycle=parked["lifecycle"],
            platform=parked["platform"],
            attributes=parked["attributes"],
            scope=frozenset(parked["scope"]),
            place=parked["place"],
            event_id=parked["event_id"],
            tenant=parked["tenant"],
            entries=entries,
            keep_entries=keep_entries,
        )
    )


def waiting_for(prompt: Prompt, remembered: Mapping[str, Any]) -> Flow[Mapping[str, Any]]:
    """Return the journal of a login that waits: what is *remembered*, and what the person is shown."""
    now: Instant = yield Now()
    return {
        **remembered,
        "state": prompt.state,
        "until": now + PROMPT_LIVES if prompt.until is None else prompt.until,
        "url": prompt.url,
        "user_code": prompt.user_code,
        "poll": prompt.poll,
        "next": None if prompt.poll is None else now + prompt.poll,
    }


def trusted() -> Flow[Trusted]:
    """Return the clock's reading; raises ClockHeld."""
    clock = yield from look()
    if clock.held is not None:
        raise ClockHeld(clock.held, mend="set the clock right, or open the engine with accept_clock=True")
    return clock


def at_hand(setting: Setting, key: str) -> Flow[Setting]:
    """Return *setting* with the lifecycle of *key*; raises SpecError or SecretNotFound for what is missing.

    That is found out before the login is taken up: it may be answered again.
    """
    asked: Token | None = yield Load(key)
    if asked is None:
        return setting
    name = asked.lifecycle.partition("@")[0]
    if name not in setting.lifecycles:
        setting = attrs.evolve(setting, lifecycles={**setting.lifecycles, name: (yield from pinned(asked))})
    spec = setting.lifecycles[name]
    setting.issuer_of(spec)
    acquisition = spec.acquisitions.get(asked.platform or "")
    if acquisition is not None and acquisition.runs_on == "server":
        for reference in lend(spec, acquisition.secrets, "server").values():
            yield ReadSecret(reference)
    return setting


def _requested(
    spec: Lifecycle, acquisition: Acquisition, key: str, tenant: str, old: Token | None, now: Instant
) -> Flow[Token]:
    """Return the token this acquisition is about: the one already asked for, or a new one."""
    if old is not None and not old.lifecycle.startswith(f"{spec.name}@"):
        raise Refused(
            "other_lifecycle",
            f"{key!r} is bound to {old.lifecycle} and cannot become a {spec.name}",
            mend="use another key, or forget this one first",
        )
    if old is not None and old.state == spec.initial and old.digest == spec.digest:
        return attrs.evolve(old, platform=acquisition.platform, runs_on=acquisition.runs_on)
    token_id: str = yield Nonce(12)
    return Token(
        key=key,
        tenant=tenant,
        id=token_id,
        kind=TokenKind(spec.kind),
        lifecycle=spec.ref,
        digest=spec.digest,
        issuer=spec.issuer,
        state=spec.initial,
        entered_at=now,
        platform=acquisition.platform,
        runs_on=acquisition.runs_on,
        supersedes=old.id if old is not None else None,
        revision=old.revision if old is not None else 0,
    )


def _allowed(
    spec: Lifecycle,
    acquisition: Acquisition,
    asked: Token,
    attributes: Mapping[str, Any],
    place: str,
    now: Instant,
) -> tuple[Any, ...]:
    """Return warnings; raises Refused when custody, a rule or the acquisition's own `when` forbids it."""
    here = {"name": acquisition.platform, "runs_on": place}
    view: View = view_of(spec, attrs.evolve(asked, attributes=attributes), platform=here)
    warned = check_rules(spec, "acquire", view, About.of(asked, now))
    check_custody(spec, place)
    lend(spec, acquisition.secrets, place)
    for condition in acquisition.when:
        if condition.check(view) is not True:
            raise Refused(
                "acquire_not_allowed", f"{spec.ref}: `{acquisition.platform}` needs {condition.text}"
            )
    return warned


def _checked(
    setting: Setting, spec: Lifecycle, acquisition: Acquisition, asked: Token, grant: Grant
) -> Flow[Grant]:
    """Ask the issuer about a value that a client handed over (ruling 16)."""
    if acquisition.verify is None:
        if grant.handed_by is not None:
            demand_vouched(spec, acquisition)
        return grant
    found = yield from setting.plugins.command(acquisition.verify)(setting.verify_order(spec, asked, grant))
    if not isinstance(found, Inspection):
        raise Refused("not_verified", f"{spec.ref}: `{acquisition.verify}` said nothing about the token")
    clock = yield from look()
    return verified(spec, acquisition, setting.issuer_of(spec).client_id, grant, found, clock.now)


def _show(spec: Lifecycle, asked: Token, old: Token | None, until: Instant, now: Instant) -> Flow[None]:
    """Have a key with nothing live on it show that it was asked for."""
    if old is not None and not (yield from pinned(old)).states[old.state].final:
        return
    shown = attrs.evolve(asked, revision=asked.revision + 1)
    note = LoginParked(about=About.of(shown, now), until=until)
    yield Save((Change(token=shown, expected=old.revision if old is not None else 0, happened=(note,)),))


def _refused(
    setting: Setting, spec: Lifecycle, asked: Token, old: Token | None, now: Instant, event_id: str | None
) -> Flow[None]:
    """The person said no: the token that was asked for is refused; a live one on the key stays."""
    live = old is not None and old.id != asked.id and not (yield from pinned(old)).states[old.state].final
    if live or "refused" not in spec.states[spec.initial].accepts:
        return
    moved = step(spec, asked, "refused", now=now, cause="issuer", event_id=event_id)
    yield from keep(setting, [Step(before=asked, after=moved.after, row=moved.row, happened=moved.happened)])


def _keep(
    setting: Setting,
    spec: Lifecycle,
    acquisition: Acquisition,
    asked: Token,
    latest: Token | None,
    grant: Grant,
    attributes: Mapping[str, Any],
    event_id: str | None,
) -> Flow[Token]:
    if latest is not None:
        demand_not_revoking(latest)
    clock = yield from look()
    client_id = setting.issuer_of(spec).client_id
    facts = with_defaults(
        spec, {"app_id": client_id, "client_id": client_id, **attributes, **grant.attributes}
    )
    identity = identity_of(spec, facts, acquisition.platform)
    if latest is not None and identity and identity_under(spec, latest) not in ((), identity):
        raise Refused(
            "other_identity",
            f"{asked.key!r} belongs to another {spec.kind} than the one that has just logged in",
            mend="use another key, or forget this one first",
        )
    base = attrs.evolve(
        asked,
        attributes=facts,
        identity=identity,
        revision=latest.revision if latest is not None else 0,
        supersedes=latest.id if latest is not None and latest.id != asked.id else asked.supersedes,
    )
    lifetime = class_of(spec, acquisition.lifetime, grant.expires, clock.now)
    payload = payload_of(spec, "acquired", {"lifetime": lifetime, "platform": acquisition.platform})
    row = choose(spec, base, "acquired", view_of(spec, base, event=payload))
    if row is None:
        raise Refused("not_usable", f"{spec.ref} absorbs `acquired` in `{base.state}`")
    row = fitting(spec, row, grant.expires)
    if acquisition.keep_value and acquisition.kept_by == "tokenflow":
        demand_value(spec, grant)
    kept = grant if acquisition.keep_value else attrs.evolve(grant, access_token=None)
    target = spec.states[row.target or base.state].lifetime or lifetime
    changes = received(spec, kept, base, target, clock.now) | {"attributes": facts}
    changes["handed_by"] = grant.handed_by
    changes, notes = yield from taught(spec, base, changes, target, now=clock.now, found_dead=False)
    moved = take(spec, base, row, now=clock.now, cause="command", payload=payload, changes=changes)
    new = moved.after
    note = Acquired(
        about=About.of(new, clock.now, event_id),
        state=new.state,
        platform=acquisition.platform,
        supersedes=new.supersedes,
        expires_at=new.expires_at,
        estimated=new.estimated,
        handed_by=new.handed_by,
    )
    yield Save((Change(token=new, expected=base.revision, happened=(note, *moved.happened[1:], *notes)),))
    if acquisition.keep_value:
        return new
    return attrs.evolve(new, access_token=grant.access_token)
