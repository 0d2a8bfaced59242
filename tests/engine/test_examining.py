"""Whatever is done to the audit trail without its key, the first line that is not as written is named."""

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.audit_ground import (
    KEY,
    KEYS,
    STORE_ID,
    chain_of,
    chains_of,
    lines_of,
    written,
)
from tokenflow.engine.anchoring import Anchor, text_of
from tokenflow.engine.auditing import Auditor
from tokenflow.engine.examining import examine
from tokenflow.engine.memory import MemoryStore
from tokenflow.engine.trails import AuditLine
from tokenflow.engine.witnessing import SHELF, Witness

pytestmark = pytest.mark.proves("J", "B8")

Draw = Callable[..., Any]
"""Draws from a strategy."""
Tampering = Callable[[Auditor, int, int, Draw], int]
"""Does something to a chain at a line's index; returns the number of the first line that is wrong then."""


def _flip(content: bytes, draw: Draw) -> bytes:
    at = draw(st.integers(0, len(content) * 8 - 1))
    return content[: at // 8] + bytes([content[at // 8] ^ (1 << at % 8)]) + content[at // 8 + 1 :]


def flip_body(auditor: Auditor, chain: int, at: int, draw: Draw) -> int:
    lines = lines_of(auditor, chain)
    lines[at] = lines[at]._replace(body=_flip(lines[at].body, draw))
    return at + 1


def flip_head(auditor: Auditor, chain: int, at: int, draw: Draw) -> int:
    lines = lines_of(auditor, chain)
    lines[at] = lines[at]._replace(head=_flip(lines[at].head, draw))
    return at + 1


def delete(auditor: Auditor, chain: int, at: int, draw: Draw) -> int:
    lines = lines_of(auditor, chain)
    del lines[at]
    if draw(st.booleans()):  # and close the gap
        lines[at:] = [line._replace(number=line.number - 1) for line in lines[at:]]
    return at + 1


def insert(auditor: Auditor, chain: int, at: int, draw: Draw) -> int:
    lines = lines_of(auditor, chain)
    forged = draw(st.sampled_from(lines))._replace(number=at + 1)
    if draw(st.booleans()):  # bound as well as can be without the key
        before = attrs.evolve(chains_of(auditor)[chain], number=at, head=lines[at - 1].head if at else b"")
        forged = Witness(bytes(32)).follow(before, b'{"at":1}')
    elif forged == lines[at]:
        forged = forged._replace(body=b"another")
    lines[at:] = [forged, *(line._replace(number=line.number + 1) for line in lines[at:])]
    return at + 1


def reorder(auditor: Auditor, chain: int, at: int, draw: Draw) -> int:
    lines = lines_of(auditor, chain)
    other: int = draw(st.integers(0, len(lines) - 1).filter(lambda one: one != at))
    lines[at], lines[other] = (
        lines[other]._replace(number=at + 1),
        lines[at]._replace(number=other + 1),
    )
    return min(at, other) + 1


def truncate(auditor: Auditor, chain: int, at: int, draw: Draw) -> int:
    """Cut the end off, and as the one who does it wishes, roll back what the store itself says of it."""
    lines, chains = lines_of(auditor, chain), chains_of(auditor)
    before = list(lines)
    del lines[at:]
    roll_back = draw(st.sampled_from(["nothing", "chain", "chain and anchor"]))
    if roll_back != "nothing":
        if at:
            chains[chain] = attrs.evolve(chains[chain], number=at, head=before[at - 1].head)
        else:
            del chains[chain]
    if roll_back == "chain and anchor":
        old = Anchor.of(auditor.store.chains(), 0)
        auditor.store.put(SHELF, "anchor", text_of(old, STORE_ID, auditor.witness))
    return at + 1


def swap_chains(auditor: Auditor, chain: int, at: int, draw: Draw) -> int:
    """Put a line of another chain in its place, and it in the other's."""
    other = draw(st.sampled_from([one for one in chains_of(auditor) if one != chain]))
    ours, theirs = lines_of(auditor, chain), lines_of(auditor, other)
    there = draw(st.integers(0, len(theirs) - 1))
    ours[at], theirs[there] = (
        theirs[there]._replace(chain=chain, number=at + 1),
        ours[at]._replace(chain=other, number=there + 1),
    )
    return at + 1


TAMPERINGS: tuple[Tampering, ...] = (
    flip_body,
    flip_head,
    delete,
    insert,
    reorder,
    truncate,
    swap_chains,
)


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda one: one.__name__)
@settings(max_examples=30)
@given(
    counts=st.tuples(*[st.integers(2, 6)] * 3),
    key=st.sampled_from(KEYS),
    data=st.data(),
)
def test_the_first_line_that_is_wrong_is_named(
    tamper: Tampering, counts: tuple[int, int, int], key: str, data: st.DataObject
) -> None:
    """Flipped, removed, put in, put elsewhere, cut off: the chain and the number are named each time."""
    with tempfile.TemporaryDirectory() as folder:
        auditor = written(counts, Path(folder) / "a.anchor")
        assert examine(auditor.moorings).flaws == ()
        chain = chain_of(auditor, key)
        at = data.draw(st.integers(0, len(lines_of(auditor, chain)) - 1))
        number = tamper(auditor, chain, at, data.draw)
        found = {(flaw.chain, flaw.number) for flaw in examine(auditor.moorings).flaws}
        assert (chain, number) in found
        assert len(found) == (2 if tamper is swap_chains else 1)


