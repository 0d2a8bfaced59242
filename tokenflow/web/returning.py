"""Where a person is sent after a login: a path of this site, nothing that leads off it (RFC 9700 §4.11)."""

import re
from typing import Final

LONGEST: Final = 2048
"""Characters of a `return_to`."""

_SIGNS: Final = re.compile(r"/[A-Za-z0-9/._~!$&'()*+,=:@?%-]*")
_HIDDEN: Final = re.compile(r"%(?:[01][0-9a-f]|2[5ef]|5c|7f|[89a-f])|%(?![0-9a-f]{2})", re.IGNORECASE)
"""Escapes that become a slash, a backslash, a dot, a control, another escape or no ASCII when somebody
decodes them."""


def is_local(text: str) -> bool:
    """Return whether *text* is a path, with a query or without, that every browser reads as one of this site.

    Stricter than it needs to be: no empty segment, no dot segments, nothing hidden in escapes.
    """
    path, _, query = text.partition("?")
    if len(text) > LONGEST or not _SIGNS.fullmatch(text) or _HIDDEN.search(path):
        return False
    *inner, last = path.split("/")[1:]
    return not {"", ".", ".."} & set(inner) and last not in (".", "..") and not re.search(r"%[01]", query)
