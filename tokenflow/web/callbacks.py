"""Issuers speak first: what they post goes to the engine as it came, and its answer goes back."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tokenflow.core.errors import TokenflowError
from tokenflow.web.answering import no
from tokenflow.web.sites import Site


async def receive(site: Site, request: Request) -> Response:
    """Take what an issuer posted to one of its callbacks."""
    named = request.path_params
    try:
        await site.engine.receive(named["issuer"], named["callback"], await request.body())
    except TokenflowError as error:
        return no(error, "callbacks")
    return JSONResponse({"success": True})
