"""A sealed value opens in its own place, under its own key, unchanged, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenflow import WrongKey
from tokenflow.engine.ciphers import AesGcm, binding

KEY = bytes(range(32))
PLACE = binding("acme", "id-1", "access_token", 1)
PLACES = st.tuples(
    st.text("a|:1", max_size=4),
    st.text("a|:1", max_size=4),
    st.sampled_from(["access_token", "refresh_token", "a|1:b"]),
    st.integers(0, 20),
)


@given(st.binary())
def test_what_was_sealed_opens(content: bytes) -> None:
    """Anything comes back from its own place."""
    cipher = AesGcm(KEY)
    assert cipher.open(cipher.seal(content, PLACE), PLACE) == content


@pytest.mark.proves("A2")
@given(st.lists(PLACES, min_size=2, max_size=6, unique=True), st.data())
def test_no_permutation_of_sealed_values_opens(
    places: list[tuple[str, str, str, int]], data: st.DataObject
) -> None:
    """Whatever rows, fields and generations are swapped, each moved value is WrongKey."""
    cipher = AesGcm(KEY)
    identities = [binding(*place) for place in places]
    sealed = [cipher.seal(b"secret %d" % n, identity) for n, identity in enumerate(identities)]
    order = data.draw(st.permutations(range(len(places))))
    for home, moved in enumerate(order):
        if home == moved:
            assert cipher.open(sealed[moved], identities[home]) == b"secret %d" % home
        else:
            with pytest.raises(WrongKey):
                cipher.open(sealed[moved], identities[home])


@given(PLACES, PLACES)
def test_no_two_places_share_a_binding(
    one: tuple[str, str, str, int], other: tuple[str, str, str, int]
) -> None:
    """Bindings are equal only for equal places, whatever separators the names hold."""
    assert (binding(*one) == binding(*other)) == (one == other)


def test_a_binding_is_readable_and_says_its_kind() -> None:
    """The associated data is the text of security.md A2, with the length of each part."""
    assert binding("acme", "7f", "access_token", 3) == b"tokenflow/1|4:acme|2:7f|5:token|12:access_token|1:3"
    assert binding("acme", "7f", "x", 3, kind="login") != binding("acme", "7f", "x", 3)


@pytest.mark.proves("A2", "R11")
def test_every_changed_bit_is_noticed() -> None:
    """No single bit of a sealed value, header included, can be turned."""
    cipher = AesGcm(KEY)
    sealed = cipher.seal(b"secret", PLACE)
    for position in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(WrongKey):
            cipher.open(bytes(changed), PLACE)


def test_a_value_cut_short_is_wrong() -> None:
    """Every shorter piece of a sealed value is WrongKey, never another error."""
    cipher = AesGcm(KEY)
    sealed = cipher.seal(b"secret", PLACE)
    for length in range(len(sealed)):
        with pytest.raises(WrongKey):
            cipher.open(sealed[:length], PLACE)


def test_another_key_or_term_is_wrong() -> None:
    """A value of another key is WrongKey, and one of another term names the term."""
    sealed = AesGcm(KEY).seal(b"secret", PLACE)
    with pytest.raises(WrongKey, match="does not open"):
        AesGcm(bytes(32)).open(sealed, PLACE)
    with pytest.raises(WrongKey, match="term 1"):
        AesGcm(KEY, term=2).open(sealed, PLACE)


@pytest.mark.proves("A4")
def test_nonces_do_not_repeat() -> None:
    """Twenty thousand seals of one text under one key have twenty thousand nonces."""
    cipher = AesGcm(KEY)
    secret = b"secret"
    nonces = {cipher.seal(secret, PLACE)[5:17] for _ in range(20_000)}
    assert len(nonces) == 20_000


def test_no_error_and_no_repr_shows_a_secret() -> None:
    """Neither text nor key appears in what a cipher says."""
    cipher = AesGcm(KEY)
    sealed = cipher.seal(b"canary", PLACE)
    with pytest.raises(WrongKey) as raised:
        cipher.open(sealed, b"elsewhere")
    said = f"{raised.value!r} {raised.value} {cipher!r} {vars(cipher)!r}"
    assert "canary" not in said
    assert KEY.hex() not in said
    assert b"canary" not in sealed


def test_a_key_has_thirty_two_bytes() -> None:
    """A shorter key is refused, though AES would take it."""
    with pytest.raises(WrongKey, match="32 bytes, not 16"):
        AesGcm(bytes(16))
