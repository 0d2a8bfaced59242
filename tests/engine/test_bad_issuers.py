"""What a network and a tired or lying issuer do to an answer, over real HTTP."""

from typing import Any

import pytest

from tests.engine.ground import APP_SECRET, CLIENT_SECRET, HOUR, Ground, opened, quick
from tokenflow import IssuerError, TokenflowError
from tokenflow.core.events import AttemptBegun, AttemptFailed

FAULTS: dict[str, dict[str, Any]] = {
    "html": {},
    "empty": {},
    "half_json": {},
    "negative_expires_in": {},
    "status": {"status": 500},
    "drop": {},
    "drop_after": {},
    "slow": {"seconds": 1},
}
STALE = 0.9 * HOUR


def told(error: BaseException) -> str:
    return f"{error} {error!r} {error.args} {error.__dict__}"


@pytest.mark.proves("R5")
@pytest.mark.parametrize("kind", FAULTS)
def test_a_bad_answer_to_a_long_lived_login_changes_nothing(ground: Ground, kind: str) -> None:
    """The held token serves on, the attempt is on record, and the next healthy call succeeds."""
    with opened(ground, transport=quick()) as engine:
        first = ground.facebook(engine)
        assert first.access_token is not None
        ground.admin.fault("oauth/access_token", kind, times=1, **FAULTS[kind])
        with pytest.raises(IssuerError) as caught:
            engine.extend("ada")
        value = first.access_token.reveal()
        assert not [one for one in (value, APP_SECRET) if one in told(caught.value)]
        assert engine.token("ada").secret.reveal() == value
        history = engine.explain("ada").history
        assert [type(one) for one in history if isinstance(one, AttemptBegun | AttemptFailed)] == [
            AttemptBegun,
            AttemptFailed,
        ]
        assert engine.extend("ada").state == "extended"
        assert engine.token("ada").secret.reveal() != value


@pytest.mark.proves("D9", "R8")
def test_another_users_token_is_not_kept(ground: Ground) -> None:
    """An issuer that answers with another user's token is not understood; the held one stays."""
    with opened(ground) as engine:
        first = ground.facebook(engine)
        ground.admin.fault("oauth/access_token", "wrong_user", times=1)
        with pytest.raises(IssuerError) as caught:
            engine.extend("ada")
        assert caught.value.code == "answer_not_understood"
        assert engine.token("ada").secret == first.access_token
        assert engine.explain("ada").token.attributes["user_id"] == "100"


@pytest.mark.proves("R5")
@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind != "negative_expires_in"])
def test_a_stale_token_is_served_while_the_issuer_fails(ground: Ground, kind: str) -> None:
    """A token that is due for a refresh but not over is served; the refresh is tried again later."""
    with opened(ground, transport=quick()) as engine:
        first = ground.rotating(engine)
        ground.pass_time(STALE)
        ground.admin.fault("oauth2/token", kind, times=1, **FAULTS[kind])
        held = engine.token("k")
        assert held.secret == first.access_token
        explained = engine.explain("k")
        failed = [one for one in explained.history if isinstance(one, AttemptFailed)]
        assert [one.error for one in failed] == ["transient"]
        assert not [one for one in (held.secret.reveal(), CLIENT_SECRET) if one in str(explained.history)]
        assert explained.token.attempt is not None
        assert explained.token.attempt.retry_at is not None


@pytest.mark.proves("R6")
def test_a_rotated_answer_with_a_nonsense_lifetime_is_kept(ground: Ground) -> None:
    """R6: its refresh token is the only one that works by now; its end is assumed, and marked so."""
    with opened(ground) as engine:
        first = ground.rotating(engine)
        ground.admin.fault("oauth2/token", "negative_expires_in", times=1)
        token = engine.extend("k")
        assert (token.generation, token.estimated) == (2, True)
        assert token.refresh_token != first.refresh_token
        assert engine.extend("k").generation == 3


@pytest.mark.parametrize("kind", ["html", "empty", "status", "drop"])
def test_a_retry_brings_the_new_token(ground: Ground, kind: str) -> None:
    """When an issuer that did nothing is healthy again, the sweep's retry brings the new token."""
    with opened(ground) as engine:
        ground.rotating(engine)
        ground.pass_time(STALE)
        ground.admin.fault("oauth2/token", kind, times=1, **FAULTS[kind])
        engine.sweep()
        retry = engine.sweep().next_due
        assert retry is not None
        ground.pass_time((retry - ground.clock()) / 1_000_000 + 1)
        engine.sweep()
        assert engine.token("k").state == "extended"


def test_what_is_no_token_is_not_kept(ground: Ground) -> None:
    """A token with characters that no header can carry is no answer, and no error shows it."""
    strange: dict[str, Any] = {"token_type": "Bearer", "expires_in": 3600}
    with opened(ground) as engine:
        first = ground.rotating(engine)
        for bad in ("CANARY\ud800", "CANARY\r\nX: y", "CANARY \u00e9", "CANARY\x00"):
            body = {**strange, "access_token": bad, "refresh_token": bad}
            ground.admin.fault("oauth2/token", "status", status=200, body=body, times=1)
            with pytest.raises(TokenflowError) as caught:
                engine.extend("k")
            assert "CANARY" not in told(caught.value)
            assert engine.token("k").secret == first.access_token
            ground.pass_time(23)  # what it was is in doubt until it is quiet
        assert engine.extend("k").state == "extended"
