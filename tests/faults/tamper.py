"""What lies in a store is swapped, moved, turned, cut and relabelled: nothing of it may open.

Whoever writes to the database has sealed values of every tenant, field, generation, shelf and term at hand,
knows how they are made, and has no key. A value that opens anywhere but where it was put is a failure; so is
a ring that opens and is not the store's. As a control the same hands go at values that are bound to no
place: unless many of those open, the run proves nothing.
"""

import base64
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Final

import attrs

from tests.faults.report import Report
from tokenflow import MemoryStore, Secret, TokenflowError
from tokenflow.engine.ciphers import binding, shelved
from tokenflow.engine.keyfiles import write_key_file
from tokenflow.engine.keys import open_keyed
from tokenflow.engine.rings import Ring, opened_ring

GATE: Final = 50_000
TENANTS: Final = ("acme", "acme2", "ac", "a|4:b", "1:a", "\u00e9")
NAMES: Final = ("k", "k2", "k|1:1", "access_token", "k/k", "")
SHELVES: Final = ("parked", "journal", "access_token", "token")
FIELDS: Final = ("access_token", "refresh_token")
_TERMS: Final = 3


@attrs.frozen
class Kept:
    """A sealed value, and the identity it was sealed for."""

    sealed: bytes
    identity: bytes


@attrs.frozen
class World:
    """A store's ring of three terms, all that is sealed with it, and what another store has sealed."""

    ring: Ring
    kept: Sequence[Kept]
    strange: Sequence[bytes]


def world(random: Random, tenants: Sequence[str] = TENANTS, names: Sequence[str] = NAMES) -> World:
    """Return a world: each place of every tenant and name, under a term by chance."""
    ring, other = (open_keyed(MemoryStore(), None) for _ in range(2))
    places = list(_places(tenants, names))
    random.shuffle(places)
    kept = []
    for number, identity in enumerate(places):
        if number and number % (len(places) // _TERMS + 1) == 0:
            ring.change(lambda keys: keys.rotated(0))
        kept.append(Kept(ring.seal(Secret(f"secret {number}"), identity), identity))
    return World(ring, kept, [other.seal(Secret("theirs"), one.identity) for one in kept])


def _places(tenants: Sequence[str], names: Sequence[str]) -> Iterator[bytes]:
    for tenant in tenants:
        for name in names:
            for field in FIELDS:
                yield from (binding(tenant, name, field, generation) for generation in (1, 2, 11))
            yield from (shelved(shelf, tenant, name)[1] for shelf in SHELVES)


Hand = Callable[[World, Random], tuple[bytes, bytes]]
"""What a hand puts where: a sealed value, and the identity of the place it is read from."""


def swap(found: World, random: Random) -> tuple[bytes, bytes]:
    """Put the value of one place (row, field, tenant, generation, shelf) into another."""
    one, other = random.sample(found.kept, 2)
    return one.sealed, other.identity


def turn(found: World, random: Random) -> tuple[bytes, bytes]:
    """Turn one bit."""
    one = random.choice(found.kept)
    changed, bit = bytearray(one.sealed), random.randrange(len(one.sealed) * 8)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed), one.identity


def cut(found: World, random: Random) -> tuple[bytes, bytes]:
    """Take an end off, or put one on."""
    one = random.choice(found.kept)
    size = random.randrange(len(one.sealed))
    return (
        one.sealed[:size] if random.random() < 0.7 else one.sealed + random.randbytes(1 + size % 9)
    ), one.identity


def relabel(found: World, random: Random) -> tuple[bytes, bytes]:
    """Say that a value is of another term; that term may be there or not."""
    one = random.choice(found.kept)
    own = int.from_bytes(one.sealed[1:5], "big")
    term = random.choice([number for number in range(_TERMS + 3) if number != own])
    return one.sealed[:1] + term.to_bytes(4, "big") + one.sealed[5:], one.identity


def splice(found: World, random: Random) -> tuple[bytes, bytes]:
    """Put head and nonce of one value before the text of another."""
    one, other = random.sample(found.kept, 2)
    at = random.choice([1, 5, 17, random.randrange(1, min(len(one.sealed), len(other.sealed)))])
    spliced = one.sealed[:at] + other.sealed[at:]
    return (spliced if spliced not in (one.sealed, other.sealed) else spliced[:-1]), one.identity


