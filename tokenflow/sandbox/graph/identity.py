"""Limited Login's identity token: a signed JWT that is no Graph access token (facebook.md §5.7)."""

import secrets

from tokenflow.sandbox.clock import SECOND
from tokenflow.sandbox.wire import Call
from tokenflow.sandbox.world import App, Token, World

from .people import email_of

#: What Facebook writes as issuer; clients compare the host only.
ISSUER = "https://www.facebook.com"


def identity_token(world: World, app: App, token: Token, nonce: str) -> str:
    """Return an RS256 identity token for the person behind *token*, good for an hour."""
    now = world.clock.now() // SECOND
    person = world.people[str(token.user_id)]
    claims: dict[str, object] = {
        "iss": ISSUER,
        "aud": app.app_id,
        "sub": person.id,
        "iat": now,
        "exp": now + 3600,
        "jti": secrets.token_urlsafe(16),
        "nonce": nonce,
        "name": person.name,
    }
    if "email" in token.scope:
        claims["email"] = email_of(person)
    return world.signer.jwt(claims)


def jwks(world: World, call: Call) -> dict[str, object]:
    """Answer the public keys."""
    return world.signer.jwks()
