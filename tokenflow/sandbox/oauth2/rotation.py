"""The four contracts of refresh rotation, over a tree of generations (RFC 9700 §4.14.2).

Each use of the newest generation begins the next one. What differs is what an older token still does:

    none         there is one generation; the refresh token stays
    grace        the generation just before works for `grace` seconds and gives another of the newest
    idempotent   the token just before gives the same successor again, until that successor is used
    strict       an older token ends the whole family
"""

from attrs import evolve

from tokenflow.sandbox import deaths, tokens
from tokenflow.sandbox.clock import SECOND
from tokenflow.sandbox.errors import OAuthError
from tokenflow.sandbox.world import Client, Refresh, Token, World

from . import issuing


def rotated(world: World, client: Client, presented: Token) -> Token | None:
    """Use *presented* and return the refresh token to hand out, or None when it stays as it is."""
    if presented.death is deaths.REPLACED and client.rotation == "strict":
        tokens.kill(world, issuing.of_family(world, str(presented.family)), deaths.REUSED)
    death = tokens.death_of(world, presented)
    if death is not None:
        raise OAuthError("invalid_grant", f"the refresh token is over: {death.reason}")
    if client.rotation == "none":
        return None
    place = world.refreshes[presented.id]
    if place.successor is None and place.generation == _newest(world, place.family):
        return _next(world, client, presented, place)
    if client.rotation == "idempotent" and place.successor is not None:
        return world.tokens[place.successor]
    # Only `grace` leaves an older token alive: another child, beside the newest.
    return _child(world, client, presented, _newest(world, place.family))


def _next(world: World, client: Client, presented: Token, place: Refresh) -> Token:
    now = world.clock.now()
    child = _child(world, client, presented, place.generation + 1)
    world.refreshes[presented.id] = evolve(place, successor=child.id, used_at=now)
    for token, other in _others(world, place.family):
        if other.generation < place.generation:
            tokens.kill(world, [token], deaths.REPLACED)
        elif other.generation == place.generation:
            _age(world, client, token, now)
    return child


def _age(world: World, client: Client, token: Token, now: int) -> None:
    """Treat a token of the generation that has just become the previous one."""
    if client.rotation == "strict":
        tokens.kill(world, [token], deaths.REPLACED)
    elif client.rotation == "grace":
        end = now + client.grace * SECOND
        world.tokens[token.id] = evolve(token, expires_at=min(end, token.expires_at or end))


def _child(world: World, client: Client, parent: Token, generation: int) -> Token:
    family = str(parent.family)
    return issuing.refresh_token(world, client, parent.user_id, parent.scope, family, generation)


def _newest(world: World, family: str) -> int:
    return max(place.generation for place in world.refreshes.values() if place.family == family)


def _others(world: World, family: str) -> list[tuple[Token, Refresh]]:
    places = [place for place in world.refreshes.values() if place.family == family]
    return [(world.tokens[place.token_id], place) for place in places]
