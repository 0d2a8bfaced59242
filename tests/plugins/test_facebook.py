"""Facebook: what the Graph endpoints are asked, and what their answers mean."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from tokenflow import (
    NEVER,
    SECOND,
    SILENT,
    AnswerNotUnderstood,
    At,
    Code,
    Grant,
    Inspection,
    IssuerRefused,
    PayloadError,
    Refused,
    Request,
    Response,
    Secret,
    SecretNotFound,
    Shape,
    proof,
)
from tokenflow.core.issuers import Clue
from tokenflow.testing.play import Played, answering, play
from tokenflow_facebook import (
    tokenflow_acquirers,
    tokenflow_commands,
    tokenflow_derivers,
    tokenflow_guards,
)
from tokenflow_facebook.accounts import accounts
from tokenflow_facebook.code import exchange
from tokenflow_facebook.debug import debug_token, inspection
from tokenflow_facebook.extend import extend
from tokenflow_facebook.listing import MOST
from tokenflow_facebook.revoke import permissions, revoke
from tokenflow_facebook.system_user import system_user

from .ground import ISSUER, NOW, SECRETS, answer, form_of, order, token, vectors

LENT = {"app_secret": "env:S"}
INSPECTOR = Secret("1234|s3cret")
VALID: dict[str, dict[str, object]] = {
    "data": {"app_id": "1234", "type": "USER", "is_valid": True, "expires_at": 0, "user_id": "1000"}
}
SYSTEM = {"data": {**VALID["data"], "type": "SYSTEM_USER"}}
PAGE = {"id": "42", "name": "Page", "category": "Shop", "access_token": "PAGET0KEN", "tasks": ["MANAGE", 7]}


def played(flow: Any, *responses: Response, **changes: Any) -> Played[Any]:
    wanted = order(**{"secrets": LENT, "token": token(), **changes})
    known = {**SECRETS, "env:A": "ADMINT0KEN"}
    done: Played[Any] = play(flow(wanted), answering(now=NOW, secrets=known, responses=responses))
    for request in done.sent:
        assert request.method == "POST"
        assert not request.query
        assert not [text for text in ("T0KEN", "s3cret", "|") if text in request.url]
    return done


def proves(request: Request, held: Secret) -> bool:
    """Whether *request* carries *held* in Authorization and its proof in the body."""
    shown = form_of(request).get("appsecret_proof")
    return request.bearer == held and shown == proof(held, Secret("s3cret")).reveal()


@pytest.mark.parametrize("redirect_uri", ["https://app.example/back", ""])
def test_a_code_is_exchanged_with_the_secret_and_its_redirect_uri_even_an_empty_one(
    redirect_uri: str,
) -> None:
    code = Code(code=Secret("C0DE"), redirect_uri=redirect_uri, code_verifier=Secret("v" * 43))
    body = {"access_token": "a", "token_type": "bearer", "expires_in": 3600, "graph_domain": "facebook"}
    done = played(lambda wanted: exchange(wanted, code), answer(body), answer(VALID))
    assert form_of(done.sent[0]) == {
        "grant_type": "authorization_code",
        "client_id": "1234",
        "client_secret": "s3cret",
        "redirect_uri": redirect_uri,
        "code": "C0DE",
        "code_verifier": "v" * 43,
    }
    assert done.result.expires == At(NOW + 3600 * SECOND)
    assert done.result.attributes == {"graph_domain": "facebook", "user_id": "1000"}


def test_the_new_token_s_user_and_scope_are_what_facebook_says_in_the_app_s_name() -> None:
    code = Code(code=Secret("C0DE"), redirect_uri="")
    says = {"data": {**VALID["data"], "scopes": ["email"], "expires_at": 1_900_000_000}}
    done = played(lambda wanted: exchange(wanted, code), answer({"access_token": "a"}), answer(says))
    assert proves(done.sent[1], INSPECTOR)
    assert form_of(done.sent[1])["input_token"] == "a"
    assert (done.result.scope, done.result.expires) == (frozenset({"email"}), At(1_900_000_000 * SECOND))


@pytest.mark.parametrize("change", [{"is_valid": False}, {"app_id": "99"}, {"app_id": None}])
def test_a_new_token_that_is_not_valid_and_ours_is_not_taken(change: dict[str, object]) -> None:
    code = Code(code=Secret("C0DE"), redirect_uri="")
    says = {"data": {**VALID["data"], **change}}
    with pytest.raises(AnswerNotUnderstood):
        played(lambda wanted: exchange(wanted, code), answer({"access_token": "a"}), answer(says))


def test_a_native_app_exchanges_its_code_by_the_verifier_alone() -> None:
    code = Code(code=Secret("C0DE"), redirect_uri="fb1234://authorize/", code_verifier=Secret("v" * 43))
    done = played(lambda wanted: exchange(wanted, code), answer({"access_token": "a"}), secrets={})
    assert "client_secret" not in form_of(done.sent[0])


@pytest.mark.parametrize("subcode", [36007, 36008, 36009])
def test_a_code_s_refusal_keeps_facebook_s_numbers(subcode: int) -> None:
    body = {"error": {"message": "C0DE", "type": "OAuthException", "code": 100, "error_subcode": subcode}}
    code = Code(code=Secret("C0DE"), redirect_uri="")
    with pytest.raises(IssuerRefused) as refused:
        played(lambda wanted: exchange(wanted, code), answer(body, 400))
    assert refused.value.facts == {"http": 400, "type": "OAuthException", "code": 100, "subcode": subcode}
    assert "C0DE" not in str(refused.value)


@pytest.mark.parametrize(
    ("ends", "expires"),
    [
        ({}, SILENT),
        ({"expires_in": None}, SILENT),
        ({"expires_in": 0}, NEVER),
        ({"expires_in": 5_183_944}, At(NOW + 5_183_944 * SECOND)),
        ({"expires": "5184000"}, At(NOW + 5_184_000 * SECOND)),
        ({"expires_at": 0, "expires_in": 60}, NEVER),
        ({"expires_at": 1_900_000_000}, At(1_900_000_000 * SECOND)),
    ],
)
def test_zero_is_never_and_absence_is_silence(ends: dict[str, object], expires: object) -> None:
    done = played(extend, answer({"access_token": "LONG", **ends}))
    assert done.result == Grant(access_token=Secret("LONG"), expires=expires)  # type: ignore[arg-type]


def test_extending_shows_the_secret_and_the_token_in_the_form() -> None:
    done = played(extend, answer({"access_token": "LONG"}), options={"set_token_expires_in_60_days": True})
    assert form_of(done.sent[0]) == {
        "grant_type": "fb_exchange_token",
        "client_id": "1234",
        "client_secret": "s3cret",
        "fb_exchange_token": "T0KEN",
        "set_token_expires_in_60_days": "true",
    }
    with pytest.raises(SecretNotFound):
        played(extend, secrets={})


def test_a_reply_of_an_old_graph_version_is_form_encoded() -> None:
    done = played(extend, answer(b"access_token=LONG&expires=60"))
    assert done.result.expires == At(NOW + 60 * SECOND)


def test_an_end_by_a_clock_that_is_ahead_is_ours() -> None:
    """Facebook names instants by its own clock: in a login, in an extension, and about a token."""
    end, ours = NOW // SECOND + 600, At(NOW + 540 * SECOND)
    late = attrs.evolve(answer({"access_token": "LONG", "expires_at": end}), ahead=60 * SECOND)
    code = Code(code=Secret("C0DE"), redirect_uri="", code_verifier=None)
    assert played(lambda wanted: exchange(wanted, code), late, answer(VALID)).result.expires == ours
    assert played(extend, late).result.expires == ours
    about = answer({"data": {"is_valid": True, "expires_at": end}})
    assert played(debug_token, attrs.evolve(about, ahead=60 * SECOND)).result.expires == ours


@pytest.mark.parametrize("flow", [debug_token, permissions, revoke, accounts])
def test_what_the_issuer_s_document_looks_at_in_a_no_is_noticed(flow: Any) -> None:
    """A document in the place of the shipped one may tell errors apart by a word of its own."""
    clue = Clue(place="body", name="error.reason", values=("cap",))
    issuer = attrs.evolve(ISSUER, response=Shape(clues=(clue,)))
    no = answer({"error": {"code": 4, "reason": "cap"}}, 400)
    with pytest.raises(IssuerRefused) as refused:
        played(flow, no, issuer=issuer)
    assert refused.value.facts["noticed"] == {clue.key: "cap"}


def test_the_published_debug_token_answer_says_what_became_of_the_token() -> None:
    found = inspection(vectors("facebook_debug_token")["response"])
    assert found == Inspection(
        active=False,
        app_id="123",
        subject="1337",
        scope=frozenset({"public_profile", "basic_info", "user_friends"}),
        expires=At(1_422_115_200 * SECOND),
        issued_at=1_422_110_200 * SECOND,
        attributes={
            "user_id": "1337",
            "page_id": "1000",
            "application": "Foo App",
            "auth_nonce": "no-replicatey",
        },
        facts={"code": 190, "subcode": 463},
    )


def test_a_token_is_inspected_in_the_app_s_name_and_in_no_url() -> None:
    done = played(debug_token, answer(VALID))
    (request,) = done.sent
    assert request.url == "https://graph.example/v25.0/debug_token"
    assert proves(request, INSPECTOR)
    assert (form_of(request)["method"], form_of(request)["input_token"]) == ("get", "T0KEN")
    assert done.result == Inspection(
        active=True,
        app_id="1234",
        subject="1000",
        kind="user",
        expires=NEVER,
        attributes={"user_id": "1000"},
    )


def test_what_arrived_is_inspected_before_what_is_held() -> None:
    done = played(debug_token, answer(VALID), grant=Grant(access_token=Secret("ARRIVED")))
    assert form_of(done.sent[0])["input_token"] == "ARRIVED"


@pytest.mark.proves("D1")
@pytest.mark.parametrize(
    ("app_id", "found"),
    [
        ("1234", "1234"),
        (1234, "1234"),
        (1234.0, None),
        (True, None),
        (["1234"], None),
        (None, None),
        ("", None),
    ],
)
def test_an_app_id_of_another_type_is_no_app_id(app_id: object, found: str | None) -> None:
    assert inspection({"data": {"is_valid": True, "app_id": app_id}}).app_id == found


@pytest.mark.parametrize(
    "data", [None, [], {}, {"is_valid": "true"}, {"is_valid": 1}, {"is_valid": True, "expires_at": -1}]
)
def test_an_inspection_that_does_not_say_valid_or_when_is_not_understood(data: object) -> None:
    with pytest.raises(AnswerNotUnderstood):
        inspection({"data": data})


def test_system_user_and_page_tokens_report_their_kind_page_and_assets() -> None:
    granular = [{"scope": "pages_show_list", "target_ids": ["42"]}, 7]
    data = {"is_valid": True, "type": "SYSTEM_USER", "profile_id": 42, "granular_scopes": granular}
    found = inspection({"data": {**data, "data_access_expires_at": 0}})
    assert (found.kind, found.data_access_expires, found.expires) == ("system_user", NEVER, SILENT)
    assert found.attributes == {"page_id": "42", "granular_scopes": granular[:1]}


def pages(*entries: object, after: str | None = None, more: bool = False) -> Response:
    paging: dict[str, object] = {"cursors": {"after": after}} if after else {}
    if more:
        paging["next"] = "https://evil.example"
    return answer({"data": list(entries), "paging": paging})


def test_every_page_of_every_answer_is_a_grant_and_next_is_never_followed() -> None:
    second = {"id": 43, "access_token": "PAGET0KEN2", "perms": ["ADMINISTER"]}
    done = played(
        accounts,
        pages(PAGE, {"id": "41", "name": "no permission"}, after="MTIz", more=True),
        pages(second, after="MTIz"),
        secrets={},
    )
    assert [form_of(request).get("after") for request in done.sent] == [None, "MTIz"]
    assert {request.url for request in done.sent} == {"https://graph.example/v25.0/me/accounts"}
    assert all(request.bearer == Secret("T0KEN") for request in done.sent)
    assert done.result == [
        Grant(
            access_token=Secret("PAGET0KEN"),
            attributes={
                "page_id": "42",
                "name": "Page",
                "category": "Shop",
                "perms": [],
                "tasks": ["MANAGE"],
            },
        ),
        Grant(access_token=None, attributes={"page_id": "41", "name": "no permission"}),
        Grant(
            access_token=Secret("PAGET0KEN2"),
            attributes={"page_id": "43", "perms": ["ADMINISTER"], "tasks": []},
        ),
    ]


def test_an_old_list_of_pages_goes_on_by_its_offset_and_its_url_is_not_followed() -> None:
    """A number is read from `next`; the token in that URL goes nowhere."""
    further = "https://evil.example/accounts?access_token=T0KEN&limit=5000&offset=5000&__after_id=42"
    first = answer({"data": [PAGE], "paging": {"next": further}})
    done = played(accounts, first, pages({"id": "43", "access_token": "PAGET0KEN2"}), secrets={})
    assert [form_of(request).get("offset") for request in done.sent] == [None, "5000"]
    assert {request.url for request in done.sent} == {"https://graph.example/v25.0/me/accounts"}
    assert [grant.attributes["page_id"] for grant in done.result] == ["42", "43"]


def test_where_the_app_secret_is_lent_facebook_itself_says_when_a_page_token_ends() -> None:
    ends = {"data": {"is_valid": True, "type": "PAGE", "expires_at": 1_900_000_000}}
    second = {"id": "43", "access_token": "PAGET0KEN2"}
    never = {"data": {**VALID["data"], "type": "PAGE"}}
    done = played(accounts, pages(PAGE, second), answer(ends), answer(never))
    assert [grant.expires for grant in done.result] == [At(1_900_000_000 * SECOND), NEVER]
    assert proves(done.sent[0], Secret("T0KEN"))
    assert all(proves(request, INSPECTOR) for request in done.sent[1:])
    assert [form_of(request)["input_token"] for request in done.sent[1:]] == ["PAGET0KEN", "PAGET0KEN2"]


def test_a_page_token_that_is_dead_as_it_comes_is_taken_for_withheld() -> None:
    """Nothing that Facebook calls invalid is kept, and least of all as one without an end."""
    dead = {"data": {"is_valid": False, "error": {"code": 190, "subcode": 492}}}
    (grant,) = played(accounts, pages(PAGE), answer(dead)).result
    assert (grant.access_token, grant.expires) == (None, SILENT)


def test_a_person_s_token_is_no_page_s() -> None:
    """Facebook's own word of the kind counts, not the list it stands in."""
    with pytest.raises(AnswerNotUnderstood, match="of a user"):
        played(accounts, pages(PAGE), answer(VALID))


