"""The OAuth face's table of paths."""

from collections.abc import Callable, Mapping

from tokenflow.sandbox.errors import OAuthError
from tokenflow.sandbox.wire import Call, Reply, json_reply
from tokenflow.sandbox.world import World

from . import authorize, discovery, endings, grants, identity

Handler = Callable[[World, Call], object]

#: Path -> methods and handler. Secrets and tokens are taken by POST alone (RFC 6749 §3.2).
ROUTES: Mapping[str, tuple[frozenset[str], Handler]] = {
    ".well-known/oauth-authorization-server/oauth2": (frozenset({"GET"}), discovery.metadata),
    "oauth2/.well-known/openid-configuration": (frozenset({"GET"}), discovery.metadata),
    "oauth2/.well-known/oauth-authorization-server": (frozenset({"GET"}), discovery.metadata),
    "oauth2/jwks": (frozenset({"GET"}), discovery.jwks),
    "oauth2/authorize": (frozenset({"GET", "POST"}), authorize.authorize),
    "oauth2/token": (frozenset({"POST"}), grants.token),
    "oauth2/revoke": (frozenset({"POST"}), endings.revoke),
    "oauth2/introspect": (frozenset({"POST"}), endings.introspect),
    "oauth2/userinfo": (frozenset({"GET", "POST"}), identity.userinfo),
}


def answer(world: World, call: Call) -> Reply:
    """Answer one call of the OAuth face; every refusal is in RFC 6749's shape."""
    try:
        methods, handler = ROUTES[call.path]
    except KeyError:
        return OAuthError("not_found", "nothing is served here", status=404).reply()
    if call.method not in methods:
        return OAuthError("invalid_request", "that method is not served here", status=405).reply()
    try:
        result = handler(world, call)
    except OAuthError as refused:
        return refused.reply()
    return result if isinstance(result, Reply) else json_reply(result)
