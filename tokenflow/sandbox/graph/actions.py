"""`/{person}/{namespace}:{action}`: an Open Graph action, published by an app for a person (SEED)."""

from tokenflow.sandbox.wire import Call
from tokenflow.sandbox.world import World

from . import carriage, refusals

#: What a person grants to whoever may publish in their place.
PERMISSION = "publish_actions"


def publish(world: World, call: Call, person_id: str, action: str) -> dict[str, object]:
    """Publish an action by the app's own token or by the person's, where the person allowed it."""
    bearer = carriage.required(world, call)
    if person_id not in world.people:
        raise refusals.unknown_object(person_id)
    own = bearer.token is not None and (bearer.kind, bearer.token.user_id) == ("user", person_id)
    consent = world.consents.get((person_id, bearer.app.app_id))
    if not (own or bearer.kind == "app") or consent is None or PERMISSION not in consent.of("granted"):
        raise refusals.no_permission(f"The user hasn't authorized the application to publish {action}")
    return {"id": f"{person_id}_{world.number()}"}
