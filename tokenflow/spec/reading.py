"""Bytes to a tree: the part of YAML that means what it says, within hard limits.

A parser is driven event by event and nothing is built by PyYAML itself: its loaders can be made to
hang, to recurse without end or to crash (see the hostile documents in the tests).
Refused: anchors, aliases, tags, merge keys, duplicate or complex keys, directives, more than one
document. Typing is YAML 1.2's core, with its odd corners left as text: `no`, `012`, `0x1F`, `1:30`.
"""

import re
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

import attrs
import yaml

from tokenflow.spec.diagnostics import Diagnostic, Related, Span
from tokenflow.spec.events import Parse, judge, may_be_quick, quick
from tokenflow.spec.secrecy import kind_of_secret, looks_random, mask, redact, stands_for_secret
from tokenflow.spec.tree import Node, Path

LARGEST: Final = 256 * 1024
"""Bytes of a file. The largest shipped spec has 20 KB."""
DEEPEST: Final = 24
"""Levels of nesting. The deepest shipped spec has 9."""
MOST: Final = 20_000
"""Keys and values in a file."""
LONGEST: Final = 16 * 1024
"""Characters of one scalar."""

KEPT: Final = 64
"""Texts of which the tree is kept, so that a document needed often is read once in a process."""
SMALL: Final = 32 * 1024
"""Bytes of a text whose tree may be kept: that takes up to two megabytes."""

TOLD: Final = 200
"""Problems told of one file."""
QUOTED: Final = 400
"""Characters of a line; a longer one is not quoted in a diagnostic."""

_WHOLE: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,14})\.[0-9]{1,15}")
_WORDS: Final = {"true": True, "false": False, "null": None, "~": None, "": None}


@attrs.frozen(kw_only=True)
class Reading:
    """What came of reading a file: a tree, unless it is no YAML at all, and the problems met."""

    root: Node | None
    problems: tuple[Diagnostic, ...]


class _Stop(Exception):
    """Reading cannot go on."""


def read(content: bytes, file: str) -> Reading:
    """Read *content*; *file* is what its diagnostics call it. Never raises."""
    return (_kept if len(content) <= SMALL else _read)(content, file)


def _read(content: bytes, file: str) -> Reading:
    whole = Span(file=file, line=0, col=1, end_col=2)
    if len(content) > LARGEST:
        message = f"the file is too large; a spec has at most {LARGEST} bytes"
        return Reading(root=None, problems=(_error("TF001", message, whole),))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"not UTF-8 text: byte {error.start} cannot be read"
        return Reading(root=None, problems=(_error("TF001", message, whole, "save the file as UTF-8"),))
    return (_quickly(text, file) if may_be_quick(text) else None) or _judged(_Reader(text, file, judge))


_kept = lru_cache(maxsize=KEPT)(_read)


def _quickly(text: str, file: str) -> Reading | None:
    """Read by libyaml; None where the judge has to say what is wrong. Our own limits it may tell itself."""
    reader = _Reader(text, file, quick)
    with suppress(yaml.YAMLError):
        try:
            root = reader.document()
        except _Stop:
            return reader.finish(None) if len(reader.found) == 1 else None
        return None if reader.found else reader.finish(root)
    return None


def _judged(reader: "_Reader") -> Reading:
    root = None
    try:
        root = reader.document()
    except _Stop:
        root = None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = redact(error.problem or error.context or "it cannot be read")
        reader.problem("TF001", f"not valid YAML: {what}", reader.at(mark), _yaml_help(what))
    except yaml.reader.ReaderError as error:
        place = reader.at_offset(error.position)
        reader.problem("TF001", "not valid YAML: a control character is not text", place)
    return reader.finish(root)


def _error(code: str, message: str, span: Span, help: str | None = None) -> Diagnostic:
    return Diagnostic(code=code, severity="error", message=message, span=span, help=help)


def _yaml_help(what: str) -> str | None:
    if "mapping values are not allowed" in what:
        return "put quotes around text that contains `: `"
    if "cannot start any token" in what:
        return "put quotes around text that starts with a special character, and indent with spaces"
    return None


