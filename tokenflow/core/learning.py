"""What values of a lifetime class teach: that they die early, or are promised another life than before.

An early death is a value that the issuer called dead before the end it had promised, by no person's act
(a password changed, an app removed, a logout). While one in ten of the latest values died so, the class
counts as short-lived, and the windows of new values are measured against how long such values lived
(`Token.learned_life`). Values that live their promise outweigh it again; one that outlives the shortest
of those lives takes that one back. Hard ends are never touched: they are the issuer's to name.
"""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow.core.lifecycles import Lifecycle, Lifetime
from tokenflow.core.tokens import SECOND, At, Instant, Token

REMEMBERED: Final = 32
"""So many of the latest values count."""
SHARE: Final = 10
"""One early death in so many values is a pattern."""
SHORTEST: Final = 5 * 60 * SECOND
"""Nothing is learned that would renew more often than this, microseconds: half a promise where it is less."""
BY_ITSELF: Final = frozenset({"unknown", "session_ended"})
"""Reasons that are nobody's act; a death without a reason is not, either."""
_DRIFT: Final = 10
"""A promise that changed by more than one part in so many is news."""
_SLACK: Final = 60 * SECOND
"""A value that dies this close to its promised end has lived its promise: clocks differ."""


@attrs.frozen(kw_only=True)
class Learned:
    """What is known of one lifetime class at one issuer."""

    promised: int | None = None
    """The life values were last promised, microseconds."""
    lives: tuple[int, ...] = ()
    """How long the latest that died early lived, microseconds, oldest first."""
    calm: int = 0
    """How many of the latest lived as promised, as far as anybody knows."""

    @property
    def life(self) -> int | None:
        """How long those that died early have lately lived, microseconds; None while it is no pattern."""
        if not self.lives or len(self.lives) * SHARE < len(self.lives) + self.calm:
            return None
        middle = sorted(self.lives)[(len(self.lives) - 1) // 2]
        least = SHORTEST if self.promised is None else min(SHORTEST, self.promised // 2)
        return max(middle, least)


@attrs.frozen(kw_only=True)
class Lesson:
    """What is known now, and what of it is news."""

    learned: Learned
    why: str | None = None
    """died_early, recovered, promised_otherwise or out_of_bounds; None when there is no news."""


def died(learned: Learned, lived: int) -> Lesson:
    """Return what an early death after *lived* microseconds teaches."""
    lives = (*learned.lives, max(lived, 1))[-REMEMBERED:]
    after = attrs.evolve(learned, lives=lives, calm=min(learned.calm, REMEMBERED - len(lives)))
    return Lesson(learned=after, why="died_early" if after.life != learned.life else None)


def lived_on(learned: Learned, age: int) -> Lesson:
    """Return what a value teaches that was not known dead at *age* microseconds, when it was replaced."""
    lives = learned.lives
    shorter = min(lives, default=None)
    if shorter is not None and shorter < age:  # it outlived what others did not
        place = lives.index(shorter)
        lives = lives[:place] + lives[place + 1 :]
    calm = min(learned.calm + 1, REMEMBERED)
    lives = lives[max(len(lives) + calm - REMEMBERED, 0) :]
    after = attrs.evolve(learned, lives=lives, calm=calm)
    relaxed = learned.life is not None and (after.life is None or after.life > learned.life)
    return Lesson(learned=after, why="recovered" if relaxed else None)


def promised(learned: Learned, life: int, lifetime: Lifetime | None) -> Lesson:
    """Return what a new value's promised *life* (microseconds) teaches: another than before, or than planned.

    Within a plan's bounds lives may differ; without bounds, a tenth more or less than before is news.
    """
    before, after = learned.promised, attrs.evolve(learned, promised=life)
    moved = before is not None and abs(life - before) * _DRIFT > before
    if lifetime is not None and (lifetime.at_least is not None or lifetime.at_most is not None):
        news = not _planned(life, lifetime) and (before is None or moved or _planned(before, lifetime))
        return Lesson(learned=after, why="out_of_bounds" if news else None)
    if moved:
        return Lesson(learned=after, why="promised_otherwise")
    # A small drift is no news; many in one direction are, so all are measured from where they began.
    return Lesson(learned=after if before is None else learned)


def _planned(life: int, lifetime: Lifetime) -> bool:
    """Lives are counted from before the request, so a second either way is within bounds."""
    least, most = lifetime.at_least, lifetime.at_most
    return (least is None or life >= least - SECOND) and (most is None or life <= most + SECOND)


def early_life(lifecycle: Lifecycle, token: Token, reason: str | None, now: Instant) -> int | None:
    """Return how long the value of *token*, found dead at *now*, lived; None when it was not early.

    *reason* is the issuer's, None where it gave none.
    """
    if token.access_token is None or token.refreshed_at is None or not isinstance(token.expires, At):
        return None
    if not lifecycle.states[token.state].usable or (reason is not None and reason not in BY_ITSELF):
        return None
    return now - token.refreshed_at if now < token.expires.instant - _SLACK else None


def class_name(lifecycle: Lifecycle, lifetime: str | None) -> str:
    """Return the name a lifetime class is remembered by: lifecycle/class."""
    return f"{lifecycle.name}/{lifetime or '-'}"


def to_data(learned: Learned) -> dict[str, Any]:
    """Return *learned* as a store keeps it."""
    return attrs.asdict(learned)


def from_data(data: Mapping[str, Any]) -> Learned:
    """Return what a store kept; nothing where it makes no sense: a lesson lost is learned again."""
    try:
        lives = tuple(one for one in data["lives"] if isinstance(one, int) and one > 0)[-REMEMBERED:]
        calm, life = data["calm"], data["promised"]
    except (KeyError, TypeError):
        return Learned()
    whole = isinstance(calm, int) and isinstance(life, int | None) and calm >= 0
    return Learned(promised=life, lives=lives, calm=min(calm, REMEMBERED)) if whole else Learned()
