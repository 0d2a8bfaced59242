"""Issue, find, judge and end tokens."""

import secrets
import string
from collections.abc import Iterable, Mapping

from attrs import evolve

from tokenflow.sandbox.clock import SECOND
from tokenflow.sandbox.world import App, Death, Token, World

from . import deaths

#: Seconds an app may read a person's data after they were last seen in it (facebook.md §7.1).
DATA_ACCESS_LIFETIME = 7_776_000

_LETTERS = string.ascii_letters + string.digits


def random_text(length: int) -> str:
    """Return *length* letters and digits nobody can guess."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def graph_value() -> str:
    """Return a new Graph access token; the prefix is a habit, not a promise (facebook.md §1.8)."""
    return f"EAA{random_text(120)}"


def record(world: World, token: Token) -> Token:
    """Keep a newly issued token."""
    world.tokens[token.id] = token
    world.token_ids[token.value] = token.id
    return token


def token_id(world: World) -> str:
    """Return the name of the next token in the ledger."""
    return f"t{world.number()}"


def issue_user_token(
    world: World,
    app: App,
    user_id: str,
    *,
    scope: tuple[str, ...],
    platform: str = "web",
    long_lived: bool = False,
    family: str | None = None,
    login: Mapping[str, str] | None = None,
) -> Token:
    """Issue a user token; a login also renews the data access of 90 days."""
    now = world.clock.now()
    return record(
        world,
        Token(
            id=token_id(world),
            value=graph_value(),
            face="graph",
            kind="user",
            app_id=app.app_id,
            user_id=user_id,
            scope=scope,
            issued_at=now,
            expires_at=user_expiry(app, now, long_lived=long_lived),
            data_access_expires_at=now + DATA_ACCESS_LIFETIME * SECOND,
            platform=platform,
            long_lived=long_lived,
            family=family,
            login=login or {},
        ),
    )


def user_expiry(app: App, now: int, *, long_lived: bool) -> int | None:
    """Return when a user token issued *now* ends; None under Marketing API Standard access (SEED)."""
    if not long_lived:
        return now + app.short_lifetime * SECOND
    return None if app.marketing_access == "standard" else now + app.long_lifetime * SECOND


def issue_system_token(
    world: World, app: App, user_id: str, *, scope: tuple[str, ...], expires: bool
) -> Token:
    """Issue a system-user token: without expiry, or for 60 days when asked (facebook.md §1.10)."""
    now = world.clock.now()
    return record(
        world,
        Token(
            id=token_id(world),
            value=graph_value(),
            face="graph",
            kind="system_user",
            app_id=app.app_id,
            user_id=user_id,
            scope=scope,
            issued_at=now,
            expires_at=now + app.long_lifetime * SECOND if expires else None,
            platform="server",
            long_lived=True,
        ),
    )


def app_token(world: World, app: App) -> Token:
    """Return the app's generated token: one string until the secret is reset (facebook.md §1.8)."""
    for token in world.tokens.values():
        if token.kind == "app" and token.app_id == app.app_id and token.death is None:
            return token
    return record(
        world,
        Token(
            id=token_id(world),
            value=f"{app.app_id}|{random_text(27)}",
            face="graph",
            kind="app",
            app_id=app.app_id,
            issued_at=world.clock.now(),
            platform="server",
            long_lived=True,
        ),
    )


def page_token(world: World, app: App, user_token: Token, page_id: str) -> Token:
    """Return the token of (page, admin, app): one string while it lives (SEED).

    It never expires when it comes from a long-lived user token, and otherwise ends with the user token
    (facebook.md §7.1). Asking again with a longer-lived token moves the end, not the string.
    """
    expires_at = None if user_token.long_lived else user_token.expires_at
    if user_token.kind == "system_user":
        expires_at = user_token.expires_at
    scope = live_scope(world, user_token)
    for token in world.tokens.values():
        if (token.kind, token.page_id, token.user_id, token.app_id) == (
            "page",
            page_id,
            user_token.user_id,
            app.app_id,
        ) and death_of(world, token) is None:
            renewed = evolve(
                token,
                expires_at=_later(token.expires_at, expires_at),
                scope=scope,
                long_lived=token.long_lived or user_token.long_lived,
            )
            world.tokens[token.id] = renewed
            return renewed
    return record(
        world,
        Token(
            id=token_id(world),
            value=graph_value(),
            face="graph",
            kind="page",
            app_id=app.app_id,
            user_id=user_token.user_id,
            page_id=page_id,
            scope=scope,
            issued_at=world.clock.now(),
            expires_at=expires_at,
            data_access_expires_at=user_token.data_access_expires_at,
            platform=user_token.platform,
            long_lived=user_token.long_lived,
        ),
    )


def find(world: World, value: str) -> Token | None:
    """Return the token with that value, alive or dead."""
    found = world.token_ids.get(value)
    return None if found is None else world.tokens[found]


def death_of(world: World, token: Token) -> Death | None:
    """Return why *token* is refused now, or None when it lives."""
    if token.death is not None:
        return token.death
    if token.face == "graph" and token.app_id not in world.apps:
        return deaths.APP_GONE
    now = world.clock.now()
    if token.expires_at is not None and token.expires_at <= now:
        return deaths.expired(token.expires_at, now)
    person = world.people.get(token.user_id or "")
    # An identity token has said who logged in: what becomes of the account does not reach it.
    if token.face == "graph" and token.kind != "id" and person is not None and person.checkpoint:
        return deaths.CHECKPOINT
    return None


def live_scope(world: World, token: Token) -> tuple[str, ...]:
    """Return what *token* still allows: what it was issued with, less what the person took back."""
    if token.kind not in {"user", "page"} or token.user_id not in world.people:
        return token.scope
    consent = world.consents.get((token.user_id, token.app_id))
    granted = () if consent is None else consent.of("granted")
    return tuple(scope for scope in token.scope if scope in granted)


def kill(world: World, tokens: Iterable[Token], death: Death) -> int:
    """End *tokens*; those already ended keep their first reason. Return how many were ended."""
    doomed = [token for token in tokens if token.death is None]
    for token in doomed:
        world.tokens[token.id] = evolve(token, death=death)
    return len(doomed)


def of_person(world: World, person_id: str, app_id: str | None = None) -> list[Token]:
    """Return the Graph tokens that stand on a person: theirs, and those of the pages they administer."""
    return [
        token
        for token in world.tokens.values()
        if token.face == "graph"
        and token.kind in {"user", "page"}
        and token.user_id == person_id
        and app_id in {None, token.app_id}
    ]


def of_system_user(world: World, user_id: str) -> list[Token]:
    """Return the tokens of a system user, and those of pages that came from them."""
    return [
        token
        for token in world.tokens.values()
        if token.kind in {"system_user", "page"} and token.user_id == user_id
    ]


def _later(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)
