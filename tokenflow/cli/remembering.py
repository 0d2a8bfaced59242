"""The same question, the same answer: what a command said of files that have not changed since.

To check a spec means to import its reader and to read it, which takes longer than all the rest of the
command. So the answer is kept as JSON in the user's cache folder, and told again.

Rule 1. It is told only if everything it came from is the same: the question (its words, the folder,
        this tokenflow and its code, the plugins' offers) and the content of every file that was looked at.
Rule 2. It is only a cache (see `hooks.caching`).
Rule 3. It holds what was shown anyway, in which secrets are masked; and only its owner may read it.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from tokenflow._version import __version__
from tokenflow.hooks import caching

MOST: Final = 100
"""Answers kept; the oldest go."""
_PREFIX: Final = "answer-"


def recall(question: Sequence[object], environ: Mapping[str, str] = os.environ) -> tuple[int, str] | None:
    """Return the exit code and the text *question* was answered with, or None where they are not known."""
    text = caching.read(_file(question, environ))
    if text is None:
        return None
    answer: dict[str, Any] = json.loads(text)
    if any(_content(path) != known for path, known in answer["files"].items()):
        return None
    return answer["code"], answer["text"]


def remember(
    question: Sequence[object],
    code: int,
    text: str,
    files: Iterable[str],
    environ: Mapping[str, str] = os.environ,
) -> None:
    """Keep the answer to *question*, which came of what *files* hold now (or of their absence)."""
    file = _file(question, environ)
    kept = {"code": code, "text": text, "files": {each: _content(each) for each in files}}
    if caching.write(file, json.dumps(kept).encode()):
        _forget_oldest(os.path.dirname(file))


def own_code() -> list[tuple[str, int, int]]:
    """Return name, size and time of change of each file of the reader: in a clone it may have changed."""
    room = os.path.join(os.path.dirname(os.path.dirname(__file__)), "spec")
    return [
        (entry.name, entry.stat().st_size, entry.stat().st_mtime_ns)
        for folder in (
            room,
            os.path.join(room, "lint"),
            os.path.join(room, "codes"),
            os.path.dirname(__file__),
        )
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name)
        if entry.is_file()
    ]


def _file(question: Sequence[object], environ: Mapping[str, str]) -> str:
    words = json.dumps([__version__, *question], default=repr)
    return caching.place(f"{_PREFIX}{hashlib.sha256(words.encode()).hexdigest()[:32]}.json", environ)


def _content(path: str) -> str | None:
    """Return a digest of a file's content, or of a folder's names; None where neither could be read."""
    if os.path.isdir(path):
        with suppress(OSError):
            return hashlib.sha256(json.dumps(sorted(os.listdir(path))).encode()).hexdigest()
    found = caching.read_regular(path)
    return None if found is None else hashlib.sha256(found[1]).hexdigest()


def _forget_oldest(folder: str) -> None:
    with suppress(OSError):  # another process may have been quicker
        kept = [entry for entry in os.scandir(folder) if entry.name.startswith(_PREFIX)]
        for entry in sorted(kept, key=lambda entry: entry.stat().st_mtime_ns)[:-MOST]:
            os.unlink(entry.path)
