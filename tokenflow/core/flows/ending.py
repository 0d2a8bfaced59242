"""Ask the issuer about a token, learn that it was ended, or end it on purpose."""

from tokenflow.core.effects import Emit, Flow
from tokenflow.core.errors import Refused
from tokenflow.core.events import About, Inspected
from tokenflow.core.flows.commanding import told
from tokenflow.core.flows.holding import Held, current
from tokenflow.core.flows.serving import raise_event
from tokenflow.core.setting import Setting
from tokenflow.core.tokens import Inspection, Token


def introspect(setting: Setting, key: str) -> Flow[Inspection]:
    """Return what the issuer says of the token; bad news is taken (RFC 7662, Graph debug_token)."""
    held = yield from current(setting, key)
    found = yield from inspect(setting, held)
    if not found.active:
        yield from told(setting, held, found)
    return found


def inspect(setting: Setting, held: Held) -> Flow[Inspection]:
    """Ask the issuer, changing nothing; raises Refused when the lifecycle has no `introspect` command."""
    command = held.lifecycle.commands.get("introspect")
    if command is None:
        raise Refused("cannot_introspect", f"{held.lifecycle.ref} declares no `introspect` command")
    if held.token.access_token is None:
        raise Refused(
            "not_usable", f"{held.token.key!r} is `{held.token.state}` and holds no token to ask about"
        )
    order = setting.command_order(held.lifecycle, command, held.token, "server")
    found = yield from setting.plugins.command(command.use)(order)
    if not isinstance(found, Inspection):
        raise Refused(
            "cannot_introspect", f"{held.lifecycle.ref}: `{command.use}` said nothing about the token"
        )
    yield Emit((Inspected(about=About.of(held.token, held.now), active=found.active),))
    return found


def invalidate(
    setting: Setting, key: str, *, reason: str = "operator", event_id: str | None = None
) -> Flow[Token]:
    """Take the news that a token was ended, with a reason; its children follow as their specs say."""
    return (
        yield from raise_event(
            setting, key, "invalidate", cause="operator", payload={"reason": reason}, event_id=event_id
        )
    )


def revoke(setting: Setting, key: str, *, event_id: str | None = None) -> Flow[Token]:
    """End a token on purpose, at the issuer first; raises IssuerError when the issuer could not be told."""
    held = yield from current(setting, key)
    if "revoke" not in held.lifecycle.events:
        raise Refused(
            "cannot_revoke",
            f"{held.lifecycle.ref} tokens cannot be revoked at the issuer",
            mend="use invalidate to stop using it",
        )
    return (yield from raise_event(setting, key, "revoke", event_id=event_id))
