"""Ask the issuer about a token, or learn that it was ended."""

import attrs

from tokenflow.core.effects import Change, Emit, Flow, Save
from tokenflow.core.errors import Refused
from tokenflow.core.events import About, Inspected
from tokenflow.core.firing import armed_anew
from tokenflow.core.flows.commanding import told
from tokenflow.core.flows.holding import Held, current
from tokenflow.core.flows.learning import of_scope
from tokenflow.core.flows.saving import again, load, look, pinned
from tokenflow.core.flows.serving import raise_event
from tokenflow.core.grants import learned
from tokenflow.core.setting import Setting
from tokenflow.core.tokens import Inspection, Token


def introspect(setting: Setting, key: str) -> Flow[Inspection]:
    """Return what the issuer says of the token, and take it: bad news, or facts that changed.

    RFC 7662, Graph debug_token. Raises AnswerNotUnderstood where it speaks of another user's token.
    """
    held = yield from current(setting, key)
    found = yield from inspect(setting, held)
    if not found.active:
        yield from told(setting, held, found)
    else:
        yield from again(lambda: _noted(held, found))
    return found


def _noted(held: Held, found: Inspection) -> Flow[None]:
    """Keep what the issuer says of a live token, where that is news of the value that is still held."""
    latest = yield from load(held.token.key)
    lifecycle = yield from pinned(latest)
    if (latest.id, latest.generation) != (held.token.id, held.token.generation):
        return
    changes = learned(lifecycle, found, latest)
    after = attrs.evolve(latest, **changes)
    if after == latest:
        return
    now = (yield from look()).now
    fired = armed_anew(lifecycle, latest, after)
    after = attrs.evolve(after, fired=fired, revision=latest.revision + 1)
    news = of_scope(latest, changes, now)
    yield Save((Change(token=after, expected=latest.revision, happened=news),))


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
