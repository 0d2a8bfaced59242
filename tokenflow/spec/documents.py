"""A spec file, read, resolved and checked: the one way in.

Stages, each only when the one before found nothing: read (TF00x), shape (TF01x), parent (TF02x),
meaning (TF1xx and up). Within a stage every problem is reported at once, and a secret that was
written down (TF201) is reported in the first. `check_all` also holds documents against each other.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path as FilePath
from typing import Any, Final

import attrs

from tokenflow.spec.diagnostics import Diagnostic, Span
from tokenflow.spec.errors import SpecError
from tokenflow.spec.explaining import diagnostic
from tokenflow.spec.hushing import hushed
from tokenflow.spec.lint import lint, written_down
from tokenflow.spec.names import Names
from tokenflow.spec.places import Place, Unread, content, locate, unreadable
from tokenflow.spec.shelf import Shelf, Shelved
from tokenflow.spec.tree import Node
from tokenflow.spec.written import Tree, alone, completed, written

_NOT_BODY: Final = frozenset({"metadata", "extends", "migrate", "remove", "requires"})
"""Keys whose change changes nothing a token lives by."""
_DEEPEST: Final = 8
"""Parents of parents."""


@attrs.frozen(kw_only=True)
class Document:
    """A spec, ready to be compiled."""

    kind: str
    """Lifecycle, Issuer, Tokens or Scenario."""
    name: str
    version: str
    """Semantic version; 0.0.0 for a document that has none."""
    data: dict[str, Any] = attrs.field(repr=False)
    """Plain data, the parent merged in, text typed by the schema."""
    digest: str
    """Of the body: the first 16 hexadecimal digits of SHA-256 over its canonical JSON."""
    path: str
    """The file it was read from."""
    root: Node = attrs.field(repr=False, eq=False)

    @property
    def ref(self) -> str:
        """name@version."""
        return f"{self.name}@{self.version}"

    def span(self, *path: str | int) -> Span:
        """Return the place of the value at *path*, or of the nearest thing above it."""
        return self.root.where(path)

    def origin(self, *path: str | int) -> str:
        """Return the file the key at *path* was written in."""
        return self.root.where(path, key=True).file


@attrs.frozen(kw_only=True)
class Examined:
    """What came of looking at documents together."""

    found: dict[str, list[Diagnostic]]
    """Document, as it was asked for -> its problems, in the order of the file."""
    files: frozenset[str]
    """Every file that was read, or looked for."""


@attrs.frozen
class _Found:
    """What became of a reference."""

    tree: Tree | None
    """The tree, resolved; None when it is not fit to be used."""
    problems: tuple[Diagnostic, ...]
    path: str = ""
    folder: FilePath | None = None
    files: frozenset[str] = frozenset()
    """Every file that was read for it."""
    own: Node | None = None
    """The tree as it was written, when it is YAML at all."""
    title: tuple[str, str] | None = None
    """Its kind and name as far as they could be read, however broken the rest is."""

    @property
    def root(self) -> Node | None:
        """The tree itself."""
        return None if self.tree is None else self.tree.root


def load(ref: str | os.PathLike[str], *, names: Names | None = None) -> Document:
    """Return the document *ref* names: a path, `builtin:NAME`, or a shipped name such as `facebook-user`.

    *names* is what the installed plugins offer; without it, such names are not checked. Raises
    SpecError with every problem of the file; warnings do not stop it.
    """
    found = _checked(ref, names or Names())
    if found.root is None or _broken(found.problems):
        raise SpecError(found.problems)
    return _document(found.root, found.path)


def check(ref: str | os.PathLike[str], *, names: Names | None = None) -> list[Diagnostic]:
    """Return every problem and warning of the document *ref* names, in the order of the file."""
    return _in_order(_checked(ref, names or Names()).problems)


def check_all(
    refs: Iterable[str | os.PathLike[str]], *, names: Names | None = None
) -> dict[str, list[Diagnostic]]:
    """Return the problems of each document, and of how they fit each other.

    A document that another names is looked for among *refs*, the shipped specs and the files beside it.
    """
    return examine(refs, names=names).found


def examine(refs: Iterable[str | os.PathLike[str]], *, names: Names | None = None) -> Examined:
    """Return what `check_all` does, and the files it came from."""
    found = {os.fspath(ref): _opened(ref) for ref in refs}
    given = {
        one.title: Shelved(root=one.root, folder=one.folder, given=True)
        for one in found.values()
        if one.title is not None
    }
    shelf = Shelf(given=given, read=_shelved)
    told = {ref: _in_order(_linted(one, names or Names(), shelf).problems) for ref, one in found.items()}
    return Examined(found=told, files=shelf.files().union(*(one.files for one in found.values())))


def _in_order(problems: tuple[Diagnostic, ...]) -> list[Diagnostic]:
    first = problems[0].span.file if problems else ""
    return sorted(problems, key=lambda one: (one.span.file != first, one.span.line, one.span.col, one.code))


def digest_of(data: dict[str, Any]) -> str:
    """Return the digest of a document's body."""
    body = {key: value for key, value in data.items() if key not in _NOT_BODY}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _document(root: Node, path: str) -> Document:
    data = root.data()
    return Document(
        kind=data["kind"],
        name=data["metadata"]["name"],
        version=data["metadata"].get("version", "0.0.0"),
        data=data,
        digest=digest_of(data),
        path=path,
        root=root,
    )


