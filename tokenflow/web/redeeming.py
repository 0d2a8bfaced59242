"""Tickets that the engine gave out are redeemed here, by whoever shows one (security.md D3)."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tokenflow.core.errors import TokenflowError
from tokenflow.web.answering import note, status_of
from tokenflow.web.sites import Site


async def redeem(site: Site, request: Request) -> Response:
    """Give what a ticket is good for to whoever shows it where it was made for, once."""
    async with request.form(max_files=0, max_fields=8) as form:
        ticket, audience = form.get("ticket"), form.get("audience")
    origin = request.headers.get("origin", "")
    try:
        # Two that differ are shown to the engine as neither: the attempt spends the ticket.
        shown = origin if audience in (None, origin) else ""
        handed = await site.engine.redeem(ticket if isinstance(ticket, str) else "", shown)
        response = JSONResponse(handed.form())
    except TokenflowError as error:
        note(error, "tickets")
        later = status_of(error) == 503
        response = JSONResponse(
            {"error": "unavailable" if later else "ticket_refused"}, 503 if later else 400
        )
    if origin:
        response.headers["access-control-allow-origin"] = origin
    response.headers["vary"] = "Origin"
    return response
