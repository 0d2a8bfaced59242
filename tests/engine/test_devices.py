"""A login on a device: shown on one screen, decided on another, asked about in the issuer's own time."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.engine.ground import ADA, APP, Ground
from tests.engine.keeping import Naps, watch
from tokenflow import (
    SECOND,
    Closed,
    ConsentDenied,
    Engine,
    IssuerRefused,
    Kept,
    PromptExpired,
    PromptPending,
    SecretNotFound,
    Wanted,
)
from tokenflow.engine.keeper import Keeper
from tokenflow.engine.performer import PARKED

STATUS: Final = "/device/login_status"
TV: Final = Wanted(key="tv", lifecycle="facebook-user", platform="device", attributes={}, scope=("email",))
INTERVAL: Final = 5


def begin(engine: Engine, key: str = "tv") -> PromptPending:
    """Begin a login; return what the person is shown."""
    with pytest.raises(PromptPending) as caught:
        engine.acquire(key, lifecycle="facebook-user", platform="device", scope=["email", "user_likes"])
    return caught.value


def decide(ground: Ground, shown: PromptPending, *, deny: bool = False) -> None:
    """Enter the code on the phone."""
    ground.admin.approve(ADA, f"{shown.url}?user_code={shown.user_code}", deny=deny)


def polls(ground: Ground) -> int:
    return sum(row["path"].endswith(STATUS) for row in ground.admin.ledger()["requests"])


@pytest.fixture
def engine(ground: Ground) -> Iterator[Engine]:
    with ground.open(specs=["facebook-user"]) as opened:
        yield opened


def test_the_person_is_shown_where_to_go_and_what_to_enter(ground: Ground, engine: Engine) -> None:
    """The address, the code, and when it is worth asking; none of them in what an error prints."""
    shown = begin(engine)
    assert shown.url == f"{ground.running.url}/device"
    assert shown.user_code is not None
    assert len(shown.user_code) == 8
    assert shown.poll == INTERVAL * SECOND
    assert shown.user_code not in f"{shown} {shown!r}"
    assert engine.explain("tv").token.state == "requested"


def test_once_the_person_agreed_the_token_is_verified_and_kept(ground: Ground, engine: Engine) -> None:
    """Its end, its user and its scope are what debug_token says; it begins long-lived."""
    decide(ground, begin(engine))
    ground.pass_time(INTERVAL)
    token = engine.answer("tv")
    assert (token.state, token.attributes["user_id"], token.platform) == ("extended", ADA, "device")
    assert token.scope == {"email", "user_likes", "public_profile"}
    assert sum("debug_token" in row["path"] for row in ground.admin.ledger()["requests"]) == 1
    assert engine.desk.store.get(PARKED, "default/tv") is None
    with pytest.raises(PromptExpired):
        engine.answer("tv")


def test_an_undecided_login_waits_and_is_not_asked_about_too_soon(ground: Ground, engine: Engine) -> None:
    """Whoever asks between two polls hears how long it takes, and the issuer hears nothing."""
    begin(engine)
    for _ in range(3):
        with pytest.raises(PromptPending) as soon:
            engine.answer("tv")
        assert soon.value.poll == INTERVAL * SECOND
    assert polls(ground) == 0
    ground.pass_time(INTERVAL)
    with pytest.raises(PromptPending):
        engine.answer("tv")
    assert polls(ground) == 1


def test_a_no_on_the_phone_is_a_denied_consent(ground: Ground, engine: Engine) -> None:
    """1349173: the token that was asked for is refused, and nothing waits any more."""
    decide(ground, begin(engine), deny=True)
    ground.pass_time(INTERVAL)
    with pytest.raises(ConsentDenied):
        engine.answer("tv")
    assert engine.explain("tv").token.state == "refused"
    with pytest.raises(PromptExpired):
        engine.answer("tv")


@pytest.mark.parametrize("passed", [419, 421])
def test_a_code_that_nobody_entered_expires(ground: Ground, engine: Engine, passed: int) -> None:
    """After the issuer's own 420 seconds, whether it says so (1349152) or is not even asked."""
    begin(engine)
    ground.admin.advance(420)
    ground.clock.advance(passed * SECOND)
    with pytest.raises(PromptExpired):
        engine.answer("tv")
    assert polls(ground) == (passed < 420)
    assert begin(engine).user_code is not None


