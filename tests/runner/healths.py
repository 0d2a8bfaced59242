"""How a keeper may be: well, and ill in every way at once."""

from typing import Final

import attrs

from tokenflow import SECOND, Health, IssuerHealth

NOW: Final = 1_800_000_000 * SECOND
ISSUER: Final = IssuerHealth(
    issuer="acme", client_id="c", breaker="closed", asked_again_in=0.0, budget_left=9
)
WELL: Final = Health(
    at=NOW,
    alive=True,
    last_sweep=NOW,
    next_due=NOW + 90 * SECOND,
    due_late=0.0,
    in_flight=0,
    kept=12,
    clock=None,
    issuers=(ISSUER,),
    unsaved=(),
    needing_person=(),
    uncertain=(),
    trouble=None,
)
ILL: Final = attrs.evolve(
    WELL,
    next_due=NOW - 9 * SECOND,
    in_flight=2,
    clock="the clock is 9 s behind",
    issuers=(attrs.evolve(ISSUER, breaker="half_open", budget_left=0),),
    needing_person=("bo",),
    uncertain=("ada",),
    trouble="the disk is full",
)
