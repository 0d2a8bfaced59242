"""In which order Java's HashMap and HashSet show what is in them: it decides the bytes a phone writes.

An entry lies in the bucket its hash names, and the buckets are walked in order; entries of one bucket
stand as they were put in. That order is part of no promise of Java's, and yet the same on every phone.
"""

from collections.abc import Iterable
from typing import Final

_FEWEST: Final = 16
"""Buckets of a new map."""


def hash_order(names: Iterable[str]) -> list[str]:
    """Return *names*, each once, as a HashMap or HashSet of just them shows them."""
    put = list(dict.fromkeys(names))
    buckets = _FEWEST
    while 4 * len(put) > 3 * buckets:  # it doubles once it is three quarters full
        buckets *= 2
    return sorted(put, key=lambda name: _spread(hash_code(name)) & (buckets - 1))


def hash_code(text: str) -> int:
    """Return String.hashCode() without its sign: over UTF-16 units, modulo 2**32."""
    units = text.encode("utf-16-be", "surrogatepass")
    code = 0
    for high, low in zip(units[::2], units[1::2], strict=True):
        code = (31 * code + (high << 8 | low)) & 0xFFFF_FFFF
    return code


def _spread(code: int) -> int:
    """Mix the upper half into the lower, as HashMap does before it chooses a bucket."""
    return code ^ code >> 16
