"""Limited Login, from the dialog to its end: an ID token, taken by the published keys and for no more."""

import asyncio
import json
from collections.abc import Iterator
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.engine.ground import ADA, APP, BOB, HOUR, Ground
from tokenflow import (
    SECOND,
    AnswerNotUnderstood,
    Call,
    Engine,
    IssuerError,
    PayloadError,
    PersonNeeded,
    Refused,
    Secret,
    Token,
)
from tokenflow.engine.published import FRESH, LAST, MISSED, PAUSE
from tokenflow.sandbox.signing import Signer

NONCE: Final = "n0nce"
ME: Final = Call(method="GET", path="/me")
KEYS: Final = "/.well-known/oauth/openid/jwks"
LOGIN: Final[dict[str, Any]] = {"lifecycle": "facebook-limited", "platform": "ios"}


@cache
def signer() -> Signer:
    """A key made once: each takes a tenth of a second."""
    made = Signer()
    made.jwks()
    return made


@pytest.fixture
def engine(ground: Ground) -> Iterator[Engine]:
    ground.running.state.world.signer = signer()
    with ground.durable(specs=["facebook-limited"]) as opened:
        yield opened


def from_dialog(ground: Ground, person: str = ADA, nonce: str = NONCE) -> str:
    """Log in by the dialog; return the ID token that the address holds."""
    query = {"client_id": APP, "redirect_uri": "http://localhost/cb", "response_type": "id_token"}
    url = f"{ground.running.url}/v23.0/dialog/oauth?{urlencode({**query, 'nonce': nonce, 'scope': 'email'})}"
    return dict(parse_qsl(urlsplit(ground.admin.approve(person, url)).fragment))["id_token"]


def issued(ground: Ground, person: str = ADA, app: str = APP) -> str:
    """Log in by the SDK; return its ID token."""
    return str(ground.admin.issue(person, app, "ios", ["email"], nonce=NONCE)["id_token"])


def log_in(engine: Engine, token: Any, *, nonce: str = NONCE, key: str = "ada", **how: Any) -> Token:
    return engine.acquire(key, payload=token, attributes={"nonce": nonce}, **{**LOGIN, **how})


def test_the_dialog_s_id_token_is_kept_as_what_it_is(ground: Ground, engine: Engine) -> None:
    """Who logged in, to which app, until when; without a secret, and without a call that names the token."""
    value = from_dialog(ground)
    token = log_in(engine, value)
    assert (token.state, token.kind.name, token.access_token) == ("issued", "id", Secret(value))
    assert token.attributes["user_id"] == ADA
    assert token.attributes["name"] == "Ada Lovelace"
    assert token.attributes["email"].endswith("@tfbnw.net")
    assert token.expires_at == ground.clock() + HOUR * SECOND
    assert "nonce" not in token.attributes
    assert [row["path"] for row in ground.admin.ledger()["requests"]].count(KEYS) == 1
    assert value not in json.dumps(ground.admin.ledger()["requests"])
    assert value.encode() not in b"".join(
        path.read_bytes() for path in ground.folder.rglob("*") if path.is_file()
    )


@pytest.mark.proves("D6")
def test_a_login_is_good_once_whatever_it_is_brought_under(ground: Ground, engine: Engine) -> None:
    """Whoever has the token has its nonce: over, it logs nobody in, by no other key or event."""
    value = issued(ground)
    log_in(engine, value)
    engine.invalidate("ada", reason="logged_out")
    with pytest.raises(PersonNeeded):
        log_in(engine, value)
    with pytest.raises(PersonNeeded):
        log_in(engine, value, event_id="another")
    with pytest.raises(PayloadError) as replayed:
        log_in(engine, value, key="thief")
    assert replayed.value.code == "replayed"
    engine.forget("ada")
    with pytest.raises(PayloadError) as replayed:
        log_in(engine, value)
    assert replayed.value.code == "replayed"
    ground.pass_time(3 * HOUR)
    assert log_in(engine, issued(ground)).state == "issued"
    assert len(engine.desk.store.names("logins")) == 1


def test_one_odd_answer_of_the_keys_is_asked_for_again(ground: Ground, engine: Engine) -> None:
    """It holds no login up for longer than the pause between two fetches."""
    ground.admin.fault(path=KEYS, kind="status", status=200, body={"error_code": 1}, times=1)
    with pytest.raises(AnswerNotUnderstood):
        log_in(engine, issued(ground))
    ground.pass_time(PAUSE / SECOND)
    assert log_in(engine, issued(ground)).state == "issued"


