"""What a spec asks of plugins, against what the installed ones offer (TF301, TF302)."""

from collections.abc import Iterator
from typing import Final

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.tree import Path
from tokenflow.spec.words import did_you_mean


def acquirers(s: Subject) -> Iterator[Diagnostic]:
    """A platform's capability is offered, and so is who verifies and who exchanges the code."""
    for name, body in s.table("acquire").items():
        place = ("acquire", name)
        yield from _offered(s, "acquirer", s.names.acquirers, body["use"], (*place, "use"))
        if "verify" in body:
            yield from _offered(s, "command", s.names.commands, body["verify"], (*place, "verify"))
        exchange = body.get("with", {}).get("exchange")
        if isinstance(exchange, str):
            yield from _offered(s, "command", s.names.commands, exchange, (*place, "with", "exchange"))


def commands(s: Subject) -> Iterator[Diagnostic]:
    """A command's capability is offered."""
    for name, body in s.table("commands").items():
        yield from _offered(s, "command", s.names.commands, body["use"], ("commands", name, "use"))


def derivers(s: Subject) -> Iterator[Diagnostic]:
    """A deriver's capability is offered."""
    if s.table("derive"):
        yield from _offered(s, "deriver", s.names.derivers, s.table("derive")["use"], ("derive", "use"))


def probe(s: Subject) -> Iterator[Diagnostic]:
    """An issuer's probe is a command."""
    if "probe" in s.data:
        yield from _offered(s, "command", s.names.commands, s.data["probe"], ("probe",))


def secret_schemes(s: Subject) -> Iterator[Diagnostic]:
    """The scheme of a reference is one that a plugin reads."""
    offered = s.names.secret_schemes
    for group in ("secrets", "client"):
        for name, body in s.table(group).items():
            scheme = body["from"].partition(":")[0] if isinstance(body, dict) else None
            if offered is not None and scheme is not None and scheme not in offered:
                help = did_you_mean(scheme, offered, otherwise=f"known: {', '.join(sorted(offered))}")
                yield s.error(
                    "TF301",
                    f"no installed plugin reads `{scheme}:` references",
                    group,
                    name,
                    "from",
                    help=help,
                )


def _offered(
    s: Subject, kind: str, names: frozenset[str] | None, name: str, path: Path
) -> Iterator[Diagnostic]:
    if names is None or name in names:
        return
    other = s.names.kind_of(name)
    if other is not None:
        yield s.error("TF302", f"`{name}` is {_a(other)}, and {_a(kind)} is wanted here", *path)
    else:
        plugin = name.partition(".")[0]
        help = did_you_mean(
            name, names, otherwise=f"is the plugin `{plugin}` installed? See `tokenflow plugins list`"
        )
        yield s.error("TF301", f"no installed plugin offers the {kind} `{name}`", *path, help=help)


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


CHECKS: Final = (acquirers, commands, derivers, secret_schemes)
