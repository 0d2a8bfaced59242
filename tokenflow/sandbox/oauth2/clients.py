"""Which client is calling, and whether it proved it (RFC 6749 §2.3)."""

from tokenflow.sandbox.credentials import basic
from tokenflow.sandbox.errors import OAuthError
from tokenflow.sandbox.signing import same
from tokenflow.sandbox.wire import Call
from tokenflow.sandbox.world import Client, World


def authenticated(world: World, call: Call) -> Client:
    """Return the client: by Basic, by body, or as a public client by its `client_id` alone."""
    header = basic(call)
    client_id = header[0] if header else call.get("client_id")
    secret = header[1] if header else call.get("client_secret")
    client = world.clients.get(client_id or "")
    if client is None:
        raise OAuthError("invalid_client", "no client has that client_id", status=401)
    if client.client_secret is None:
        if secret:
            raise OAuthError("invalid_client", "a public client has no secret", status=401)
        return client
    if not same(secret or "", client.client_secret):
        raise OAuthError("invalid_client", "the client secret is missing or wrong", status=401)
    return client


def confidential(world: World, call: Call) -> Client:
    """Return the client when it has a secret and knows it."""
    client = authenticated(world, call)
    if client.client_secret is None:
        raise OAuthError("unauthorized_client", "a public client may not do this")
    return client
