"""Is a version's number honest, and does it strand a live token (rule M2)?

What changed is in `comparing`; here it is weighed against the version that was declared: a bump
smaller than the change is TF501, a vanished state that no `migrate` entry maps is TF502, changed
content under an unchanged version is TF503.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from tokenflow.core.errors import SpecError
from tokenflow.core.versions import Range, Version
from tokenflow.spec.comparing import Difference, differences
from tokenflow.spec.diagnostics import Diagnostic, Related
from tokenflow.spec.documents import Document
from tokenflow.spec.explaining import diagnostic
from tokenflow.spec.weighing import BUMPS, MAJOR, MINOR, PATCH


@attrs.frozen(kw_only=True)
class Changes:
    """What changed between two versions, and what that asks of the newer one."""

    old: Document
    new: Document
    differences: tuple[Difference, ...]
    """What asks for most first."""
    required: str | None
    """major, minor or patch; None when nothing changed."""
    declared: str | None
    """By how much the version grew; None when it did not."""
    takes_over: bool
    """Whether live tokens of the old version come over: a `migrate` entry takes it."""
    problems: tuple[Diagnostic, ...]
    """TF501-TF503."""

    @property
    def honest(self) -> bool:
        """Whether the version grew by as much as the changes ask."""
        return self.required is None or _covers(self.declared, self.required)


def changes(old: Document, new: Document) -> Changes:
    """Return what changed from *old* to *new*; raises SpecError unless both are versions of one lifecycle."""
    for document in (old, new):
        if document.kind != "Lifecycle":
            raise SpecError(
                f"{document.path} is of kind {document.kind}; tokens live by the versions of a Lifecycle only"
            )
    if old.name != new.name:
        raise SpecError(
            f"`{new.name}` is no version of `{old.name}`: no token of one becomes the other",
            mend="name two versions of one lifecycle",
        )
    found = tuple(differences(old, new))
    required = max((one.bump for one in found), key=BUMPS.index, default=None)
    declared = grown(Version.parse(old.version), Version.parse(new.version))
    entry = _entry(new.data, Version.parse(old.version))
    return Changes(
        old=old,
        new=new,
        differences=found,
        required=required,
        declared=declared,
        takes_over=entry is not None,
        problems=(*_dishonest(old, new, found, required, declared), *_stranded(old, new, entry)),
    )


def grown(old: Version, new: Version) -> str | None:
    """Return by how much *new* is greater than *old*; None when it is not (semver.org §4-§9).

    Before 1.0.0 a minor step may break, and a patch is what a minor step is later; a pre-release
    promises nothing yet.
    """
    if new <= old:
        return None
    if not old.released or new.major > old.major:
        return MAJOR
    if new.minor > old.minor:
        return MAJOR if old.major == 0 else MINOR
    return MINOR if old.major == 0 else PATCH


def _covers(declared: str | None, required: str) -> bool:
    return declared is not None and BUMPS.index(declared) >= BUMPS.index(required)


def _next(version: Version, bump: str) -> str:
    """Return the least version that is grown by *bump*."""
    if bump == MAJOR:
        return f"0.{version.minor + 1}.0" if version.major == 0 else f"{version.major + 1}.0.0"
    if bump == MINOR and version.major > 0:
        return f"{version.major}.{version.minor + 1}.0"
    return f"{version.major}.{version.minor}.{version.patch + 1}"


def _dishonest(
    old: Document, new: Document, found: tuple[Difference, ...], required: str | None, declared: str | None
) -> Iterator[Diagnostic]:
    if required is None or _covers(declared, required):
        return
    span = new.span("metadata", "version")
    least = _next(Version.parse(old.version), required)
    first = found[0]
    if old.version == new.version:
        message = f"{old.ref} changed without a new version; live tokens are pinned to digest {old.digest}"
        code, help = "TF503", f"make it {least}"
    else:
        step = f"a {declared} one" if declared is not None else "none: it comes before"
        message = f"these changes need a {required} version, and {old.version} -> {new.version} is {step}"
        code, help = "TF501", f"make it {least} or later"
    noted = diagnostic(code, message, span, help)
    gone = new.root.find(first.path) is new.root.find(first.path[:-1])
    place = first.old if gone else first.new
    yield attrs.evolve(noted, related=(Related(label=f"{first.bump}: {first.what}", span=place),))


def _entry(new: Mapping[str, Any], version: Version) -> Mapping[str, Any] | None:
    """Return the `migrate` entry that takes *version*: the first, as for a token (rule M3)."""
    for entry in new.get("migrate", ()):
        if version in Range.parse(entry["from"]):
            found: Mapping[str, Any] = entry
            return found
    return None


def _stranded(old: Document, new: Document, entry: Mapping[str, Any] | None) -> Iterator[Diagnostic]:
    """Yield the states in which live tokens may be, and from which nothing leads on."""
    states: Mapping[str, str] = {} if entry is None else entry.get("states", {})
    for name, state in old.data["states"].items():
        target = states.get(name, name)
        if target in new.data["states"] or (state or {}).get("final"):
            continue
        gone = f"mapped to `{target}`, which is no state" if target != name else "which no longer exists"
        here = new.root.where(("migrate" if "migrate" in new.data else "states",), key=True)
        states_of = f"states: {{{name}: ...}}"
        help = (
            f'say what becomes of them: `migrate: [{{from: "<{new.version}", {states_of}}}]`'
            if entry is None
            else f"add `{states_of}` to the `migrate` entry that takes {old.version}"
        )
        noted = diagnostic("TF502", f"live tokens may be in `{name}`, {gone}", here, help)
        place = old.root.where(("states", name), key=True)
        yield attrs.evolve(noted, related=(Related(label=f"`{name}` in {old.ref}", span=place),))
