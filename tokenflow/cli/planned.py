"""How plans look on a terminal, before they are applied and after."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import click

from tokenflow.cli.showing import as_json, painter
from tokenflow.core.plans import Act, Plan
from tokenflow.runner.applying import Applied
from tokenflow.runner.grammar import counted
from tokenflow.runner.spans import iso, span

_SIGNS: Final = {
    "acquire": ("+", "green"),
    "migrate": (">", "cyan"),
    "refuse": ("!", "yellow"),
    "fire": ("~", "blue"),
}
_OUTCOMES: Final = {
    "done": "green",
    "earlier": "bright_black",
    "later": "bright_black",
    "refused": "yellow",
    "person": "yellow",
    "failed": "red",
}


def show(plan: Plan) -> None:
    """Print a plan: what it comes to first, then its acts by time, alike ones told once."""
    paint = painter()
    ahead = span(plan.until - plan.made)
    click.echo(f"{paint('plan', bold=True)} for the next {ahead}: {iso(plan.made)} to {iso(plan.until)}")
    if plan.held is not None:
        click.echo(paint(f"nothing would be done: timers are held, {plan.held}", fg="red"))
        return
    click.echo(f"  {_summary(plan)}")
    for act, more in _folded(plan.acts):
        _line(act, more, plan)
    if plan.cut:
        last = iso(plan.acts[-1].at)
        click.echo(
            paint(
                f"  there is more: the plan ends with its {len(plan.acts)}th act, {last}; "
                "a shorter --until has them all",
                fg="yellow",
            )
        )


def _summary(plan: Plan) -> str:
    counts = {name: sum(1 for act in plan.acts if act.does == name) for name in _SIGNS}
    asked = ", ".join(f"{issuer} {number}" for issuer, number in sorted(plan.calls.items()))
    people = len({act.key for act in plan.acts if act.person is not None})
    words = [
        counted(plan.looked_at, "live token"),
        f"{counts['fire']} to fire",
        f"{counts['acquire']} to acquire",
        f"{counts['migrate']} to migrate",
        f"{counts['refuse']} refused",
        counted(sum(plan.calls.values()), "call") + (f" ({asked})" if asked else ""),
    ]
    return "; ".join([*words, *([f"a person is needed for {people}"] if people else [])])


def _folded(acts: Sequence[Act]) -> list[tuple[Act, list[Act]]]:
    """Group what is alike: the same event of the same token between the same states."""
    groups: dict[Any, tuple[Act, list[Act]]] = {}
    for act in acts:
        likeness = (act.key, act.does, act.event, act.timer, act.source, act.state, act.why)
        if likeness in groups:
            groups[likeness][1].append(act)
        else:
            groups[likeness] = (act, [])
    return list(groups.values())


def _line(act: Act, more: Sequence[Act], plan: Plan) -> None:
    paint = painter()
    sign, colour = ("-", "red") if act.ends else _SIGNS[act.does]
    late = span(plan.made - act.due) + " late" if act.due < plan.made else ""
    when = late or (f"in {span(act.due - plan.made)}" if act.due > plan.made else "now")
    click.echo(
        f"{paint(sign, fg=colour, bold=True)} {when:<12} {iso(act.due)}  "
        f"{paint(act.key, bold=True)}: {_deed(act)}"
    )
    for words in _details(act):
        click.echo(paint(f"{'':>37}{words}", fg="bright_black"))
    if more:
        often = span((more[-1].at - act.at) // len(more))
        click.echo(
            paint(
                f"{'':>37}and {len(more)} more like it, about every {often}, until {iso(more[-1].at)}",
                fg="bright_black",
            )
        )


def _deed(act: Act) -> str:
    """`extend by timer renew: issued -> extended`."""
    match act.does:
        case "acquire":
            return f"acquire {act.lifecycle} by {act.platform}" + (f" -> {act.state}" if act.state else "")
        case "refuse":
            moved = f" in `{act.source}`" if act.source else ""
            return f"{act.event or 'it'} would be refused{moved}: {act.why or 'no row of it fits'}"
    by = "" if act.timer is None else f" by timer {act.timer}" + (" (hard)" if act.hard else "")
    moved = f"{act.source} -> {act.state}" if act.source != act.state else f"stays {act.state}"
    onto = f", onto {act.lifecycle}" if act.does == "migrate" else ""
    return f"{act.event or 'attend'}{by}: {moved}{onto}"


def _details(act: Act) -> list[str]:
    calls = [f"calls {issuer}: {use}" for issuer, use in act.calls]
    why = [f"{one.verdict}: {one.needs} (to {one.leads_to})" for one in act.reasons]
    person = [act.person] if act.person is not None else []
    failed = [f"it fails: {act.why}"] if act.why is not None and act.does != "refuse" else []
    return [*person, *failed, *calls, *act.notices, *why]


def teller(*, err: bool) -> Callable[[Applied], None]:
    """Return what tells each act as it is done; of those of one token that are left for later, the first."""
    waiting: set[str] = set()

    def tell(one: Applied) -> None:
        if one.outcome != "later" or one.act.key not in waiting:
            tell_applied(one, err=err)
        if one.outcome == "later":
            waiting.add(one.act.key)

    return tell


def tell_later(applied: Sequence[Applied]) -> None:
    """Print how many more acts are left for later, and until when."""
    later = [one for one in applied if one.outcome == "later"]
    more = len(later) - len({one.act.key for one in later})
    if more:
        click.echo(f"{'':>9}and {more} more for later, until {iso(later[-1].act.at)}")


def tell_applied(one: Applied, *, err: bool) -> None:
    """Print what became of one act."""
    paint = painter()
    outcome = paint(f"{one.outcome:<8}", fg=_OUTCOMES[one.outcome])
    click.echo(f"{outcome} {iso(one.act.due)}  {one.act.key}: {_deed(one.act)}", err=err)
    if one.outcome == "done" and not one.as_planned:
        click.echo(f"{'':>9}it came to `{one.state}`, not to `{one.act.state}`", err=err)
    if one.error is not None:
        click.echo(f"{'':>9}{str(one.error).splitlines()[0]}", err=err)
    url = getattr(one.error, "url", None)
    if url is not None:
        click.echo(f"  open {url}", err=err)


def applied_as_json(applied: Sequence[Applied]) -> None:
    """Print what became of every act as one object."""
    as_json({"applied": [_plain(one) for one in applied]})


def _plain(one: Applied) -> dict[str, Any]:
    return {
        "key": one.act.key,
        "does": one.act.does,
        "event": one.act.event,
        "due": iso(one.act.due),
        "outcome": one.outcome,
        "planned": one.act.state,
        "state": one.state,
        "problem": None if one.error is None else str(one.error).splitlines()[0],
        "code": None if one.error is None else one.error.code,
        "url": getattr(one.error, "url", None),
    }
