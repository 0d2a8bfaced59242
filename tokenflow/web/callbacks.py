"""Issuers speak first: what they send goes to the engine as it came, and its answer goes back."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from tokenflow.core.errors import Refused, TokenflowError
from tokenflow.core.news import Message
from tokenflow.web.answering import document, no
from tokenflow.web.guarding import query_of
from tokenflow.web.sites import Site


async def told(site: Site, request: Request) -> Response:
    """Take what an issuer posted to one of its callbacks."""
    named = request.path_params
    try:
        # Not `in`: what is asked for by name would be read from the shipped documents, for anybody.
        if named["issuer"] not in tuple(site.engine.desk.setting.issuers):
            raise Refused("unknown_callback", "no issuer of that name was opened here")
        received = await site.engine.receive(
            named["issuer"], named["callback"], _message(site, request, await request.body())
        )
    except TokenflowError as error:
        return no(error, "callbacks")
    match received.answer:
        case None:
            return Response()
        case str() as text:
            return Response(text, media_type="text/plain")
        case answer:
            return JSONResponse(dict(answer))


async def asked(site: Site, request: Request) -> Response:
    """Answer an issuer that asks whether the callback is ours, or a person who asks after a deletion."""
    if "code" not in request.query_params:
        return await told(site, request)
    try:
        return await _deletion(site, query_of(request)["code"])
    except TokenflowError as error:
        return no(error, "callbacks")


async def _deletion(site: Site, code: str) -> Response:
    """Show what became of a deletion, to whoever has its confirmation code."""
    found = await site.engine.deletion(code)
    if found is None:
        return HTMLResponse(document("Deletion", "No deletion goes by this code."), 404)
    return HTMLResponse(
        document(
            "Deletion",
            "It was done: this site has no access to your account any more, and keeps no token of yours.",
        )
    )


def _message(site: Site, request: Request, body: bytes) -> Message:
    """Return the request as it came, but for its address, which is the configured one."""
    path = "/".join(quote(request.path_params[one], safe="") for one in ("issuer", "callback"))
    headers: dict[str, str] = {}
    for name, value in request.headers.items():  # RFC 9110 §5.3: several of a name are one list
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Message(
        method=request.method,
        body=body,
        headers=headers,
        query=query_of(request),
        url=f"{site.public_url}/callbacks/{path}",
    )