class _Reader:
    """One pass over one file's events. Frames nest at most DEEPEST deep, so recursion is bounded."""

    def __init__(self, text: str, file: str, parse: Parse) -> None:
        self.lines = re.split(r"\r\n|[\r\n\x85\u2028\u2029]", text)
        self.text, self.file = text, file
        self.events = parse(text)
        self.found: list[Diagnostic] = []
        self.nodes = 0
        self.hidden: dict[int, list[tuple[int, int]]] = {}
        """Line (0-based) -> columns that hold a secret."""

    def document(self) -> Node:
        """Read the one document there may be."""
        next(self.events)
        start = next(self.events)
        if isinstance(start, yaml.StreamEndEvent):
            return Node(span=Span(file=self.file, line=1, col=1, end_col=2))
        self._no_directives(start)
        root = self._node(next(self.events), (), 1)
        next(self.events)
        after = next(self.events)
        if isinstance(after, yaml.DocumentStartEvent):
            self._stop(
                "TF001", "a second document starts here", self.at(after.start_mark), "one document a file"
            )
        return root

    def finish(self, root: Node | None) -> Reading:
        """Give every span its line, secrets masked, now that all secrets are known."""

        masked: dict[int, str] = {}

        def quoted(span: Span) -> Span:
            if not 0 < span.line <= len(self.lines):
                return span
            if span.line not in masked:
                line = self.lines[span.line - 1]
                hidden = self.hidden.get(span.line - 1, ())
                masked[span.line] = mask(line, hidden) if len(line) <= QUOTED else ""
            text = masked[span.line]
            return Span(file=span.file, line=span.line, col=span.col, end_col=span.end_col, text=text)

        problems = tuple(
            attrs.evolve(
                one,
                span=quoted(one.span),
                related=tuple(attrs.evolve(note, span=quoted(note.span)) for note in one.related),
            )
            for one in self.found
        )
        return Reading(root=root.respanned(quoted) if root is not None else None, problems=problems)

    def problem(
        self, code: str, message: str, span: Span, help: str | None = None, related: tuple[Related, ...] = ()
    ) -> None:
        """Note a problem and go on."""
        self.found.append(
            Diagnostic(code=code, severity="error", message=message, span=span, help=help, related=related)
        )

    def at(self, start: Any, end: Any = None) -> Span:
        """Return the span between two marks, on the first one's line."""
        if start is None:
            return Span(file=self.file, line=0, col=1, end_col=2)
        same = end is not None and end.line == start.line and end.column > start.column
        last = end.column + 1 if same else start.column + 2
        return Span(file=self.file, line=start.line + 1, col=start.column + 1, end_col=last)

    def at_offset(self, offset: int) -> Span:
        """Return the span of one character of the text."""
        before = re.split(r"\r\n|[\r\n]", self.text[:offset])
        return Span(file=self.file, line=len(before), col=len(before[-1]) + 1, end_col=len(before[-1]) + 2)

    def _stop(self, code: str, message: str, span: Span, help: str | None = None) -> None:
        self.problem(code, message, span, help)
        raise _Stop

    def _no_directives(self, start: Any) -> None:
        if start.version is not None or start.tags:
            self.problem(
                "TF003",
                "directives (%YAML, %TAG) are not part of the spec language",
                self.at(start.start_mark),
            )

    def _node(self, event: Any, path: Path, depth: int) -> Node:
        span = self.at(event.start_mark, event.end_mark)
        self.nodes += 1
        if len(self.found) >= TOLD:
            raise _Stop
        if self.nodes > MOST:
            self._stop("TF001", f"more than {MOST} keys and values in one file", span)
        if isinstance(event, yaml.AliasEvent):
            self._stop(
                "TF002",
                "anchors and aliases are not part of the spec language",
                span,
                "use `extends:` to share parts between files",
            )
        self._no_anchor_no_tag(event, span)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, span, path)
        if depth > DEEPEST:
            self._stop("TF001", f"nested more than {DEEPEST} deep", span)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(span, path, depth)
        return self._sequence(span, path, depth)

    def _no_anchor_no_tag(self, event: Any, span: Span) -> None:
        if event.anchor is not None:
            self.problem(
                "TF002",
                "anchors and aliases are not part of the spec language",
                span,
                "use `extends:` to share parts between files",
            )
        if event.tag is not None:
            self.problem(
                "TF003",
                f"tag `{redact(str(event.tag)[:LONGEST])[:40]}` is not part of the spec language",
                span,
                "quote the value instead",
            )

    def _scalar(self, event: Any, span: Span, path: Path) -> Node:
        if len(event.value) > LONGEST:
            self._stop("TF001", f"a text has {len(event.value)} characters; at most {LONGEST} are read", span)
        if is_secret(path, event.value):
            self._hide(event.start_mark, event.end_mark)
        if event.style:
            return Node(span=span, value=event.value)
        return Node(span=span, value=typed(event.value), raw=event.value)

    def _mapping(self, span: Span, path: Path, depth: int) -> Node:
        items: dict[str, Node] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            name, place = self._key(event)
            node = self._node(next(self.events), (*path, name), depth + 1).at_key(place)
            if name == "<<":
                self.problem(
                    "TF002", "merge key `<<` is not part of the spec language", place, "use `extends:`"
                )
            elif name in items:
                first = items[name].key or place
                self.problem(
                    "TF004",
                    f"key `{redact(name)[:60]}` appears twice; one of them would be lost",
                    place,
                    related=(Related(label="first used here", span=first),),
                )
            else:
                items[name] = node
        return Node(span=span, items=items)

    def _key(self, event: Any) -> tuple[str, Span]:
        span = self.at(event.start_mark, event.end_mark)
        if not isinstance(event, yaml.ScalarEvent):
            self._stop("TF001", "a key must be text", span, "put quotes around text that contains {, [ or *")
        self.nodes += 1
        self._no_anchor_no_tag(event, span)
        if len(event.value) > LONGEST:
            self._stop("TF001", f"a key has {len(event.value)} characters", span)
        return str(event.value), span

    def _sequence(self, span: Span, path: Path, depth: int) -> Node:
        elements: list[Node] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            elements.append(self._node(event, (*path, len(elements)), depth + 1))
        return Node(span=span, elements=elements)

    def _hide(self, start: Any, end: Any) -> None:
        for line in range(start.line, min(end.line, len(self.lines) - 1) + 1):
            first = start.column if line == start.line else 0
            last = end.column if line == end.line else len(self.lines[line])
            self.hidden.setdefault(line, []).append((first, last))


def is_secret(path: Path, text: str) -> bool:
    """Return whether the scalar at *path* must not be quoted: it looks like a secret, or stands for one."""
    return kind_of_secret(text) is not None or looks_random(text) or stands_for_secret(path, text)


def typed(text: str) -> Any:
    """Return a plain scalar by YAML 1.2's core: true, false, null, whole and decimal numbers; else text."""
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text
