"""Old lines of the audit trail go, and what stays verifies; evidence never goes."""

from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.audit_ground import KEYS, Clocks, auditor_of, chain_of, chains_of, lines_of, written
from tokenflow.engine.auditing import Auditor
from tokenflow.engine.examining import every_chain, examine, walk
from tokenflow.engine.memory import MemoryStore
from tokenflow.engine.pruning import prune
from tokenflow.engine.wording import at_of, read

pytestmark = pytest.mark.proves("J", "B8")


def instants(auditor: Auditor) -> dict[int, list[int]]:
    """Return chain -> when its lines were written, without those that say it was pruned."""
    found = {}
    for chain in every_chain(auditor.store):
        lines = [line for line in walk(auditor.store, chain) if read(line, None).act != "prune"]
        if lines:
            found[chain.chain] = [at_of(line) for line in lines]
    return found


@settings(max_examples=40)
@given(
    times=st.lists(st.tuples(st.sampled_from(KEYS), st.integers(1, 9)), min_size=1, max_size=12),
    cuts=st.lists(st.integers(0, 10), min_size=1, max_size=3),
)
def test_each_chain_loses_its_older_beginning_and_still_verifies(
    times: list[tuple[str, int]], cuts: list[int]
) -> None:
    """Up to the first line that is not older than the cut all go, on every chain; the rest is whole."""
    clock = Clocks()
    auditor = auditor_of(MemoryStore(), None, clock)
    for key, at in times:
        clock.wall = at
        auditor.write("forget", tenant="acme", key=key)
    wanted = instants(auditor)
    clock.wall = 10
    for cut in cuts:
        gone = 0
        for chain, stood in wanted.items():
            kept = next((place for place, at in enumerate(stood) if at >= cut), len(stood))
            gone += kept
            wanted[chain] = stood[kept:]
        done = prune(auditor, cut)
        assert (done.lines, done.verdict.flaws) == (gone, ())
        assert instants(auditor) == {chain: stood for chain, stood in wanted.items() if stood}
        assert examine(auditor.moorings).flaws == ()


def test_that_it_was_pruned_is_on_the_trail(tmp_path: Path) -> None:
    """The line says before when, and how many went; the anchors verify on."""
    auditor = written((5, 3, 2), tmp_path / "a.anchor")
    assert prune(auditor, 10**9).lines == 10
    (line,) = [line for chain in every_chain(auditor.store) for line in walk(auditor.store, chain)]
    assert read(line, None).facts == {"before": 10**9, "lines": 10}
    verdict = examine(auditor.moorings)
    assert (verdict.flaws, verdict.lines, verdict.pruned, len(verdict.anchors)) == ((), 1, 10, 2)


def test_nothing_is_pruned_while_there_is_a_flaw() -> None:
    """A trail that was edited is left as it is, all of it, with the flaw named."""
    auditor = written((4, 4, 4))
    chain = chain_of(auditor, KEYS[1])
    lines = lines_of(auditor, chain)
    lines[1] = lines[1]._replace(body=lines[1].body + b" ")
    before = instants(auditor)
    done = prune(auditor, 10**9)
    assert done.lines == 0
    assert [(flaw.chain, flaw.number) for flaw in done.verdict.flaws] == [(chain, 2)]
    assert instants(auditor) == before


def test_nothing_is_pruned_that_was_not_anchored(tmp_path: Path) -> None:
    """Where the anchor cannot be written, the lines stay."""
    (tmp_path / "keys").write_text("in the way")
    auditor = written((2, 2, 2))
    stuck = auditor_of(auditor.store, tmp_path / "keys" / "a.anchor")
    assert prune(stuck, 10**9).lines == 0
    assert sum(map(len, instants(auditor).values())) == 6


def test_who_prunes_without_the_key_is_found_out() -> None:
    """A beginning that was cut off, and noted as pruned, is a flaw: its seal is no seal of it."""
    for number, seal in ((2, b""), (2, bytes(32)), (3, None)):
        auditor = written((5, 1, 1))
        chain = chain_of(auditor, KEYS[0])
        lines = lines_of(auditor, chain)
        last = lines[number - 1]
        given_seal = auditor.witness.seal(lines[1]) if seal is None else seal
        del lines[:number]
        stands = attrs.evolve(chains_of(auditor)[chain], base=number, base_head=last.head, seal=given_seal)
        chains_of(auditor)[chain] = stands
        (flaw,) = examine(auditor.moorings).flaws
        assert (flaw.chain, flaw.number) == (chain, number)
