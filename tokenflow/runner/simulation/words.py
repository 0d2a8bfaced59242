"""What a person writes on the command line, read: `20d invalidate`, `2h@45`, `600/10m`, `1%/30d`."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.moments import duration
from tokenflow.core.tokens import DAY
from tokenflow.runner.simulation.issuer import refusal
from tokenflow.runner.simulation.scene import Act, Budget

FAULTS: Final = ("outage", "refuse", "lose", "die")
_HELP: Final = (
    "write it like `20d invalidate`, `20d invalidate reason=logged_out`, `30d outage 2h`, "
    "`30d refuse revoked`, `30d refuse rate_limited 1h`, `30d lose` or `30d die`"
)
_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")
_NUMBER: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")


def act_of(text: str, lifecycle: Lifecycle) -> Act:
    """Read one `--at`; raises ValueError saying what is wrong and how it is written."""
    at, _, rest = text.strip().partition(" ")
    what, *more = rest.split() or [""]
    offset = _span(at, _HELP)
    match what:
        case "outage":
            return Act(at=offset, what="outage", lasts=_only_span(more, text))
        case "refuse":
            return _refusal(offset, more, text, lifecycle)
        case "lose" | "die" if not more:
            return Act(at=offset, what=what)
        case "lose" | "die":
            raise ValueError(f"{text!r}: nothing stands behind `{what}`")
        case _:
            return _event(offset, what, more, text, lifecycle)


def _event(offset: int, name: str, more: Sequence[str], text: str, lifecycle: Lifecycle) -> Act:
    if name not in lifecycle.events:
        known = ", ".join(sorted(lifecycle.events))
        raise ValueError(
            f"{text!r}: {name!r} is no event of {lifecycle.ref}, and no fault; its events are {known}; "
            f"faults are {', '.join(FAULTS)}"
        )
    pairs = [pair.partition("=") for pair in more]
    if not all(name and sign for name, sign, _ in pairs):
        raise ValueError(f"{text!r}: behind an event stands its payload, as NAME=VALUE")
    declared = (lifecycle.spec["events"][name] or {}).get("payload") or {}
    payload = {}
    for part, _, value in pairs:
        if part not in declared:
            carried = ", ".join(sorted(declared)) or "nothing"
            raise ValueError(f"{text!r}: {name!r} carries no {part!r}; it carries: {carried}")
        payload[part] = fitting(part, value, declared[part])
    return Act(at=offset, what="event", name=name, payload=payload)


def fitting(name: str, text: str, declared: Mapping[str, Any]) -> Any:
    """Read the value of a fact or of a payload as its spec declares it; raises ValueError for any other."""
    value: Any = text
    match declared.get("type"):
        case "boolean":
            value = {"true": True, "false": False}.get(text)
        case "integer":
            value = int(text) if _WHOLE.fullmatch(text) else None
        case "list":
            value = tuple(text.split(","))
    if value is None:
        raise ValueError(f"{name!r} is {declared['type']}, and {text!r} is none")
    allowed = declared.get("enum")
    if allowed is not None and value not in allowed:
        raise ValueError(f"{name!r} cannot be {text!r}; it is one of: {', '.join(map(str, allowed))}")
    return value


def _refusal(offset: int, more: Sequence[str], text: str, lifecycle: Lifecycle) -> Act:
    if not more or len(more) > 2:
        raise ValueError(f"{text!r}: a refusal has a class, and may have a duration; {_HELP}")
    refusal(lifecycle, more[0])  # raises Refused for a class the spec does not know
    return Act(at=offset, what="refuse", name=more[0], lasts=_only_span(more[1:], text) if more[1:] else 0)


def _only_span(more: Sequence[str], text: str) -> int:
    if len(more) != 1:
        raise ValueError(f"{text!r}: an outage has one duration; {_HELP}")
    lasts = _span(more[0], _HELP)
    if lasts <= 0:
        raise ValueError(f"{text!r}: it has to last some time")
    return lasts


def _span(text: str, help: str) -> int:
    try:
        return duration(text)
    except ValueError as error:
        raise ValueError(f"{error}; {help}") from None


def outage_of(text: str, span: int) -> Act:
    """Read `2h`, in the middle of *span*, or `2h@30d` (`2h@30` is day 30 as well)."""
    lasts, sign, at = text.partition("@")
    written = "write it like `2h`, or `2h@30d` for day 30"
    if not sign:
        begins = span // 2 // DAY * DAY
    else:
        begins = _span(f"{at}d" if at.isascii() and at.isdigit() else at, written)
    found = _span(lasts, written)
    if found <= 0 or begins >= span:
        raise ValueError(f"{text!r}: it has to last some time, and to begin before the end; {written}")
    return Act(at=begins, what="outage", lasts=found)


def budget_of(text: str) -> Budget:
    """Read `600/10m`: so many calls in each ten minutes."""
    calls, sign, per = text.partition("/")
    written = "write it like `600/10m`: calls, and in how long"
    if not sign or not (calls.isascii() and calls.isdigit()) or len(calls) > 12 or int(calls) < 1:
        raise ValueError(f"{text!r} is no budget; {written}")
    found = _span(per, written)
    if found < 1_000_000:
        raise ValueError(f"{text!r}: a budget is counted over a second at the least; {written}")
    return Budget(calls=int(calls), per=found)


def rate_of(text: str) -> float:
    """Read `1%/30d` and return the rate a day at which a token ends early."""
    share, sign, per = text.partition("/")
    written = "write it like `1%/30d`: so many of a hundred in so long"
    number = share.removesuffix("%")
    if not sign or not share.endswith("%") or not _NUMBER.fullmatch(number) or not 0 <= float(number) < 100:
        raise ValueError(f"{text!r} is no rate; {written}")
    span = _span(per, written)
    if span <= 0:
        raise ValueError(f"{text!r}: {written}")
    return -math.log1p(-float(number) / 100) / (span / DAY)


def fact_of(text: str) -> tuple[str, str]:
    """Read `NAME=VALUE`, a fact of the registered app."""
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise ValueError(f"{text!r}: write it like marketing_access=standard")
    return name, value
