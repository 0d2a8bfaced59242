"""Limited Login's identity token: a signed JWT that is no Graph access token (facebook.md §5.7)."""

import base64
import hashlib
import secrets

from tokenflow.sandbox.clock import SECOND
from tokenflow.sandbox.tokens import token_id
from tokenflow.sandbox.wire import Call
from tokenflow.sandbox.world import App, Person, Token, World

from .people import email_of

#: What Facebook writes as issuer; clients compare the host only.
ISSUER = "https://www.facebook.com"

#: Seconds.
LIVES = 3600


def identity_token(world: World, app: App, token: Token, nonce: str, *, at_hash: bool = False) -> str:
    """Return an RS256 identity token for the person behind *token*, good for an hour.

    *at_hash*: *token* itself goes along, so its hash is bound in (OpenID Connect Core §3.2.2.9).
    """
    now = world.clock.now() // SECOND
    person = world.people[str(token.user_id)]
    claims: dict[str, object] = {
        "iss": ISSUER,
        "aud": app.app_id,
        "sub": person.id,
        "iat": now,
        "exp": now + LIVES,
        "jti": secrets.token_urlsafe(16),
        "nonce": nonce,
        **_names(person),
        "picture": f"https://platform-lookaside.fbsbx.com/platform/profilepic/?asid={person.id}",
    }
    if "email" in token.scope:
        claims["email"] = email_of(person)
    if "user_friends" in token.scope:
        claims["user_friends"] = []
    if at_hash:
        half = hashlib.sha256(token.value.encode()).digest()[:16]
        claims["at_hash"] = base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    made = Token(
        id=token_id(world),
        value=world.signer.jwt(claims),
        face="graph",
        kind="id",
        app_id=app.app_id,
        user_id=person.id,
        scope=token.scope,
        issued_at=now * SECOND,
        expires_at=(now + LIVES) * SECOND,
        platform=token.platform,
    )
    world.identities.append(made)
    return made.value


def _names(person: Person) -> dict[str, object]:
    first, *rest = person.name.split()
    names: dict[str, object] = {"name": person.name, "given_name": first}
    if rest:
        names["family_name"] = rest[-1]
    if rest[:-1]:
        names["middle_name"] = " ".join(rest[:-1])
    return names


def jwks(world: World, call: Call) -> dict[str, object]:
    """Answer the public keys as a JWK Set."""
    return world.signer.jwks()


def keys(world: World, call: Call) -> dict[str, str]:
    """Answer the public keys as PEM text by key id."""
    return world.signer.keys()


def certificates(world: World, call: Call) -> dict[str, str]:
    """Answer the public keys as certificates by key id."""
    return world.signer.certificates()
