"""The verbs of callbacks: whom they concern is found by identity, and each is told once.

A message may be sent again for as long as its callback takes it, and meanwhile the person may be back
with a new token: so it is remembered until then, beside the tokens. Its answer is the same each time.
"""

import json
import logging
from concurrent.futures import Future
from typing import Any, Final

import attrs

from tokenflow.core import deletions
from tokenflow.core.deletions import Deletion
from tokenflow.core.flows import receiving
from tokenflow.core.news import News, Received
from tokenflow.engine.desk import Desk

SHELF: Final = "callbacks"
DELETIONS: Final = "deletions"
log = logging.getLogger(__name__)


def receive(desk: Desk, issuer: str, callback: str, payload: Any) -> "Future[Received]":
    """Take what *issuer* sent to *callback*, as it came; the tokens it concerns are told, once.

    *payload* is a Message, or the body of a POST alone (bytes, text), or the fields of a form. `answer` is
    what to answer the issuer with. News of somebody unknown is no error: it is counted, answered as any
    other, and logged without a name. Raises PayloadError (forged, expired, malformed), Refused
    (unknown_callback, no_status_url), UnknownCapability, SecretNotFound; then nothing has changed.
    """
    return desk.begin(_receive(desk, issuer, callback, payload))


def deletion(desk: Desk, code: str) -> "Future[Deletion | None]":
    """Return what became of the deletion that was confirmed by *code*; None: nobody was given that code.

    Whoever has the code may be told; it is answered for a year.
    """
    return desk.begin(_deletion(desk, code))


async def _receive(desk: Desk, issuer: str, callback: str, payload: Any) -> Received:
    use = receiving.callback_of(desk.setting, issuer, callback).use
    flow = desk.callback_flow(use)
    heard = await desk.alone("", lambda: receiving.heard(desk.setting, issuer, callback, flow, payload), None)
    outcome = Received(answer=heard.answer, ignored=heard.ignored)
    for news in heard.news:
        outcome = await _told(desk, issuer, news, outcome)
    place = deletions.place_of(heard.deletion or "", desk.tenant)
    if place is not None:
        await desk.on_store(lambda: _note(desk, place))
    if outcome.unknown:
        log.info("callback %s of %s: %d of nobody who is known here", callback, issuer, outcome.unknown)
    if outcome.ignored:
        log.info("callback %s of %s: %d of what concerns no token", callback, issuer, outcome.ignored)
    return outcome


async def _deletion(desk: Desk, code: str) -> Deletion | None:
    place = deletions.place_of(code, desk.tenant)
    if place is None or deletions.is_over(place, desk.clock()):
        return None
    kept = await desk.on_store(lambda: desk.store.get(DELETIONS, place))
    return None if kept is None else Deletion(done=int(kept))


async def _told(desk: Desk, issuer: str, news: News, outcome: Received) -> Received:
    name = f"{news.until:020d}/{desk.tenant}/{issuer}/{news.event_id}"
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


def _note(desk: Desk, place: str) -> None:
    """Note that a deletion is done, for the first time it was, and drop what is answered for no more."""
    now = desk.clock()
    desk.store.keep(DELETIONS, place, str(now).encode())
    for old in desk.store.names(DELETIONS):
        if not deletions.is_over(old, now):
            break
        desk.store.take(DELETIONS, old)
