"""A row is vouched for: its body carries a MAC over all that is in the row, keyed by the store's ring.

Sealed values are bound to their place by themselves; what they are for (issuer, scope, expiry, state) would
be anybody's who can write to the store. The MAC (HMAC-SHA256) stands before the facts, and is taken over
their very text and every column. Of the sealed values it says which there are: sealing them anew under
another term (`rekeying`) changes no more than that.

A store has to have been told nothing of this; it never looks into a body.
"""

import hmac
from operator import attrgetter
from typing import Any, Final

import attrs

from tokenflow.core.errors import TamperedRow
from tokenflow.engine.ciphers import Cipher
from tokenflow.engine.stores import Row

MEND: Final = "find out who writes to the store; then restore a backup, or acquire it anew"
_HEAD, _TAIL, _HEX = '{"mac":"', '",', 64
_LENGTH: Final = len(_HEAD) + _HEX + len(_TAIL)
_APART: Final = frozenset({"body", "access_token", "refresh_token"})
_COLUMNS: Final = attrgetter(*(field.name for field in attrs.fields(Row) if field.name not in _APART))


def vouched(row: Row, cipher: Cipher) -> Row:
    """Return *row*, whose body is a JSON object with something in it, with its MAC in place of any other."""
    facts = _parted(row.body)[1]
    mac = cipher.vouch(_text(row, facts)).hex()
    return attrs.evolve(row, body=f"{_HEAD}{mac}{_TAIL}{facts[1:]}")


def demand_vouched(row: Row, cipher: Cipher) -> None:
    """Raise TamperedRow unless the row is as it was saved, in its own place.

    A row without a MAC is one from before there were any, while the ring says that such may be left. An
    older row of the same key, put back whole, is as it was saved: see `rollback`.
    """
    mac, facts = _parted(row.body) if isinstance(row.body, str) else (None, "")
    if mac is None:
        if not cipher.held:
            return
        raise tampered(row, "nothing vouches for its row")
    if not hmac.compare_digest(mac.encode(errors="replace"), cipher.vouch(_text(row, facts)).hex().encode()):
        raise tampered(row, "its row was changed, or moved")


def is_vouched(row: Row) -> bool:
    """Whether something is there that vouches for a row, true or not."""
    return isinstance(row.body, str) and _parted(row.body)[0] is not None


def has_names(row: Row) -> bool:
    """Whether what names a row is what it has to be: a column takes anything from whoever writes to it."""
    return isinstance(row.tenant, str) and isinstance(row.id, str) and isinstance(row.generation, int)


def tampered(row: Row, what: str) -> TamperedRow:
    """Return the error of a row that is not as it was saved."""
    return TamperedRow(f"{row.key!r}: {what}", mend=MEND)


def _parted(body: str) -> tuple[str | None, str]:
    """Return the MAC in a body, if there is one, and the text of the facts."""
    if not body.startswith(_HEAD) or body[_LENGTH - len(_TAIL) : _LENGTH] != _TAIL:
        return None, body
    return body[len(_HEAD) : _LENGTH - len(_TAIL)], "{" + body[_LENGTH:]


def _text(row: Row, facts: str) -> bytes:
    """Return all that is in a row as one unambiguous text: every part says what and how long it is."""
    there = (row.access_token is not None, row.refresh_token is not None)
    return b"".join(map(_part, (*_COLUMNS(row), *there, facts)))


def _part(value: Any) -> bytes:
    if value is None:
        return b"-|"
    if isinstance(value, int):
        return b"%d|" % value
    if isinstance(value, bytes):
        return b"%d=%b|" % (len(value), value)
    text = str(value).encode(errors="surrogatepass")
    return b"%d:%b|" % (len(text), text)