@pytest.mark.parametrize("body", [{"data": {}}, {"data": [7]}, {}, {"data": [{"access_token": "PAGET0KEN"}]}])
def test_a_list_of_pages_that_is_none_is_not_understood(body: dict[str, object]) -> None:
    with pytest.raises(AnswerNotUnderstood):
        played(accounts, answer(body))


def test_a_list_of_pages_without_an_end_or_without_a_cursor_is_not_understood() -> None:
    with pytest.raises(AnswerNotUnderstood, match="no end"):
        played(accounts, *[pages(after="MTIz", more=True)] * MOST, secrets={})
    with pytest.raises(AnswerNotUnderstood, match="cursor"):
        played(accounts, pages(more=True), secrets={})


def test_permissions_are_reported_by_their_status_and_installed_is_none() -> None:
    rows = [("email", "granted"), ("installed", "granted"), ("ads_read", "declined"), ("pages", "expired")]
    body = {"data": [{"permission": name, "status": status} for name, status in rows]}
    done = played(permissions, answer(body))
    assert done.sent[0].url.endswith("/me/permissions")
    assert done.result == Inspection(
        active=True,
        scope=frozenset({"email"}),
        attributes={"declined_scopes": ["ads_read"], "expired_scopes": ["pages"]},
    )
    with pytest.raises(AnswerNotUnderstood):
        played(permissions, answer({"data": {}}))


