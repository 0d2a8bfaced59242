"""Exit codes, and what is said on the way out (language.md §5.3).

0 fine; 1 findings; 2 usage; 3 `plan --exit-code` has changes; 4 the issuer or the store is out of
reach; 5 a person is needed; 70 a fault of our own; 130 interrupted.
"""

from collections.abc import Iterable
from typing import Any, Final

import click

from tokenflow.cli.outputs import let_go_of_stdout, unwritable
from tokenflow.core.errors import (
    Busy,
    IssuerError,
    PersonNeeded,
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
_FIRST: Final = (PERSON, OUT_OF_REACH, FINDINGS, INTERNAL)
"""Of several problems, the one whose code is left with."""
_HELP: Final = "\n  help: "
"""What stands before a mend in a message."""


def leave(error: Exception) -> int:
    """Say on stderr what *error* comes to, and return the exit code it leaves with."""
    if isinstance(error, OSError) and error.filename is None:
        let_go_of_stdout()
    click.echo(explain_failure(error), err=True)
    return exit_code(error)


def exit_code(error: Exception) -> int:
    """Return the exit code an error leaves with."""
    match error:
        case PersonNeeded():
            return PERSON
        case IssuerError() | StoreError() | Busy():
            return OUT_OF_REACH
        case TokenflowError():
            return FINDINGS
        case _:
            return INTERNAL if unwritable(error) is None else FINDINGS


def gravest(errors: Iterable[Exception | None]) -> int:
    """Return the one exit code for how several things went, None for each that went well."""
    codes = {exit_code(error) for error in errors if error is not None}
    return next((code for code in _FIRST if code in codes), FINE)


def as_data(error: Exception) -> dict[str, Any]:
    """Return the failure for programs: its code, a message, and how to mend it or None."""
    known = error if isinstance(error, TokenflowError) else unwritable(error)
    if isinstance(error, click.ClickException):
        code = "usage" if error.exit_code == USAGE else "refused"
        message, _, mend = error.format_message().partition(_HELP)
        return {"code": code, "message": message, "mend": mend or None}
    if known is None:
        message, _, mend = explain_failure(error).removeprefix("error: ").partition(_HELP)
        return {"code": "internal", "message": message, "mend": mend}
    whole = f"{_HELP}{known.mend}"
    return {"code": known.code, "message": str(known).removesuffix(whole), "mend": known.mend}


def explain_failure(error: Exception) -> str:
    """Return what to say: our own errors in full, anything else by kind and place only."""
    known = error if isinstance(error, TokenflowError) else unwritable(error)
    if known is not None:
        # What a spec file is refused for says of each mistake where and that it is one.
        return str(known) if hasattr(known, "diagnostics") else f"error: {known}"
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = "" if frame is None else f" ({frame.tb_frame.f_code.co_filename}:{frame.tb_lineno})"
    return f"error: a fault of tokenflow's own: {type(error).__name__}{where}\n  help: please report it"
