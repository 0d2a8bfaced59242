"""What a document says it needs installed, against what it uses and what is there (TF303, TF309, TF310)."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from typing import Final, TypeAlias

from tokenflow._version import __version__
from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.lint.using import Use, uses
from tokenflow.spec.words import did_you_mean

Numbers: TypeAlias = tuple[int, ...]

API: Final = 1
"""The plugin API; tests hold that it is the hooks' own number."""
_CLAUSE: Final = re.compile(r"(>=|<=|==|!=|~=|<|>) ?([0-9][0-9A-Za-z.*+!-]*)")
_HOLDS: Final[Mapping[str, Callable[[int], bool]]] = {
    ">=": lambda order: order >= 0,
    "<=": lambda order: order <= 0,
    "==": lambda order: order == 0,
    "!=": lambda order: order != 0,
    "<": lambda order: order < 0,
    ">": lambda order: order > 0,
}


def named(s: Subject) -> Iterator[Diagnostic]:
    """Each plugin whose capability is used is required."""
    wanted = s.table("requires").get("plugins", {})
    missing: dict[str, Use] = {}
    for use in uses(s):
        plugin = use.name.partition(".")[0]
        if plugin not in wanted and s.is_own(*use.path):
            missing.setdefault(plugin, use)
    if missing:
        whole = {**wanted, **dict.fromkeys(missing, API)}
        plugins = ", ".join(f"{name}: {api}" for name, api in sorted(whole.items()))
        used = ", ".join(f"`{use.name}`" for use in missing.values())
        of = "is of a plugin" if len(missing) == 1 else "are of plugins"
        message = f"{used} {of} that `requires` does not name"
        help = f"requires: {{plugins: {{{plugins}}}}}"
        if "requires" in s.data:
            yield s.found("TF303", message, "requires", key=True, help=help)
        else:
            yield s.found("TF303", message, *next(iter(missing.values())).path, help=help)


def installed(s: Subject) -> Iterator[Diagnostic]:
    """What is required of plugins is there, and speaks that API."""
    for plugin, api in s.table("requires").get("plugins", {}).items():
        place = ("requires", "plugins", plugin)
        if s.names.plugins is not None and plugin not in s.names.plugins:
            otherwise = "install it, or see `tokenflow plugins list` for what keeps it from working"
            help = did_you_mean(plugin, s.names.plugins, otherwise=otherwise)
            yield s.found("TF309", f"the plugin `{plugin}` is not installed", *place, key=True, help=help)
        elif api != API:
            message = f"it is written for plugin API {api}, and this tokenflow speaks {API}"
            yield s.found("TF309", message, *place)


def this_version(s: Subject) -> Iterator[Diagnostic]:
    """The tokenflow that reads it is one it is written for."""
    wanted = s.table("requires").get("tokenflow")
    if wanted is not None and not satisfies(__version__, wanted):
        yield s.found(
            "TF310", f"it needs tokenflow {wanted}, and this is {__version__}", "requires", "tokenflow"
        )


def satisfies(version: str, wanted: str) -> bool:
    """Return whether *version* is in the range *wanted*, e.g. `>=0.1,<2`; a pre-release is as its release."""
    return all(_holds(version, sign, bound) for sign, bound in _CLAUSE.findall(wanted))


def _holds(version: str, sign: str, bound: str) -> bool:
    if bound.endswith(".*"):
        return _begins(version, _numbers(bound)) is (sign in ("==", "~="))
    if sign == "~=":
        return _order(version, bound) >= 0 and _begins(version, _numbers(bound)[:-1])
    return _HOLDS[sign](_order(version, bound))


def _begins(version: str, first: Numbers) -> bool:
    """Return whether *version* has the numbers *first* at its front, as 1.0 has 1.0.0."""
    have = (*_numbers(version), *[0] * len(first))
    return have[: len(first)] == first


def _order(one: str, other: str) -> int:
    for left, right in zip_longest(_numbers(one), _numbers(other), fillvalue=0):
        if left != right:
            return 1 if left > right else -1
    return 0


def _numbers(version: str) -> Numbers:
    released = re.split(r"[^\d.]", version, maxsplit=1)[0]
    return tuple(int(part) for part in re.findall(r"\d{1,9}", released))


CHECKS: Final = (named, installed, this_version)
