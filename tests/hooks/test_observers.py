"""Who listens hears of every batch; who fails is told apart, and quotes nothing."""

import attrs
import pytest

from tests.hooks.test_finding import line
from tests.hooks.test_looking_up import plugin
from tokenflow.hooks.registry import Registry

LISTENER = """
    from tokenflow import hookimpl

    heard = []

    @hookimpl
    def tokenflow_observe(events):
        heard.append(events)
"""
FAILING = """
    from tokenflow import hookimpl

    @hookimpl
    def tokenflow_observe(events):
        raise ValueError(f"cannot store {events}")
"""


@attrs.frozen
class Extended:
    """Something that happened."""

    key: str


def test_each_listener_hears_a_batch_once() -> None:
    first, second = plugin("first", LISTENER), plugin("second", LISTENER)
    batch = (Extended("alice"), Extended("bob"))

    Registry.of(first, second).observers(batch)

    assert first.heard == second.heard == [batch]


def test_a_listener_is_listed_as_one() -> None:
    assert line(Registry.of(plugin("first", LISTENER)), "first").offers == ("observer",)


def test_a_failing_listener_keeps_nobody_from_hearing() -> None:
    first, last = plugin("first", LISTENER), plugin("last", LISTENER)

    Registry.of(first, plugin("failing", FAILING), last).observers((Extended("alice"),))

    assert len(first.heard) == len(last.heard) == 1


def test_a_failing_listener_is_logged_without_what_it_was_told(caplog: pytest.LogCaptureFixture) -> None:
    Registry.of(plugin("failing", FAILING)).observers((Extended("alice@example.org"),))

    assert caplog.messages == [
        "the observer of plugin failing failed with ValueError; it was told of Extended"
    ]
    assert "alice" not in caplog.text


def test_an_interrupt_in_a_listener_is_not_swallowed() -> None:
    interrupting = FAILING.replace('ValueError(f"cannot store {events}")', "KeyboardInterrupt")

    with pytest.raises(KeyboardInterrupt):
        Registry.of(plugin("failing", interrupting)).observers((Extended("alice"),))
