"""Whoever can write to a store's file writes rows: one column, a letter of the facts, another row's body.

Rows of several tenants, keys, revisions and states are made as the engine saves them. Each hand makes one
row from what stands in the store; it has to be refused. As a control the same hands go at rows that nobody
holds to anything: unless most of those are read, the run proves nothing.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final
from unittest import mock

import attrs

from tests.engine.ground import NOW
from tests.engine.test_sealing import LIFECYCLE, simple
from tests.faults.report import Report
from tokenflow import MemoryStore, Row, Secret, Token, TokenflowError
from tokenflow.engine import sealing
from tokenflow.engine.keys import open_keyed
from tokenflow.engine.rings import Ring

GATE: Final = 20_000
_STATES: Final = sorted(LIFECYCLE.states)


def rows(ring: Ring, random: Random) -> list[Row]:
    """Return rows as they are saved: three revisions of each of twelve tokens."""
    return [
        sealing.to_row(_token(tenant, key, revision, random), LIFECYCLE, ring)
        for tenant in ("acme", "acme2", "a|4:b")
        for key in ("k", "k2", "k|1:1", "")
        for revision in (1, 2, 11)
    ]


def _token(tenant: str, key: str, revision: int, random: Random) -> Token:
    return simple(
        tenant=tenant,
        key=key,
        id=f"{tenant}.{key}",
        revision=revision,
        generation=revision - 1,
        state=random.choice(_STATES),
        issuer=random.choice(["facebook", "meta"]),
        scope=frozenset(random.sample(["email", "ads", "pages"], 2)),
        attributes={"user_id": str(random.randrange(5))},
        identity=random.choice([(), ("user", key)]),
        parent=random.choice([None, "p"]),
        issued_at=random.choice([None, NOW]),
        access_token=random.choice([None, Secret("a")]),
        refresh_token=random.choice([None, Secret("r")]),
    )


Hand = Callable[[Sequence[Row], Random], Row]


def column(found: Sequence[Row], random: Random) -> Row:
    """Put into one column what stands there in another row."""
    one, other = random.sample(found, 2)
    field = random.choice([field.name for field in attrs.fields(Row)])
    return attrs.evolve(one, **{field: getattr(other, field)})


def made_up(found: Sequence[Row], random: Random) -> Row:
    """Put into one column what stands nowhere, or nothing."""
    one = random.choice(found)
    field = random.choice([field.name for field in attrs.fields(Row)])
    value: Any = random.choice([None, "", "x", 0, 7, 1.5, True, b"", random.randbytes(40)])
    return attrs.evolve(one, **{field: value})


def letter(found: Sequence[Row], random: Random) -> Row:
    """Turn one bit of the body."""
    one = random.choice(found)
    place, bit = random.randrange(len(one.body)), random.randrange(7)
    return attrs.evolve(
        one, body=one.body[:place] + chr(ord(one.body[place]) ^ 1 << bit) + one.body[place + 1 :]
    )


def fact(found: Sequence[Row], random: Random) -> Row:
    """Put one fact of another row among the facts, under the MAC that was there, or under none."""
    one, other = random.sample(found, 2)
    facts, theirs = json.loads(one.body), json.loads(other.body)
    facts[random.choice(sorted(facts.keys() - {"mac"}))] = random.choice(list(theirs.values()))
    if random.random() < 0.3:
        del facts["mac"]
    return attrs.evolve(one, body=json.dumps(facts, separators=(",", ":")))


def place(found: Sequence[Row], random: Random) -> Row:
    """Put all of a row in the place of another: its key, its tenant, its revision, or all that names it."""
    one, other = random.sample(found, 2)
    fields = random.choice([("tenant", "key"), ("key",), ("revision",), ("tenant", "key", "id", "revision")])
    return attrs.evolve(one, **{field: getattr(other, field) for field in fields})


HANDS: Final[tuple[Hand, ...]] = (column, made_up, letter, fact, place)


def accepted(ring: Ring, found: Sequence[Row], size: int, random: Random) -> tuple[Counter[str], list[str]]:
    """Return how many rows each hand made, and those that were read though nobody saved them."""
    saved = {attrs.astuple(row) for row in found}
    made, read = Counter[str](), list[str]()
    for _ in range(size):
        hand = random.choice(HANDS)
        row = hand(found, random)
        if attrs.astuple(row) in saved:
            continue
        made[hand.__name__] += 1
        try:
            sealing.from_row(row, ring)
        except TokenflowError:
            continue
        read.append(f"{hand.__name__}: {row!r} was read")
    return made, read


def campaign(size: int = GATE, seed: int = 1) -> Report:
    """Lay hands on *size* rows."""
    random = Random(seed)
    ring = open_keyed(MemoryStore(), None)
    found = rows(ring, random)
    made, read = accepted(ring, found, size, random)
    with mock.patch.object(sealing, "demand_vouched", return_value=None):
        tried, loose = accepted(ring, found, min(size, 1_000), random)
    void = [f"{hand.__name__} made nothing" for hand in HANDS if not made[hand.__name__]]
    if len(loose) < tried.total() // 4:
        void.append(f"of {tried.total()} rows that are held to nothing {len(loose)} were read")
    figures = {
        "rows": made.total(),
        "by hand": dict(sorted(made.items())),
        "accepted": len(read),
        "control: rows held to nothing, accepted": len(loose),
    }
    return Report("rows", figures, void, read[:5])
