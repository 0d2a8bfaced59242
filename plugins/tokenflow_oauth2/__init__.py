"""OAuth 2: what any standard issuer says of devices, codes, refresh tokens, revocation and introspection."""

from collections.abc import Iterator

from tokenflow import ANYWHERE, SERVER, Acquirer, CodeExchange, Command, hookimpl
from tokenflow_oauth2.device import device
from tokenflow_oauth2.grants import exchange, refresh
from tokenflow_oauth2.introspect import introspect
from tokenflow_oauth2.revoke import revoke

NO_OPTIONS = {"type": "object", "additionalProperties": False}
TOKEN = frozenset({"token_endpoint"})
REVOCATION = frozenset({"revocation_endpoint"})
INTROSPECTION = frozenset({"introspection_endpoint"})


@hookimpl
def tokenflow_acquirers() -> Iterator[Acquirer]:
    """Offer the login on a device: by a public client anywhere, or by one with a secret."""
    yield Acquirer(
        name="oauth2.device",
        flow=device,
        runs_on=ANYWHERE,
        options=NO_OPTIONS,
        endpoints=frozenset({"device_authorization_endpoint", "token_endpoint"}),
    )


@hookimpl
def tokenflow_commands() -> Iterator[Command | CodeExchange]:
    """Offer the code exchange, refreshing, revocation and introspection."""
    yield CodeExchange(name="oauth2.code", flow=exchange, endpoints=TOKEN)
    # Anywhere: a public client refreshes and revokes without a secret (RFC 6749 §6, RFC 7009 §2.1).
    yield Command(name="oauth2.refresh", flow=refresh, runs_on=ANYWHERE, options=NO_OPTIONS, endpoints=TOKEN)
    yield Command(
        name="oauth2.revoke", flow=revoke, runs_on=ANYWHERE, options=NO_OPTIONS, endpoints=REVOCATION
    )
    yield Command(
        name="oauth2.introspect", flow=introspect, runs_on=SERVER, options=NO_OPTIONS, endpoints=INTROSPECTION
    )
