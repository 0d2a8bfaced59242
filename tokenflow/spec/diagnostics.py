"""A problem in a spec file: where, what, and how to mend it; and its picture as text.

A span carries the source line it points at, with every secret in it masked already (see `secrecy`),
so that no later code can print one.
"""

from collections.abc import Iterator
from typing import Final

import attrs

_RED, _YELLOW, _CYAN, _BOLD, _OFF = "\033[31m", "\033[33m", "\033[36m", "\033[1m", "\033[0m"
_TINTS: Final = {"error": _RED, "warning": _YELLOW, "note": _CYAN}
_GUTTER: Final = 5
"""Width of the line number before a quoted line."""


@attrs.frozen(kw_only=True)
class Span:
    """A place in a file: 1-based line and columns, `end_col` exclusive; line 0 is the file as a whole."""

    file: str
    line: int
    col: int
    end_col: int
    text: str = attrs.field(default="", repr=False, eq=False)
    """The source line, secrets masked."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.col}" if self.line else self.file


@attrs.frozen(kw_only=True)
class Related:
    """Another place that explains the problem."""

    label: str
    span: Span


@attrs.frozen(kw_only=True)
class Diagnostic:
    """One problem."""

    code: str
    """TFnnn; stable."""
    severity: str
    """error, warning or note."""
    message: str
    span: Span
    help: str | None = None
    related: tuple[Related, ...] = ()


def render(diagnostic: Diagnostic, *, color: bool = False) -> str:
    """Return *diagnostic* as text: place and message, the line with carets, notes, and the help."""
    bold, cyan, off = (_BOLD, _CYAN, _OFF) if color else ("", "", "")
    tint = _TINTS[diagnostic.severity] if color else ""
    head = f"{bold}{diagnostic.span}{off}: {tint}{diagnostic.severity}{off} [{diagnostic.code}]"
    lines = [f"{head} {diagnostic.message}", *_quote(diagnostic.span, "^")]
    for note in diagnostic.related:
        lines += [f"      {cyan}note{off}: {note.label}: {note.span}", *_quote(note.span, "-")]
    if diagnostic.help:
        lines.append(f"      {cyan}help{off}: {diagnostic.help}")
    return "\n".join(lines)


def _quote(span: Span, mark: str) -> Iterator[str]:
    if not span.line or not span.text.strip():
        return
    width = max(1, min(span.end_col, len(span.text) + 2) - span.col)
    yield f"{span.line:>{_GUTTER}} | {span.text}"
    yield f"{' ' * _GUTTER} | {' ' * (span.col - 1)}{mark * width}"
