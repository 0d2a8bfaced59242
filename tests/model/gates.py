"""What is explored: in the gate at every run of the tests, in the campaign by hand."""

from typing import Any, Final

from tests.model.setups import Setup

_NONE: Final = {"contract": "none", "lost_answer": "repeat"}
_GRACE: Final = {"contract": "grace", "lost_answer": "repeat"}
_SAME: Final = {"contract": "idempotent", "lost_answer": "repeat"}
_STRICT: Final = {"contract": "strict", "lost_answer": "probe"}
_DEAF: Final = {"contract": "strict", "lost_answer": "reconsent"}
CONTRACTS: Final = (_NONE, _GRACE, _SAME, _STRICT, _DEAF)

_ALL: Final = {"crash": 1, "pause": 1, "loss": 1, "save": 1, "journal": 1}
_THREE: Final = {"crash": 1, "pause": 1, "loss": 1}
_FAR: Final = {"several": True, **_THREE}


def _setups(contracts: tuple[dict[str, str], ...], *faults: dict[str, Any]) -> list[Setup]:
    return [Setup(**{**contract, **one}) for one in faults for contract in contracts]


GATE: Final = (
    *_setups((_GRACE,), {"crash": 1, "pause": 1}, {"pause": 1, "loss": 1}),
    *_setups((_STRICT, _GRACE), {"several": True, "crash": 1}, {"several": True, "loss": 1}),
    *_setups((_STRICT,), _THREE),
    *_setups(CONTRACTS, {"crash": 1, "save": 1, "journal": 1}),
    *_setups((_STRICT, _DEAF), {"several": True, "pause": 1, "loss": 1}),
    *_setups((_GRACE, _STRICT), {"crash": 1, "full": 1}, {"crash": 1, "garble": 1}),
    *_setups((_GRACE, _STRICT), {"crash": 1, "login": 1}, {"loss": 1, "withdraw": 1}),
    *_setups((_GRACE, _STRICT), {"several": True, "pause": 1, "login": 1, "goal": 1}),
    *_setups((_GRACE, _STRICT), {"further": True, "crash": 1, "loss": 1}, {"further": True, "pause": 1}),
    *_setups((_GRACE, _STRICT), {"further": True, "garble": 1}),
    *_setups((_GRACE, _STRICT), {"tokens": 2, "goal": 1, "crash": 1}, {"tokens": 2, "goal": 1, "pause": 1}),
)
"""A crash, a pause and a lost message on one host, two of them on several, others beside a crash.

What is in ENDING is not here again.
"""

ENDING: Final = (
    *_setups(CONTRACTS, {"crash": 1, "loss": 1}),
    *_setups(CONTRACTS, {"several": True, "pause": 1}),
)
"""Where it is also looked whether every run can come to its end."""

CAMPAIGN: Final = (
    *_setups(CONTRACTS, _ALL, _FAR),
    *_setups((_GRACE, _STRICT), {**_THREE, "processes": 3, "goal": 1}, {**_FAR, "processes": 3, "goal": 1}),
    *_setups(CONTRACTS, {**_ALL, "crash": 2}),
    *_setups((_GRACE, _STRICT), {**_THREE, "login": 1}, {**_FAR, "login": 1, "goal": 1}),
    *_setups((_GRACE, _STRICT), {**_THREE, "further": True, "journal": 1}, {**_FAR, "further": True}),
    *_setups((_GRACE, _STRICT), {**_THREE, "tokens": 2, "goal": 1}, {**_THREE, "garble": 1, "withdraw": 1}),
    *_setups((_GRACE, _STRICT), {**_THREE, "full": 1, "save": 1}, {**_THREE, "loss": 2}),
    *_setups((_GRACE, _STRICT), {**_FAR, "save": 1, "journal": 1}, {**_FAR, "pause": 2}),
    *_setups((_STRICT,), {**_ALL, "goal": 3}, {**_FAR, "goal": 3}),
)
"""More faults at once, a third process, a third generation, all of it on several hosts."""
