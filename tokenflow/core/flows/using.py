"""Use a token for a request of the application's: rules first, then send; bad news is taken to heart."""

from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import attrs

from tokenflow.core.answers import body_of
from tokenflow.core.decisions import renewing_event
from tokenflow.core.effects import Call, Change, Emit, Flow, Issuer, ReadSecret, Request, Response, Save, send
from tokenflow.core.errors import (
    AnswerNotUnderstood,
    IssuerError,
    IssuerRefused,
    PersonNeeded,
    Refused,
    RevisionConflict,
)
from tokenflow.core.events import About, Used, WasRefused
from tokenflow.core.flows.commanding import heard, told
from tokenflow.core.flows.deputies import demand_theirs
from tokenflow.core.flows.ending import inspect
from tokenflow.core.flows.failing import advised
from tokenflow.core.flows.holding import Held, current, decided
from tokenflow.core.flows.saving import again, load
from tokenflow.core.flows.serving import glance
from tokenflow.core.flows.serving import token as usable
from tokenflow.core.issuers import Proof
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.policies import check_custody, check_rules, lend, meaning_of
from tokenflow.core.proofs import proof
from tokenflow.core.secret import Secret
from tokenflow.core.setting import Setting
from tokenflow.core.shelves import LookUp, PutAway
from tokenflow.core.steps import is_usable, view_of
from tokenflow.core.tokens import SECOND, Token

VERIFIED: Final = "verified"
"""A shelf: by key, which value was called alive though an API refused it, and when."""
AGAIN: Final = 30 * SECOND
"""So long no further refusal of that value is looked into."""
_NOTED_AGAIN: Final = SECOND
"""So long no further use is noted: they go beside each other, and would keep a renewal from its intent."""


def use(
    setting: Setting,
    key: str,
    call: Call,
    *,
    by: str | None = None,
    place: str = "server",
    event_id: str | None = None,
) -> Flow[Response]:
    """Send *call* with the token of *key* and return the answer; *by*: see `demand_theirs`.

    Rules and custody are asked first. When the issuer says the token is dead, it is asked once more
    about it: if it is alive after all, or can be extended, the call is sent once again; otherwise the
    lifecycle learns of it, under *event_id*, and IssuerRefused is raised.
    """
    yield from decided(key, event_id)
    yield from demand_theirs(key, by, "use", event_id)
    held = yield from current(setting, key)
    yield from _allow(held, call, place, event_id)
    token = yield from _at_hand(setting, key)
    try:
        return (yield from _sent(setting, held, token, call, place))
    except IssuerRefused as error:
        meaning = meaning_of(held.lifecycle, error)
        if meaning.kind not in ("revoked", "expired"):
            if meaning.kind == "reconsent":
                with suppress(
                    IssuerError, Refused, PersonNeeded
                ):  # what it may do now; the no itself is told
                    yield from _tell(setting, held, error, event_id)
            raise advised(error, meaning) from None
        recovered = yield from _recovered(setting, token, error, event_id)
        if recovered is None:
            raise advised(error, meaning) from None
        return (yield from _sent(setting, held, recovered, call, place))


def _at_hand(setting: Setting, key: str) -> Flow[Token]:
    """Return the token that serves just now, without waiting for a newer one; else one that is had first."""
    found = yield from glance(setting, key)
    return found.token if found is not None else (yield from usable(setting, key))


def _allow(held: Held, call: Call, place: str, event_id: str | None) -> Flow[None]:
    here = {"runs_on": place}
    facts = {"method": call.method, "path": call.path, "needs": call.needs, "reads": call.reads}
    view = view_of(held.lifecycle, held.token, platform=here, request=facts)
    about = About.of(held.token, held.now)
    try:
        check_custody(held.lifecycle, place)
        warned = check_rules(held.lifecycle, "use", view, about)
    except Refused as no:
        about = attrs.evolve(about, event_id=event_id)
        yield Emit((WasRefused(about=about, act="use", code=no.code),))
        raise
    if warned:
        yield Emit(warned)


def _sent(setting: Setting, held: Held, token: Token, call: Call, place: str) -> Flow[Response]:
    issuer = setting.issuer_of(held.lifecycle)
    request = _request(issuer, token, call)
    if place == "server" and issuer.requests.proof is not None:
        request = yield from _proven(held.lifecycle, issuer.requests.proof, request)
    response = yield from send(request)
    about = About.of(token, held.now)
    yield Emit((Used(about=about, method=call.method, path=call.path, status=response.status),))
    if _watches_use(held):
        with suppress(RevisionConflict):  # it is saved all the time, so it is at work: its answer is not lost
            yield from again(lambda: _used(token, held))
    if response.status >= 400 or b'"error"' in response.body or issuer.response.ok:
        try:
            body_of(response, issuer.response)
        except AnswerNotUnderstood:
            return response
    return response


