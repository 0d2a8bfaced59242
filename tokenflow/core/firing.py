"""What has fired, and stays so, as a token moves from state to state (rule T7)."""

from collections.abc import Mapping

from tokenflow.core._machine import Row
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.moments import Moment
from tokenflow.core.tokens import Instant, Token


def still_fired(
    lifecycle: Lifecycle, row: Row, before: Token, after: Token, now: Instant
) -> dict[str, Instant]:
    """Return what has fired and stays so: where the token stays all of it, in a state entered anew nothing.

    What hangs on an attribute fires once for each of its values instead: another value arms it again,
    entering a state does not, nor does coming back from one that has no such timer; and the move that it
    asked for itself counts as its firing.
    """
    if row.target is None:
        return armed_anew(lifecycle, before, after)
    same = {
        name: moment
        for name, moment in _on_attributes(lifecycle, before).items()
        if moment.at(before) == moment.at(after)
    }
    fired = {name: at for name, at in after.fired.items() if name in same}
    for timer in lifecycle.states[row.target].timers:
        at = timer.moment.at(after)
        if same.get(timer.name) != timer.moment:
            fired.pop(timer.name, None)
        elif timer.name not in fired and timer.event == row.event and at is not None and at <= now:
            fired[timer.name] = now
    return fired


def armed_anew(lifecycle: Lifecycle, before: Token, after: Token) -> dict[str, Instant]:
    """Return `fired` of a token that stays as it is: what hangs on an attribute that moved is armed again."""
    moments = _on_attributes(lifecycle, before)
    moved = {name for name, moment in moments.items() if moment.at(before) != moment.at(after)}
    return {name: at for name, at in after.fired.items() if name not in moved}


def _on_attributes(lifecycle: Lifecycle, token: Token) -> Mapping[str, Moment]:
    """Return the moments on attributes: of its state's timers, and of those that fired in states before."""
    own = {timer.name: timer.moment for timer in lifecycle.states[token.state].timers}
    others = token.fired.keys() - own.keys()
    if others:
        every = (timer for state in lifecycle.states.values() for timer in state.timers)
        own |= {timer.name: timer.moment for timer in every if timer.name in others}
    return {name: moment for name, moment in own.items() if moment.attribute is not None}
