"""A token that turned up somewhere names its key: no value is compared, and its tenant alone is told."""

import asyncio
from pathlib import Path

import attrs
import pytest

from tests.engine.ground import Ground
from tests.engine.rings_ground import DurableStore, fill, key_at, ring_of, sealed_row
from tokenflow import Secret, WrongKey
from tokenflow.engine.recognising import owner_of
from tokenflow.engine.rekeying import rotate
from tokenflow.engine.rings import Ring
from tokenflow.engine.stores import Write


@pytest.fixture
def ring(tmp_path: Path) -> Ring:
    """Return the ring of a store with seven tokens of one tenant, and one of another's."""
    ring = ring_of(DurableStore(), key_at(tmp_path / "keys" / "one.key"))
    fill(ring, 7, 1)
    ring.store.save([Write(row=sealed_row(ring, "theirs", tenant="other"), expected=0)], mark=1)
    return ring


@pytest.mark.proves("B6")
def test_a_token_that_was_found_names_its_key(ring: Ring) -> None:
    """Its key, also over rotations; nothing for another token, part of one, a refresh token or no token."""
    for _ in range(2):
        assert owner_of(ring, "acme", Secret("k00003's access")) == "k00003"
        for other in ("k00003's acces", "k00003's refresh", "", "theirs's access"):
            assert owner_of(ring, "acme", Secret(other)) is None
        assert owner_of(ring, "other", Secret("theirs's access")) == "theirs"
        rotate(ring, settle=0)


def test_what_was_saved_before_there_were_fingerprints_is_found(ring: Ring) -> None:
    """It is opened and looked at one by one, until a rotation has taken all fingerprints."""
    held = ring.store.load("acme", "k00003")
    assert held is not None
    ring.store.save([Write(row=attrs.evolve(held, revision=2, fingerprint=None), expected=1)], mark=1)
    ring.change(lambda keys: attrs.evolve(keys, marked=False))
    assert owner_of(ring, "acme", Secret("k00003's access")) == "k00003"
    assert owner_of(ring, "acme", Secret("nobody's access")) is None
    assert owner_of(ring, "other", Secret("k00003's access")) is None
    rotate(ring, settle=0)
    assert ring.keys.marked
    assert owner_of(ring, "acme", Secret("k00003's access")) == "k00003"


@pytest.mark.proves("A2")
def test_a_store_cannot_lie_about_it(ring: Ring) -> None:
    """A fingerprint put on another row names nobody, and a value that was moved is WrongKey."""
    mark = ring.fingerprint(Secret("k00003's access"), "acme")
    first, second = (ring.store.load("acme", key) for key in ("k00001", "k00003"))
    assert first is not None
    assert second is not None
    ring.store.save([Write(row=attrs.evolve(first, revision=2, fingerprint=mark), expected=1)], mark=1)
    assert owner_of(ring, "acme", Secret("k00003's access")) is None
    moved = attrs.evolve(first, revision=3, fingerprint=mark, access_token=second.access_token)
    ring.store.save([Write(row=moved, expected=2)], mark=1)
    with pytest.raises(WrongKey, match="'k00001'"):
        owner_of(ring, "acme", Secret("k00003's access"))


def test_both_engines_tell(ground: Ground) -> None:
    """`engine.whose` takes a secret or a text; the value of before a refresh is nobody's any more."""
    store, key = ground.sqlite()
    with ground.open(store, key=key) as engine:
        ground.rotating(engine, "ada")
        value = engine.token("ada").secret
        assert engine.whose(value) == "ada"
        assert engine.whose(value.reveal()) == "ada"
        assert engine.whose("another") is None
        assert engine.for_tenant("other").whose(value) is None
        engine.extend("ada")
        assert engine.whose(value) is None
        value = engine.token("ada").secret

    async def ask() -> str | None:
        async with await ground.aopen(store, key=key) as again:
            return await again.whose(value)

    assert asyncio.run(ask()) == "ada"
