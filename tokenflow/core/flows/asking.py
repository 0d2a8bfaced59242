"""Ask the issuer when a new value ends, where a spec says so: `if_silent: ask_issuer` (rule T3)."""

import attrs

from tokenflow.core.effects import Flow
from tokenflow.core.errors import TokenflowError
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.setting import Setting
from tokenflow.core.tokens import Grant, Inspection, Silent, Token


def with_asked_end(
    setting: Setting, lifecycle: Lifecycle, token: Token, grant: Grant, name: str | None
) -> Flow[Grant]:
    """Return *grant* with the end its issuer names when asked; as it is when nobody can say.

    Asked only when the answer was silent, the lifetime class *name* says `ask_issuer`, and the
    lifecycle has an `introspect` command. What is not learnt is assumed, and marked estimated.
    """
    lifetime = lifecycle.lifetimes.get(name or "")
    probe = lifecycle.commands.get("introspect")
    wanted = lifetime is not None and lifetime.if_silent == "ask_issuer"
    if not wanted or probe is None or grant.access_token is None or not isinstance(grant.expires, Silent):
        return grant
    try:
        found = yield from setting.plugins.command(probe.use)(setting.verify_order(lifecycle, token, grant))
    except TokenflowError:
        return grant  # the value is good; only its end stays a guess
    return attrs.evolve(grant, expires=found.expires) if isinstance(found, Inspection) else grant
