"""Which Issuer document a lifecycle means: every command, and an engine, find it here.

One that was given comes first, then one around the lifecycle's file, then a shipped one.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenflow.core import errors
from tokenflow.spec.documents import Document, load
from tokenflow.spec.errors import SpecError
from tokenflow.spec.explaining import diagnostic
from tokenflow.spec.names import Names
from tokenflow.spec.neighbours import around, unknown_issuer
from tokenflow.spec.shipped import PREFIX, shipped


def with_issuers(documents: Iterable[Document], names: Names | None = None) -> list[Document]:
    """Return *documents*, and after them the Issuers that Lifecycles among them name and that were missing.

    Raises SpecError for an issuer that is nowhere, or whose document has errors.
    """
    found = list(documents)
    issuers = {one.name: one for one in found if one.kind == "Issuer"}
    for one in tuple(found):
        name = one.data.get("issuer") if one.kind == "Lifecycle" else None
        if name and name not in issuers:
            issuers[name] = _around(one, name, tuple(issuers), names)
            found.append(issuers[name])
    return found


def subject_of(given: Sequence[Document]) -> Document:
    """Return what a command that is about one document is about: the one *given* that is no Issuer.

    It is the Issuer where only one was given. Raises SpecError for any more.
    """
    found = [one for one in given if one.kind != "Issuer"] or list(given)
    if len(found) > 1:
        raise errors.SpecError(
            f"one document at a time, not {' and '.join(one.name for one in found)}",
            mend="beside it go the Issuers it names, and nothing else",
        )
    return found[0]


def shipped_issuer(name: str, names: Names | None = None) -> Document:
    """Return the shipped Issuer *name*, for a lifecycle of which no file is known; raises SpecError."""
    if name not in shipped("Issuer"):
        raise errors.SpecError(
            f"no Issuer document called `{name}` was given, and none is shipped", mend="give its file too"
        )
    return load(f"{PREFIX}{name}", names=names)


def _around(lifecycle: Document, name: str, given: tuple[str, ...], names: Names | None) -> Document:
    path = around("Issuer", name, Path(lifecycle.path).parent).path
    if path is not None:
        return load(path, names=names)
    if name in shipped("Issuer"):
        return load(f"{PREFIX}{name}", names=names)
    message, mend = unknown_issuer(name, given)
    raise SpecError([diagnostic("TF220", message, lifecycle.span("issuer"), mend)])
