"""What the authorization server says of itself (RFC 8414, OpenID Connect Discovery)."""

from tokenflow.sandbox.wire import Call
from tokenflow.sandbox.world import World


def issuer(call: Call) -> str:
    """Return the issuer identifier: the OAuth face as this caller reached it."""
    return f"{call.base}/oauth2"


def metadata(world: World, call: Call) -> dict[str, object]:
    """Answer the metadata; both well-known places serve the same."""
    here = issuer(call)
    return {
        "issuer": here,
        "authorization_endpoint": f"{here}/authorize",
        "token_endpoint": f"{here}/token",
        "revocation_endpoint": f"{here}/revoke",
        "introspection_endpoint": f"{here}/introspect",
        "userinfo_endpoint": f"{here}/userinfo",
        "jwks_uri": f"{here}/jwks",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
    }


def jwks(world: World, call: Call) -> dict[str, object]:
    """Answer the public keys (RFC 7517)."""
    return world.signer.jwks()
