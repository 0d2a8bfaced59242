"""Logins on a device, to the letter: Facebook's own and RFC 8628's, played by hand."""

from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest

from tokenflow import (
    NEVER,
    SECOND,
    AnswerNotUnderstood,
    At,
    ConsentDenied,
    Grant,
    IssuerRefused,
    IssuerUnreachable,
    PromptExpired,
    Response,
    Secret,
    SecretNotFound,
)
from tokenflow.core.effects import Ask
from tokenflow.testing.play import Played, answering, play
from tokenflow_facebook.device import device as facebook
from tokenflow_oauth2.device import GRANT_TYPE
from tokenflow_oauth2.device import device as oauth2

from .ground import ISSUER, NOW, answer, form_of, order

BEGUN: Final = {
    "code": "26743274374324753466371",
    "user_code": "DUY5TQRK",
    "verification_uri": "https://www.facebook.com/device",
    "expires_in": 420,
    "interval": 5,
}
STANDARD: Final = {
    "device_code": "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://issuer.example/device",
    "expires_in": 1800,
}
DONE: Final = {"access_token": "DEVICET0KEN", "expires_in": 5_183_999}
SERVER: Final = attrs.evolve(
    ISSUER, endpoints={**ISSUER.endpoints, "device_authorization_endpoint": "https://issuer.example/device"}
)
Reply = Response | BaseException


def refused(subcode: int | None = None, code: int = 31, status: int = 400) -> Response:
    error = {"type": "OAuthException", "code": code}
    return answer({"error": error if subcode is None else {**error, "error_subcode": subcode}}, status)


def at_facebook(*replies: Reply, begun: Any = BEGUN, **changes: Any) -> tuple[Played[Grant], list[int]]:
    """Play the login; return it, and the interval at each question."""
    lent = {"secrets": {"client_token": "env:C"}, "scope": frozenset({"email", "ads_read"}), **changes}
    return played(facebook, order(**lent), answer(begun), *replies)


def at_a_standard_issuer(
    *replies: Reply, begun: Any = STANDARD, **changes: Any
) -> tuple[Played[Grant], list[int]]:
    wanted = order(**{"issuer": SERVER, "scope": frozenset({"a", "b"}), **changes})
    return played(oauth2, wanted, answer(begun), *replies)


