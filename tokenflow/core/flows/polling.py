"""A parked login that is polled: the issuer is asked, in its own time, whether the person has decided.

Rule 1. It is never asked sooner than it wants to be: when to ask next is kept beside the login, so it holds
        for whoever asks, in this process or another.
Rule 2. The login stays parked until it is over: a process that dies while it asks loses nothing, and what
        the issuer answered is kept, sealed, before it is read.
"""

from collections.abc import Mapping
from typing import Any

from tokenflow.core.effects import Flow, Park, Unpark, Waiting
from tokenflow.core.errors import (
    AnswerNotUnderstood,
    ConsentDenied,
    IssuerRefused,
    IssuerUnreachable,
    PayloadError,
    PromptExpired,
    PromptPending,
    Refused,
)
from tokenflow.core.flows.acquiring import at_hand, resume, trusted
from tokenflow.core.flows.journaling import is_polled, polled
from tokenflow.core.policies import meaning_of
from tokenflow.core.setting import Setting
from tokenflow.core.tokens import Token

_PASSING = ("transient", "rate_limited")


def poll(setting: Setting, key: str) -> Flow[Token]:
    """Ask whether a parked login was decided, and keep the token that came of it.

    Raises PromptPending while it was not (or it is too soon to ask, or the person brings the answer
    themselves), PromptExpired when no login waits any more, ConsentDenied, and what an issuer's no is.
    """
    clock = yield from trusted()
    parked: Mapping[str, Any] | None = yield Waiting(key)
    if parked is None:
        raise PromptExpired(f"{key}: no login is waiting", mend="it was finished already: or begin it again")
    decided = is_polled(parked["entries"])
    if not decided and parked["until"] < clock.now:
        yield Unpark(key, parked["state"])
        raise PromptExpired(f"{key}: nobody decided in time", mend="begin the login again")
    if parked["poll"] is None or clock.now < parked["next"]:
        raise _pending(key, parked, None if parked["poll"] is None else parked["next"] - clock.now)
    setting = yield from at_hand(setting, key)
    parked = {**parked, "next": clock.now + parked["poll"]}
    yield Park(key, parked)
    entries = [*parked["entries"], *([] if decided else [polled(parked["poll"])])]

    def keep(heard: list[Any]) -> Flow[None]:
        yield Park(key, {**parked, "entries": heard})

    try:
        token = yield from resume(setting, key, parked, entries, keep)
    except (IssuerUnreachable, AnswerNotUnderstood):  # whoever vouches for it is out of reach
        raise _pending(key, parked, parked["poll"]) from None
    except IssuerRefused as no:
        if meaning_of(setting.lifecycle(parked["lifecycle"]), no).kind in _PASSING:
            raise _pending(key, parked, parked["poll"]) from None
        yield Unpark(key, parked["state"])
        raise
    except (ConsentDenied, PromptExpired, PayloadError, Refused):
        yield Unpark(key, parked["state"])
        raise
    yield Unpark(key, parked["state"])
    return token


def _pending(key: str, parked: Mapping[str, Any], poll: int | None) -> PromptPending:
    return PromptPending(key, parked["url"], parked["user_code"], poll)
