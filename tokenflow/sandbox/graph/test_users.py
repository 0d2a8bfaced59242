"""Test users: people an app makes for itself (SEED; facebook.md §1.11)."""

from tokenflow.sandbox import events, tokens
from tokenflow.sandbox.wire import Call, listed, truth
from tokenflow.sandbox.world import Person, Token, World

from . import refusals
from .apps import own_app
from .people import email_of


def create(world: World, call: Call, app_id: str) -> dict[str, object]:
    """Make a test user, who has authorized the app unless `installed=false`."""
    bearer = own_app(world, call, app_id)
    number = world.number()
    name = call.get("name") or f"Test{number} User"
    person = Person(id=f"10000{number:010d}", name=name, test_user_of=app_id)
    world.people[person.id] = person
    answer: dict[str, object] = {
        "id": person.id,
        "login_url": f"{call.base}/platform/test_account_login?user_id={person.id}",
        "email": email_of(person),
        "password": tokens.random_text(12),
    }
    if truth(call.get("installed") or "true"):
        asked = listed(call.get("permissions"))
        consent = events.consent_to(world, person.id, app_id, asked=asked, declined=(), ask_again=True)
        token = tokens.issue_user_token(world, bearer.app, person.id, scope=consent.of("granted"))
        answer["access_token"] = token.value
    return answer


def read(world: World, call: Call, app_id: str) -> dict[str, object]:
    """List the app's test users; those who have authorized it come with a token that works."""
    app = own_app(world, call, app_id).app
    rows = []
    for person in world.people.values():
        if person.test_user_of == app_id:
            row: dict[str, object] = {
                "id": person.id,
                "login_url": f"{call.base}/platform/test_account_login",
            }
            consent = world.consents.get((person.id, app_id))
            if consent is not None:
                token = _living(world, app_id, person.id) or tokens.issue_user_token(
                    world, app, person.id, scope=consent.of("granted")
                )
                row["access_token"] = token.value
            rows.append(row)
    answer: dict[str, object] = {"data": rows}
    if truth(call.get("summary")):
        answer["summary"] = {"total_count": len(rows)}
    return answer


def read_by_type(world: World, call: Call, app_id: str) -> dict[str, object]:
    """Serve `/{app}/accounts?type=test-users`, the other spelling of the same list."""
    _check_type(call)
    return read(world, call, app_id)


def create_by_type(world: World, call: Call, app_id: str) -> dict[str, object]:
    """Serve `POST /{app}/accounts` with `type=test-users`."""
    _check_type(call)
    return create(world, call, app_id)


def befriend(world: World, call: Call, one: str, other: str) -> dict[str, object]:
    """Make two test users friends; the sandbox keeps no friends, and says yes as Facebook does."""
    if one not in world.people or other not in world.people:
        raise refusals.unknown_object(other if one in world.people else one)
    return {"success": True}


def _check_type(call: Call) -> None:
    if call.get("type") not in {None, "test-users"}:
        raise refusals.bad_parameter("Param type must be test-users")


def _living(world: World, app_id: str, person_id: str) -> Token | None:
    for token in tokens.of_person(world, person_id, app_id):
        if token.kind == "user" and tokens.death_of(world, token) is None:
            return token
    return None
