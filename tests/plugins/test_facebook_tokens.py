"""Facebook's tokens beside a person's own: codes for clients, test users, system users."""

from typing import Any

import pytest

from tokenflow import (
    NEVER,
    SECOND,
    AnswerNotUnderstood,
    At,
    Code,
    PayloadError,
    PersonNeeded,
    Response,
    Secret,
    SecretNotFound,
    proof,
)
from tokenflow.testing.play import Played, answering, play
from tokenflow_facebook.client_code import client_code, redeem
from tokenflow_facebook.system_user import end_system_user, system_user
from tokenflow_facebook.test_users import delete_test_user
from tokenflow_facebook.test_users import test_user as make_test_user

from .ground import NOW, SECRETS, answer, form_of, order, token

LENT = {"app_secret": "env:S"}
APP_TOKEN = Secret("1234|s3cret")
SAYS = {
    "app_id": "1234",
    "type": "USER",
    "is_valid": True,
    "expires_at": 0,
    "user_id": "1000",
    "scopes": ["email"],
}
SYSTEM = {**SAYS, "type": "SYSTEM_USER"}


def played(flow: Any, *responses: Response, **changes: Any) -> Played[Any]:
    """Play *flow*; no secret is in a URL."""
    wanted = order(**{"secrets": LENT, "token": token(), **changes})
    done: Played[Any] = play(
        flow(wanted), answering(now=NOW, secrets={**SECRETS, "env:A": "ADMINT0KEN"}, responses=responses)
    )
    for request in done.sent:
        assert not request.query
        assert not [one for one in ("T0KEN", "s3cret", "C0DE") if one in request.url]
    return done


def test_a_code_for_a_client_is_made_from_the_held_token_with_the_secret_and_its_proof() -> None:
    """The server asks with its long-lived token and the app secret; what comes back is a code."""
    done = played(client_code, answer({"code": "C0DE"}))
    assert done.result == Code(code=Secret("C0DE"), redirect_uri="https://app.example/back")
    assert done.sent[0].url == "https://graph.example/v25.0/oauth/client_code"
    assert done.sent[0].bearer == Secret("T0KEN")
    assert form_of(done.sent[0]) == {
        "method": "get",
        "client_id": "1234",
        "client_secret": "s3cret",
        "redirect_uri": "https://app.example/back",
        "appsecret_proof": proof(Secret("T0KEN"), Secret("s3cret")).reveal(),
    }
    named = played(client_code, answer({"code": "C0DE"}), options={"redirect_uri": "fb1234://authorize/"})
    assert named.result.redirect_uri == "fb1234://authorize/"


@pytest.mark.parametrize("body", [{}, {"code": ""}, {"code": 7}, {"code": ["C0DE"]}])
def test_an_answer_without_a_code_is_none(body: dict[str, object]) -> None:
    """Nothing is handed on that is no code."""
    with pytest.raises(AnswerNotUnderstood):
        played(client_code, answer(body))


def test_without_the_secret_no_code_is_asked_for() -> None:
    """A step that is not lent the app secret sends nothing."""
    with pytest.raises(SecretNotFound):
        played(client_code, secrets={})


@pytest.mark.parametrize(
    ("payload", "sent"),
    [
        ({"code": "C0DE", "redirect_uri": "https://a.example/"}, {"redirect_uri": "https://a.example/"}),
        ({"code": "C0DE", "redirect_uri": ""}, {"redirect_uri": ""}),
        (b'{"code": "C0DE"}', {"redirect_uri": "https://app.example/back"}),
        (
            '{"code": "C0DE", "machine_id": "m1"}',
            {"redirect_uri": "https://app.example/back", "machine_id": "m1"},
        ),
    ],
)
def test_a_client_redeems_its_code_without_a_secret(payload: Any, sent: dict[str, str]) -> None:
    """Code, client and redirect_uri are shown, the device's name if it has one, and no secret."""
    body = {"access_token": "NEWT0KEN", "expires_in": 5_183_944, "machine_id": "m1"}
    done = played(redeem, answer(body), payload=payload, secrets={})
    assert form_of(done.sent[0]) == {"client_id": "1234", "code": "C0DE", **sent}
    assert (done.sent[0].bearer, done.sent[0].basic) == (None, None)
    assert done.result.expires == At(NOW + 5_183_944 * SECOND)
    assert done.result.attributes == {"machine_id": "m1"}


