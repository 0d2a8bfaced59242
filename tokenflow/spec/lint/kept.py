"""A Tokens document against the lifecycles it keeps tokens of (TF005, 230, 232, 305, 609)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.tree import Path
from tokenflow.spec.words import did_you_mean, listed


def kept(s: Subject) -> Iterator[Diagnostic]:
    """Each token can be had the way it says."""
    for key, entry in s.table("tokens").items():
        place = ("tokens", key)
        problems = tuple(led_to(s, entry["lifecycle"], "Lifecycle", (*place, "lifecycle")))
        lifecycle = s.referred(entry["lifecycle"])
        yield from problems
        if not problems and lifecycle is not None:
            yield from _had(s, lifecycle, entry, place)


def issuers(s: Subject) -> Iterator[Diagnostic]:
    """An issuer's document is one."""
    for name, ref in s.table("issuers").items():
        yield from led_to(s, ref, "Issuer", ("issuers", name))


def led_to(s: Subject, ref: str, kind: str, place: Path) -> Iterator[Diagnostic]:
    """Yield what is wrong with where *ref* leads: nowhere, to a broken document or to another kind."""
    if s.shelf is None:
        return
    found = s.shelf.at(ref, s.folder)
    if found.root is None:
        first = found.problems[0]
        lost = first.code == "TF005" and not first.span.line
        message = first.message if lost else f"`{ref}` has errors of its own"
        help = first.help if lost else f"tokenflow validate {ref}"
        yield s.found("TF005", f"`{ref}`: {message}" if lost else message, *place, help=help)
    elif (other := found.root.find(("kind",)).value) != kind:
        yield s.found("TF230", f"`{ref}` is of the kind {other}, and here {kind} is wanted", *place)
    elif found.root.find(("abstract",)).value is True:
        yield s.found("TF230", f"`{ref}` is abstract: a parent for others, never run on its own", *place)


def acquired(s: Subject, lifecycle: Subject, platform: str, place: Path) -> Iterator[Diagnostic]:
    """Yield what is wrong with acquiring a token of *lifecycle* by *platform*."""
    platforms = lifecycle.table("acquire")
    if platform not in platforms:
        name = lifecycle.data["metadata"]["name"]
        otherwise = f"it has: {listed(platforms)}" if platforms else "its tokens are derived from a parent's"
        help = did_you_mean(platform, platforms, otherwise=otherwise)
        yield s.found("TF230", f"`{name}` is not acquired by `{platform}`", *place, help=help)


def _had(s: Subject, lifecycle: Subject, entry: Mapping[str, Any], place: Path) -> Iterator[Diagnostic]:
    attributes = lifecycle.table("token").get("attributes", {})
    for name in entry.get("attributes", {}):
        yield from s.known("TF305", "attribute", name, attributes, *place, "attributes", name, key=True)
    if "acquire" not in entry:
        platforms = lifecycle.table("acquire")
        help = f"acquire: {' or '.join(sorted(platforms))}" if platforms else None
        yield s.found("TF230", "how is this token acquired?", *place, key=True, help=help)
        return
    yield from acquired(s, lifecycle, entry["acquire"], (*place, "acquire"))
    acquisition = lifecycle.table("acquire").get(entry["acquire"], {})
    who = acquisition.get("consent", "none")
    if who != "none":
        asked = {"person": "a person agrees", "admin": "an admin agrees"}[who]
        message = f"this waits until {asked}; the keeper prints a link"
        yield s.found("TF232", message, *place, "acquire")
    if acquisition and not (entry.get("scope") or acquisition.get("scope")) and _asks(s, acquisition):
        message = "no scope is named, so the issuer may grant all it can"
        yield s.found("TF609", message, *place, key=True, help="scope: [what it needs]")


def _asks(s: Subject, acquisition: Mapping[str, Any]) -> bool:
    """Return whether the issuer is asked, and so may be asked for less."""
    return bool(s.names.endpoints.get(acquisition["use"])) or "exchange" in acquisition.get("with", {})


CHECKS: Final = (kept, issuers)
