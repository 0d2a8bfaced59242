"""Tickets that the engine gave out are redeemed here, by whoever shows one (security.md D3)."""

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tokenflow.core.errors import TokenflowError
from tokenflow.web.answering import note, status_of
from tokenflow.web.sites import Site


async def redeem(site: Site, request: Request) -> Response:
    """Give what a ticket is good for to whoever shows it where it was made for, once."""
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    origin = request.headers.get("origin", "")
    # Two that differ are shown to the engine as neither: the attempt spends the ticket.
    audience = origin if form.get("audience", [origin]) == [origin] else ""
    try:
        handed = await site.engine.redeem(" ".join(form.get("ticket", [])), audience)
        response = JSONResponse(handed.form())
    except TokenflowError as error:
        note(error, "tickets")
        response = _later() if status_of(error) == 503 else _no()
    if origin:
        response.headers["access-control-allow-origin"] = origin
    response.headers["vary"] = "Origin"
    return response


def _no() -> JSONResponse:
    """Return the one no there is: why is told inside."""
    return JSONResponse({"error": "ticket_refused"}, 400)


def _later() -> JSONResponse:
    """Return that nothing was decided: the ticket may still be good."""
    return JSONResponse({"error": "unavailable"}, 503)
