"""Android's shared preferences: a map of typed entries in XML, read and written as the system does.

XML from outside, so: no document type, no entities, a size cap, and only what such a file has. Written
as Android's own serializer does, to the byte; entries keep the order they were read in.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias
from xml.parsers import expat

import attrs

from tokenflow import PayloadError
from tokenflow_android.fields import as_text

TYPES: Final = ("string", "int", "long", "float", "boolean", "set", "null")
_CUT: Final = frozenset({3, 5, 6, 20})
"""Expat's no element found, unclosed token, partial character and unclosed CDATA section."""
_HEAD: Final = "<?xml version='1.0' encoding='utf-8' standalone='yes' ?>\n"
_ESCAPED: Final = {
    **{code: f"&#{code};" for code in range(32)},
    ord('"'): "&quot;",
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord(">"): "&gt;",
}
"""What the system's serializer writes otherwise than it is; an apostrophe stays."""


@attrs.frozen
class Entry:
    """One value of a preferences file."""

    type: str
    """One of TYPES."""
    value: str | tuple[str, ...] | None = attrs.field(repr=False)
    """The text; the texts of a set; a number or truth value as it was written; None for null."""


Entries: TypeAlias = Mapping[str, Entry]


def read(payload: bytes | str) -> dict[str, Entry]:
    """Return the entries of a preferences file by name; raises PayloadError: truncated, malformed."""
    text = as_text(payload)
    reading = _Reading()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = reading.start, reading.end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = reading.data, _doctype
    flaw = None
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        flaw = "truncated" if error.code in _CUT else "malformed"
    except ValueError:  # a lone surrogate, which no file holds; the exception would hold the text
        flaw = "malformed"
    if flaw is not None:
        raise PayloadError(flaw, "the preferences are not a whole XML text")
    return reading.entries


def written(entries: Entries) -> str:
    """Return the file that holds *entries*."""
    if not entries:
        return f"{_HEAD}<map />\n"
    return f"{_HEAD}<map>\n{''.join(_lines(entries))}</map>\n"


def _lines(entries: Entries) -> Iterator[str]:
    for name, entry in entries.items():
        begin = f'    <{entry.type} name="{_escape(name)}"'
        if entry.type == "string":
            yield f"{begin}>{_escape(str(entry.value))}</string>\n"
        elif isinstance(entry.value, tuple):
            inner = "".join(f"        <string>{_escape(one)}</string>\n" for one in entry.value)
            yield f"{begin}>\n{inner}    </set>\n" if inner else f"{begin} />\n"
        elif entry.value is None:
            yield f"{begin} />\n"
        else:
            yield f'{begin} value="{_escape(entry.value)}" />\n'


def _escape(text: str) -> str:
    return text.translate(_ESCAPED)


class _Reading:
    """What expat is told to call."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self._path: list[str] = []
        self._name: str | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._path.append(tag)
        match self._path:
            case ["map", kind] if kind in TYPES and "name" in attributes:
                self._name = attributes["name"]
                self.entries[self._name] = Entry(kind, _empty(kind, attributes))
            case ["map", "set", "string"] if self._name is not None:
                self._put((*self._texts(), ""))

    def end(self, _: str) -> None:
        self._path.pop()
        if len(self._path) == 1:
            self._name = None

    def data(self, part: str) -> None:
        if self._name is None:
            return
        match self._path:
            case ["map", "string"]:
                self._put(f"{self.entries[self._name].value}{part}")
            case ["map", "set", "string"]:
                *before, last = self._texts()
                self._put((*before, last + part))

    def _texts(self) -> tuple[str, ...]:
        held = self.entries[self._name or ""].value
        return held if isinstance(held, tuple) else ()

    def _put(self, value: str | tuple[str, ...]) -> None:
        assert self._name is not None, "only called inside an entry"
        self.entries[self._name] = attrs.evolve(self.entries[self._name], value=value)


def _empty(kind: str, attributes: Mapping[str, str]) -> Any:
    if kind in ("string", "set"):
        return "" if kind == "string" else ()
    return attributes.get("value")


def _doctype(*_: object) -> None:
    raise PayloadError("malformed", "the preferences hold a document type, which none have")
