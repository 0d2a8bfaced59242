"""Authorization codes: made by a login, used once."""

import secrets
from collections.abc import Mapping

from attrs import evolve

from tokenflow.sandbox.clock import SECOND
from tokenflow.sandbox.world import Code, World

#: Seconds a code lives: minutes, "about 10" (facebook.md §1.1; RFC 6749 §4.1.2 recommends at most 10).
CODE_LIFETIME = 600

#: What stands as a code's face when it is no code but the nonce of an iOS login (facebook.md §1.1).
NONCE = "graph-nonce"


def issue_code(
    world: World,
    *,
    face: str,
    app_id: str,
    user_id: str,
    redirect_uri: str,
    scope: tuple[str, ...],
    code_challenge: str | None = None,
    nonce: str | None = None,
    platform: str = "web",
    long_lived: bool = False,
    for_client: bool = False,
    login: Mapping[str, str] | None = None,
) -> Code:
    """Make a code, bound to the redirect URI and to the PKCE challenge."""
    now = world.clock.now()
    code = Code(
        value=f"AQ{secrets.token_urlsafe(60)}",
        id=f"c{world.number()}",
        face=face,
        app_id=app_id,
        user_id=user_id,
        redirect_uri=redirect_uri,
        scope=scope,
        code_challenge=code_challenge,
        nonce=nonce,
        platform=platform,
        long_lived=long_lived,
        for_client=for_client,
        login=login or {},
        issued_at=now,
        expires_at=now + CODE_LIFETIME * SECOND,
    )
    world.codes[code.value] = code
    return code


def use_code(world: World, code: Code) -> None:
    """Mark *code* as used."""
    world.codes[code.value] = evolve(code, used=True)
