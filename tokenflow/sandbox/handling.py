"""One request from end to end, without a socket: face, fault, work, ledger."""

from attrs import frozen

from tokenflow.sandbox.admin import api
from tokenflow.sandbox.faults import Fault
from tokenflow.sandbox.graph import face as graph
from tokenflow.sandbox.oauth2 import face as oauth2
from tokenflow.sandbox.settings import State
from tokenflow.sandbox.wire import Call, Reply

from . import faults


@frozen
class Answer:
    """What goes back. A `reply` of None is an answer lost on the way: the connection is cut."""

    reply: Reply | None
    #: Seconds of real time to wait first.
    delay: float = 0.0


def handle(state: State, call: Call) -> Answer:
    """Answer *call*. One at a time: the whole request holds the world's lock."""
    with state.world.lock:
        if call.path.partition("/")[0] == "admin":
            return Answer(api.answer(state, call))
        face = face_of(call)
        fault = None if state.faults.outage else state.faults.take(call)
        at = state.world.clock.now()
        reply = faults.outage(face) if state.faults.outage else _worked(state, call, face, fault)
        lost = fault is not None and fault.kind in {"drop", "drop_after"}
        error = fault.kind if fault is not None and lost else None if reply is None else reply.error
        status = None if lost or reply is None else reply.status
        state.ledger.write(at, call, face, status, error)
        return Answer(None if lost else reply, fault.seconds if fault and fault.kind == "slow" else 0.0)


def face_of(call: Call) -> str:
    """Return which face serves *call*."""
    in_oauth = call.path in oauth2.ROUTES or call.path.partition("/")[0] == "oauth2"
    return "oauth2" if in_oauth else "graph"


def _worked(state: State, call: Call, face: str, fault: Fault | None) -> Reply | None:
    if fault is not None:
        if fault.kind == "drop":
            return None
        early = faults.instead(face, fault)
        if early is not None:
            return early
    reply = (oauth2 if face == "oauth2" else graph).answer(state.world, call)
    return reply if fault is None else faults.afterwards(state.world, fault, reply)
