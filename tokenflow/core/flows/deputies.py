"""A token is used for whoever it is of, and for nobody else (security.md D8, the confused deputy)."""

from typing import Final

from tokenflow.core.effects import Emit, Flow, Load
from tokenflow.core.errors import Refused
from tokenflow.core.events import About, WasRefused
from tokenflow.core.flows.saving import load, look
from tokenflow.core.tokens import Token

_DEEPEST: Final = 10
"""Ancestors that are looked at."""


def demand_theirs(key: str, by: str | None, act: str, event_id: str | None = None) -> Flow[None]:
    """Raise Refused("not_theirs") unless *key* is *by* itself, or was derived from what *by* keeps.

    *by* is the key of whoever asks: the person who is logged in, say; None asks nothing. A refusal is told to
    all who listen, and kept under its *event_id*. Raises TokenNotFound.
    """
    if by is None or by == key:
        return
    token = yield from load(key)
    ancestor: Token | None = token
    for _ in range(_DEEPEST):
        if ancestor is None or ancestor.parent is None:
            break
        if ancestor.parent == by:
            return
        ancestor = yield Load(ancestor.parent)
    about = About.of(token, (yield from look()).now, event_id)
    yield Emit((WasRefused(about=about, act=act, code="not_theirs"),))
    raise Refused(
        "not_theirs",
        f"{key!r} does not come from {by!r}, for whom it is asked",
        mend=f"derive it from {by!r}: each has a token of their own",
    )
