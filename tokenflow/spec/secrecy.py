"""What looks like a secret, so that no diagnostic ever repeats one.

A spec names secrets by reference. When somebody pastes one anyway, the message that says so must
not carry it into a terminal, a log or a build server.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

REFERENCE: Final = re.compile(r"[a-z][a-z0-9+-]*:\S+")
"""A reference to a secret, e.g. env:FB_APP_SECRET."""

BEFORE_HOST: Final = "an address with a name or a password before its host"
IN_QUERY: Final = "an address with a secret in its query"
CREDENTIALS: Final = "the credentials of an Authorization header"

_KNOWN: Final = (
    (re.compile(r"(?<=://)[^\s/?#@]+(?=@)"), BEFORE_HOST),
    (
        re.compile(
            r"(?<=[?&])[\w.-]{0,40}(?:(?:secret|password|passwd|pwd)=[^\s&#\"'`{$<]"
            r"|(?:key|token|signature|assertion)=[^\s&#\"'`{$<]{8})[^\s&#\"'`]*",
            re.IGNORECASE,
        ),
        IN_QUERY,
    ),
    (re.compile(r"EAA[A-Za-z0-9]{20,}"), "a Facebook access token"),
    (re.compile(r"\b\d{8,20}\|[A-Za-z0-9_-]{16,}"), "an app access token"),
    (re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}(\.[A-Za-z0-9_-]*)?"), "a JWT"),
    (
        re.compile(
            r"\b(gh[pousr]_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}"
            r"|[rs]k_(live|test)_[A-Za-z0-9]{8,}|GOCSPX-[A-Za-z0-9_-]{16,})"
        ),
        "an API key",
    ),
    (
        re.compile(r"\b(?i:basic|bearer) +(?=\S{0,80}(?:[0-9=]|[a-z][A-Z]))[A-Za-z0-9+/=._~-]{8,}"),
        CREDENTIALS,
    ),
    (re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{32,}(?![0-9A-Za-z])"), "a secret in hexadecimal digits"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"), "a private key"),
)
_SECRET_KEY: Final = re.compile(
    r"(secret|password|passwd|api[_-]?key|private[_-]?key|(access|refresh|bearer|admin|client)[_-]?token"
    r"|^authorization|^proxy-authorization|^cookie|^set-cookie)$",
    re.IGNORECASE,
)
_PAIR: Final = re.compile(
    r"((?:secret|password|passwd|api[_-]?key|private[_-]?key|token|authorization|cookie)[\"']?\s*:\s*)"
    r"([^\s,{}\[\]][^,{}\[\]]*)",
    re.IGNORECASE,
)
_RUN: Final = re.compile(r"[A-Za-z0-9+/=_|.~-]{28,}")
_FILE: Final = re.compile(r"[a-z0-9._/-]+\.ya?ml")
"""A path of another document: `../lifecycles/my-oauth2-app.yaml` is as mixed as a secret."""
_FIELDS: Final = frozenset({"errors", "response", "metadata"})
_RANDOM: Final = 4.0
"""Bits of entropy a character above which a long run is not a word: English has about 3."""
SHORTEST: Final = 8
"""Below this many characters a text beside a secret's name is taken for a word (`post`, `basic`)."""


def kind_of_secret(text: str) -> str | None:
    """Return what *text* looks like, e.g. "a JWT", or None."""
    return next((what for pattern, what in _KNOWN if pattern.search(text)), None)


def looks_random(text: str) -> bool:
    """Return whether *text* is one long run of characters too mixed to be words."""
    return _RUN.fullmatch(text) is not None and _mixed(text)


def stands_for_secret(path: Sequence[str | int], text: str) -> bool:
    """Return whether the text at *path* of a document is a literal where only a reference belongs.

    Under `secrets` anything but a reference is one; elsewhere it is the key's name that tells. What
    `errors`, `response` and expectations hold under such names are fields and states, not values.
    """
    keys = [step for step in path if isinstance(step, str)]
    if not keys or keys[0] in _FIELDS or "expect" in keys:
        return False
    if keys[0] == "secrets":
        return keys[-1] not in ("custody", "description") and REFERENCE.fullmatch(text) is None
    name = keys[-2] if keys[-1] == "from" and len(keys) > 1 else keys[-1]
    if name == "secrets" or _SECRET_KEY.search(name) is None:
        return False
    return len(text) >= SHORTEST and REFERENCE.fullmatch(text) is None


def redact(line: str) -> str:
    """Return *line* with everything that looks like a secret replaced by stars, its length kept."""
    for pattern, _ in _KNOWN:
        line = pattern.sub(_stars, line)
    return _RUN.sub(lambda found: _stars(found) if _mixed(found[0]) else found[0], line)


def mask(line: str, parts: Sequence[tuple[int, int]]) -> str:
    """Return a source *line* with the columns of *parts* (0-based, end exclusive) replaced by stars.

    Where the document could not be read to its end, what stands beside a secret's name goes too.
    """
    for start, end in parts:
        line = line[:start] + re.sub(r"[^\s\"']", "*", line[start:end]) + line[end:]
    return _PAIR.sub(_pair, redact(line))


def _mixed(text: str) -> bool:
    if _FILE.fullmatch(text):
        return False
    counts = Counter(text)
    bits = -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())
    return bits > _RANDOM and any(c.isdigit() for c in text) and any(c.isalpha() for c in text)


def _stars(found: re.Match[str]) -> str:
    return "*" * len(found[0])


def _pair(found: re.Match[str]) -> str:
    value = found[2].strip().strip("\"'")
    if REFERENCE.fullmatch(value) or len(value) < SHORTEST:
        return found[0]
    return found[1] + re.sub(r"[^\s\"']", "*", found[2])
