"""What `--watch` says: lines for people with a status line under them on a terminal, or JSON lines.

Everything is said by the main thread, from a queue: output that nobody reads stops no token.
"""

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Any, Final, Protocol, TypeAlias

import click

from tokenflow.core.events import Happened, to_json
from tokenflow.engine.health import Health, plain
from tokenflow.engine.wishes import Kept
from tokenflow.runner.spans import span

News: TypeAlias = Kept | Health | tuple[Happened, ...] | None
"""How a wanted token stands, how the engine is, what happened; None: it has stopped."""
Answer: TypeAlias = Callable[[str], str]
"""Returns the command that finishes the login of a key."""
_CLEAR: Final = "\r\x1b[K"


class Teller(Protocol):
    """Says one piece of news."""

    def say(self, news: News) -> None:
        """Say it, if it is worth a word."""


def teller(shape: str, answer: Answer) -> Teller:
    """Return how to say news: JSON lines on stdout, or text, with a status line if stderr is a terminal."""
    return JsonLines() if shape == "json" else TextLines(answer, live=sys.stderr.isatty())


def say_all(news: "SimpleQueue[News]", teller: Teller) -> None:
    """Say what comes, until the keeper has stopped."""
    while True:
        one = news.get()
        teller.say(one)
        if one is None:
            return


class JsonLines:
    """One object a line: kept, happened, health (when it differs, but for its times) and stopped."""

    def __init__(self) -> None:
        self._health: Any = None

    def say(self, news: News) -> None:
        """Say it."""
        match news:
            case Kept():
                self._line("kept", as_plain(news))
            case Health():
                lasting = _lasting(news)
                if lasting != self._health:
                    self._health = lasting
                    self._line("health", plain(news))
            case tuple():
                for event in news:
                    self._line("happened", json.loads(to_json(event)))
            case None:
                self._line("stopped", {})

    def _line(self, event: str, fields: Mapping[str, Any]) -> None:
        click.echo(json.dumps({"version": 1, "event": event, **fields}, ensure_ascii=False))


class TextLines:
    """Wanted tokens on stdout; issuers, clock and store on stderr when they change; one status line, live."""

    def __init__(self, answer: Answer, *, live: bool) -> None:
        self._answer, self._live = answer, live
        self._status = ""
        self._kept: dict[str, Kept] = {}
        self._said: dict[str, str] = {}

    def say(self, news: News) -> None:
        """Say it, and show the status again."""
        self._wipe()
        match news:
            case Kept():
                self._kept[news.key] = news
                tell(news, self._answer)
            case Health():
                for about, words in _troubles(news).items():
                    if self._said.get(about) != words:
                        click.echo(f"{about} {words}", err=True)
                for about in self._said.keys() - _troubles(news).keys():
                    click.echo(f"{about} is well again", err=True)
                self._said = _troubles(news)
                usable = sum(one.state is not None for one in self._kept.values())
                self._status = status(news, usable, len(self._kept))
            case None:
                self._status = ""
        if self._live and self._status:
            width = shutil.get_terminal_size().columns
            click.echo(self._status[: max(width - 1, 20)], nl=False, err=True)

    def _wipe(self) -> None:
        if self._live and self._status:
            click.echo(_CLEAR, nl=False, err=True, color=True)  # it is a terminal


def tell(one: Kept, answer: Answer) -> None:
    """Say how a wanted token stands, with the link a person has to open, and what takes the answer."""
    click.echo(f"{one.key}: {one.state or one.problem}")
    if one.url is not None:
        entered = "" if one.user_code is None else f" and enter {one.user_code}"
        click.echo(f"  open {one.url}{entered}")
        click.echo(f"  then {answer(one.key)}")


def as_plain(one: Kept) -> dict[str, str | None]:
    """Return how a wanted token stands, as JSON has it."""
    facts = {"key": one.key, "state": one.state, "problem": one.problem, "url": one.url}
    return facts if one.user_code is None else {**facts, "user_code": one.user_code}


def status(health: Health, usable: int, wanted: int) -> str:
    """Return the status line."""
    due = "nothing is due"
    if health.next_due is not None:
        ahead = health.next_due - health.at
        due = f"next in {span(ahead)}" if ahead > 0 else f"due for {span(max(-ahead, 1))}"
    parts = [f"{health.kept} kept", f"{usable} of {wanted} wanted usable", due]
    parts += [f"{health.in_flight} in flight"] if health.in_flight else []
    parts += [
        f"{one.issuer} {one.breaker.replace('_', ' ')}" for one in health.issuers if one.breaker != "closed"
    ]
    parts += [f"{one.issuer} out of calls" for one in health.issuers if not one.budget_left]
    parts += [f"{len(health.needing_person)} wait for a person"] if health.needing_person else []
    parts += [f"{len(health.uncertain)} uncertain"] if health.uncertain else []
    parts += ["clock held"] if health.clock else []
    for name in ("expiring_unattended", "irrevocable"):
        number = sum(one.tokens for one in getattr(health, name))
        parts += [f"{number} {name.replace('_', ' ')}"] if number else []
    return " · ".join(parts)


def _troubles(health: Health) -> dict[str, str]:
    """Return what is not as it should be, in words that stand as long as it does."""
    found = {
        one.issuer: "does not answer; it is left alone for a while, and held tokens go on"
        for one in health.issuers
        if one.breaker != "closed"
    }
    for switch in health.stopped:
        found[f"refreshing at {switch.issuer or 'every issuer'}"] = (
            f"was stopped by an operator: {switch.because}"
        )
    if health.clock is not None:
        found["the clock"] = f"is not believed, and timers are held: {health.clock}"
    if health.trouble is not None:
        found["the store"] = f"is in trouble: {health.trouble}"
    return found


def _lasting(health: Health) -> Any:
    """Return what of a look is news when it differs: not the times."""
    issuers = tuple((one.issuer, one.breaker, bool(one.budget_left)) for one in health.issuers)
    held = health.clock is not None
    told = (health.needing_person, health.uncertain, health.trouble, health.stopped)
    counts = (health.expiring_unattended, health.revoking, health.irrevocable)
    return (health.alive, health.kept, held, issuers, *told, *counts)
