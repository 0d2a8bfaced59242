"""Letting old lines of the audit trail go, so that what stays still verifies (ruling 9)."""

from typing import Final

import attrs

from tokenflow.core.tokens import Instant
from tokenflow.engine.auditing import Auditor
from tokenflow.engine.examining import Verdict, every_chain, examine, walk
from tokenflow.engine.trails import AuditChain, AuditLine
from tokenflow.engine.wording import at_of

ACT: Final = "prune"


@attrs.frozen(kw_only=True)
class Pruned:
    """What became of a pruning."""

    lines: int
    verdict: Verdict
    """Of the whole trail, right before; with a flaw in it nothing was pruned."""


def prune(auditor: Auditor, before: Instant) -> Pruned:
    """Remove the lines that were written before an instant, and leave a line that says so.

    A chain loses its beginning only: up to the first line that is not older. Nothing goes that was not
    examined and anchored just before; where the trail has a flaw, nothing goes at all: it is the evidence.
    Raises StoreError.
    """
    verdict = examine(auditor.moorings)
    chains = every_chain(auditor.store)
    cuts = [cut for chain in chains if (cut := _cut(auditor, chain, before)) is not None]
    if verdict.flaws or not cuts or not auditor.anchor():
        return Pruned(lines=0, verdict=verdict)
    lines = sum(cut.number - chains[cut.chain].base for cut in cuts)
    auditor.write(ACT, facts={"before": before, "lines": lines})
    for cut in cuts:
        auditor.store.prune(cut, auditor.witness.seal(cut))
    return Pruned(lines=lines, verdict=verdict)


def _cut(auditor: Auditor, chain: AuditChain, before: Instant) -> AuditLine | None:
    """Return the last of a chain's lines that are all older than *before*."""
    last = None
    for line in walk(auditor.store, chain):
        if at_of(line) >= before:
            break
        last = line
    return last