def played(flow: Any, wanted: Any, *responses: Reply) -> tuple[Played[Grant], list[int]]:
    asked: list[int] = []

    def person(effect: Ask) -> dict[str, str]:
        assert effect.prompt.poll is not None
        asked.append(effect.prompt.poll // SECOND)
        return {"poll": str(effect.prompt.poll)}

    known = {"env:C": "cl1ent", "env:S": "s3cret"}
    answers = answering(now=NOW, secrets=known, nonces=["state"], responses=responses, person=person)
    return play(flow(wanted), answers), asked


def test_facebook_s_login_is_asked_for_by_the_client_token_and_the_scope_by_comma() -> None:
    """facebook.md §1.7: both calls carry `APPID|CLIENT_TOKEN` in the form, and no URL carries anything."""
    done, _ = at_facebook(answer({**DONE, "data_access_expiration_time": 1_760_000_000}))
    login, status = done.sent
    assert (login.method, login.url) == ("POST", "https://graph.example/v25.0/device/login")
    assert form_of(login) == {"access_token": "1234|cl1ent", "scope": "ads_read,email"}
    assert status.url == "https://graph.example/v25.0/device/login_status"
    assert form_of(status) == {"access_token": "1234|cl1ent", "code": BEGUN["code"]}
    assert done.result.access_token == Secret("DEVICET0KEN")
    assert done.result.expires == At(NOW + 5_183_999 * SECOND)
    assert done.result.attributes["data_access_expires_at"] == 1_760_000_000 * SECOND


def test_the_person_is_shown_the_issuer_s_own_address_and_code() -> None:
    """And until when it waits."""
    done, _ = at_facebook(answer(DONE))
    (prompt,) = [effect.prompt for effect in done.asked if isinstance(effect, Ask)]
    assert (prompt.url, prompt.user_code) == (BEGUN["verification_uri"], "DUY5TQRK")
    assert (prompt.poll, prompt.until) == (5 * SECOND, NOW + 420 * SECOND)
    assert "DUY5TQRK" not in repr(prompt)


@pytest.mark.parametrize(
    ("fields", "expires"),
    [
        ({"expires_in": "5183999", "data_access_expiration_time": "0"}, At(NOW + 5_183_999 * SECOND)),
        ({"expires_in": 0, "data_access_expiration_time": 0}, NEVER),
        ({"expires_in": "0"}, NEVER),
    ],
)
def test_values_are_texts_or_numbers_and_0_is_never(fields: dict[str, Any], expires: Any) -> None:
    """iOS reads texts, Android numbers: both come."""
    done, _ = at_facebook(answer({"access_token": "t", **fields}))
    assert done.result.expires == expires
    assert "data_access_expires_at" not in done.result.attributes


def test_pending_keeps_the_pace_and_too_fast_doubles_it() -> None:
    """1349174, and 1349172 as iOS takes it."""
    _, asked = at_facebook(
        refused(1349174),
        refused(1349172, 17),
        refused(1349174),
        refused(1349172, 31),
        answer(DONE),
    )
    assert asked == [5, 5, 10, 10, 20]


@pytest.mark.parametrize(("interval", "first"), [(5, 5), (1, 5), (0, 5), (None, 5), ("7", 7), (30, 30)])
def test_it_asks_no_more_often_than_every_five_seconds(interval: object, first: int) -> None:
    """Whatever the issuer allows, and less often where it wants so."""
    _, asked = at_facebook(answer(DONE), begun={**BEGUN, "interval": interval})
    assert asked == [first]


@pytest.mark.parametrize(
    "trouble",
    [
        IssuerUnreachable("no answer", sent=True),
        AnswerNotUnderstood("a page"),
        answer(b"<html>", 502),
        answer(b'{"error": {"co', 400),
        refused(code=2, status=500),
        refused(code=4),
        answer({}, 429),
        answer({"expires_in": 60}),
        answer(b"[]"),
    ],
)
def test_trouble_while_asking_is_not_the_end(trouble: Reply) -> None:
    """The network, a gateway, a limit, half an answer: asked again after twice the time."""
    done, asked = at_facebook(trouble, answer(DONE))
    assert done.result.access_token == Secret("DEVICET0KEN")
    assert asked == [5, 10]


def test_where_nothing_was_sent_the_pace_stays() -> None:
    """The issuer was not asked, so it has no reason to be asked less."""
    _, asked = at_facebook(IssuerUnreachable("left alone", sent=False), answer(DONE))
    assert asked == [5, 5]


@pytest.mark.parametrize(
    ("no", "error"),
    [
        (refused(1349173), ConsentDenied),
        (refused(1349152, 463), PromptExpired),
        (refused(None, 100), IssuerRefused),
        (refused(None, 190), IssuerRefused),
        (refused(460, 190), IssuerRefused),
    ],
)
def test_a_no_the_end_and_a_refusal_are_told_apart(no: Response, error: type[Exception]) -> None:
    """By the subcode: the code beside it differs from answer to answer."""
    with pytest.raises(error):
        at_facebook(refused(1349174), no)


@pytest.mark.parametrize("lost", ["code", "user_code", "verification_uri"])
@pytest.mark.parametrize("value", [None, "", 7, ["x"]])
def test_an_answer_that_shows_nothing_is_none(lost: str, value: object) -> None:
    """There is nothing a person could do with it."""
    with pytest.raises(AnswerNotUnderstood):
        at_facebook(begun={**BEGUN, lost: value})
    named = {"code": "device_code"}.get(lost, lost)
    with pytest.raises(AnswerNotUnderstood):
        at_a_standard_issuer(begun={**STANDARD, named: value})


def test_without_a_client_token_nobody_is_asked() -> None:
    """The app secret, lent or not, does not stand in for it."""
    with pytest.raises(SecretNotFound):
        at_facebook(secrets={"app_secret": "env:S"})


# RFC 8628.


def test_a_standard_issuer_is_asked_as_rfc_8628_has_it() -> None:
    """§3.1 and §3.4: a public client names itself; the scope by spaces; five seconds where none is named."""
    done, asked = at_a_standard_issuer(answer({"access_token": "t", "expires_in": 60, "refresh_token": "r"}))
    login, status = done.sent
    assert (login.url, form_of(login)) == (
        "https://issuer.example/device",
        {"client_id": "1234", "scope": "a b"},
    )
    assert status.url == ISSUER.endpoints["token_endpoint"]
    assert form_of(status) == {
        "grant_type": GRANT_TYPE,
        "device_code": STANDARD["device_code"],
        "client_id": "1234",
    }
    assert done.result.refresh_token == Secret("r")
    assert asked == [5]


def test_a_client_with_a_secret_shows_it() -> None:
    """As at any of its endpoints (RFC 6749 §2.3.1)."""
    done, _ = at_a_standard_issuer(answer(DONE), secrets={"client_secret": "env:S"})
    assert [one.basic for one in done.sent] == [("1234", Secret("s3cret"))] * 2


def test_slow_down_adds_five_seconds_for_good() -> None:
    """§3.5: this and all that follow."""
    pending, slower = ({"error": word} for word in ("authorization_pending", "slow_down"))
    _, asked = at_a_standard_issuer(
        answer(pending, 400), answer(slower, 400), answer(pending, 400), answer(slower, 400), answer(DONE)
    )
    assert asked == [5, 5, 10, 10, 15]


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        ("access_denied", ConsentDenied),
        ("expired_token", PromptExpired),
        ("invalid_grant", IssuerRefused),
        ("invalid_client", IssuerRefused),
    ],
)
def test_what_ends_a_standard_login(error: str, raised: type[Exception]) -> None:
    """§3.5, and RFC 6749 §5.2."""
    with pytest.raises(raised):
        at_a_standard_issuer(answer({"error": "authorization_pending"}, 400), answer({"error": error}, 400))


@pytest.mark.parametrize("trouble", [answer(b"<html>", 502), answer({}, 503), answer(b"no", 400)])
def test_a_gateway_s_answer_is_not_the_issuer_s(trouble: Response) -> None:
    """It is asked again."""
    done, asked = at_a_standard_issuer(trouble, answer(DONE))
    assert (done.result.access_token, asked) == (Secret("DEVICET0KEN"), [5, 10])


Login = Callable[..., tuple[Played[Grant], list[int]]]


@pytest.mark.parametrize("login", [at_facebook, at_a_standard_issuer])
def test_no_url_and_no_repr_holds_what_it_is_asked_with(login: Login) -> None:
    """The codes and the client token travel in forms."""
    done, _ = login(answer(DONE))
    hidden = ("cl1ent", BEGUN["code"], STANDARD["device_code"], "DEVICET0KEN", "WDJB-MJHT", "DUY5TQRK")
    told = f"{[one.url for one in done.sent]} {done.sent!r} {done.result!r}"
    assert [one for one in hidden if str(one) in told] == []