def _proven(lifecycle: Lifecycle, wanted: Proof, request: Request) -> Flow[Request]:
    """Return *request* with the proof in its form, so that no URL holds it (security.md B4).

    A GET or DELETE has no form: it becomes a POST that says what it is. Raises SecretNotFound.
    """
    if request.bearer is None or request.method == "HEAD":
        return request
    lent = lend(lifecycle, [wanted.secret], "server")
    app_secret: Secret = yield ReadSecret(lent[wanted.secret])
    form = {**(request.form or {}), wanted.parameter: proof(request.bearer, app_secret)}
    if request.form is not None:
        return attrs.evolve(request, form=form)
    said = {**request.query, **form, wanted.method: request.method.lower()}
    return attrs.evolve(request, method="POST", query={}, form=said)


def _used(token: Token, held: Held) -> Flow[None]:
    latest = yield from load(token.key)  # as stored: a value that is never kept is not in it
    if latest.id == token.id and held.now - (latest.last_used_at or 0) >= _NOTED_AGAIN:
        stored = attrs.evolve(latest, last_used_at=held.now, revision=latest.revision + 1)
        yield Save((Change(token=stored, expected=latest.revision),))


def _watches_use(held: Held) -> bool:
    return any(timer.moment.anchor == "last_used" for timer in held.lifecycle.states[held.token.state].timers)


def _request(issuer: Issuer, token: Token, call: Call) -> Request:
    """The token goes to the issuer's own hosts only."""
    url = call.path
    if not url.startswith(("https://", "http://")):
        base = issuer.endpoints.get("resource") or issuer.endpoints.get("graph")
        if base is None:
            raise Refused("no_resource", f"issuer {issuer.name} declares no `resource` or `graph` endpoint")
        url = f"{base.rstrip('/')}/{call.path.lstrip('/')}"
    hosts = {urlsplit(endpoint)[:2] for endpoint in issuer.endpoints.values()}
    if urlsplit(url)[:2] not in hosts:
        raise Refused(
            "foreign_host", f"issuer {issuer.name} has no endpoint on that host; the token stays here"
        )
    inside = call.method in ("GET", "DELETE", "HEAD")
    return Request(
        method=call.method,
        url=url,
        query=call.params if inside else {},
        form=None if inside else call.params,
        bearer=token.access_token,
    )


def _recovered(
    setting: Setting, used: Token, error: IssuerRefused, event_id: str | None
) -> Flow[Token | None]:
    """Return a token worth one more try, or None when the bad news of the *used* one was taken."""
    held = yield from current(setting, used.key)
    have = held.token
    if (have.id, have.generation) != (used.id, used.generation) and is_usable(held.lifecycle, have, held.now):
        return have  # the news is of a value that was replaced meanwhile
    found = None
    if "introspect" in held.lifecycle.commands and held.token.access_token is not None:
        if (yield from _verified_just_now(held)):
            return None  # a herd of refusals asks about a token once; the token stays as it is
        try:
            found = yield from inspect(setting, held)
        except IssuerError:
            return None  # nobody can say; the token stays as it is
        if found.active:
            yield PutAway(VERIFIED, used.key, {"of": _value_of(held.token), "at": held.now})
            return held.token
    if (
        held.token.refresh_token is not None
        and (event := renewing_event(held.lifecycle, held.token)) is not None
    ):
        return (yield from heard(setting, held, event))
    if found is None:
        yield from _tell(setting, held, error, event_id)
    else:  # dead by the issuer's word; the call's own answer says best why
        why = attrs.evolve(found, facts={**found.facts, **error.facts})
        yield from told(setting, held, why, event_id)
    return None


def _verified_just_now(held: Held) -> Flow[bool]:
    """Return whether the issuer has called this value alive within the last moments (security.md H3)."""
    kept = yield LookUp(VERIFIED, held.token.key)
    return kept is not None and kept["of"] == _value_of(held.token) and 0 <= held.now - kept["at"] < AGAIN


def _value_of(token: Token) -> str:
    return f"{token.id}:{token.generation}"


def _tell(setting: Setting, held: Held, error: IssuerRefused, event_id: str | None = None) -> Flow[Token]:
    meaning = meaning_of(held.lifecycle, error)
    if meaning.event is None or meaning.event not in _takes(held):
        return held.token
    return (yield from heard(setting, held, meaning.event, meaning.payload, event_id))


def _takes(held: Held) -> frozenset[str]:
    state = held.lifecycle.states[held.token.state]
    return state.absorbs | frozenset(state.accepts)


def report(setting: Setting, key: str, response: Response) -> Flow[Token]:
    """Tell what an API answered to a call the application made itself; returns the token as it is now."""
    held = yield from current(setting, key)
    try:
        body_of(response, setting.issuer_of(held.lifecycle).response)
    except IssuerRefused as error:
        return (yield from _tell(setting, held, error))
    except AnswerNotUnderstood:
        return held.token
    return held.token
