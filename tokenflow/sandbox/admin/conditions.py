"""`/admin/clock`, `signing_key`, `faults`, `outage` and `ledger`: time, bad luck, and what was seen."""

from typing import Any

from tokenflow.sandbox.errors import AdminError
from tokenflow.sandbox.faults import fault_of, fault_order
from tokenflow.sandbox.ledger import delivery_rows, token_rows
from tokenflow.sandbox.settings import State
from tokenflow.sandbox.wire import Call

from .reading import body_of, only

Answer = dict[str, Any]


def read_clock(state: State, call: Call) -> Answer:
    """Tell the time, UTC microseconds."""
    return {"now": state.world.clock.now()}


def move_clock(state: State, call: Call) -> Answer:
    """Set the clock (`now`, microseconds) or move it forward (`advance`, seconds)."""
    body = body_of(call)
    only(body, frozenset({"now", "advance"}))
    now, advance = body.get("now"), body.get("advance")
    if isinstance(now, int) and not isinstance(now, bool) and advance is None:
        return {"now": state.world.clock.set(now)}
    if isinstance(advance, int | float) and not isinstance(advance, bool) and now is None:
        return {"now": state.world.clock.advance(advance)}
    raise AdminError("send now (microseconds) or advance (seconds)")


def rotate_key(state: State, call: Call) -> Answer:
    """Sign identity tokens with another key; those of the old one verify no more."""
    only(body_of(call), frozenset())
    return {"kid": state.world.signer.rotate()}


def read_faults(state: State, call: Call) -> Answer:
    """Show the orders that stand, each as it would be ordered now."""
    return {"faults": [fault_order(fault) for fault in state.faults.orders]}


def order_fault(state: State, call: Call) -> Answer:
    """Order a fault."""
    body = body_of(call)
    state.faults.orders.append(fault_of(body))
    return {"faults": len(state.faults.orders)}


def clear_faults(state: State, call: Call) -> Answer:
    """Take every order back."""
    state.faults.orders.clear()
    return {"faults": 0}


def outage(state: State, call: Call) -> Answer:
    """Close everything but the admin API, or open it again."""
    state.faults.outage = bool(body_of(call).get("on", True))
    return {"on": state.faults.outage}


def ledger(state: State, call: Call) -> Answer:
    """Show the requests, the tokens, and what apps were told."""
    return {
        "requests": state.ledger.rows(),
        "tokens": token_rows(state.world),
        "callbacks": delivery_rows(state.ledger),
    }
