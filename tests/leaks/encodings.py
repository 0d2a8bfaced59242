"""The eleven forms in which a secret may come out, and how all of them are found at once.

Looking for thousands of needles one by one would cost more than the tests. So a text is first cut down to
its long words, the only places where a form of a secret can be, and every twelve characters of those are
looked up in a table of beginnings.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple
from urllib.parse import quote

ENCODINGS: Final = (
    "raw",
    "base64",
    "base64 at offset 1",
    "base64 at offset 2",
    "percent",
    "hex",
    "reversed",
    "UTF-16",
    "JSON",
    "first 20",
    "last 20",
)
WINDOW: Final = 12
"""Characters that are looked up; each form has a word of at least so many."""
SHORTEST: Final = 16
"""Characters of a canary: what is shorter cannot be told from ordinary text."""
_WORD: Final = re.compile(rb"[A-Za-z0-9_+/=%\\-]{12,}")


class Form(NamedTuple):
    """One way in which one canary may be written."""

    encoding: str
    kind: str
    """What the canary is: told when it is found, instead of what it says."""
    text: bytes


class Found(NamedTuple):
    """A canary where it should not be."""

    encoding: str
    kind: str


def forms(kind: str, text: str) -> Iterator[Form]:
    """Yield every form of a canary; UTF-16 is found as the raw one between zeros."""
    raw = text.encode("utf-8", "surrogatepass")
    cuts = (("first 20", raw[:20]), ("last 20", raw[-20:]), ("hex", raw.hex().encode()))
    json_form = "".join(f"\\u{ord(one):04x}" for one in text if ord(one) < 0x10000).encode()
    whole = (("raw", raw), ("percent", b"".join(b"%%%02X" % one for one in raw)), ("JSON", json_form))
    partly = (
        ("percent", quote(text, safe="", errors="replace").encode()),
        ("JSON", json.dumps(text)[1:-1].encode()),
    )
    for name, form in (*whole, *cuts, *((name, form) for name, form in partly if form != raw)):
        yield Form(name, kind, form)
    yield Form("hex", kind, raw.hex().upper().encode())
    yield Form("reversed", kind, raw[::-1])
    for offset, edge in enumerate((0, 2, 3)):
        name = f"base64 at offset {offset}" if offset else "base64"
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            written = encode(b"\0" * offset + raw)
            # What stands at either end depends on what is next to the secret.
            yield Form(name, kind, written[edge : (offset + len(raw)) // 3 * 4])


Table = Mapping[bytes, list[Form]]
"""The beginnings of the longest words of forms."""


def table(canaries: Mapping[str, str]) -> Table:
    """Return the table of canaries (text -> kind)."""
    found: dict[bytes, list[Form]] = {}
    for text, kind in canaries.items():
        for form in forms(kind, text):
            word = max(_WORD.findall(form.text), key=len, default=None)
            if word is not None:
                found.setdefault(word[:WINDOW], []).append(form)
    return found


def search(text: bytes, known: Table) -> set[Found]:
    """Return what of *known* stands in *text*, and how it is written."""
    found = _within(text, known)
    if not found and b"\0" in text:
        narrow = _within(text.translate(None, b"\0"), known)
        return {Found("UTF-16", one.kind) for one in narrow}
    return found


def _within(text: bytes, known: Table) -> set[Found]:
    beginnings = known.keys()
    met = {
        word[at : at + WINDOW]
        for word in set(_WORD.findall(text))
        for at in range(len(word) - WINDOW + 1)
        if word[at : at + WINDOW] in beginnings
    }
    hits = {Found(form.encoding, form.kind) for one in met for form in known[one] if form.text in text}
    whole = {hit.kind for hit in hits if hit.encoding == "raw"}
    # The whole holds its own beginning and end: it is named once.
    return {hit for hit in hits if hit.kind not in whole or hit.encoding not in ("first 20", "last 20")}
