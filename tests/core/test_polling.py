"""The pace of a login that is polled, against an oracle in virtual time; and what an issuer may show."""

import json
from typing import Any, Final

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.performing import World
from tokenflow.core import flows
from tokenflow.core.effects import PROMPT_LIVES, Flow, Order, now
from tokenflow.core.errors import (
    AnswerNotUnderstood,
    ClockHeld,
    ConsentDenied,
    IssuerRefused,
    IssuerUnreachable,
    PromptExpired,
    PromptPending,
    TokenflowError,
)
from tokenflow.core.polling import LEAST, LONGEST, Later, Shown, polled, shown_of
from tokenflow.core.secret import Secret
from tokenflow.core.tokens import SECOND, Grant, Instant

MINUTE: Final = 60 * SECOND
DEVICE: Final = {"verification_uri": "https://issuer.example/device", "user_code": "WDJB-MJHT"}
OUTCOMES: Final = ("pending", "twice", "slower", "silent", "unsent", "garbage")


@attrs.define
class Device:
    """A plugin's login on a device: it answers by a script, and notes when it asked."""

    interval: int = LEAST
    lives: int = PROMPT_LIVES
    script: list[str] = attrs.field(factory=list)
    asked: list[Instant] = attrs.field(factory=list)

    def flow(self, order: Order) -> Flow[Grant]:
        """The acquirer."""
        began = yield from now()
        shown = Shown(
            url="https://x.example", user_code="U", interval=self.interval, until=began + self.lives
        )
        return (yield from polled(shown, self._look))

    def _look(self, interval: int) -> Flow[Grant | Later]:
        self.asked.append((yield from now()))
        match self.script.pop(0) if self.script else "pending":
            case "twice":
                return Later(2 * interval)
            case "slower":
                return Later(interval + 5 * SECOND)
            case "silent":
                raise IssuerUnreachable("no answer came", sent=True)
            case "unsent":
                raise IssuerUnreachable("it is left alone", sent=False)
            case "garbage":
                raise AnswerNotUnderstood("a web page")
            case "no":
                raise ConsentDenied("the person said no")
            case "400" | "429" | "503" as status:
                raise IssuerRefused("not so", status=int(status), facts={})
            case "yes":
                return Grant(access_token=Secret("device-token"), attributes={"user_id": "7"})
        return Later(interval)


def world_with(device: Device) -> World:
    """A world where the web login is one on a device."""
    world = World()
    world.setting.plugins.acquirers["facebook.web"] = device.flow  # type: ignore[attr-defined]
    with pytest.raises(PromptPending) as shown:
        world.run(flows.acquire(world.setting, "me", lifecycle="facebook-user", platform="web"))
    assert (shown.value.user_code, shown.value.poll) == ("U", max(device.interval, LEAST))
    return world


def ask(world: World) -> TokenflowError | str:
    """Ask whether it was decided; return the state of the token, or what is raised."""
    try:
        return world.run(flows.poll(world.setting, "me")).state
    except TokenflowError as error:
        return error


@attrs.define
class Oracle:
    """The pace as RFC 8628 §3.5 and the SDKs have it, written down a second time."""

    now: Instant
    interval: int
    until: Instant
    next: Instant

    def slower(self) -> int:
        """After silence: twice, up to a minute."""
        return self.interval if self.interval >= MINUTE else min(2 * self.interval, MINUTE)

    def hear(self, outcome: str) -> None:
        """Take an answer."""
        self.interval = {
            "pending": self.interval,
            "unsent": self.interval,
            "twice": min(2 * self.interval, LONGEST),
            "slower": min(self.interval + 5 * SECOND, LONGEST),
            "silent": self.slower(),
            "garbage": self.slower(),
        }[outcome]
        self.next = self.now + self.interval


