"""How the SDKs extend a token they keep: the rule of when, and the outcomes of the two calls."""

import json
from typing import Any

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.plugins.ground import NOW, answer, form_of, order, token
from tokenflow import NEVER, SECOND, AnswerNotUnderstood, At, Grant, Inspection, IssuerRefused, Secret, View
from tokenflow.core.compiling import compile_lifecycle
from tokenflow.core.deadlines import deadlines
from tokenflow.core.steps import settle
from tokenflow.core.tokens import Token, TokenKind
from tokenflow.spec import load
from tokenflow.testing.play import answering, play
from tokenflow_facebook.mobile import extend_mobile, whose

MILLI = 1000
HOUR, DAY = 3600 * SECOND, 86_400 * SECOND
DOCUMENT = load("facebook-mobile")
MOBILE = compile_lifecycle(DOCUMENT.data, digest=DOCUMENT.digest, guards={})
PERMISSIONS = {
    "data": [
        {"permission": "email", "status": "granted"},
        {"permission": "installed", "status": "granted"},
        {"permission": "user_likes", "status": "declined"},
        {"permission": "user_posts", "status": "expired"},
        {"permission": "odd", "status": "unheard_of"},
    ]
}
LONGER = {"access_token": "LONG", "expires_at": 1_990_000_000, "data_access_expiration_time": 1_980_000_000}
NO = {"error": {"type": "OAuthException", "code": 2, "message": "no"}}


def both(first: Any, second: Any) -> Any:
    """Play the flow with the two answers of the batch; what is no mapping with a status is a 200."""
    said = [{"code": 400 if "error" in one else 200, "body": json.dumps(one)} for one in (first, second)]
    held = attrs.evolve(token(), expires=At(NOW + 7 * DAY), attributes={"data_access_expires_at": NOW + DAY})
    return play(
        extend_mobile(order(token=held, secrets={})), answering(now=NOW, responses=[answer(said)], secrets={})
    )


def may_fire(now: int, can_extend: bool, refreshed: int, tried: int) -> bool:
    """The SDKs' rule as they write it (facebook.md §4.4): both strictly more."""
    return can_extend and now - tried > HOUR and now - refreshed > DAY


millis = st.integers(0, 3 * 86_400_000)


@given(ago=millis, tried=st.none() | millis, source=st.sampled_from(["NONE", "WEB_VIEW", None]))
@example(ago=86_400_000, tried=None, source=None)
@example(ago=86_400_001, tried=None, source=None)
@example(ago=86_400_001, tried=3_600_000, source=None)
@example(ago=86_400_001, tried=3_600_001, source=None)
@example(ago=86_400_000, tried=3_600_001, source="WEB_VIEW")
def test_a_token_on_a_device_is_extended_exactly_when_the_sdk_would(
    ago: int, tried: int | None, source: str | None
) -> None:
    """More than 24 h since the last refresh and 1 h since the last try, both strict; never of NONE."""
    asked = MOBILE.chooser.choose("acquired", "requested", View(token={"source": source}, event={}))
    state = (asked.row.target if asked.row else None) or ""
    now, refreshed = NOW, NOW - ago * MILLI
    fired = {} if tried is None else {"extend": now - tried * MILLI}
    if tried is not None and tried > ago - 86_400_000:
        fired = {}  # a try that was not due was not made: nothing was tried since the refresh
        tried = None
    held = Token(
        key="me", id="t", kind=TokenKind("user"), lifecycle=MOBILE.ref, digest=MOBILE.digest,
        issuer="facebook", state=state, entered_at=refreshed, issued_at=refreshed,
        refreshed_at=refreshed, expires=At(NOW + 30 * DAY), access_token=Secret("T0KEN"), fired=fired,
        attributes={"last_refresh": refreshed, "source": source},
    )  # fmt: skip
    due = settle(MOBILE, held, now).due == "extend"
    oracle = may_fire(now, source != "NONE", refreshed, 0 if tried is None else now - tried * MILLI)
    assert due is oracle


def test_nothing_in_the_rule_looks_at_the_end() -> None:
    """A token with a minute left and one that never ends are extended at the same age."""
    found = set()
    for expires in (At(NOW + 3 * DAY), NEVER):
        held = Token(
            key="me", id="t", kind=TokenKind("user"), lifecycle=MOBILE.ref, digest=MOBILE.digest,
            issuer="facebook", state="extended", entered_at=NOW, expires=expires,
            attributes={"last_refresh": NOW},
        )  # fmt: skip
        found.add(next(line.at for line in deadlines(MOBILE, held) if line.event == "extend"))
    assert found == {NOW + DAY + MILLI}


