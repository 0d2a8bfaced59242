"""One request from end to end, without a socket: face, fault, work, ledger."""

import json

from attrs import frozen

from tokenflow.sandbox.admin import api
from tokenflow.sandbox.faults import Fault
from tokenflow.sandbox.graph import face as graph
from tokenflow.sandbox.graph.batch import item_calls
from tokenflow.sandbox.oauth2 import face as oauth2
from tokenflow.sandbox.settings import State
from tokenflow.sandbox.wire import Call, Reply
from tokenflow.sandbox.world import World

from . import faults

#: The ASGI extension that cuts the connection, offered by `server` and used by `application`.
CUT = "tokenflow.sandbox.cut"


#: Seconds after which a silent sandbox hangs up, should the caller wait that long.
FOREVER = 3600.0


@frozen
class Answer:
    """What goes back. A `reply` of None is an answer lost on the way: the connection is cut."""

    reply: Reply | None
    #: Seconds of real time to wait first.
    delay: float = 0.0
    #: The connection is cut when this many bytes of the body are out; None sends it whole.
    cut_at: int | None = None


def handle(state: State, call: Call) -> Answer:
    """Answer *call*. One at a time: the whole request holds the world's lock."""
    with state.world.lock:
        if call.path.partition("/")[0] == "admin":
            return Answer(api.answer(state, call))
        face = face_of(call)
        fault = None if state.faults.outage else state.faults.take(call)
        at = state.world.clock.now()
        reply = faults.outage(face) if state.faults.outage else _worked(state, call, face, fault)
        lost = fault is not None and fault.kind in {"drop", "drop_after", "silent"}
        error = fault.kind if fault is not None and lost else None if reply is None else reply.error
        status = None if lost or reply is None else reply.status
        state.ledger.write(at, call, _masked(state.world, call.path), face, status, error)
        if face == "graph" and call.path == "" and status == 200 and reply is not None:
            _write_items(state, at, call, reply)
        return _under(fault, None if lost else reply)


def _under(fault: Fault | None, reply: Reply | None) -> Answer:
    """Return what *fault* lets out of *reply*."""
    if fault is not None and fault.kind == "slow":
        return Answer(reply, fault.seconds)
    if fault is not None and fault.kind == "silent":
        return Answer(None, fault.seconds or FOREVER)
    if fault is not None and fault.kind == "cut" and reply is not None:
        return Answer(reply, cut_at=len(reply.body) // 2)
    return Answer(reply)


def _write_items(state: State, at: int, call: Call, reply: Reply) -> None:
    """Write the calls inside a batch after it, each with the status it got."""
    try:
        answers = json.loads(reply.body)
    except ValueError:
        return  # a fault cut the answer; what was inside cannot be told any more
    for item, answer in zip(item_calls(call), answers, strict=False):
        code = 200 if answer is None else answer["code"]
        error = None if code < 400 else _mark(answer["body"])
        state.ledger.write(at, item, _masked(state.world, item.path), "graph", code, error)


def _mark(body: str) -> str:
    error = json.loads(body)["error"]
    return "/".join(str(error[name]) for name in ("code", "error_subcode") if name in error)


def _masked(world: World, path: str) -> str:
    """Return *path* without tokens and codes, should a confused client put one there."""
    known = (world.token_ids, world.codes)
    segments = ("****" if any(each in names for names in known) else each for each in path.split("/"))
    return f"/{'/'.join(segments)}"


def face_of(call: Call) -> str:
    """Return which face serves *call*."""
    in_oauth = call.path in oauth2.ROUTES or call.path.partition("/")[0] == "oauth2"
    return "oauth2" if in_oauth else "graph"


def _worked(state: State, call: Call, face: str, fault: Fault | None) -> Reply | None:
    if fault is not None:
        if fault.kind in {"drop", "silent"}:
            return None
        early = faults.instead(face, fault)
        if early is not None:
            return early
    reply = (oauth2 if face == "oauth2" else graph).answer(state.world, call)
    return reply if fault is None else faults.afterwards(state.world, fault, reply)