def test_it_is_used_for_no_call(ground: Ground, engine: Engine) -> None:
    """The rule says why, in its words, and nothing is asked of the Graph."""
    log_in(engine, issued(ground))
    before = ground.requests()
    with pytest.raises(Refused, match="The Graph takes access tokens; this login brought none") as refused:
        engine.use("ada", ME)
    assert refused.value.code == "id-token-is-no-graph-token"
    assert ground.requests() == before


def test_it_ends_when_it_says(ground: Ground, engine: Engine) -> None:
    """Usable until `exp` is within what clocks differ by, then over and forgotten; a person logs in again."""
    log_in(engine, issued(ground))
    ground.pass_time(HOUR - 61)
    assert engine.token("ada").state == "issued"
    ground.pass_time(61)
    with pytest.raises(PersonNeeded):
        engine.token("ada")
    held = engine.explain("ada").token
    assert (held.state, held.access_token) == ("expired", None)


def test_a_login_is_taken_once(ground: Ground, engine: Engine) -> None:
    """Brought again it is what came of it, and once that is over it is refused; nothing is fetched for it."""
    value = issued(ground)
    first = log_in(engine, value)
    before = ground.requests()
    assert log_in(engine, value).id == first.id
    engine.invalidate("ada")
    with pytest.raises(PersonNeeded, match="taken before"):
        log_in(engine, value)
    assert ground.requests() == before


@pytest.mark.parametrize("code", ["other_app", "other_user", "forged", "expired"])
def test_what_is_not_of_this_login_is_not_kept(ground: Ground, engine: Engine, code: str) -> None:
    """Another app's, another person's, another login's, and one that lay about for ten minutes."""
    who: dict[str, Any] = {"nonce": NONCE}
    value = issued(ground)
    if code == "other_app":
        ground.admin.app(app_id="222", app_secret="other", client_token="c")  # made up
        value = issued(ground, app="222")
    elif code == "other_user":
        who["user_id"] = BOB
    elif code == "forged":
        who["nonce"] = "another"
    else:
        ground.pass_time(601)
    with pytest.raises(PayloadError) as refused:
        engine.acquire("ada", payload=value, attributes=who, **LOGIN)
    assert refused.value.code == code
    assert value not in f"{refused.value} {refused.value!r}"
    assert engine.keys() == []


def test_an_old_key_s_tokens_do_not_verify_and_a_new_key_is_fetched_once(
    ground: Ground, engine: Engine
) -> None:
    """The authority changed its key: what the new one signed is taken after one look, however many come."""
    ground.running.state.world.signer = Signer()
    old = issued(ground)
    log_in(engine, old)
    ground.pass_time(PAUSE // SECOND)
    before_change = issued(ground, BOB)
    ground.admin.rotate_key()
    assert ground.calls(KEYS) == 1
    assert log_in(engine, issued(ground)).state == "issued"
    assert ground.calls(KEYS) == 2
    with pytest.raises(PayloadError) as refused:
        log_in(engine, before_change, key="bob")
    assert refused.value.code == "forged"
    for person in (ADA, BOB):
        log_in(engine, issued(ground, person), key={ADA: "ada", BOB: "bob"}[person])
    assert ground.calls(KEYS) == 2


def test_old_keys_serve_while_none_can_be_had(ground: Ground, engine: Engine) -> None:
    """For a day; after that nobody is let in on the word of a key that may be withdrawn."""
    log_in(engine, issued(ground))
    for waited in (FRESH, LAST - FRESH - SECOND):
        ground.pass_time(waited / SECOND)
        value = issued(ground)
        ground.admin.fault(path=KEYS, kind="status", status=503)
        assert log_in(engine, value).state == "issued"
        ground.admin.clear_faults()
    ground.admin.fault(path=KEYS, kind="status", status=503)
    ground.pass_time(1)
    with pytest.raises(IssuerError):
        log_in(engine, issued(ground))
    ground.admin.clear_faults()
    ground.pass_time(MISSED / SECOND)
    assert log_in(engine, issued(ground)).state == "issued"


def test_an_awaited_engine_takes_it_as_well(ground: Ground) -> None:
    """The same keys, rule and end."""
    ground.running.state.world.signer = signer()

    async def awaited() -> None:
        async with await ground.aopen(specs=["facebook-limited"]) as engine:
            value = from_dialog(ground)
            token = await engine.acquire("ada", payload=value, attributes={"nonce": NONCE}, **LOGIN)
            assert (token.kind.name, token.attributes["user_id"]) == ("id", ADA)
            with pytest.raises(Refused):
                await engine.use("ada", ME)
            ground.pass_time(HOUR)
            with pytest.raises(PersonNeeded):
                await engine.token("ada")

    asyncio.run(awaited())
