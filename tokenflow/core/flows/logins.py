"""Logins that are good once: found by name where they are brought again, by any key of a tenant."""

from collections.abc import Mapping
from typing import Any, Final

from tokenflow.core.effects import Flow, Load, Order
from tokenflow.core.errors import PayloadError, PersonNeeded
from tokenflow.core.flows.holding import current, decided
from tokenflow.core.flows.saving import load, look
from tokenflow.core.setting import Setting
from tokenflow.core.shelves import LookUp, NamesOn, PutAway, TakeAway
from tokenflow.core.steps import is_usable
from tokenflow.core.tokens import SECOND, Instant, Token

SHELF: Final = "logins"
HOUR: Final = 3600 * SECOND
"""A taken login is marked for one to two of these; none that is older may be taken."""
_TIDIED: Final = 100
"""Old marks thrown away at most each time another is made."""


def login_in(
    setting: Setting,
    key: str,
    *,
    lifecycle: str,
    platform: str,
    payload: Any,
    attributes: Mapping[str, Any] | None,
) -> str | None:
    """Return the name of the login that a payload holds, where its acquirer takes each once."""
    spec = setting.lifecycle(lifecycle)
    acquisition = setting.acquisition(spec, platform)
    order = Order(
        key=key,
        issuer=setting.issuer_of(spec),
        platform=platform,
        attributes=attributes or {},
        options=acquisition.options,
        payload=payload,
    )
    return setting.plugins.login_in(acquisition.use, order)


def brought_again(setting: Setting, key: str, event_id: str | None, login: str | None) -> Flow[Token | None]:
    """Return what came of an acquisition that was decided before, or None; raises what it raised.

    A *login* that was taken under another key brings nothing here: PayloadError (replayed).
    """
    if (yield from decided(key, event_id)):
        return (yield from load(key))
    if login is None:
        return None
    if (yield from decided(key, login)):
        return (yield from _taken_before(setting, key))
    clock = yield from look()
    taker = yield from _taker(login, clock.now)
    if taker is None:
        return None
    held: Token | None = yield Load(key)
    if taker != key or held is None:
        raise PayloadError("replayed", f"{key!r}: this login was taken before, and is good for one token")
    return (yield from _taken_before(setting, key))


def note_taken(login: str | None, key: str, now: Instant) -> Flow[None]:
    """Remember that *key* took *login*, which is a digest: nothing secret is kept."""
    if login is None:
        return
    oldest = _place(now // HOUR - 1, "")
    names: list[str] = yield NamesOn(SHELF)
    for name in [name for name in names[:_TIDIED] if name < oldest]:
        yield TakeAway(SHELF, name)
    yield PutAway(SHELF, _place(now // HOUR, login), {"key": key})


def _taker(login: str, now: Instant) -> Flow[str | None]:
    for hour in (now // HOUR, now // HOUR - 1):
        found: Mapping[str, Any] | None = yield LookUp(SHELF, _place(hour, login))
        if found is not None:
            return str(found["key"])
    return None


def _place(hour: int, login: str) -> str:
    return f"{hour:012d}/{login}"


def _taken_before(setting: Setting, key: str) -> Flow[Token]:
    """Return what came of a login that is brought again; raises PersonNeeded once that is over."""
    held = yield from current(setting, key)
    if is_usable(held.lifecycle, held.token, held.now):
        return held.token
    raise PersonNeeded(
        f"{key}: this login was taken before, and its token is `{held.token.state}`",
        mend="a login is good for one token: let the person log in again",
    )
