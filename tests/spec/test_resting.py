"""Timers that never rest are refused; and what is not refused does rest, whatever the timers are."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.spec.mutants import written
from tests.spec.names import OFFERED
from tests.spec.test_mutants import runs
from tokenflow.spec import check, load

NAMES = ("one", "two", "three")
HEAD: dict[str, Any] = {
    "apiVersion": "tokenflow/v1",
    "kind": "Lifecycle",
    "metadata": {"name": "mine", "version": "1.0.0"},
    "requires": {"plugins": {"server": 1}},
    "extends": "builtin:bearer",
    "token": {"kind": "user"},
    "acquire": {"web": {"use": "server.inline", "runs_on": "server"}},
}
MOMENTS = st.sampled_from(
    [
        *("entered", "entered + 0s", "entered + 1m", "entered + 5d", "entered - 1m", "entered + 10%"),
        *(
            "expires",
            "expires - 1m",
            "expires + 1d",
            "refreshed + 1d",
            "issued",
            "last_used",
            "refresh_expires",
        ),
        "entered + 0%",
    ]
)
TIMERS = st.fixed_dictionaries(
    {"at": MOMENTS, "raise": st.sampled_from(NAMES)},
    optional={"hard": st.booleans(), "every": st.just("1m"), "jitter": st.sampled_from(["1s", "1h"])},
)


@st.composite
def lifecycles(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a lifecycle of three states that timers lead a token through."""
    states: dict[str, Any] = {"requested": {"transitions": {"acquired": {"to": "one"}}}}
    for name in NAMES:
        targets = st.sampled_from([*NAMES, "expired"])
        ways = draw(st.dictionaries(st.sampled_from(NAMES), targets, min_size=1))
        timers = draw(st.dictionaries(st.sampled_from(["a", "b"]), TIMERS))
        states[name] = {
            "transitions": {event: {"to": target} for event, target in ways.items()},
            "timers": {label: timer for label, timer in timers.items() if timer["raise"] in ways},
        }
    return {**json.loads(json.dumps(HEAD)), "events": {name: {} for name in NAMES}, "states": states}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=lifecycles())
def test_what_is_not_refused_comes_to_rest_at_any_time(tmp_path: Path, data: Any) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(written(data), "utf-8")
    errors = {one.code for one in check(path, names=OFFERED) if one.severity == "error"}
    event(f"refused: {'TF121' in errors}")
    if not errors:
        runs(load(path, names=OFFERED))


def found(folder: Path, **timers: Any) -> set[str]:
    """Return the codes of a lifecycle whose states `one` and `two` lead to each other by these timers."""
    states = {
        "requested": {"transitions": {"acquired": {"to": "one"}}},
        "one": {"transitions": {"two": {"to": "two"}}, "timers": {"a": {"raise": "two", **timers["one"]}}},
        "two": {"transitions": {"one": {"to": "one"}}, "timers": {"a": {"raise": "one", **timers["two"]}}},
    }
    path = folder / "mine.yaml"
    path.write_text(written({**HEAD, "events": {"one": {}, "two": {}}, "states": states}))
    return {one.code for one in check(path, names=OFFERED)}


@pytest.mark.parametrize(
    ("one", "two", "refused"),
    [
        ({"at": "entered"}, {"at": "entered"}, True),
        ({"at": "expires"}, {"at": "refreshed + 1d"}, True),
        ({"at": "entered"}, {"at": "entered + 0s"}, True),
        ({"at": "entered"}, {"at": "entered + 1s"}, False),
        ({"at": "entered"}, {"at": "entered + 1h", "jitter": "1h"}, True),
        ({"at": "entered"}, {"at": "entered + 2h", "jitter": "1h"}, False),
        ({"at": "entered + 1h", "hard": True}, {"at": "entered + 1h", "hard": True}, True),
        ({"at": "entered + 1h", "hard": True}, {"at": "entered + 1h"}, False),
    ],
)
def test_one_of_two_timers_that_lead_to_each_other_has_to_wait(
    tmp_path: Path, one: Any, two: Any, refused: bool
) -> None:
    assert ("TF121" in found(tmp_path, one=one, two=two)) is refused
