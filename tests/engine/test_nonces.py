"""No nonce comes twice, whoever seals: threads, processes, and children of a fork."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tokenflow.engine.ciphers import AesGcm

CHILDREN = 8
CAMPAIGN = pytest.param(10_000_000, marks=pytest.mark.campaign)


def nonces(cipher: AesGcm, count: int) -> bytes:
    """Return the nonces of so many seals, one after another."""
    return b"".join(cipher.seal(b"", b"")[5:17] for _ in range(count))


def in_a_child(cipher: AesGcm, count: int) -> bytes:
    """Return the nonces that a forked child used."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(nonces(cipher, count))
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        found = pipe.read()
    os.waitpid(child, 0)
    return found


@pytest.mark.proves("A4")
@pytest.mark.parametrize("total", [100_000, CAMPAIGN])
def test_no_nonce_comes_twice(total: int) -> None:
    """Eight children of one fork seal with the parent's cipher, and so do its threads: all nonces differ."""
    cipher, share = AesGcm(bytes(range(32))), total // (CHILDREN + 2)
    nonces(cipher, 100)
    with ThreadPoolExecutor(2) as pool:
        found = b"".join(in_a_child(cipher, share) for _ in range(CHILDREN))
        found += b"".join(pool.map(lambda _: nonces(cipher, share), range(2)))
    seen = {found[at : at + 12] for at in range(0, len(found), 12)}
    assert len(seen) == len(found) // 12 == share * (CHILDREN + 2)
