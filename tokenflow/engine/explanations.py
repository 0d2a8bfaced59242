"""Everything there is to say about a token, but its value."""

from collections.abc import Mapping, Sequence

import attrs

from tokenflow.core.deadlines import deadlines
from tokenflow.core.endings import Ending, endings
from tokenflow.core.events import Happened, from_json
from tokenflow.core.flows.holding import Held
from tokenflow.core.steps import is_usable, legal
from tokenflow.core.tokens import Instant, Token
from tokenflow.engine.stores import Entry


@attrs.frozen(kw_only=True)
class Explanation:
    """A token in full, but for its value: where it stands, what may happen, and what did."""

    token: Token
    usable: bool
    legal: Mapping[str, str]
    """Events its state takes: yes, depends or no."""
    deadlines: tuple[tuple[Instant, str], ...]
    """(when, event), the next one first."""
    history: tuple[Happened, ...]
    endings: tuple[Ending, ...] = ()
    """Deadlines that end it, the next one first."""

    @property
    def ends_next(self) -> Ending | None:
        """What ends it next by time alone, or None where only news can."""
        return self.endings[0] if self.endings else None


def explanation(held: Held, entries: Sequence[Entry]) -> Explanation:
    """Return what is said of a token as it is now; *entries* are its history. Raises StoreTooNew."""
    token, lifecycle = held.token, held.lifecycle
    return Explanation(
        token=token,
        usable=is_usable(lifecycle, token, held.now),
        legal={} if lifecycle.states[token.state].final else legal(lifecycle, token),
        deadlines=tuple((line.at, line.event) for line in deadlines(lifecycle, token)),
        endings=endings(lifecycle, token),
        history=tuple(from_json(entry.happened) for entry in entries),
    )
