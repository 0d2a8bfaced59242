"""Take what an issuer says by itself: verified by its plugin, then put to each token that it concerns."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from tokenflow.core.effects import Flow, Order
from tokenflow.core.errors import IssuerError, Refused, Rejected
from tokenflow.core.flows.ending import introspect
from tokenflow.core.flows.saving import load
from tokenflow.core.flows.serving import raise_event
from tokenflow.core.grants import identity_of
from tokenflow.core.news import CallbackSpec, Heard, News, message_of
from tokenflow.core.setting import Setting

ReceiveFlow: TypeAlias = Callable[[Order], Flow[Heard]]


def callback_of(setting: Setting, issuer: str, callback: str) -> CallbackSpec:
    """Return what an issuer's document says of a callback; raises Refused (unknown_callback)."""
    known = setting.issuers[issuer].callbacks if issuer in setting.issuers else {}
    if callback not in known:
        names = ", ".join(sorted(known)) or "none"
        raise Refused(
            "unknown_callback",
            f"issuer {issuer!r} declares no callback {callback!r}; it has: {names}",
            mend=f"`callbacks: {{{callback}: {{use: ...}}}}` in the Issuer document",
        )
    return known[callback]


def heard(setting: Setting, issuer: str, callback: str, flow: ReceiveFlow, payload: Any) -> Flow[Heard]:
    """Return what *payload* says; raises PayloadError (forged, expired, malformed), changing nothing."""
    spec = callback_of(setting, issuer, callback)
    order = Order(
        key=f"{issuer}/{callback}",
        issuer=setting.issuers[issuer],
        options=spec.options,
        secrets=spec.secrets,
        payload=message_of(payload),
    )
    return (yield from flow(order))


def concerned(setting: Setting, issuer: str, news: News) -> Iterator[tuple[str, ...]]:
    """Yield the identity that *news* names in each lifecycle of the issuer, where it names a whole one."""
    for lifecycle in setting.lifecycles.values():
        if (
            lifecycle.issuer == issuer
            and news.event in lifecycle.events
            and set(lifecycle.identity) <= set(news.about)
        ):
            identity = identity_of(lifecycle, news.about, "")
            if identity:
                yield identity


def told_of(setting: Setting, key: str, news: News) -> Flow[bool]:
    """Put *news* to one token; return whether its state had room for it.

    Where the issuer is asked more about it and does not answer, the news was told all the same: what its
    lifecycle says of such a failure has happened, and the callback's answer does not depend on it. Old news
    that comes after a newer login may or may not be about it: the issuer is asked about the token.
    """
    try:
        if (yield from _came_later(setting, key, news)):
            yield from introspect(setting, key)
        else:
            yield from raise_event(
                setting, key, news.event, cause="issuer", payload=news.payload, event_id=news.event_id
            )
    except (Rejected, Refused):
        return False
    except IssuerError:
        return True
    return True


def _came_later(setting: Setting, key: str, news: News) -> Flow[bool]:
    """Return whether the token of *key* surely arrived after what *news* tells, the issuer's clock aside."""
    token = yield from load(key)
    issuer = setting.issuers[token.issuer]
    return news.at is not None and token.issued_at is not None and token.issued_at > news.at + issuer.skew
