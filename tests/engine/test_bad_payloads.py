"""What a platform hands over and must not be kept: cut, foreign, over, forged."""

import json
import plistlib
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import pytest

from tests.engine.ground import ADA, APP, BOB, DAY, ENCODERS, Ground
from tokenflow import SECOND, MemoryStore, TokenflowError

PLATFORMS = tuple(ENCODERS)
HANDED_IN_ADVANCE = {"android", "ios"}
"""Their payloads name the app and the end, so a wrong one is known without asking."""


def encoded(ground: Ground, platform: str, issued: Mapping[str, Any]) -> Any:
    return ENCODERS[platform](issued, ground.clock() // SECOND)


def issue(ground: Ground, platform: str, app: str = APP, **how: Any) -> dict[str, Any]:
    return ground.admin.issue(ADA, app, platform, ["email"], **how)


def truncated(ground: Ground, platform: str) -> Any:
    payload = encoded(ground, platform, issue(ground, platform))
    return payload[: len(payload) // 2]


def another_version(ground: Ground, platform: str) -> Any:
    payload = encoded(ground, platform, issue(ground, platform))
    if platform == "ios":
        return plistlib.dumps({**plistlib.loads(payload), "$version": 200_000}, fmt=plistlib.FMT_BINARY)
    return json.dumps({**json.loads(payload), "version": 2})


def other_app(ground: Ground, platform: str) -> Any:
    ground.admin.app(app_id="222", app_secret="other", client_token="other")
    return encoded(ground, platform, issue(ground, platform, app="222"))


def other_app_in_disguise(ground: Ground, platform: str) -> Any:
    """Another app's token that says it is ours: only the issuer can tell (security.md D1)."""
    ground.admin.app(app_id="222", app_secret="other", client_token="other")
    return encoded(ground, platform, {**issue(ground, platform, app="222"), "app_id": APP})


def other_user(ground: Ground, platform: str) -> Any:
    """Ada's token that says it is Bob's."""
    return encoded(ground, platform, {**issue(ground, platform), "user_id": BOB})


def expired(ground: Ground, platform: str) -> Any:
    payload = encoded(ground, platform, issue(ground, platform))
    ground.pass_time(61 * DAY)
    return payload


def forged(ground: Ground, platform: str) -> Any:
    return encoded(ground, platform, {**issue(ground, platform), "access_token": "CANARY" * 8})


@attrs.frozen
class Bad:
    """A payload, the codes it may be refused with, and on which platforms nothing is sent for it."""

    make: Callable[[Ground, str], Any]
    codes: frozenset[str]
    silent: frozenset[str] = frozenset()


EVERYWHERE = frozenset(PLATFORMS)
BAD = {
    "truncated": Bad(truncated, frozenset({"truncated"}), EVERYWHERE),
    "other_app": Bad(other_app, frozenset({"other_app", "forged"}), frozenset(HANDED_IN_ADVANCE)),
    "other_app_in_disguise": Bad(other_app_in_disguise, frozenset({"other_app", "forged"})),
    "other_user": Bad(other_user, frozenset({"other_user"})),
    "expired": Bad(expired, frozenset({"expired"}), frozenset(HANDED_IN_ADVANCE)),
    "forged": Bad(forged, frozenset({"forged"})),
}


def refusal(ground: Ground, platform: str, payload: Any, **how: Any) -> tuple[str, int]:
    """The code that *payload* is refused with and how many requests it cost; nothing is stored."""
    store = MemoryStore()
    with ground.open(store) as engine:
        before = ground.requests()
        with pytest.raises(TokenflowError) as caught:
            engine.acquire("ada", lifecycle="facebook-user", platform=platform, payload=payload, **how)
        assert "CANARY" not in f"{caught.value} {caught.value!r} {caught.value.args}"
        assert store.load("default", "ada") is None
        assert engine.keys() == []
        return caught.value.code, ground.requests() - before


@pytest.mark.proves("D1")
@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", BAD)
def test_a_bad_payload_is_refused_and_not_kept(ground: Ground, platform: str, name: str) -> None:
    """Each bad payload is refused with its code, keeps nothing, and costs no request when it shows."""
    bad = BAD[name]
    code, requests = refusal(ground, platform, bad.make(ground, platform))
    assert code in bad.codes
    if platform in bad.silent:
        assert requests == 0


@pytest.mark.parametrize("platform", ["android", "ios"])
def test_another_version_is_refused_before_anything_is_sent(ground: Ground, platform: str) -> None:
    """A payload written by an SDK of another version is unknown_version."""
    assert refusal(ground, platform, another_version(ground, platform)) == ("unknown_version", 0)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_login_of_another_person_than_expected_costs_no_request(ground: Ground, platform: str) -> None:
    """An application that knows whom it expects refuses another person's login by itself."""
    payload = encoded(ground, platform, issue(ground, platform))
    assert refusal(ground, platform, payload, attributes={"user_id": BOB}) == ("other_user", 0)


@pytest.mark.parametrize("payload", [None, b"", "", {}, [], 7, b"\xff\xfe", "{}", "[" * 10_000])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_is_no_payload_is_refused_without_a_request(ground: Ground, platform: str, payload: Any) -> None:
    """Anything else than a payload is a PayloadError too, never a crash."""
    code, requests = refusal(ground, platform, payload)
    assert code in {"truncated", "malformed", "unknown_version"}
    assert requests == 0


def test_a_verification_that_cannot_be_had_keeps_nothing(ground: Ground) -> None:
    """While the issuer is out nothing is believed; afterwards the same payload is taken."""
    payload = ground.payload("android")
    ground.admin.outage(on=True)
    assert refusal(ground, "android", payload)[0] == "issuer_refused"
    ground.admin.outage(on=False)
    with ground.open() as engine:
        assert (
            engine.acquire("ada", lifecycle="facebook-user", platform="android", payload=payload).state
            == "extended"
        )
