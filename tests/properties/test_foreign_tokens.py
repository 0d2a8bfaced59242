"""No token that is another app's, another person's or of another kind is kept (security.md D1, D2, D9)."""

import json
from functools import cache
from random import Random
from typing import Any, Final

import pytest

from tokenflow import SECOND, At, Grant, Issuer, Order, Response, Secret, TokenflowError
from tokenflow.core.grants import verified
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.engine.opening import compiled, read_all
from tokenflow.hooks.registry import Registry
from tokenflow.testing.play import answering, play
from tokenflow_facebook.debug import debug_token

NOW_S: Final = 1_800_000_000
NOW: Final = NOW_S * SECOND
APP, ADA = "111", "100"
TRUE: Final[dict[str, Any]] = {
    "app_id": APP,
    "type": "USER",
    "is_valid": True,
    "user_id": ADA,
    "scopes": ["email", "public_profile"],
    "expires_at": NOW_S + 3600,
    "issued_at": NOW_S - 60,
}
ABSENT: Final = "(absent)"
FOREIGN: Final[dict[str, list[Any]]] = {
    "app_id": ["112", 112, 111.0, 111.5, "0111", " 111", "", None, ABSENT, ["111"], {"id": "111"}, True],
    "type": ["PAGE", "APP", "SYSTEM_USER", "", None, ABSENT, ["USER"], 1],
    "user_id": ["200", 200, 100.0, "", None, ABSENT, [ADA]],
    "is_valid": [False, None, ABSENT, "true", 1],
    "expires_at": [1, NOW_S, NOW_S - 1],
    "issued_at": [NOW_S + 3600, NOW_S + 86_400],
    "scopes": [[], ["public_profile"], None, ABSENT, ["Email"]],
}
ISSUER: Final = Issuer(name="facebook", client_id=APP, endpoints={"graph": "https://graph.example"})


@cache
def spec() -> Lifecycle:
    """The shipped lifecycle of a person's token."""
    registry = Registry.installed()
    documents = read_all(["facebook-user"], registry)
    issuers = {one.name: one.data for one in documents if one.kind == "Issuer"}
    return compiled(documents, issuers, registry, {})["facebook-user"]


@cache
def platforms() -> tuple[str, ...]:
    """Every way in which a client hands a token over."""
    return tuple(name for name, one in spec().acquisitions.items() if one.verify is not None)


def kept(platform: str, said: dict[str, Any]) -> Grant | None:
    """What is kept of a token that claims to be Ada's, by what Facebook says of it."""
    handed = Grant(
        access_token=Secret("T"),
        expires=At(NOW + 7200 * SECOND),
        scope=frozenset({"email"}),
        attributes={"user_id": ADA, "app_id": APP},
    )
    order = Order(key="k", issuer=ISSUER, grant=handed, secrets={"app_secret": "env:S"})
    body = json.dumps({"data": {name: value for name, value in said.items() if value != ABSENT}}).encode()
    answers = answering(now=NOW, secrets={"env:S": "s"}, responses=[Response(status=200, body=body)])
    try:
        found = play(debug_token(order), answers).result
        return verified(spec(), spec().acquisitions[platform], APP, handed, found, NOW)
    except TokenflowError:
        return None


def foreign(chance: Random) -> dict[str, Any]:
    """What is said of a token that is not Ada's for this app: one thing at least is off."""
    names = chance.sample(sorted(FOREIGN), chance.randint(1, 3))
    return {**TRUE, **{name: chance.choice(FOREIGN[name]) for name in names}}


def refuse(platform: str, said: dict[str, Any]) -> None:
    """Hold that nothing is kept."""
    assert kept(platform, said) is None, (platform, said)


def test_what_is_hers_is_kept_on_every_platform() -> None:
    """The harness can tell: a true answer, and a numeric app id as of old, are taken everywhere."""
    assert {"javascript", "android", "ios"} <= set(platforms())
    for platform in platforms():
        for said in (TRUE, {**TRUE, "app_id": 111, "user_id": 100}, {**TRUE, "expires_at": 0}):
            assert kept(platform, said) is not None


@pytest.mark.proves("D1", "D2")
@pytest.mark.parametrize("name", FOREIGN)
def test_each_thing_that_is_off_is_enough(name: str) -> None:
    """Each foreign value alone is refused, on every platform."""
    for platform in platforms():
        for value in FOREIGN[name]:
            refuse(platform, {**TRUE, name: value})


def refuse_all(times: int, seed: int) -> None:
    """Hold that nothing is kept of *times* foreign tokens; a failure names what was said of it."""
    chance = Random(seed)
    for _ in range(times):
        refuse(chance.choice(platforms()), foreign(chance))


@pytest.mark.proves("D1", "D2")
def test_no_foreign_token_is_kept() -> None:
    """0 of 2 000."""
    refuse_all(2_000, seed=1)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(10))
def test_no_foreign_token_is_kept_in_a_campaign(seed: int) -> None:
    """0 of 100 000."""
    refuse_all(10_000, seed=100 + seed)
