"""What people and administrators do that ends or narrows tokens (facebook.md §7.2)."""

from tokenflow.sandbox.errors import AdminError
from tokenflow.sandbox.world import App, Consent, Person, World

from . import callbacks, deaths, tokens


def person_of(world: World, person_id: str) -> Person:
    """Return the person, or say that there is none."""
    try:
        return world.people[person_id]
    except KeyError:
        raise AdminError(f"there is no person {person_id}", status=404) from None


def someone(world: World, person_id: str | None = None) -> Person:
    """Return the person named, or the first one known; an empty world gets its first inhabitant."""
    if person_id is not None:
        return person_of(world, person_id)
    if not world.people:
        world.people["100001"] = Person(id="100001", name="Ada Example")
    return next(iter(world.people.values()))


def change_password(world: World, person_id: str) -> int:
    """End the person's user tokens and the page tokens behind them (460)."""
    person_of(world, person_id)
    end_sessions(world, person_id)
    return tokens.kill(world, tokens.of_person(world, person_id), deaths.PASSWORD_CHANGED)


def end_sessions(world: World, person_id: str) -> None:
    """Log the person out of every browser."""
    for value in [value for value, each in world.sessions.items() if each.person_id == person_id]:
        del world.sessions[value]


def log_out(world: World, person_id: str, *, everywhere: bool) -> int:
    """End the person's web sessions (467); long-lived tokens survive unless they leave *everywhere*."""
    person_of(world, person_id)
    end_sessions(world, person_id)
    ended = [
        token
        for token in tokens.of_person(world, person_id)
        if everywhere or (token.kind == "user" and not token.long_lived)
    ]
    return tokens.kill(world, ended, deaths.LOGGED_OUT)


def remove_app(world: World, person_id: str, app_id: str) -> int:
    """Take everything back from an app (458), or from a client of the OAuth face."""
    had = world.consents.pop((person_id, app_id), None)
    if had is not None and app_id in world.apps:
        callbacks.deauthorized(world, world.apps[app_id], person_id)
    of_client = [
        token
        for token in world.tokens.values()
        if token.face == "oauth2" and token.user_id == person_id and token.app_id == app_id
    ]
    ended = [*tokens.of_person(world, person_id, app_id), *of_client]
    return tokens.kill(world, ended, deaths.app_removed(app_id))


def change_consent(world: World, person_id: str, app_id: str, scopes: tuple[str, ...], status: str) -> None:
    """Move *scopes* to *status*; tokens live on with less."""
    consent = world.consents.get((person_id, app_id))
    if consent is None:
        raise AdminError(f"person {person_id} has not authorized application {app_id}", status=404)
    moved = {scope: status for scope in scopes if scope in consent.status}
    world.consents[person_id, app_id] = Consent(status={**consent.status, **moved})
    lost = tuple(scope for scope in moved if consent.status[scope] == "granted" != status)
    if app_id in world.apps:
        callbacks.changed(world, world.apps[app_id], person_id, lost, "revoked")


def consent_to(
    world: World,
    person_id: str,
    app_id: str,
    *,
    asked: tuple[str, ...],
    declined: tuple[str, ...],
    ask_again: bool,
) -> Consent:
    """Record a decision in the dialog.

    What was declined once is not asked again without `auth_type=rerequest` (facebook.md §1.2), and
    `public_profile` comes with every login.
    """
    before = world.consents.get((person_id, app_id))
    status = {} if before is None else dict(before.status)
    for scope in (*asked, "public_profile"):
        if scope in declined:
            status[scope] = "declined"
        elif ask_again or status.get(scope) != "declined":
            status[scope] = "granted"
    consent = Consent(status=status)
    world.consents[person_id, app_id] = consent
    had = () if before is None else before.of("granted")
    new = tuple(scope for scope in consent.of("granted") if scope not in had)
    if app_id in world.apps:
        callbacks.changed(world, world.apps[app_id], person_id, new, "granted")
    return consent


def ask_deletion(world: World, person_id: str, app_id: str) -> None:
    """Let a person ask an app to delete what it knows of them."""
    person_of(world, person_id)
    if app_id not in world.apps:
        raise AdminError(f"there is no app {app_id}", status=404)
    callbacks.deletion_asked(world, world.apps[app_id], person_id)


def set_role(world: World, page_id: str, person_id: str, perms: tuple[str, ...]) -> None:
    """Give, lower or take a role; a role lost ends that admin's tokens of that page (492)."""
    if page_id not in world.pages:
        raise AdminError(f"there is no page {page_id}", status=404)
    if perms:
        world.roles[page_id, person_id] = perms
        return
    world.roles.pop((page_id, person_id), None)
    ended = [
        token
        for token in world.tokens.values()
        if token.kind == "page" and token.page_id == page_id and token.user_id == person_id
    ]
    tokens.kill(world, ended, deaths.ROLE_LOST)


def set_app(world: World, app: App) -> None:
    """Register or change an app; a new secret ends its app tokens (facebook.md §7.2)."""
    before = world.apps.get(app.app_id)
    world.apps[app.app_id] = app
    if before is not None and before.app_secret != app.app_secret:
        ended = [each for each in world.tokens.values() if each.kind == "app" and each.app_id == app.app_id]
        tokens.kill(world, ended, deaths.SECRET_RESET)


def remove_system_user(world: World, user_id: str) -> int:
    """Forget a system user; every token of it ends (facebook.md §7.2)."""
    if world.system_users.pop(user_id, None) is None:
        raise AdminError(f"there is no system user {user_id}", status=404)
    return tokens.kill(world, tokens.of_system_user(world, user_id), deaths.SYSTEM_USER_GONE)


def delete_person(world: World, person_id: str) -> None:
    """Forget a test user; whatever stood on them ends (465)."""
    tokens.kill(world, tokens.of_person(world, person_id), deaths.USER_GONE)
    end_sessions(world, person_id)
    world.people.pop(person_id, None)
