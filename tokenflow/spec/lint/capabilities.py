"""What a spec asks of plugins, against what the installed ones offer (TF301, TF302)."""

from collections.abc import Iterator
from typing import Final

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.lint.using import Use, uses
from tokenflow.spec.tree import Path
from tokenflow.spec.words import did_you_mean


def offered(s: Subject) -> Iterator[Diagnostic]:
    """Each capability in use is offered, and is of the sort that is wanted there."""
    for use in uses(s):
        kind = _wanted(use)
        names = {
            "acquirer": s.names.acquirers,
            "callback": s.names.callbacks,
            "command": s.names.commands,
            "deriver": s.names.derivers,
        }
        yield from _offered(s, kind, names[kind], use.name, use.path)


def _wanted(use: Use) -> str:
    kinds = {"acquire": "acquirer", "callbacks": "callback", "derive": "deriver"}
    return kinds.get(str(use.path[0]), "command") if use.itself else "command"


def secret_schemes(s: Subject) -> Iterator[Diagnostic]:
    """The scheme of a reference is one that a plugin reads."""
    offered = s.names.secret_schemes
    for group in ("secrets", "client"):
        for name, body in s.table(group).items():
            scheme = body["from"].partition(":")[0] if isinstance(body, dict) else None
            if offered is not None and scheme is not None and scheme not in offered:
                help = did_you_mean(scheme, offered, otherwise=f"known: {', '.join(sorted(offered))}")
                yield s.found(
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
        yield s.found("TF302", f"`{name}` is {_a(other)}, and {_a(kind)} is wanted here", *path)
    else:
        plugin = name.partition(".")[0]
        help = did_you_mean(
            name, names, otherwise=f"is the plugin `{plugin}` installed? See `tokenflow plugins list`"
        )
        yield s.found("TF301", f"no installed plugin offers the {kind} `{name}`", *path, help=help)


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


CHECKS: Final = (offered, secret_schemes)
