"""The verb of callbacks: whom they concern is found by identity, and each is told once.

A message may be sent again for as long as its callback takes it, and meanwhile the person may be back
with a new token: so it is remembered until then, beside the tokens.
"""

import json
import logging
from concurrent.futures import Future
from typing import Any, Final

import attrs

from tokenflow.core.flows import receiving
from tokenflow.core.news import News, Received
from tokenflow.engine.desk import Desk

SHELF: Final = "callbacks"
log = logging.getLogger(__name__)


def receive(desk: Desk, issuer: str, callback: str, payload: Any) -> "Future[Received]":
    """Take what *issuer* sent to *callback*, as it came; the tokens it concerns are told, once.

    News of somebody unknown is no error: it is counted, and logged without a name. Raises PayloadError
    (forged, expired, malformed), Refused (unknown_callback), UnknownCapability, SecretNotFound; then
    nothing has changed.
    """
    return desk.begin(_receive(desk, issuer, callback, payload))


async def _receive(desk: Desk, issuer: str, callback: str, payload: Any) -> Received:
    use = receiving.callback_of(desk.setting, issuer, callback).use
    flow = desk.callback_flow(use)
    found = await desk.alone(
        "", lambda: receiving.news_in(desk.setting, issuer, callback, flow, payload), None
    )
    outcome = Received()
    for news in found:
        outcome = await _told(desk, issuer, news, outcome)
    if outcome.unknown:
        log.info("callback %s of %s: %d of nobody who is known here", callback, issuer, outcome.unknown)
    return outcome


async def _told(desk: Desk, issuer: str, news: News, outcome: Received) -> Received:
    name = f"{news.until:020d}/{desk.tenant}/{news.event_id}"
    if await desk.on_store(lambda: desk.store.get(SHELF, name)) is not None:
        return attrs.evolve(outcome, replayed=outcome.replayed + 1)
    keys = await desk.on_store(lambda: _keys(desk, issuer, news))
    told = [key for key in keys if await _tell(desk, key, news)]
    await desk.on_store(lambda: _remember(desk, name))
    return attrs.evolve(
        outcome, keys=tuple(sorted({*outcome.keys, *told})), unknown=outcome.unknown + (not keys)
    )


async def _tell(desk: Desk, key: str, news: News) -> bool:
    return await desk.alone(key, lambda: receiving.told_of(desk.setting, key, news), None)


def _keys(desk: Desk, issuer: str, news: News) -> list[str]:
    identities = receiving.concerned(desk.setting, issuer, news)
    rows = (desk.store.find(desk.tenant, json.dumps(identity)) for identity in identities)
    return [row.key for row in rows if row is not None]


def _remember(desk: Desk, name: str) -> None:
    """Remember a message, and forget those that are refused for their age by now."""
    desk.store.put(SHELF, name, b"")
    now = desk.clock()
    for old in desk.store.names(SHELF):
        if int(old.partition("/")[0]) >= now:
            break
        desk.store.take(SHELF, old)
