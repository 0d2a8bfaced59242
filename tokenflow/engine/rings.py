"""The ring of a store's keys: values are sealed under its newest term and opened under any.

One blob, `store/ring`, holds every key the store's secrets are sealed with. It is sealed itself, under a
key that somebody else holds (`holders`), so opening it proves that key before anything is written, and a
new key of the holder's costs this one blob. All keys in it are random; none is ever the holder's own, but
that of term 1 in a store that was made when it had a single key.

What other rooms use of a `Ring`:
    seal, open, fingerprint     the Cipher of tokens, parked logins, journals
    vouch, held                 what a row is held to
    turned(sealed, identity)    the same value under the newest term
    named(name)                 32 bytes of one's own, made when first asked for, to sign or hash with; they
                                survive every rotation. Few names: a key for each of many persons is a sealed
                                blob on a shelf like any other (see `ciphers.shelved`).
    newest, terms               which key terms there are

Rule 1. A ring is changed by `store.swap` alone: of two who change it one goes first, the other looks again.
Rule 2. An engine looks twice a second whether the ring is another, when it opens or seals a value, and
        at once when it meets a term it does not know.
Rule 3. A ring that went on without us (a newer term, under a key we cannot have) opens nothing any more, so
        that no flow begins; what is in flight is sealed under the last term known, which stays for an hour.
"""

import base64
import hmac
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final, Self

import attrs

from tokenflow.core.errors import StoreError, StoreUnreadable, TokenflowError, WrongKey
from tokenflow.core.secret import Secret
from tokenflow.core.tokens import Instant
from tokenflow.engine.ciphers import LOOK, MEND, AesGcm, binding, bytes_of, fresh_key, term_of
from tokenflow.engine.holders import Holder
from tokenflow.engine.stores import Store

SHELF: Final = "store"
RING: Final = "ring"

_INDEX: Final = "index"
_ROWS: Final = b"rows"
"""What the key that vouches for rows is derived with; a fingerprint is of no such text."""
_FORM: Final = 1


@attrs.frozen
class Term:
    """One data key, and since when values are sealed with it."""

    key: Secret = attrs.field(repr=False)
    since: Instant


@attrs.frozen(kw_only=True)
class Keys:
    """What a ring holds. The newest term is the highest."""

    terms: Mapping[int, Term]
    named: Mapping[str, Secret] = attrs.field(factory=dict, repr=False)
    rotating: bool = False
    """Whether values of an older term are still to be sealed anew: a rotation that was begun."""
    marked: bool = True
    """Whether every access token has its fingerprint; not before a rotation, in a store from before them."""
    held: bool = True
    """Whether every row is vouched for; not before `enrolling`, in a store from before that."""

    @classmethod
    def new(cls, now: Instant, first: Secret | None = None) -> Self:
        """Return a ring's first keys; *first* is the key of a store that had only that."""
        return cls(
            terms={1: Term(first or fresh_key(), now)},
            named={_INDEX: fresh_key()},
            marked=first is None,
            held=first is None,
        )

    @property
    def newest(self) -> int:
        """The term that values are sealed with."""
        return max(self.terms)

    def rotated(self, now: Instant) -> Self:
        """Return these keys with a new term beside them."""
        terms = {**self.terms, self.newest + 1: Term(fresh_key(), now)}
        return attrs.evolve(self, terms=terms, rotating=True)

    def without(self, terms: frozenset[int]) -> Self:
        """Return these keys without some terms."""
        return attrs.evolve(self, terms={n: term for n, term in self.terms.items() if n not in terms})

    def with_named(self, name: str) -> Self:
        """Return these keys with one of that name, which stands if it is there."""
        return attrs.evolve(self, named={name: fresh_key(), **self.named})