@settings(max_examples=30)
@given(counts=st.tuples(*[st.integers(0, 4)] * 3).filter(any), more=st.integers(0, 3))
def test_what_nobody_touched_holds(counts: tuple[int, int, int], more: int) -> None:
    """A trail that goes on after its anchor has no flaw, and each of its lines was looked at."""
    auditor = written(counts)
    for _ in range(more):
        auditor.write("forget", tenant="acme", key=KEYS[0])
    verdict = examine(auditor.moorings)
    assert (verdict.flaws, verdict.lines) == ((), sum(counts) + more)
    assert [anchor.lines for anchor in verdict.anchors.values()] == [sum(counts)]


def test_whoever_has_the_key_is_shown_by_what_was_signed_elsewhere(tmp_path: Path) -> None:
    """A trail that was written anew with its own key holds in itself, and not against the anchor's file."""
    auditor = written((4, 4, 4), tmp_path / "a.anchor")
    forged = written((4, 3, 4), None)
    auditor.store._trail = forged.store._trail  # type: ignore[attr-defined]
    auditor.store.put(SHELF, "anchor", text_of(Anchor.of(forged.store.chains(), 0), STORE_ID, Witness(KEY)))
    flaws = examine(auditor.moorings).flaws
    wanted = {(chain_of(auditor, key), number) for key, number in zip(KEYS, (4, 4, 4), strict=True)}
    assert {(flaw.chain, flaw.number) for flaw in flaws} == wanted
    assert all(str(tmp_path / "a.anchor") in flaw.says for flaw in flaws)


def test_a_line_behind_the_end_is_found(tmp_path: Path) -> None:
    """What was put behind the last line is named, also after more was written behind it."""
    auditor = written((3, 1, 1), tmp_path / "a.anchor")
    chain = chain_of(auditor, KEYS[0])
    lines_of(auditor, chain).append(AuditLine(chain=chain, number=4, body=b'{"at":1}', head=bytes(32)))
    (flaw,) = examine(auditor.moorings).flaws
    assert (flaw.chain, flaw.number) == (chain, 4)


def test_an_anchor_of_somebody_else_is_no_anchor(tmp_path: Path) -> None:
    """An anchor that was changed, or belongs to another store or key, is a flaw, and is not written over."""
    auditor = written((2, 2, 2), tmp_path / "a.anchor")
    whole = Anchor.of(auditor.store.chains(), 1)
    for text in (
        b"",
        b"{}\n00\n",
        (tmp_path / "a.anchor").read_bytes().replace(b'"lines":6', b'"lines":5'),
        text_of(whole, "1" * 32, auditor.witness),
        text_of(whole, STORE_ID, Witness(bytes(32))),
    ):
        (tmp_path / "a.anchor").write_bytes(text)
        (flaw,) = examine(auditor.moorings).flaws
        assert (flaw.chain, flaw.number) == (None, None)
        assert not auditor.anchor()
        assert (tmp_path / "a.anchor").read_bytes() == text
    (tmp_path / "a.anchor").rename(tmp_path / "other")
    (tmp_path / "a.anchor").symlink_to(tmp_path / "other")
    assert [flaw.chain for flaw in examine(auditor.moorings).flaws] == [None], "a link is not followed"


def test_the_evidence_of_a_cut_is_not_written_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """While lines are gone that the anchor counts, no newer anchor takes its place, and it is said aloud."""
    auditor = written((5, 2, 2), tmp_path / "a.anchor")
    evidence = (tmp_path / "a.anchor").read_bytes()
    chain = chain_of(auditor, KEYS[0])
    del lines_of(auditor, chain)[3:]
    end = lines_of(auditor, chain)[-1]
    chains_of(auditor)[chain] = attrs.evolve(chains_of(auditor)[chain], number=end.number, head=end.head)
    auditor.write("forget", tenant="acme", key=KEYS[1])
    with caplog.at_level(logging.ERROR):
        auditor.close()
    assert "tokenflow audit verify" in caplog.text
    assert (tmp_path / "a.anchor").read_bytes() == evidence
    assert [(flaw.chain, flaw.number) for flaw in examine(auditor.moorings).flaws] == [(chain, 4)]


def test_a_trail_that_is_pruned_while_it_is_examined_holds() -> None:
    """An examination that meets a pruning under way looks again."""
    auditor = written((6, 1, 1))
    chain = chain_of(auditor, KEYS[0])

    class Pruning(MemoryStore):
        def lines(self, chain_: int, after: int, limit: int) -> list[AuditLine]:
            if chain_ == chain:
                line = lines_of(auditor, chain)[2]
                if line.number == 3:
                    self.prune(line, auditor.witness.seal(line))
            return super().lines(chain_, after, limit)

    store = Pruning()
    store._trail = auditor.store._trail  # type: ignore[attr-defined]
    verdict = examine(attrs.evolve(auditor.moorings, store=store))
    assert verdict.flaws == ()
    assert verdict.pruned == 3
