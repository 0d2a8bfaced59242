"""The power fails: what was acknowledged is there afterwards."""

from random import Random

import pytest

from tests.faults import power
from tests.faults.images import Disk, Image
from tests.faults.shim import Operation

SEED = 20


@pytest.mark.proves("R1", "H2")
@pytest.mark.parametrize("size", [power.GATE, pytest.param(200_000, marks=pytest.mark.campaign)])
def test_no_power_cut_loses_what_was_acknowledged(size: int) -> None:
    """In both journal modes, after an fsync that failed, too; and commits that do not last are seen to."""
    power.campaign(size, SEED).demand()


def found(image: Image) -> dict[str, bytes]:
    """Return an image's files."""
    return {path: bytes(content) for path, content in image.files()}


def test_a_name_lasts_once_its_folder_was_synced_and_a_write_once_its_file_was() -> None:
    """The modelled disk has what was synced, may have what was not, and tears a write into sectors."""
    model = Disk("/d", Random(SEED))
    model.does(Operation("O", "/d/one"))
    model.does(Operation("W", "/d/one", 0, b"a" * 1024))
    assert found(model.nothing()) == {}
    model.does(Operation("S", "/d/one"))
    assert found(model.nothing()) == {}
    model.does(Operation("S", "/d"))
    assert found(model.nothing()) == {"one": b"a" * 1024}
    model.does(Operation("W", "/d/one", 0, b"b" * 1024))
    model.does(Operation("R", "/d/one", data=b"/d/two"))
    assert found(model.nothing()) == {"one": b"a" * 1024}
    assert found(model.everything()) == {"two": b"b" * 1024}
    seen = {one for _ in range(64) for one in found(model.something(torn=True)).items()}
    halves = {b"a" * 512, b"b" * 512}
    assert seen == {(path, one + two) for path in ("one", "two") for one in halves for two in halves}


def test_what_a_failed_fsync_left_unwritten_no_later_one_writes() -> None:
    """After it the kernel takes everything for written: a coin decides for each write, and for good."""
    kept = set()
    for seed in range(16):
        model = Disk("/d", Random(seed))
        for one in (Operation("O", "/d/one"), Operation("S", "/d"), Operation("W", "/d/one", 0, b"a")):
            model.does(one)
        model.does(Operation("F", "/d/one"))
        model.does(Operation("S", "/d/one"))
        kept.add(found(model.nothing())["one"])
    assert kept == {b"", b"a"}