class Ring:
    """The keys of *store*, as its holder lets them be read. May be shared by threads and forks."""

    def __init__(self, store: Store, store_id: str, holder: Holder, keys: Keys, blob: bytes | None) -> None:
        """Use `keys.open_keyed`. *blob* is what the store keeps of it, None before it keeps any."""
        self.store, self.store_id, self.holder = store, store_id, holder
        self._seen = _Seen(keys, blob)
        self._looked = time.monotonic()

    @property
    def is_kept(self) -> bool:
        """Whether the store keeps it; else it is what would be kept."""
        return self._seen.blob is not None

    @property
    def keys(self) -> Keys:
        """What it holds."""
        return self._seen.keys

    @property
    def newest(self) -> int:
        """The term that values are sealed with."""
        return self._seen.newest

    def seal(self, plaintext: Secret, identity: bytes, *, within: float = LOOK) -> bytes:
        """Return *plaintext* sealed under the newest term, known *within* so many seconds; never fails."""
        with suppress(TokenflowError):  # an answer that came must be kept, whatever became of the ring
            self._look_again(within)
        return self._seen.latest.seal(plaintext.reveal().encode(), identity)

    def open(self, sealed: bytes, identity: bytes) -> Secret:
        """Return what was sealed for *identity*; raises WrongKey: other key, moved, or changed."""
        self._look_again()
        return Secret(self._cipher(sealed).open(sealed, identity).decode())

    def turned(self, sealed: bytes, identity: bytes) -> bytes:
        """Return the same value under the newest term; raises WrongKey."""
        found = self._cipher(sealed)
        newest = self._seen.latest
        return sealed if found is newest else newest.seal(found.open(sealed, identity), identity)

    def fingerprint(self, value: Secret, tenant: str) -> bytes:
        """Return what a tenant's access token is found by: HMAC-SHA256 under a key for this alone."""
        text = binding(tenant, "", "access_token", 0, kind="fingerprint") + b"|" + value.reveal().encode()
        return hmac.digest(self._seen.index, text, "sha256")

    def vouch(self, text: bytes) -> bytes:
        """Return what says that a row's *text* is ours: HMAC-SHA256 under a key for this alone."""
        return hmac.digest(self._seen.rows, text, "sha256")

    @property
    def held(self) -> bool:
        """Whether a row that nothing vouches for is refused."""
        return self.keys.held

    def named(self, name: str) -> bytes:
        """Return the key of a name, made when it is first asked for; raises StoreError, WrongKey."""
        if name not in self.keys.named:
            self.change(lambda keys: keys.with_named(name))
        return bytes_of(self.keys.named[name])

    def change(self, change: Callable[[Keys], Keys], holder: Holder | None = None) -> None:
        """Put what *change* makes of the keys in their place, under *holder*'s key when one is given."""
        while True:
            self._look()
            seen, by = self._seen, holder or self.holder
            keys = change(seen.keys)
            if keys == seen.keys and holder is None:
                return
            blob = sealed_ring(keys, by, self.store_id)
            if self.store.swap(SHELF, RING, seen.blob or b"", blob):
                self._seen, self.holder = _Seen(keys, blob), by
                return

    def _cipher(self, sealed: bytes) -> AesGcm:
        term = term_of(sealed)
        if term is None:
            raise WrongKey("this is not a sealed value of a version that is known", mend=MEND)
        if term not in self._seen.ciphers:
            self._look()
        found = self._seen.ciphers.get(term)
        if found is None:
            raise WrongKey(
                f"a value was sealed under term {term}, which is not in the store's ring", mend=MEND
            )
        return found

    def _look_again(self, within: float = LOOK) -> None:
        now = time.monotonic()
        if now - self._looked < within:
            return
        self._looked = now
        try:
            self._look()
        except TokenflowError:
            if self._left_behind():
                self._looked = now - LOOK  # asked again each time: the holder may yet have the key
                raise

    def _look(self) -> None:
        """Take up what another process made of the ring; raises WrongKey, SecretNotFound."""
        blob = self._kept()
        if blob is not None and blob != self._seen.blob:
            self._seen = _Seen(opened_ring(blob, self.holder, self.store_id), blob)

    def _left_behind(self) -> bool:
        blob = self._kept()
        return blob is not None and newest_in(blob) > self.newest

    def _kept(self) -> bytes | None:
        with suppress(StoreError):  # whoever needs the store now is told by the store
            return self.store.get(SHELF, RING)
        return None


