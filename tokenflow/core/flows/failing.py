"""Note that an attempt failed: when it is made again, what follows from it, what stays in doubt (F3, R1)."""

import attrs

from tokenflow.core._machine import Row
from tokenflow.core.deadlines import hard_deadline
from tokenflow.core.doubts import Verdict, brings, doubt_of, on_the_wire, resolve, uncertain
from tokenflow.core.effects import Flow, Load
from tokenflow.core.errors import IssuerRefused, PersonNeeded, Rejected, TokenflowError
from tokenflow.core.events import About, AttemptFailed, Happened, ReacquireWanted
from tokenflow.core.flows.learning import Notes, buried
from tokenflow.core.flows.saving import again, keep, look
from tokenflow.core.lifecycles import CommandSpec, Lifecycle, Meaning
from tokenflow.core.policies import meaning_of, retry_at, until_of
from tokenflow.core.refresh import End
from tokenflow.core.setting import Setting
from tokenflow.core.steps import Step, attempted, settle, step
from tokenflow.core.tokens import Attempt, Instant, Token


def failed(
    setting: Setting,
    lifecycle: Lifecycle,
    begun: Token,
    row: Row,
    command: CommandSpec,
    error: TokenflowError,
    end: End,
    event_id: str | None,
) -> Flow[Token | None]:
    """Note a failed attempt, and its *end*; schedule the next, or raise the event the spec names.

    Returns the token when somebody else's attempt has meanwhile succeeded: then theirs is the answer.
    A hard deadline that waited for the outcome is done with waiting, and comes first (rule T11).
    """
    meaning = meaning_of(lifecycle, error)

    def noted() -> Flow[Token | None]:
        clock = yield from look()
        latest: Token | None = yield Load(begun.key)
        if latest is None:
            raise error
        if latest.generation != begun.generation or latest.id != begun.id:
            return latest
        if latest.digest != begun.digest or anothers(latest, begun):
            return None  # it came over meanwhile, or was taken over: the attempt on record is not this one
        failed = _after_failure(
            setting, lifecycle, begun, latest, row, command, error, end, clock.now, event_id
        )
        settled = settle(lifecycle, failed.after, clock.now)
        steps = [failed, *settled.steps]
        again_at = None if failed.after.attempt is None else failed.after.attempt.retry_at
        following = row.data.get("on_error", {}).get(meaning.kind, "stay") if again_at is None else "stay"
        notes: Notes = ()
        doubtful = failed.after.attempt is not None and failed.after.attempt.unknown_since is not None
        if not doubtful and following in lifecycle.states[settled.token.state].accepts:
            moved = _followed(lifecycle, settled.token, following, clock.now, meaning, event_id)
            if moved is not None:
                steps = [_without_id(failed), *settled.steps, moved]
                if begun.refresh_token is None:  # the value itself was refused, not what renews it
                    notes = yield from buried(lifecycle, begun, meaning.payload.get("reason"), clock.now)
        yield from keep(setting, steps, before=notes)
        return None

    return (yield from again(noted))


def anothers(latest: Token, begun: Token) -> bool:
    """Whether the attempt on record is another's, under way or in doubt: that one is to settle it."""
    assert begun.attempt is not None, "an attempt is written down before it is made"
    theirs, ours = latest.attempt, begun.attempt
    return (
        theirs is not None
        and theirs.doubted_since is not None
        and (theirs.worker, theirs.started_at) != (ours.worker, ours.started_at)
    )


def _after_failure(
    setting: Setting,
    lifecycle: Lifecycle,
    begun: Token,
    latest: Token,
    row: Row,
    command: CommandSpec,
    error: TokenflowError,
    end: End,
    now: Instant,
    event_id: str | None,
) -> Step:
    """Return the step that notes a failure: what becomes of the attempt, and what is said of it."""
    assert begun.attempt is not None, "an attempt is written down before it is made"
    meaning = meaning_of(lifecycle, error)
    at = None
    if (
        row.event in lifecycle.states[latest.state].accepts
    ):  # nothing is tried again on a token ended meanwhile
        at = retry_at(
            command.retry,
            latest,
            number=begun.attempt.number,
            kind=meaning.kind,
            now=now,
            until=until_of(meaning, error, now),
            before=hard_deadline(lifecycle, attrs.evolve(latest, attempt=None)),
        )
    waiting = attrs.evolve(
        begun.attempt, error=meaning.kind, retry_at=at, lease_until=None, quiet_from=None, unknown_since=None
    )
    since = _in_doubt(begun.attempt, command, error, end, meaning)
    if since is not None:
        waiting = _doubted(setting, lifecycle, command, waiting, begun.attempt, error, since, now)
    if end is End.HALFWAY and waiting.unknown_since is not None:
        waiting = _rested(command, waiting, begun.attempt, at or now, now)
    attempt = waiting if _stands(waiting) and not lifecycle.states[latest.state].final else None
    after = attrs.evolve(latest, attempt=attempt, revision=latest.revision + 1)
    if attempt is None:  # `every` counts from the end of the last attempt (rule T7)
        after = attrs.evolve(after, fired=attempted(lifecycle, latest, row.event, now))
    happened: tuple[Happened, ...] = (
        AttemptFailed(
            about=About.of(after, now, event_id),
            event=row.event,
            command=command.name,
            number=begun.attempt.number,
            error=meaning.kind,
            detail=str(error).splitlines()[0],
            retry_at=None if attempt is None else attempt.retry_at,
            answer=error.answer if isinstance(error, IssuerRefused) else None,
        ),
    )
    if attempt is not None and attempt.uncertain and not begun.attempt.uncertain:
        happened += uncertain(after, now)
    if meaning.kind == "reconsent" and not _asks_for_consent(latest):
        happened += (ReacquireWanted(about=About.of(after, now).to_deliver(), how="ask"),)
    return Step(before=latest, after=after, row=None, happened=happened)