def test_too_fast_doubles_the_interval_for_good(ground: Ground, engine: Engine) -> None:
    """1349172, as iOS takes it: 5, then 10 seconds; the login goes on, and so does everybody else's."""
    shown = begin(engine)
    ground.clock.advance(INTERVAL * SECOND)  # ours alone: the issuer's clock stands still
    with pytest.raises(PromptPending):
        engine.answer("tv")
    ground.clock.advance(INTERVAL * SECOND)
    with pytest.raises(PromptPending) as hasty:
        engine.answer("tv")
    assert hasty.value.poll == 2 * INTERVAL * SECOND
    decide(ground, shown)
    ground.clock.advance(2 * INTERVAL * SECOND - 1)
    with pytest.raises(PromptPending):
        engine.answer("tv")
    ground.clock.advance(1)
    assert engine.answer("tv").state == "extended"
    assert polls(ground) == 3


@pytest.mark.parametrize(
    "fault",
    [{"kind": "drop"}, {"kind": "status", "status": 503}, {"kind": "html"}, {"kind": "half_json"}],
    ids=lambda fault: fault["kind"],
)
def test_an_issuer_in_trouble_while_it_is_asked_ends_nothing(
    ground: Ground, engine: Engine, fault: dict[str, Any]
) -> None:
    """No answer, half of one, a web page: it is asked again later, and the person's yes still counts."""
    shown = begin(engine)
    ground.admin.fault(path="device/login_status", times=1, **fault)
    ground.pass_time(INTERVAL)
    with pytest.raises(PromptPending) as slower:
        engine.answer("tv")
    assert slower.value.poll in (INTERVAL * SECOND, 2 * INTERVAL * SECOND)
    decide(ground, shown)
    ground.pass_time(60)
    assert engine.answer("tv").state == "extended"


def test_a_yes_that_got_lost_on_its_way_ends_the_login(ground: Ground, engine: Engine) -> None:
    """The issuer gave the token once: asked again it knows no such code, and the person begins anew."""
    decide(ground, begin(engine))
    ground.admin.fault(path="device/login_status", times=1, kind="drop_after")
    ground.pass_time(INTERVAL)
    with pytest.raises(PromptPending):
        engine.answer("tv")
    ground.pass_time(2 * INTERVAL)
    with pytest.raises(IssuerRefused):
        engine.answer("tv")
    with pytest.raises(PromptExpired):
        engine.answer("tv")


def test_a_yes_is_kept_while_nobody_can_vouch_for_it(ground: Ground) -> None:
    """The issuer gave the token and then is out: it is sealed and verified later, by another process."""
    with ground.durable(specs=["facebook-user"]) as engine:
        decide(ground, begin(engine))
        ground.pass_time(INTERVAL)
        ground.admin.fault(path="debug_token", kind="status", status=503, times=9)
        with pytest.raises(PromptPending):
            engine.answer("tv")
        kept = b"".join(path.read_bytes() for path in ground.folder.glob("tokens.db*"))
        assert not [
            one.value for one in ground.running.state.world.tokens.values() if one.value.encode() in kept
        ]
    ground.admin.clear_faults()
    ground.pass_time(600)
    with ground.durable(specs=["facebook-user"]) as engine:
        assert engine.answer("tv").state == "extended"
    assert polls(ground) == 1


def test_a_parked_device_login_survives_a_restart_sealed(ground: Ground) -> None:
    """Neither its code nor the client token is in the store's bytes, and the pace holds over the restart."""
    with ground.durable(specs=["facebook-user"]) as engine:
        shown = begin(engine)
        ground.pass_time(INTERVAL)
        with pytest.raises(PromptPending):
            engine.answer("tv")
        kept = b"".join(path.read_bytes() for path in ground.folder.glob("tokens.db*"))
        (code,) = ground.running.state.world.devices
        assert shown.user_code is not None
        for secret in (code, shown.user_code, ground.running.client_token):
            assert secret.encode() not in kept
    decide(ground, shown)
    with ground.durable(specs=[]) as engine:
        with pytest.raises(PromptPending) as soon:
            engine.answer("tv")
        assert (soon.value.url, soon.value.user_code) == (shown.url, shown.user_code)
    ground.pass_time(INTERVAL)
    with ground.durable(specs=["facebook-user"]) as engine:
        assert engine.answer("tv").state == "extended"


def test_its_journal_does_not_grow(ground: Ground, engine: Engine) -> None:
    """Asked eighty times: what is parked and what is on record stay as large as after the first."""
    begin(engine)
    sizes, lines = set(), set()
    for _ in range(80):
        ground.pass_time(INTERVAL)
        with pytest.raises(PromptPending):
            engine.answer("tv")
        sizes.add(len(engine.desk.store.get(PARKED, "default/tv") or b""))
        lines.add(len(engine.explain("tv").history))
    assert max(sizes) - min(sizes) < 16
    assert lines == {1}
    assert polls(ground) == 80


