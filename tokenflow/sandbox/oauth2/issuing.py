"""Make access and refresh tokens, and write the answer that carries them (RFC 6749 §5.1)."""

import secrets

from tokenflow.sandbox import tokens
from tokenflow.sandbox.clock import SECOND
from tokenflow.sandbox.world import Client, Refresh, Token, World

Body = dict[str, object]


def access_token(
    world: World, client: Client, user_id: str | None, scope: tuple[str, ...], family: str
) -> Token:
    """Issue an access token of *family*."""
    now = world.clock.now()
    return tokens.record(
        world,
        Token(
            id=tokens.token_id(world),
            value=f"at_{secrets.token_urlsafe(32)}",
            face="oauth2",
            kind="access",
            app_id=client.client_id,
            user_id=user_id,
            scope=scope,
            issued_at=now,
            expires_at=None if client.expires_in is None else now + client.expires_in * SECOND,
            family=family,
        ),
    )


def refresh_token(
    world: World, client: Client, user_id: str | None, scope: tuple[str, ...], family: str, generation: int
) -> Token:
    """Issue a refresh token of a generation of *family*."""
    now, lifetime = world.clock.now(), client.refresh_expires_in
    token = tokens.record(
        world,
        Token(
            id=tokens.token_id(world),
            value=f"rt_{secrets.token_urlsafe(32)}",
            face="oauth2",
            kind="refresh",
            app_id=client.client_id,
            user_id=user_id,
            scope=scope,
            issued_at=now,
            expires_at=None if lifetime is None else now + lifetime * SECOND,
            family=family,
        ),
    )
    world.refreshes[token.id] = Refresh(token_id=token.id, family=family, generation=generation)
    return token


def of_family(world: World, family: str) -> list[Token]:
    """Return every token of the OAuth face that came from one login."""
    return [each for each in world.tokens.values() if each.face == "oauth2" and each.family == family]


def answer(world: World, access: Token, refresh: Token | None) -> Body:
    """Write the token answer; what the client has already is left out."""
    body: Body = {"access_token": access.value, "token_type": "Bearer"}
    if access.expires_at is not None:
        body["expires_in"] = (access.expires_at - world.clock.now()) // SECOND
    if refresh is not None:
        body["refresh_token"] = refresh.value
    if access.scope:
        body["scope"] = " ".join(access.scope)
    return body