@pytest.mark.parametrize("body", [{"success": True}, b"true"])
def test_a_user_token_is_revoked_by_removing_the_app(body: object) -> None:
    done = played(revoke, answer(body))
    assert done.result is None
    assert done.sent[0].url == "https://graph.example/v25.0/me/permissions"
    assert form_of(done.sent[0])["method"] == "delete"
    assert proves(done.sent[0], Secret("T0KEN"))


def test_any_other_token_is_revoked_in_the_app_s_name() -> None:
    done = played(revoke, answer({"success": True}), token=token("system_user"))
    form = form_of(done.sent[0])
    assert done.sent[0].url == "https://graph.example/v25.0/oauth/revoke"
    assert (form["client_id"], form["client_secret"], form["revoke_token"]) == ("1234", "s3cret", "T0KEN")
    assert proves(done.sent[0], INSPECTOR)


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"success": False}, 200, AnswerNotUnderstood),
        (b"false", 200, AnswerNotUnderstood),
        ({}, 200, AnswerNotUnderstood),
        ({"error": {"code": 190, "error_subcode": 458}}, 400, IssuerRefused),
        (b"true", 500, IssuerRefused),
    ],
)
def test_a_revocation_not_confirmed_is_an_error(body: object, status: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        played(revoke, answer(body, status))


@pytest.mark.parametrize("flow", [extend, debug_token, permissions, revoke, accounts])
def test_without_a_token_nothing_is_sent(flow: Callable[..., Any]) -> None:
    with pytest.raises(Refused):
        played(flow, token=token(access_token=None))


def test_a_system_user_s_token_is_made_with_the_admin_s_proof_and_inspected() -> None:
    done = played(
        system_user,
        answer({"access_token": "SYST0KEN"}),
        answer(SYSTEM),
        secrets={**LENT, "admin_token": "env:A"},
        attributes={"system_user_id": "77"},
        scope=frozenset({"ads_read", "business_management"}),
        options={"set_token_expires_in_60_days": True},
    )
    request = done.sent[0]
    form = form_of(request)
    assert request.url == "https://graph.example/v25.0/77/access_tokens"
    assert proves(request, Secret("ADMINT0KEN"))
    assert (form["business_app"], form["scope"]) == ("1234", "ads_read,business_management")
    assert form["set_token_expires_in_60_days"] == "true"
    assert done.result == Grant(
        access_token=Secret("SYST0KEN"), expires=NEVER, attributes={"system_user_id": "77"}
    )


def test_the_admin_s_token_and_the_system_user_may_come_with_the_payload() -> None:
    payload = {"system_user_id": "77", "access_token": "ADMINT0KEN"}
    done = played(system_user, answer({"access_token": "S"}), answer(SYSTEM), payload=payload)
    assert proves(done.sent[0], Secret("ADMINT0KEN"))


@pytest.mark.parametrize("user", ["", "../me", "7/x", "7?x=1", "7 7"])
def test_a_system_user_id_that_is_none_is_malformed_and_nothing_is_sent(user: str) -> None:
    with pytest.raises(PayloadError):
        played(system_user, payload={"system_user_id": user, "access_token": "T"})


def test_a_system_user_without_app_secret_or_admin_token_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(SecretNotFound):
        played(system_user, secrets={"admin_token": "env:A"}, payload={"system_user_id": "77"})
    with pytest.raises(SecretNotFound):
        played(system_user, payload={"system_user_id": "77"})


@pytest.mark.proves("C9")
def test_the_guest_offers_its_ways_and_lends_no_secret_step_to_a_client() -> None:
    offered = [*tokenflow_acquirers(), *tokenflow_commands(), *tokenflow_derivers(), *tokenflow_guards()]
    places = {record.name: set(getattr(record, "runs_on", ())) for record in offered}
    assert places == {
        "facebook.system_user": {"server"},
        "facebook.device": {"client", "server"},
        "facebook.limited_login": {"server"},
        "facebook.redeem": {"client", "server"},
        "facebook.test_user": {"server"},
        "facebook.client_code": {"server"},
        "facebook.delete_test_user": {"server"},
        "facebook.end_system_user": {"server"},
        "facebook.code": set(),
        "facebook.extend": {"server"},
        "facebook.extend_mobile": {"client", "server"},
        "facebook.whose": {"client", "server"},
        "facebook.debug_token": {"server"},
        "facebook.permissions": {"client", "server"},
        "facebook.revoke": {"client", "server"},
        "facebook.accounts": {"client", "server"},
        "facebook_lacks_perm": set(),
    }