def test_without_the_client_token_nothing_is_sent(ground: Ground) -> None:
    """The app secret does not stand in for it: a device must not hold that one."""
    with ground.open(specs=["facebook-user"], secrets={}) as engine, pytest.raises(SecretNotFound):
        engine.acquire("tv", lifecycle="facebook-user", platform="device")
    assert ground.requests() == 0


def test_the_client_token_comes_in_the_form_with_the_scope_by_comma(ground: Ground, engine: Engine) -> None:
    """To the letter: `APPID|CLIENT_TOKEN`, and no secret anywhere near."""
    begin(engine)
    (login,) = ground.running.state.world.devices.values()
    assert (login.app_id, login.scope) == (APP, ("email", "user_likes"))


def test_one_call_shows_and_waits(ground: Ground, engine: Engine) -> None:
    """With `prompt=` the engine asks by its own clock until the person has decided."""

    def show(shown: PromptPending) -> None:
        decide(ground, shown)
        threading.Timer(0.05, lambda: ground.pass_time(INTERVAL)).start()

    token = engine.acquire("tv", lifecycle="facebook-user", platform="device", prompt=show)
    assert token.state == "extended"
    assert polls(ground) == 1


def test_one_awaited_call_shows_and_waits(ground: Ground) -> None:
    """The same, awaited; `answer` too."""

    async def show(shown: PromptPending) -> None:
        await asyncio.to_thread(decide, ground, shown)
        asyncio.get_running_loop().call_later(0.05, ground.clock.advance, INTERVAL * SECOND)

    async def run() -> None:
        async with await ground.aopen(specs=["facebook-user"]) as engine:
            token = await engine.acquire("tv", lifecycle="facebook-user", platform="device", prompt=show)
            assert token.state == "extended"
            with pytest.raises(PromptExpired):
                await engine.answer("tv")

    asyncio.run(run())


def test_waiting_ends_at_once_when_the_engine_is_closed(ground: Ground) -> None:
    """The caller hears Closed, and the login stays parked for whoever opens the store next."""
    with ground.durable(specs=["facebook-user"]) as engine:
        shown: list[PromptPending] = []

        def show(one: PromptPending) -> None:
            shown.append(one)
            threading.Timer(0.05, engine.close).start()

        with pytest.raises(Closed):
            engine.acquire("tv", lifecycle="facebook-user", platform="device", prompt=show)
    decide(ground, shown[0])
    ground.pass_time(INTERVAL)
    with ground.durable(specs=["facebook-user"]) as engine:
        assert engine.answer("tv").state == "extended"


def test_the_keeper_asks_when_it_is_time(ground: Ground, engine: Engine) -> None:
    """A wish: the code is told once, asked about every five seconds, and the token is there at the yes."""
    told: list[Kept] = []

    def look() -> None:
        if polls(ground) == 3 and isinstance(told[0].error, PromptPending):
            decide(ground, told[0].error)

    alarm = Naps(ground.pass_time, ground.clock, 8, look)
    keeper = Keeper(engine.desk, [TV], tell=told.append, alarm=alarm)
    alarm.stop = keeper.stop
    keeper.start().result()
    assert [(one.state, one.user_code is None) for one in told] == [(None, False), ("extended", True)]
    assert told[0].problem == "a person has to log in"
    assert alarm.taken[1:4] == [INTERVAL] * 3
    assert polls(ground) == 4


def test_the_keeper_shows_a_new_code_when_the_old_one_is_over(ground: Ground, engine: Engine) -> None:
    """Each is told once: 420 seconds are 84 polls, and then there is another."""
    told, naps = watch(ground, engine, [TV], 100)
    assert len(told) == len({one.user_code for one in told}) == 2
    assert sum(naps.taken) >= 420


def test_a_keeper_goes_on_with_the_login_another_one_began(ground: Ground) -> None:
    """Looked at once, by two processes one after the other: the person is shown one code, not two."""
    with ground.durable(specs=["facebook-user"]) as engine:
        (first,) = once(engine)
    with ground.durable(specs=["facebook-user"]) as engine:
        (second,) = once(engine)
    assert first.user_code == second.user_code


def once(engine: Engine) -> tuple[Kept, ...]:
    keeper = Keeper(engine.desk, [TV])
    return engine.desk.keep_going(keeper.once(), keeper.stop).result()