def _broken(problems: Iterable[Diagnostic]) -> bool:
    return any(one.severity == "error" for one in problems)


def _checked(ref: str | os.PathLike[str], names: Names) -> _Found:
    return _linted(_opened(ref), names, None)


def _opened(ref: str | os.PathLike[str]) -> _Found:
    place = locate(ref)
    if isinstance(place, Unread):
        return _Found(None, (unreadable(os.fspath(ref)[:200], place),))
    return attrs.evolve(_resolved(place, ()), folder=place.folder)


def _linted(found: _Found, names: Names, shelf: Shelf | None) -> _Found:
    if found.tree is None or _broken(found.problems):
        return found
    root = found.tree.root
    said = alone(found.tree, names) if shelf is None else lint(root, names, folder=found.folder, shelf=shelf)
    return attrs.evolve(found, problems=hushed(root, (*found.problems, *said)))


def _shelved(place: Place) -> Shelved:
    found = _resolved(place, ())
    root = None if _broken(found.problems) else found.root
    return Shelved(root=root, folder=place.folder, problems=found.problems, files=found.files)


def _resolved(place: Place, line: tuple[str, ...]) -> _Found:
    """Read *place* and merge its parents in; *line* is the files it was reached by."""
    found = _read(place, line)
    problems = found.problems
    if found.own is not None and _broken(problems):
        problems = hushed(found.own, _with_secrets(found.own, problems))
    return attrs.evolve(found, problems=problems, files=found.files | {place.path})


def _with_secrets(own: Node, problems: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Return the problems of a document that goes no further, and the secrets it holds.

    Of the form of what is to be replaced nothing is said.
    """
    told = {one.span for one in problems if one.code == "TF201"}
    secrets = tuple(one for one in written_down(own) if one.span not in told)
    sure = {one.span for one in secrets if one.severity == "error"}
    return (*(one for one in problems if one.code != "TF015" or one.span not in sure), *secrets)


def _read(place: Place, line: tuple[str, ...]) -> _Found:
    got = content(place)
    if isinstance(got, Unread):
        return _Found(None, (unreadable(place.label, got),))
    text = written(got, place.label)
    own, tree, problems = text.own, text.tree, text.problems
    if own is None:
        return _Found(None, problems)
    title = _title(own)
    if tree is None:
        return _Found(None, problems, own=own, title=title)
    parent = tree.root.find(("extends",))
    if not isinstance(parent.value, str):
        return _Found(tree, problems, place.path, own=own, title=title)
    above = _parent(place, parent, tree.root, (*line, _identity(place)))
    problems = (*problems, *above.problems)
    if above.tree is None or _broken(problems):
        return _Found(None, problems, files=above.files, own=own, title=title)
    whole, more = completed(above.tree, tree)
    return _Found(whole, (*problems, *more), place.path, files=above.files, own=own, title=title)


def _title(root: Node) -> tuple[str, str] | None:
    kind, name = root.find(("kind",)).value, root.find(("metadata", "name")).value
    return (kind, name) if isinstance(kind, str) and isinstance(name, str) else None


def _identity(place: Place) -> str:
    return place.label if place.folder is None else str(FilePath(place.path).resolve())


def _parent(place: Place, entry: Node, child: Node, line: tuple[str, ...]) -> _Found:
    ref = str(entry.value)
    target = locate(ref, place.folder)
    if isinstance(target, Unread):
        return _Found(
            None, (diagnostic("TF021", f"parent `{ref}`: {target.message}", entry.span, target.help),)
        )
    if len(line) > _DEEPEST:
        return _Found(None, (diagnostic("TF020", f"`extends` goes more than {_DEEPEST} deep", entry.span),))
    if _identity(target) in line:
        return _Found(None, (diagnostic("TF020", "`extends` goes round in a circle", entry.span),))
    if target.folder is not None and not FilePath(target.path).is_file():
        return _Found(None, (diagnostic("TF021", f"parent `{ref}`: there is no such file", entry.span),))
    found = _resolved(target, line)
    if found.root is not None and found.root.find(("kind",)).value != child.find(("kind",)).value:
        kind = found.root.find(("kind",)).value
        return _Found(None, (diagnostic("TF021", f"parent `{ref}` is of another kind: {kind}", entry.span),))
    return found
