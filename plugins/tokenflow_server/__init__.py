"""Server: tokens a server gets, assembles or holds without a person in the room."""

from collections.abc import Iterator

from tokenflow import ANYWHERE, SERVER, Acquirer, hookimpl
from tokenflow_server.code import CODE_OPTIONS, code
from tokenflow_server.credentials import CREDENTIALS_OPTIONS, client_credentials
from tokenflow_server.held import STATIC_OPTIONS, inline, static
from tokenflow_server.ticket import TICKET_OPTIONS, ticket

NO_OPTIONS = {"type": "object", "additionalProperties": False}


@hookimpl
def tokenflow_acquirers() -> Iterator[Acquirer]:
    """Offer `server.client_credentials`, `server.inline`, `server.static`, `.code` and `.ticket`."""
    yield Acquirer(
        name="server.client_credentials",
        flow=client_credentials,
        runs_on=SERVER,
        options=CREDENTIALS_OPTIONS,
        endpoints=frozenset({"token_endpoint"}),
    )
    yield Acquirer(name="server.inline", flow=inline, runs_on=SERVER, options=NO_OPTIONS)
    # A client token "isn't meant to be a secret identifier because it's embedded in apps" (seed).
    yield Acquirer(name="server.static", flow=static, runs_on=ANYWHERE, options=STATIC_OPTIONS)
    yield Acquirer(name="server.code", flow=code, runs_on=SERVER, options=CODE_OPTIONS)
    yield Acquirer(name="server.ticket", flow=ticket, runs_on=SERVER, options=TICKET_OPTIONS, handed=True)
