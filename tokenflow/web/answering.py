"""What is answered when something cannot be done: a status and a code, which tell nothing that is secret."""

import logging
from typing import Final

from starlette.responses import HTMLResponse, JSONResponse

from tokenflow.core.errors import (
    Busy,
    ClockHeld,
    Closed,
    IssuerError,
    IssuerUnreachable,
    PayloadError,
    PersonNeeded,
    PluginError,
    Refused,
    Rejected,
    SecretNotFound,
    SpecError,
    StoreError,
    TokenflowError,
    TokenNotFound,
)

_STATUS: Final[tuple[tuple[type[TokenflowError], int], ...]] = (
    (PayloadError, 400),
    (Refused, 403),
    (PersonNeeded, 403),
    (TokenNotFound, 404),
    (Rejected, 409),
    (IssuerUnreachable, 503),
    (IssuerError, 502),
    (Busy, 503),
    (ClockHeld, 503),
    (Closed, 503),
    (StoreError, 503),
    (SpecError, 500),
    (PluginError, 500),
    (SecretNotFound, 500),
)
_CODES: Final = {"no_session": 401, "unknown_callback": 404, "not_here": 404, "bad_request": 400}

_SENTENCES: Final = {
    "bad_request": "This link is not one of ours.",
    "consent_denied": "You did not agree, so nothing was changed.",
    "forged": "This answer belongs to another login. Begin again from where you came.",
    "no_session": "You are not signed in here.",
    "not_here": "There is no such login here.",
    "prompt_expired": "This login is over, or was finished already. Begin again from where you came.",
}
_ELSE: Final = "The login could not be finished. Try again in a while."

log = logging.getLogger(__name__)


def status_of(error: TokenflowError) -> int:
    """Return the HTTP status that says what kind of no it is."""
    if error.code in _CODES:
        return _CODES[error.code]
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def no(error: TokenflowError, route: str) -> JSONResponse:
    """Return the JSON that says no by its code, and log it."""
    note(error, route)
    return JSONResponse({"error": error.code}, status_of(error))


def note(error: TokenflowError, route: str) -> None:
    """Log what was answered with no: its code alone, for a message may name whom it is about."""
    log.log(logging.ERROR if status_of(error) == 500 else logging.INFO, "%s: %s", route, error.code)


def page(code: str, status: int) -> HTMLResponse:
    """Return a page for the person at the browser: one sentence, no script, nothing of the request in it."""
    sentence = _SENTENCES.get(code, _ELSE)
    return HTMLResponse(document("Login", sentence), status)


def document(title: str, sentence: str) -> str:
    """Return the HTML of a page that says one sentence of ours."""
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    return f"{head}<p>{sentence}</p></html>\n"


def is_told(code: str) -> bool:
    """Return whether there is a sentence for *code*."""
    return code in _SENTENCES
