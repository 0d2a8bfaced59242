"""`tokenflow audit`: what was done to tokens, by whom and why, and the proof that nobody edited it."""

from typing import TYPE_CHECKING

import click

from tokenflow.cli.leaving import FINDINGS, FINE
from tokenflow.cli.showing import FORMAT, as_json

if TYPE_CHECKING:
    from tokenflow.core.tokens import Instant
    from tokenflow.engine.examining import Flaw, Verdict

_STORE = click.option("--store", required=True, help="The store, e.g. sqlite:tokens.db")
_KEY = click.option("--key", help="Reference of its sealing key, if it is not in its default place.")


@click.group()
def audit() -> None:
    """Look at what was done to tokens, and prove that it was not edited."""


@audit.command()
@_STORE
@_KEY
@FORMAT
def verify(store: str, key: str | None, shape: str) -> int:
    """Examine the audit trail line by line, and hold it against its anchors.

    Of each chain the first line that was changed, removed, moved or put there is named; what stands
    behind it proves nothing. Leaves with 1 when there is one. The store may be in use meanwhile.
    """
    from tokenflow.engine.examining import examine
    from tokenflow.runner.auditing import trail

    with trail(store, key) as auditor:
        verdict = examine(auditor.moorings)
    if shape == "json":
        as_json(_plain(verdict))
    else:
        _show(verdict)
    return FINDINGS if verdict.flaws else FINE


@audit.command()
@click.argument("token", metavar="[KEY]", required=False)
@_STORE
@click.option("--tenant", default="default", show_default=True, help="Whose tokens.")
@_KEY
@click.option("--last", default=100, show_default=True, type=click.IntRange(1), help="At most so many lines.")
@FORMAT
def show(token: str | None, store: str, tenant: str, key: str | None, last: int, shape: str) -> int:
    """Show what was done to the token of KEY, the oldest line first; without KEY, to all.

    A line says when, what, because of what (a timer, a rule, a verb), how the issuer answered, and which
    process did it. It never holds a value. What is shown is not verified: that is `audit verify`.
    """
    from tokenflow.runner.auditing import in_words, last_said, plain, said_of, trail

    with trail(store, key) as auditor:
        if token is None:
            found = last_said(auditor, tenant, last)
        else:
            found = list(said_of(auditor, tenant, token))[-last:]
    if shape == "json":
        as_json({"lines": [plain(said) for said in found]})
        return FINE
    for said in found:
        click.echo(in_words(said))
    return FINE


@audit.command()
@_STORE
@_KEY
@click.option("--why", required=True, help="What happened, for the trail: no secret, and nobody's name.")
@FORMAT
def accept(store: str, key: str | None, why: str, shape: str) -> int:
    """Accept that the newest lines are gone: a backup took the place of the store.

    Until then no new anchor is written, for the old one is the evidence. That it was accepted, and how
    many lines the anchors counted, is a line of the trail. A line that was edited stays a flaw: it leaves
    with 1 when there is one.
    """
    from tokenflow.engine.examining import examine
    from tokenflow.runner.auditing import trail

    with trail(store, key) as auditor:
        auditor.accept(why)
        verdict = examine(auditor.moorings)
    if shape == "json":
        as_json(_plain(verdict))
    else:
        _show(verdict)
    return FINDINGS if verdict.flaws else FINE


@audit.command()
@_STORE
@_KEY
@click.option("--before", required=True, metavar="TIME", help="2030-01-31T00:00:00Z, or an age: 400d.")
@FORMAT
def prune(store: str, key: str | None, before: str, shape: str) -> int:
    """Remove the lines that are older than --before. What stays still verifies.

    The trail is examined first; where it has a flaw nothing is removed, for it is the evidence, and it
    leaves with 1. That it was pruned is a line of the trail.
    """
    from tokenflow.engine.pruning import prune as pruned
    from tokenflow.runner.auditing import trail

    instant = _instant(before)
    with trail(store, key) as auditor:
        done = pruned(auditor, instant)
    if shape == "json":
        as_json({"removed": done.lines, **_plain(done.verdict)})
    else:
        _show(done.verdict)
        click.echo(f"{done.lines} lines removed")
    return FINDINGS if done.verdict.flaws else FINE


def _instant(text: str) -> "Instant":
    """Return the instant a text names, or that long ago."""
    from tokenflow.core.dates import rfc3339
    from tokenflow.engine.clocks import SystemClock
    from tokenflow.spec.units import duration

    instant = rfc3339(text)
    if instant is not None:
        return instant
    try:
        return SystemClock()() - duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--before") from None


def _plain(verdict: "Verdict") -> dict[str, object]:
    from tokenflow.runner.spans import iso

    anchors = [
        {"name": name, "lines": anchor.lines, "at": iso(anchor.at)}
        for name, anchor in verdict.anchors.items()
    ]
    flaws = [{"chain": one.chain, "number": one.number, "says": one.says} for one in verdict.flaws]
    return {"lines": verdict.lines, "pruned": verdict.pruned, "anchors": anchors, "flaws": flaws}


def _show(verdict: "Verdict") -> None:
    from tokenflow.runner.spans import iso

    for flaw in verdict.flaws:
        click.echo(_words(flaw))
    for name, anchor in verdict.anchors.items():
        click.echo(f"{name} counts {anchor.lines} lines at {iso(anchor.at)}", err=True)
    found = f"{len(verdict.flaws)} flaws" if verdict.flaws else "each is as it was written"
    click.echo(f"{verdict.lines} lines hold, and {verdict.pruned} were pruned before: {found}")


def _words(flaw: "Flaw") -> str:
    where = "" if flaw.chain is None else f"chain {flaw.chain}, line {flaw.number} "
    return f"flaw: {where}{flaw.says}"
