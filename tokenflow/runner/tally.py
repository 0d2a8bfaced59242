"""The issuer's ledger beside the store: does what we believe to be usable live there?"""

from typing import Any

import attrs

from tokenflow.runner.counter import fingerprint
from tokenflow.runner.stage import Stage


@attrs.frozen(kw_only=True)
class Tally:
    """What both sides say at the end of a run."""

    requests: int
    """Requests the issuer answered."""
    issued: int
    """Tokens it issued."""
    agreed: int
    """Usable tokens of ours that live there."""
    disagreements: tuple[str, ...] = ()
    """Keys we call usable and the issuer does not know, or calls dead."""


def tally(stage: Stage) -> Tally:
    """Compare every usable token in the store with the issuer's ledger, by fingerprint."""
    ledger: dict[str, Any] = stage.backstage.admin.ledger()
    known = {token["fingerprint"]: token for token in ledger["tokens"]}
    agreed, wrong = 0, []
    held = stage.engine.keys()
    for key in held:
        found = stage.engine.explain(key)
        value = found.token.access_token
        if not found.usable or value is None:
            continue
        there = known.get(fingerprint(value.reveal()))
        if there is None and found.token.kind.name == "client":
            agreed += 1  # copied from a dashboard: it was never issued
        elif there is None:
            wrong.append(f"{key}: usable here, and the issuer never issued it")
        elif not there["live"]:
            wrong.append(f"{key}: usable here, and dead at the issuer ({there['reason']})")
        else:
            agreed += 1
    return Tally(
        requests=len(ledger["requests"]),
        issued=len(ledger["tokens"]),
        agreed=agreed,
        disagreements=tuple(wrong),
    )
