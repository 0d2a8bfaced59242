"""What `tokenflow validate` found: for programs, code scanners (SARIF 2.1.0) and GitHub's annotations."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from tokenflow._version import __version__
from tokenflow.spec import Diagnostic, Related, Span
from tokenflow.spec.codes import CODES, Code
from tokenflow.spec.shipped import PREFIX

LEVELS: Final = {"error": "error", "warning": "warning", "note": "note"}
"""Severity -> SARIF level (§3.27.10)."""
_ANNOTATIONS: Final = {"error": "error", "warning": "warning", "note": "notice"}


def plain(one: Diagnostic) -> dict[str, Any]:
    """Return a diagnostic as JSON shows it: docs/reference/validate-json.md."""
    related = [{"label": note.label, **_place(note.span)} for note in one.related]
    return {
        "code": one.code,
        "severity": one.severity,
        "message": one.message,
        **_place(one.span),
        "help": one.help,
        "related": related,
    }


def sarif(found: Sequence[Diagnostic]) -> str:
    """Return a SARIF 2.1.0 log with one run, whose rules are all the codes there are."""
    codes = list(CODES)
    run = {
        "tool": {
            "driver": {
                "name": "tokenflow",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(one) for one in CODES.values()],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, codes.index(one.code)) for one in found],
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False)


def annotations(found: Sequence[Diagnostic]) -> Iterator[str]:
    """Yield a workflow command of GitHub Actions for each diagnostic: a mark beside the line."""
    for one in found:
        where: dict[str, object] = {"file": one.span.file, "title": f"{one.code} {CODES[one.code].title}"}
        if one.span.line:
            where |= {"line": one.span.line, "col": one.span.col, "endColumn": one.span.end_col}
        properties = ",".join(
            f"{name}={_escaped(str(value), property=True)}" for name, value in where.items()
        )
        yield f"::{_ANNOTATIONS[one.severity]} {properties}::{_escaped(_said(one))}"


def _place(span: Span) -> dict[str, Any]:
    return {"file": span.file, "line": span.line, "column": span.col, "end_column": span.end_col}


def _said(one: Diagnostic) -> str:
    return one.message if one.help is None else f"{one.message}\nhelp: {one.help}"


def _escaped(text: str, *, property: bool = False) -> str:
    """Escape what a workflow command would take for its own end."""
    for mark in "%\r\n:," if property else "%\r\n":
        text = text.replace(mark, f"%{ord(mark):02X}")
    return text


def _rule(code: Code) -> dict[str, Any]:
    example = f"Wrong:\n\n{code.bad}\n\nRight:\n\n{code.good}"
    shown = f"Wrong:\n\n```yaml\n{code.bad}\n```\n\nRight:\n\n```yaml\n{code.good}\n```"
    return {
        "id": code.code,
        "shortDescription": {"text": f"{code.title}."},
        "fullDescription": {"text": f"{code.what} {code.why}"},
        "help": {"text": f"{code.mend}\n\n{example}", "markdown": f"{code.mend}\n\n{shown}"},
        "defaultConfiguration": {"level": LEVELS[code.severity]},
    }


def _result(one: Diagnostic, index: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ruleId": one.code,
        "ruleIndex": index,
        "level": LEVELS[one.severity],
        "message": {"text": _said(one)},
        "locations": [{"physicalLocation": _physical(one.span)}],
    }
    if one.related:
        found["relatedLocations"] = [_related(number, note) for number, note in enumerate(one.related)]
    return found


def _related(number: int, note: Related) -> dict[str, Any]:
    return {"id": number, "message": {"text": note.label}, "physicalLocation": _physical(note.span)}


def _physical(span: Span) -> dict[str, Any]:
    """A span without a line is the file as a whole, which is no region."""
    found: dict[str, Any] = {"artifactLocation": {"uri": _uri(span.file)}}
    if span.line:
        region: Mapping[str, Any] = {
            "startLine": span.line,
            "startColumn": span.col,
            "endColumn": max(span.end_col, span.col),
        }
        found["region"] = {**region, "snippet": {"text": span.text}} if span.text else region
    return found


def _uri(file: str) -> str:
    """A path from here stays one; a whole one becomes file:, and a shipped spec is builtin:NAME already."""
    if file.startswith(PREFIX):
        return PREFIX + quote(file.removeprefix(PREFIX))
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
