"""The person behind a token: an OpenID Connect identity token, and userinfo."""

from tokenflow.sandbox.clock import SECOND
from tokenflow.sandbox.errors import OAuthError
from tokenflow.sandbox.graph.people import email_of
from tokenflow.sandbox.tokens import death_of, find
from tokenflow.sandbox.wire import Call
from tokenflow.sandbox.world import Token, World

Claims = dict[str, object]


def identity_token(world: World, issuer: str, access: Token, nonce: str | None) -> str:
    """Return an RS256 identity token, good for an hour (OpenID Connect Core §2)."""
    now = world.clock.now() // SECOND
    claims: Claims = {"iss": issuer, "aud": access.app_id, "iat": now, "exp": now + 3600}
    if nonce is not None:
        claims["nonce"] = nonce
    return world.signer.jwt({**claims, **_person(world, access)})


def userinfo(world: World, call: Call) -> Claims:
    """Tell who the bearer acts for (OpenID Connect Core §5.3)."""
    scheme, _, value = call.headers.get("authorization", "").partition(" ")
    token = find(world, value.strip()) if scheme.lower() == "bearer" else None
    if token is None or token.kind != "access" or token.user_id is None or death_of(world, token) is not None:
        raise OAuthError("invalid_token", "the access token is missing, unknown or over", status=401)
    return _person(world, token)


def _person(world: World, token: Token) -> Claims:
    person = world.people[str(token.user_id)]
    claims: Claims = {"sub": person.id}
    if "profile" in token.scope:
        claims["name"] = person.name
    if "email" in token.scope:
        claims |= {"email": email_of(person), "email_verified": True}
    return claims
