"""The page a person opens to connect a device (facebook.md §1.7)."""

from tokenflow.sandbox import events
from tokenflow.sandbox.consent import device_page, error_page, notice_page
from tokenflow.sandbox.errors import AdminError, GraphError
from tokenflow.sandbox.wire import Call, Reply, html_reply
from tokenflow.sandbox.world import World

from . import device


def page(world: World, call: Call) -> Reply:
    """Show the form, or take what it sends."""
    try:
        person = events.someone(world, call.get("person"))
        if call.method != "POST":
            return html_reply(device_page(world.people.values(), call.get("user_code") or ""))
        deny = call.get("decision") == "deny"
        device.decide(world, _typed(call), person.id, deny=deny, declined=call.all("decline"))
    except (AdminError, GraphError) as refused:
        return html_reply(error_page("That did not work", refused.message, ""), refused.status)
    return html_reply(
        notice_page("Connect a device", "Refused." if deny else "Connected. Look at your device.")
    )


def _typed(call: Call) -> str:
    """Return the code as the person left it in the form; the address it came with says less."""
    typed = dict(call.form).get("user_code")
    return typed or call.get("user_code") or ""