def _in_doubt(
    attempt: Attempt, command: CommandSpec, error: TokenflowError, end: End, meaning: Meaning
) -> Instant | None:
    """Return since when it is not known what the issuer did; None when its own word has settled that."""
    if not brings(command):
        return attempt.unknown_since  # the doubt is another command's
    if end in (End.DOUBTFUL, End.HALFWAY):
        return attempt.unknown_since or attempt.started_at
    settled = isinstance(error, IssuerRefused) and meaning.kind not in ("transient", "rate_limited")
    return None if settled else attempt.unknown_since


def _doubted(
    setting: Setting,
    lifecycle: Lifecycle,
    command: CommandSpec,
    waiting: Attempt,
    begun: Attempt,
    error: TokenflowError,
    since: Instant,
    now: Instant,
) -> Attempt:
    """Return a failed attempt that the issuer may have carried out, and when it is looked into (rule F3)."""
    can_ask = probe_of(setting, lifecycle) is not None
    doubt = doubt_of(command, setting.issuer_of(lifecycle), since, can_ask=can_ask)
    at = waiting.retry_at
    quiet = begun.quiet_from  # a gateway that answered may have passed it on; and grace is counted from it
    if not brings(command):
        return attrs.evolve(waiting, unknown_since=since, quiet_from=quiet)
    if doubt.harmless:
        return waiting  # a failure like another
    lease = quiet if on_the_wire(error) else None
    waiting = attrs.evolve(waiting, unknown_since=since, lease_until=lease, quiet_from=quiet)
    if at is not None and resolve(doubt, max(at, quiet or at)) is Verdict.REPEAT:
        return attrs.evolve(waiting, retry_at=max(at, quiet or at))
    never = resolve(doubt, now) is Verdict.NEVER
    if never or not can_ask:
        kept = None if never else quiet
        return attrs.evolve(waiting, retry_at=None, lease_until=None, quiet_from=kept, uncertain=True)
    return attrs.evolve(waiting, retry_at=max(at or now + command.retry.longest, quiet or 0))


def _rested(command: CommandSpec, waiting: Attempt, begun: Attempt, at: Instant, now: Instant) -> Attempt:
    """Return an attempt whose further request is made again, and when: after as long as it has taken so far.

    Its first answer is in the journal, so there is something to wait for whatever can be asked of the issuer.
    """
    rest = min(command.retry.longest, now - begun.started_at)
    return attrs.evolve(waiting, retry_at=max(at, now + rest), uncertain=begun.uncertain)


def probe_of(setting: Setting, lifecycle: Lifecycle) -> str | None:
    """Return the capability that says which token is alive, or None where there is none."""
    command = lifecycle.commands.get("introspect")
    return command.use if command is not None else setting.issuer_of(lifecycle).probe


def _stands(attempt: Attempt) -> bool:
    """Whether a failed attempt is kept: to be tried again, in doubt, or waiting for a person's consent.

    Who has to consent again is not asked twice: while the attempt stands no timer makes another.
    """
    return attempt.retry_at is not None or attempt.unknown_since is not None or attempt.error == "reconsent"


def _asks_for_consent(token: Token) -> bool:
    return token.attempt is not None and token.attempt.error == "reconsent"


def _without_id(failed: Step) -> Step:
    """The step that a failure led to is what its event id is remembered for."""
    happened = tuple(
        attrs.evolve(one, about=attrs.evolve(one.about, event_id=None)) for one in failed.happened
    )
    return attrs.evolve(failed, happened=happened)


def _followed(
    lifecycle: Lifecycle, token: Token, event: str, now: Instant, meaning: Meaning, event_id: str | None
) -> Step | None:
    """Return the step that a failure leads to; None when the spec's own guards decline it."""
    try:
        return step(
            lifecycle, token, event, now=now, cause="issuer", payload=meaning.payload, event_id=event_id
        )
    except Rejected:
        return None


def advised(error: TokenflowError, meaning: Meaning) -> TokenflowError:
    """Return *error* with the spec's advice for a human; PersonNeeded where one has to consent again."""
    if not isinstance(error, IssuerRefused):
        return error
    if meaning.kind == "reconsent":
        return PersonNeeded(
            f"a person has to consent again: {str(error).splitlines()[0]}",
            mend=_advice(error, meaning)
            or "let them log in again with engine.acquire(...); the held token stays",
        )
    return with_advice(error, meaning)


def with_advice(error: IssuerRefused, meaning: Meaning) -> IssuerRefused:
    """Return *error* with the spec's advice for a human, where there is one."""
    if meaning.advice is None:
        return error
    return IssuerRefused(
        str(error).splitlines()[0],
        status=error.status,
        facts=error.facts,
        retry_after=error.retry_after,
        mend=_advice(error, meaning),
    )


def _advice(error: IssuerRefused, meaning: Meaning) -> str | None:
    """Return the spec's advice with the answer's own numbers in it, where it asks for them."""
    if meaning.advice is None:
        return None
    said = meaning.advice
    for name in ("code", "subcode"):
        said = said.replace(f"{{{name}}}", str(error.facts.get(name, "none")))
    return said