class _Seen:
    """One state of a ring, ready to be used."""

    __slots__ = ("blob", "ciphers", "index", "keys", "latest", "newest", "rows")

    def __init__(self, keys: Keys, blob: bytes | None) -> None:
        self.keys, self.blob, self.newest = keys, blob, keys.newest
        self.ciphers: Mapping[int, AesGcm] = MappingProxyType(
            {number: AesGcm(bytes_of(term.key), term=number) for number, term in keys.terms.items()}
        )
        self.latest = self.ciphers[keys.newest]
        self.index = bytes_of(keys.named[_INDEX])
        self.rows = hmac.digest(self.index, _ROWS, "sha256")  # which every ring has had from its first day


def sealed_ring(keys: Keys, holder: Holder, store_id: str) -> bytes:
    """Return a ring's blob: what is not secret as JSON, the keys in it sealed under the holder's key."""
    key, wrapped = holder.fresh(store_id)
    sealed = AesGcm(bytes_of(key), term=keys.newest).seal(_content(keys), _place(store_id))
    shown = {"form": _FORM, "newest": keys.newest, "by": holder.scheme, "wrapped": _text(wrapped)}
    return json.dumps({**shown, "sealed": _text(sealed)}).encode()


def opened_ring(blob: bytes, holder: Holder, store_id: str) -> Keys:
    """Return the keys in a ring's blob; raises WrongKey, StoreUnreadable."""
    outer = _read(blob)
    for key in holder.again(store_id, outer.wrapped):
        with suppress(WrongKey):
            return _keys(AesGcm(bytes_of(key), term=outer.newest).open(outer.sealed, _place(store_id)))
    raise WrongKey(
        f"the key from {holder.place} does not open this store (id {store_id})",
        mend=f"name the key it was made with ({outer.by}:); nothing was changed",
    )


def newest_in(blob: bytes) -> int:
    """Return the newest term of a ring that need not be opened; raises StoreUnreadable."""
    return _read(blob).newest


@attrs.frozen
class _Outer:
    """What a ring's blob shows of it."""

    newest: int
    by: str
    wrapped: bytes | None
    sealed: bytes = attrs.field(repr=False)


def _read(blob: bytes) -> _Outer:
    with suppress(ValueError, KeyError, TypeError):
        shown = json.loads(blob)
        if shown["form"] == _FORM:
            wrapped = None if shown["wrapped"] is None else base64.b64decode(shown["wrapped"], validate=True)
            sealed = base64.b64decode(shown["sealed"], validate=True)
            return _Outer(int(shown["newest"]) & 0xFFFF_FFFF, str(shown["by"]), wrapped, sealed)
    raise StoreUnreadable(
        "the store's key ring cannot be read", mend="it was changed by hand: restore a backup"
    )


def _content(keys: Keys) -> bytes:
    terms = {number: [term.key.reveal(), term.since] for number, term in keys.terms.items()}
    named = {name: key.reveal() for name, key in keys.named.items()}
    facts = {"rotating": keys.rotating, "marked": keys.marked, "held": keys.held}
    return json.dumps({"terms": terms, "named": named, **facts}).encode()


def _keys(content: bytes) -> Keys:
    inner = json.loads(content)
    return Keys(
        terms={int(number): Term(Secret(key), since) for number, (key, since) in inner["terms"].items()},
        named={name: Secret(key) for name, key in inner["named"].items()},
        rotating=inner["rotating"],
        marked=inner["marked"],
        held=inner.get("held", False),
    )


def _place(store_id: str) -> bytes:
    return binding("", store_id, "ring", 0, kind="store")


def _text(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode()