def test_the_two_are_asked_in_one_batch_and_no_secret_is_shown() -> None:
    """The SDKs' own batch, with the token in Authorization only."""
    (sent,) = both(PERMISSIONS, LONGER).sent
    calls = json.loads(form_of(sent)["batch"])
    assert [one["method"] for one in calls] == ["GET", "GET"]
    assert calls[0]["relative_url"] == "me/permissions?fields=permission,status"
    assert calls[1]["relative_url"] == (
        "oauth/access_token?grant_type=fb_extend_sso_token&client_id=1234"
        "&fields=access_token,expires_at,expires_in,data_access_expiration_time,graph_domain"
    )
    assert sent.bearer == Secret("T0KEN")
    assert not {"client_secret", "appsecret_proof", "access_token"} & form_of(sent).keys()


def test_both_came() -> None:
    """The new token, its end, its access to data, and the three sets of permissions."""
    found = both(PERMISSIONS, LONGER).result
    assert isinstance(found, Grant)
    assert (found.access_token, found.expires) == (Secret("LONG"), At(1_990_000_000 * SECOND))
    assert found.scope == frozenset({"email"})
    assert found.attributes == {
        "declined_scopes": ["user_likes"],
        "expired_scopes": ["user_posts"],
        "last_refresh": NOW,
        "data_access_expires_at": 1_980_000_000 * SECOND,
        "data_access": "open",
    }


def test_only_the_permissions_came() -> None:
    """The token stays, its permission sets are replaced, and that was a refresh."""
    found = both(PERMISSIONS, NO).result
    assert isinstance(found, Inspection)
    assert (found.active, found.scope) == (True, frozenset({"email"}))
    assert found.attributes["last_refresh"] == NOW


def test_only_the_token_came() -> None:
    """The permissions stay as they were."""
    found = both(NO, LONGER).result
    assert isinstance(found, Grant)
    assert found.scope is None
    assert "declined_scopes" not in found.attributes


@pytest.mark.parametrize("second", [NO, {"error": {"code": 190, "error_subcode": 463}}])
def test_neither_came(second: dict[str, Any]) -> None:
    """The extension's own no is raised."""
    with pytest.raises(IssuerRefused) as no:
        both(NO, second)
    assert no.value.facts["code"] == second["error"]["code"]


@pytest.mark.parametrize(
    ("ends", "expires"),
    [
        ({"expires_at": 1_990_000_000, "expires_in": 60}, At(1_990_000_000 * SECOND)),
        ({"expires_at": 0, "expires_in": 60}, At(NOW + 60 * SECOND)),
        ({"expires_in": 60}, At(NOW + 60 * SECOND)),
        ({"expires_at": 0, "expires_in": 0}, At(NOW + 7 * DAY)),
        ({}, At(NOW + 7 * DAY)),
    ],
)
def test_the_end_is_absolute_or_from_now_or_the_old_one(ends: dict[str, int], expires: At) -> None:
    """`expires_at` that is not 0, else `expires_in` that is not 0, else the old end."""
    assert both(PERMISSIONS, {"access_token": "LONG", **ends}).result.expires == expires


@pytest.mark.parametrize("ends", [{}, {"data_access_expiration_time": 0}])
def test_no_end_of_access_to_data_is_never(ends: dict[str, int]) -> None:
    """Absent or 0: the attribute is unknown from then on, so that its timers sleep."""
    found = both(PERMISSIONS, {"access_token": "LONG", **ends}).result
    assert found.attributes["data_access_expires_at"] is None


def test_a_yes_without_a_token_is_no_answer() -> None:
    """The SDK's constructor throws there; what is held stays."""
    with pytest.raises(AnswerNotUnderstood):
        both(PERMISSIONS, {"expires_at": 5})


@pytest.mark.parametrize("body", [[], [None], {"data": []}, [None, None], [1, 2]])
def test_an_answer_that_is_no_two_is_told(body: Any) -> None:
    """A batch that came back in another form, or whose calls timed out, changes nothing."""
    with pytest.raises((AnswerNotUnderstood, IssuerRefused)):
        play(
            extend_mobile(order(token=attrs.evolve(token()), secrets={})),
            answering(now=NOW, responses=[answer(body)], secrets={}),
        )


def test_whose_a_token_is_is_asked_in_its_own_name() -> None:
    """User, app and permissions in one batch; one that is not answered is a no."""
    said = [{"code": 200, "body": json.dumps(one)} for one in ({"id": "7"}, {"id": "1234"}, PERMISSIONS)]
    known = answering(now=NOW, responses=[answer(said)], secrets={})
    found = play(whose(order(token=token(), secrets={})), known).result
    assert (found.active, found.app_id, found.subject, found.scope) == (
        True,
        "1234",
        "7",
        frozenset({"email"}),
    )
    said[1] = {"code": 400, "body": json.dumps(NO)}
    with pytest.raises(IssuerRefused):
        play(
            whose(order(token=token(), secrets={})),
            answering(now=NOW, responses=[answer(said)], secrets={}),
        )
