"""One step's act: on the engine, or on the issuer. Every act carries the step's id, so it may be repeated."""

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from tokenflow.core.effects import Call, Response
from tokenflow.core.errors import PromptPending
from tokenflow.core.events import Redeemed
from tokenflow.core.flows.receiving import callback_of
from tokenflow.core.lifecycles import Acquisition
from tokenflow.core.moments import duration
from tokenflow.core.secret import Secret
from tokenflow.core.tokens import SECOND, Instant
from tokenflow.runner.backstage import REDIRECT_URI
from tokenflow.runner.counter import given, shown
from tokenflow.runner.mailbox import forged, sent
from tokenflow.runner.stage import Stage
from tokenflow.runner.story import Step

AUDIENCE: Final = "https://phone.example"
"""Who a ticket is for where a story does not say: no server, a name."""


def act(stage: Stage, step: Step, step_id: str, started: Instant) -> Mapping[str, Any]:
    """Do what *step* says and return the fields of an answer, if one came. Raises TokenflowError.

    *started* is the instant the step first began, so that a repeated `advance` ends where the first
    would have.
    """
    return _ACTS[step.act](stage, step.how, step_id, started) or {}


Act = Callable[[Stage, Any, str, Instant], Mapping[str, Any] | None]


def _acquire(stage: Stage, how: Mapping[str, Any], step_id: str, started: Instant) -> None:
    lifecycle = str(how["lifecycle"])
    acquisition = stage.engine.desk.setting.acquisition(
        stage.engine.desk.setting.lifecycle(lifecycle), how["platform"]
    )
    person = stage.story.world.get("people", {}).get(how.get("person"), {}).get("id")
    payload = None
    acquirer = stage.registry.acquirer(acquisition.use)
    refused_here = how.get("from") == "client" and acquisition.runs_on == "server"
    if "again" in how:
        payload = stage.wallet().brought(how["again"])
    elif "ticket" in how:
        payload = given(stage.counter, *_ticket(stage, how["ticket"], step_id), step_id)
    elif acquirer.encode_login is not None and not refused_here:
        issued = stage.backstage.admin.issue(
            person,
            stage.backstage.app_id,
            _sdk(acquisition, how["platform"]),
            list(how.get("scope", ())),
            decline=list(how.get("decline", ())),
            nonce=how.get("attributes", {}).get("nonce"),
        )  # not under the step's id: a step cut short may have spent the code in it; the person logs in anew
        payload = acquirer.encode_login(issued, stage.clock() // SECOND)
        stage.wallet().bring(how["key"], payload)
    elif acquisition.use == "server.code" and not refused_here:
        payload = _code(stage, lifecycle, person, how, step_id)
    try:
        stage.engine.acquire(
            how["key"],
            lifecycle=lifecycle,
            platform=how["platform"],
            payload=payload,
            attributes=how.get("attributes"),
            scope=how.get("scope", ()),
            place=how.get("from"),
            event_id=step_id if acquirer.once is None else None,  # where a login has a name, that is its id
        )
    except PromptPending as pending:
        if pending.poll is not None:
            _on_device(stage, pending, person, how, step_id)
            return
        params = stage.backstage.decide(
            person,
            pending.url,
            deny=bool(how.get("deny")),
            decline=list(how.get("decline", ())),
            step=stage.once(step_id),
        )
        stage.engine.answer(how["key"], params, step=step_id)


def _sdk(acquisition: Acquisition, platform: str) -> str:
    """Return which SDK hands a login over: its plugin, or the platform where Facebook's takes it."""
    plugin = acquisition.use.partition(".")[0]
    return platform if plugin == "facebook" else plugin


def _on_device(
    stage: Stage, pending: PromptPending, person: str | None, how: Mapping[str, Any], step_id: str
) -> None:
    """Enter the code at the address that the device shows, and let the device ask when it is time to.

    Where the story names nobody, nobody enters it.
    """
    if person is not None:
        stage.backstage.enter(
            person,
            pending.url,
            str(pending.user_code),
            deny=bool(how.get("deny")),
            decline=list(how.get("decline", ())),
            step=stage.once(step_id),
        )
    stage.advance_to(stage.clock() + (pending.poll or 0))
    stage.engine.answer(how["key"], step=step_id)


def _answer(stage: Stage, how: Mapping[str, Any], step_id: str, started: Instant) -> None:
    person = stage.story.world.get("people", {}).get(how.get("person"), {}).get("id")
    try:
        stage.engine.answer(how["key"], step=step_id)
    except PromptPending as pending:
        if person is None:
            raise
        _on_device(stage, pending, person, how, step_id)


def _code(stage: Stage, lifecycle: str, person: str, how: Mapping[str, Any], step_id: str) -> dict[str, str]:
    """Log in through the application's own backend, which then holds a code."""
    issuer = stage.issuer(lifecycle)
    query = {
        "client_id": issuer.client_id,
        "redirect_uri": REDIRECT_URI,
        "response_type": "code",
        "state": secrets.token_urlsafe(8),  # a new dialog each time: a code is good for one exchange
        "scope": " ".join(how.get("scope", ())),
    }
    url = f"{issuer.endpoint('authorization_endpoint')}?{urlencode(query)}"
    params = stage.backstage.decide(person, url, deny=False, decline=[], step=stage.once(step_id))
    return {"code": params["code"], "redirect_uri": REDIRECT_URI}


def _extend(stage: Stage, how: Mapping[str, Any], step_id: str, started: Instant) -> None:
    stage.engine.extend(
        how["key"], place=how.get("from", "server"), event_id=how.get("id", step_id), step=step_id
    )


def _send(stage: Stage, how: Mapping[str, Any], step_id: str, started: Instant) -> None:
    stage.engine.send(
        how["key"],
        how["event"],
        payload=how.get("payload"),
        place=how.get("from", "server"),
        event_id=how.get("id", step_id),
        step=step_id,
    )


def _derive(stage: Stage, how: Mapping[str, Any], step_id: str, started: Instant) -> None:
    stage.engine.derive(how["parent"], lifecycle=how["lifecycle"], key=how["key"], event_id=step_id)


def _use(stage: Stage, how: Mapping[str, Any], step_id: str, started: Instant) -> Mapping[str, Any]:
    request = how.get("request", {})
    call = Call(
        method=request.get("method", "GET"),
        path=request.get("path", "/"),
        params={name: str(value) for name, value in request.get("params", {}).items()},
        needs=request.get("needs"),
        reads=request.get("reads"),
    )
    answer = stage.engine.use(how["key"], call, place=how.get("from", "server"), event_id=step_id)
    found = answer.json()
    return found if isinstance(found, dict) else {}


def _report(stage: Stage, how: Mapping[str, Any], step_id: str, started: Instant) -> None:
    body = json.dumps(how["answer"]).encode()
    answer = Response(status=400, headers={"content-type": "application/json"}, body=body)
    stage.engine.report(how["key"], answer, step=step_id)


def _introspect(stage: Stage, how: Mapping[str, Any], step_id: str, started: Instant) -> None:
    stage.engine.introspect(how["key"], step=step_id)


def _invalidate(stage: Stage, how: Mapping[str, Any], step_id: str, started: Instant) -> None:
    stage.engine.invalidate(how["key"], reason=how.get("reason", "operator"), event_id=step_id)


def _revoke(stage: Stage, how: Mapping[str, Any], step_id: str, started: Instant) -> None:
    stage.engine.revoke(how["key"], event_id=step_id).demand()


def _hand_over(stage: Stage, how: Mapping[str, Any], step_id: str, started: Instant) -> None:
    audience = how.get("audience", AUDIENCE)
    ticket = stage.engine.hand_over(how["key"], to=how["to"], audience=audience, event_id=step_id)
    stage.wallet().keep(how["key"], ticket)


def _redeem(stage: Stage, how: Mapping[str, Any], step_id: str, started: Instant) -> Mapping[str, Any]:
    value, audience = _ticket(stage, how["key"], step_id)
    return shown(stage.counter, value, how.get("audience", audience), step_id)


def _ticket(stage: Stage, key: str, step_id: str) -> tuple[Secret, str]:
    """Return the last ticket for *key*, and the origin it is for."""
    wallet = stage.wallet()
    ticket = wallet.last(key)
    if _was_redeemed(stage, key, step_id):  # the answer was lost with the run that was killed: one asks anew
        ticket = stage.engine.hand_over(key, to=ticket.to, audience=ticket.audience)
        wallet.keep(key, ticket)
    return ticket.value, ticket.audience


def _was_redeemed(stage: Stage, key: str, step_id: str) -> bool:
    found = stage.explain(key)
    history = () if found is None else found.history
    return any(isinstance(event, Redeemed) and event.about.event_id == step_id for event in history)


def _receive(stage: Stage, how: Mapping[str, Any], step_id: str, started: Instant) -> Mapping[str, Any]:
    issuer, callback = how["issuer"], how["callback"]
    use = callback_of(stage.engine.desk.setting, issuer, callback).use
    of = forged if how.get("from") == "forged" else sent
    message = of(stage.backstage, use, stage.story.world["people"][how["who"]]["id"])
    answer = stage.engine.receive(issuer, callback, message).answer
    return answer if isinstance(answer, Mapping) else {}


def _person(stage: Stage, how: Mapping[str, Any], step_id: str, started: Instant) -> None:
    world, admin = stage.story.world, stage.backstage.admin
    person, app_id = world["people"][how["who"]]["id"], stage.backstage.app_id
    page = world.get("pages", {}).get(how.get("page"), {}).get("id")
    once = stage.once(step_id)
    match how["does"]:
        case "change_password":
            admin.password(person, step=once)
        case "remove_app":
            admin.remove_app(person, app_id, step=once)
        case "log_out":
            admin.logout(person, step=once)
        case "log_out_everywhere":
            admin.logout(person, everywhere=True, step=once)
        case "checkpoint" | "pass_checkpoint" as door:
            admin.checkpoint(person, on=door == "checkpoint", step=once)
        case "lose_role":
            admin.role(page, person, [], step=once)
        case "change_role":
            admin.role(page, person, list(how["perms"]), step=once)
        case "revoke_permission":
            admin.revoke_permissions(person, app_id, [how["permission"]], step=once)
        case "ask_for_deletion":
            admin.delete_data(person, app_id, step=once)
        case "forget_permission":
            admin.forget_permissions(person, app_id, [how["permission"]], step=once)


def _issuer(stage: Stage, how: Mapping[str, Any], step_id: str, started: Instant) -> None:
    admin, once = stage.backstage.admin, stage.once(step_id)
    if "fault" in how:
        admin.fault(step=f"{once}:fault", **how["fault"])
    if "outage" in how:
        admin.outage(on=how["outage"], step=f"{once}:outage")
    if "app" in how:
        admin.change_app(stage.backstage.app_id, **how["app"])
    if how.get("reset_secret"):
        secret = stage.backstage.client_secret(step_id)
        admin.change_app(stage.backstage.app_id, app_secret=secret)
    if how.get("clear"):
        admin.clear_faults()
        admin.outage(on=False, step=f"{once}:over")


def _advance(stage: Stage, how: str, step_id: str, started: Instant) -> None:
    stage.advance_to(started + duration(how))


def _sleep(stage: Stage, how: str, step_id: str, started: Instant) -> None:
    left = started + duration(how) - stage.clock()
    stage.reopen(lambda: stage.move(max(left, 0)))
    stage.settle()


def _clock_back(stage: Stage, how: str, step_id: str, started: Instant) -> None:
    stage.clock.set_wall(started - duration(how))
    stage.settle()


_ACTS: Final[Mapping[str, Act]] = {
    "acquire": _acquire,
    "answer": _answer,
    "extend": _extend,
    "send": _send,
    "derive": _derive,
    "use": _use,
    "report": _report,
    "introspect": _introspect,
    "invalidate": _invalidate,
    "revoke": _revoke,
    "hand_over": _hand_over,
    "redeem": _redeem,
    "receive": _receive,
    "person": _person,
    "issuer": _issuer,
    "advance": _advance,
    "sleep": _sleep,
    "clock_back": _clock_back,
}