@pytest.mark.parametrize(
    "payload",
    [
        None,
        "",
        "C0DE",
        "{",
        "[" * 16_000,
        "x" * 20_000,
        {},
        {"code": ""},
        {"code": 7},
        {"code": "C0DE", "redirect_uri": 7},
        {"code": "C0DE", "machine_id": None},
    ],
)
def test_what_holds_no_code_is_malformed_and_nothing_is_sent(payload: Any) -> None:
    """A payload is judged before anything is sent, and quoted by no error."""
    with pytest.raises(PayloadError) as refused:
        played(redeem, payload=payload, secrets={})
    assert refused.value.code == "malformed"
    assert "C0DE" not in str(refused.value)
    assert refused.value.__context__ is None


def test_a_test_user_is_made_with_the_app_token_and_its_token_inspected() -> None:
    """The app asks in its own name; the person's id is the answer's, the token's end is debug_token's."""
    made = {"id": "1000", "access_token": "TESTT0KEN", "login_url": "https://x", "password": "p"}
    done = played(
        make_test_user,
        answer(made),
        answer({"data": {**SAYS, "expires_at": NOW // SECOND + 5400}}),
        scope=frozenset({"email", "manage_pages"}),
        options={"name": "Tess"},
    )
    assert done.sent[0].url == "https://graph.example/v25.0/1234/accounts/test-users"
    assert done.sent[0].bearer == APP_TOKEN
    shown = {"method": "post", "installed": "true", "permissions": "email,manage_pages", "name": "Tess"}
    assert shown.items() <= form_of(done.sent[0]).items()
    assert done.result.access_token == Secret("TESTT0KEN")
    assert done.result.attributes == {"user_id": "1000"}
    assert done.result.scope == frozenset({"email"})
    assert done.result.expires == At((NOW // SECOND + 5400) * SECOND)


def test_a_test_user_who_does_not_have_the_app_has_no_token_and_is_not_made() -> None:
    """`installed: false` is refused with its mend, before anything is sent."""
    with pytest.raises(PayloadError, match="has no token"):
        played(make_test_user, options={"installed": False})


@pytest.mark.parametrize("made", [{"id": "1000"}, {"access_token": "T"}, {}])
def test_an_answer_without_a_person_and_a_token_makes_no_test_user(made: dict[str, str]) -> None:
    """What is not there is not made up."""
    with pytest.raises(AnswerNotUnderstood):
        played(make_test_user, answer(made))


@pytest.mark.parametrize("change", [{"is_valid": False}, {"app_id": "9"}, {"user_id": "9"}])
def test_a_test_user_s_token_that_is_another_s_is_not_taken(change: dict[str, Any]) -> None:
    """The new token is this app's and this person's, or refused."""
    with pytest.raises(AnswerNotUnderstood):
        played(
            make_test_user, answer({"id": "1000", "access_token": "T"}), answer({"data": {**SAYS, **change}})
        )


def test_a_test_user_who_was_made_before_is_found_over_all_answers() -> None:
    """By the person the key is of: the app's list is read by its cursors, and nobody is made."""
    first = {
        "data": [{"id": "1", "access_token": "OTHER"}],
        "paging": {"next": "https://x/?access_token=T", "cursors": {"after": "c1"}},
    }
    second = {"data": [{"id": "2"}, {"id": "1000", "access_token": "TESTT0KEN"}]}
    done = played(
        make_test_user,
        answer(first),
        answer(second),
        answer({"data": SAYS}),
        attributes={"user_id": "1000"},
    )
    assert [form_of(one)["method"] for one in done.sent] == ["get"] * 3
    assert form_of(done.sent[1])["after"] == "c1"
    assert done.result.access_token == Secret("TESTT0KEN")
    assert done.result.attributes == {"user_id": "1000"}


@pytest.mark.parametrize("row", [{"id": "1000"}, {"id": "1", "access_token": "T"}])
def test_a_test_user_who_is_gone_is_not_replaced(row: dict[str, str]) -> None:
    """Deleted, or without the app: the key is to be forgotten before another person takes it."""
    with pytest.raises(PersonNeeded, match="deleted"):
        played(make_test_user, answer({"data": [row]}), attributes={"user_id": "1000"})


def test_deleting_a_test_user_is_asked_for_by_the_app() -> None:
    """The person is deleted, with the app's token and proof."""
    done = played(delete_test_user, answer({"success": True}), attributes={"user_id": "1000"})
    assert done.sent[0].url == "https://graph.example/v25.0/1000"
    assert done.sent[0].bearer == APP_TOKEN
    assert form_of(done.sent[0])["method"] == "delete"


@pytest.mark.parametrize("user", [None, "", "me", "1/../2", 7])
def test_nobody_else_is_deleted(user: Any) -> None:
    """An id that is none deletes nobody."""
    with pytest.raises(AnswerNotUnderstood):
        played(delete_test_user, attributes={"user_id": user})


def system(*responses: Response, **changes: Any) -> Played[Any]:
    """Have a system user's token made."""
    lent = {**LENT, "admin_token": "env:A"}
    return played(
        system_user, *responses, **{"secrets": lent, "attributes": {"system_user_id": "77"}, **changes}
    )


def test_the_app_is_installed_for_a_system_user_before_its_token_is_made_when_asked() -> None:
    """`install` makes one call more, first, with the admin's token and proof."""
    done = system(
        answer({"success": True}),
        answer({"access_token": "S"}),
        answer({"data": SYSTEM}),
        options={"install": True},
    )
    assert [one.url.rpartition("v25.0/")[2] for one in done.sent] == [
        "77/applications",
        "77/access_tokens",
        "debug_token",
    ]
    assert form_of(done.sent[0])["business_app"] == "1234"
    for request in done.sent[:2]:
        assert request.bearer == Secret("ADMINT0KEN")
        shown = form_of(request)["appsecret_proof"]
        assert shown == proof(Secret("ADMINT0KEN"), Secret("s3cret")).reveal()
    assert done.result.expires == NEVER


def test_an_app_that_could_not_be_installed_has_no_token_made() -> None:
    """A no to the first call is the end of it."""
    with pytest.raises(AnswerNotUnderstood):
        system(answer({"success": False}), options={"install": True})


@pytest.mark.parametrize("change", [{"is_valid": False}, {"app_id": "9"}, {"type": "USER"}, {"type": "PAGE"}])
def test_a_system_user_s_token_that_is_something_else_is_not_taken(change: dict[str, Any]) -> None:
    """What was made is this app's, valid, and a system user's, or refused."""
    with pytest.raises(AnswerNotUnderstood):
        system(answer({"access_token": "S"}), answer({"data": {**SYSTEM, **change}}))


def test_all_tokens_of_a_system_user_are_ended_by_the_held_one_with_its_proof() -> None:
    """`DELETE access_tokens` carries the proof Facebook demands."""
    done = played(end_system_user, answer({"success": True}), attributes={"system_user_id": "77"})
    assert done.sent[0].url == "https://graph.example/v25.0/77/access_tokens"
    shown = form_of(done.sent[0])
    assert (shown["method"], shown["appsecret_proof"]) == (
        "delete",
        proof(Secret("T0KEN"), Secret("s3cret")).reveal(),
    )


@pytest.mark.parametrize("user", [None, "", "me/x", "7 7"])
def test_a_system_user_that_is_not_named_is_not_ended(user: Any) -> None:
    """An id that is none ends nothing."""
    with pytest.raises(AnswerNotUnderstood):
        played(end_system_user, attributes={"system_user_id": user})