@settings(max_examples=60, deadline=None)
@given(
    interval=st.sampled_from([1, 5, 7, 40]).map(lambda seconds: seconds * SECOND),
    lives=st.sampled_from([MINUTE, 7 * MINUTE, 30 * MINUTE]),
    steps=st.lists(
        st.tuples(st.integers(0, 90 * SECOND) | st.just(None), st.sampled_from(OUTCOMES)), max_size=25
    ),
)
def test_it_is_asked_at_the_issuer_s_pace_whoever_asks_and_whenever(
    interval: int, lives: int, steps: list[tuple[int | None, str]]
) -> None:
    """At any instants: never sooner than the interval then kept, never after its end, and else at once."""
    device = Device(interval=interval, lives=lives)
    world = world_with(device)
    kept = max(interval, LEAST)
    oracle = Oracle(world.now, kept, world.now + lives, world.now + kept)
    expected: list[Instant] = []
    for wait, outcome in steps:
        world.now += max(oracle.next - world.now, 0) if wait is None else wait
        oracle.now = world.now
        due = oracle.now >= oracle.next
        device.script = [outcome]
        found = ask(world)
        if oracle.now > oracle.until:
            assert isinstance(found, PromptExpired)
            break
        if due:
            expected.append(oracle.now)
            oracle.hear(outcome)
        assert isinstance(found, PromptPending)
        assert found.poll == oracle.next - oracle.now
        assert found.user_code == "U"
    assert device.asked == expected


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(OUTCOMES), max_size=40), st.sampled_from(["yes", "no"]))
def test_whatever_comes_before_it_a_decision_counts_and_nothing_grew(before: list[str], end: str) -> None:
    """The journal is as long after forty questions as after none, and a later answer finishes the login."""
    device = Device(lives=LONGEST)
    world = world_with(device)
    first = len(json.loads(world.parked["me"])["entries"])
    for outcome in before:
        device.script = [outcome]
        world.now = json.loads(world.parked["me"])["next"]
        if world.now > json.loads(world.parked["me"])["until"]:
            return
        assert isinstance(ask(world), PromptPending)
        assert len(json.loads(world.parked["me"])["entries"]) == first
    device.script = [end]
    world.now = min(json.loads(world.parked["me"])["next"], json.loads(world.parked["me"])["until"])
    if world.now < json.loads(world.parked["me"])["next"]:
        return
    found = ask(world)
    assert world.parked == {}
    assert found == "issued" if end == "yes" else isinstance(found, ConsentDenied)
    assert isinstance(ask(world), PromptExpired)


def test_a_held_clock_asks_nobody() -> None:
    """T12: nothing is timed by a clock that cannot be trusted; the login waits."""
    device = Device()
    world = world_with(device)
    world.held = "the clock is behind"
    assert isinstance(ask(world), ClockHeld)
    world.held = None
    world.now += LEAST
    assert isinstance(ask(world), PromptPending)
    assert len(device.asked) == 1


def test_an_issuer_s_no_ends_the_login_unless_it_passes() -> None:
    """A refusal of the app is final; one that means `not now` is asked about again."""
    for status, ends in (("400", True), ("503", False), ("429", False)):
        world = world_with(Device(script=[status]))
        world.now += LEAST
        found = ask(world)
        assert isinstance(found, IssuerRefused if ends else PromptPending)
        assert ("me" in world.parked) is not ends


def test_a_login_whose_answer_the_person_brings_is_never_asked_about() -> None:
    """It says again where to go, and sends nothing."""
    world = World()
    with pytest.raises(PromptPending) as shown:
        world.run(flows.acquire(world.setting, "me", lifecycle="facebook-user", platform="web"))
    found = ask(world)
    assert isinstance(found, PromptPending)
    assert (found.url, found.poll) == (shown.value.url, None)
    assert world.requests == []


# What an issuer may show.


def test_numbers_may_be_texts_and_what_is_missing_is_the_rfc_s() -> None:
    """RFC 8628 §3.2: without an interval it is 5 seconds; iOS's answers write numbers as text."""
    texts = shown_of({**DEVICE, "expires_in": "420", "interval": "7"}, 0)
    assert (texts.until, texts.interval) == (420 * SECOND, 7 * SECOND)
    bare = shown_of({"verification_url": "https://x.example", "user_code": "U"}, 0)
    assert (bare.until, bare.interval, bare.url) == (PROMPT_LIVES, LEAST, "https://x.example")
    assert shown_of({**DEVICE, "expires_in": 10**8}, 0).until == LONGEST


@pytest.mark.parametrize(
    "wrong",
    [
        {"verification_uri": None},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": "https://x.example/\x1b[2J"},
        {"verification_uri": "https://x.example/" + "a" * 4000},
        {"user_code": ""},
        {"user_code": 12345678},
        {"user_code": "ABC\r\nDEF"},
        {"user_code": "\x1b]8;;https://evil.example\x07"},
        {"user_code": "U" * 65},
        {"interval": "soon"},
        {"interval": -1},
        {"interval": True},
        {"expires_in": 1.5},
        {"expires_in": [420]},
    ],
)
def test_what_no_person_could_be_shown_is_no_answer(wrong: dict[str, Any]) -> None:
    """No control character reaches a terminal, no script an address bar."""
    with pytest.raises(AnswerNotUnderstood):
        shown_of({**DEVICE, **wrong}, 0)
