"""Exit codes, and what is said on the way out (language.md §5.3).

0 fine; 1 findings; 2 usage; 3 `plan --exit-code` has changes; 4 the issuer or the store is out of
reach; 5 a person is needed; 70 a fault of our own; 130 interrupted.
"""

from typing import Final

from tokenflow.core.errors import (
    IssuerError,
    PersonNeeded,
    SpecError,
    StoreError,
    TokenflowError,
)

FINE: Final = 0
FINDINGS: Final = 1
USAGE: Final = 2
CHANGES: Final = 3
OUT_OF_REACH: Final = 4
PERSON: Final = 5
INTERNAL: Final = 70


def exit_code(error: Exception) -> int:
    """Return the exit code an error leaves with."""
    match error:
        case PersonNeeded():
            return PERSON
        case IssuerError() | StoreError():
            return OUT_OF_REACH
        case SpecError():
            return FINDINGS
        case TokenflowError():
            return FINDINGS
        case _:
            return INTERNAL


def explain_failure(error: Exception) -> str:
    """Return what to say: our own errors in full, anything else by kind and place only."""
    if isinstance(error, TokenflowError):
        return f"error: {error}"
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = "" if frame is None else f" ({frame.tb_frame.f_code.co_filename}:{frame.tb_lineno})"
    return f"error: a fault of tokenflow's own: {type(error).__name__}{where}\n  help: please report it"