def import_(found: World, random: Random) -> tuple[bytes, bytes]:
    """Put in the value that another store has at the very place."""
    number = random.randrange(len(found.kept))
    return found.strange[number], found.kept[number].identity


def guess(found: World, random: Random) -> tuple[bytes, bytes]:
    """Write anything after a header that is right."""
    one = random.choice(found.kept)
    return one.sealed[:5] + random.randbytes(random.randrange(12, 90)), one.identity


HANDS: Final[tuple[Hand, ...]] = (swap, swap, turn, cut, relabel, splice, import_, guess)


def accepted(found: World, size: int, random: Random) -> tuple[Counter[str], list[str]]:
    """Return how many mutations each hand made, and those that opened."""
    made, opened = Counter[str](), list[str]()
    for _ in range(size):
        hand = random.choice(HANDS)
        sealed, identity = hand(found, random)
        made[hand.__name__.strip("_")] += 1
        try:
            found.ring.open(sealed, identity)
        except TokenflowError:
            continue
        opened.append(f"{hand.__name__.strip('_')} opened at {identity!r}")
    return made, opened


def campaign(size: int = GATE, seed: int = 1) -> Report:
    """Lay hands on *size* values, and on the ring itself."""
    random = Random(seed)
    found = world(random)
    void = []
    unread = [one for one in found.kept if not _opens(found.ring, one)]
    made, opened = accepted(found, size, random)
    rings, taken = _rings(size // 100, random)
    unbound = _unbound(found, min(size // 10, 5_000), random)
    if len(made) < len({hand.__name__ for hand in HANDS}):
        void.append(f"only {', '.join(made)} were tried")
    if not unbound:
        void.append("not even values that are bound to no place open elsewhere: nothing was tried")
    if len({one.sealed[1:5] for one in found.kept}) < _TERMS:
        void.append("the values are of fewer terms than there are")
    failures = [
        *opened[:5],
        *taken[:5],
        *(f"what was left alone does not open: {one.identity!r}" for one in unread),
    ]
    figures = {
        "mutations": sum(made.values()),
        "by hand": dict(sorted(made.items())),
        "accepted": len(opened),
        "rings": rings,
        "rings accepted": len(taken),
        "control: unbound values accepted": unbound,
    }
    return Report("tamper", figures, void, failures)


def _opens(ring: Ring, one: Kept) -> bool:
    try:
        ring.open(one.sealed, one.identity)
    except TokenflowError:
        return False
    return True


def _unbound(found: World, size: int, random: Random) -> int:
    """Count how many swaps are accepted where values are sealed for no place."""
    sealed = [Kept(found.ring.seal(Secret(str(number)), b""), b"") for number in range(len(found.kept))]
    loose = attrs.evolve(found, kept=sealed)
    return sum(_opens(loose.ring, Kept(*swap(loose, random))) for _ in range(size))


def _rings(size: int, random: Random) -> tuple[int, list[str]]:
    """Change a ring's blob and what it shows, and put in that of another store; return what opened."""
    taken = []
    with tempfile.TemporaryDirectory(prefix="tokenflow-") as folder:
        key = f"file:{write_key_file(Path(folder) / 'keys' / 'one.key')}"
        ring, other = (open_keyed(MemoryStore(), key) for _ in range(2))
        blob, theirs = (one.store.get("store", "ring") or b"" for one in (ring, other))
        shown = json.loads(blob)
        for number in range(size):
            if number % 4 == 0:
                changed = theirs
            elif number % 4 == 1:
                changed = json.dumps(shown | {"newest": random.choice([0, 2, 3, 2**31])}).encode()
            else:
                place = random.randrange(len(shown["sealed"]))
                letter = random.choice("ABCDEFGHabcdefgh0123")
                text = shown["sealed"][:place] + letter + shown["sealed"][place + 1 :]
                changed = json.dumps(shown | {"sealed": text}).encode()
            if json.loads(changed) == shown or _same(changed, blob):
                continue
            try:
                opened_ring(changed, ring.holder, ring.store_id)
            except (TokenflowError, ValueError):
                continue
            taken.append(f"a ring opened that is not the store's: {changed[:60]!r}")
    return size, taken


def _same(changed: bytes, blob: bytes) -> bool:
    """Whether base64 says the same in other letters."""
    one, other = (json.loads(it)["sealed"] for it in (changed, blob))
    try:
        return base64.b64decode(one) == base64.b64decode(other)
    except ValueError:
        return False
