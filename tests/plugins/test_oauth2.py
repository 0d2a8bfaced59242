"""OAuth 2: what standard issuers answer, and what real ones do."""

from collections.abc import Sequence
from typing import Any

import attrs
import pytest

from tokenflow import (
    SECOND,
    SILENT,
    AnswerNotUnderstood,
    At,
    Code,
    CodeExchange,
    Command,
    Grant,
    Inspection,
    IssuerRefused,
    Refused,
    Requests,
    Response,
    Secret,
    Shape,
)
from tokenflow.testing.play import Played, answering, play
from tokenflow_oauth2 import tokenflow_commands
from tokenflow_oauth2.grants import exchange, refresh
from tokenflow_oauth2.introspect import introspect
from tokenflow_oauth2.revoke import revoke

from .ground import ISSUER, NOW, SECRETS, answer, form_of, order, token

LENT = {"client_secret": "env:C"}
CODE = Code(code=Secret("C0DE"), redirect_uri="https://app.example/back", code_verifier=Secret("v" * 43))
HELD = token(access_token="T0KEN", refresh_token="R0")


def played(
    flow: Any, responses: Sequence[Response], *, secrets: dict[str, str] = LENT, **changes: Any
) -> Played[Any]:
    wanted = order(secrets=secrets, **changes)
    done: Played[Any] = play(flow(wanted), answering(now=NOW, secrets=SECRETS, responses=responses))
    assert not [request for request in done.sent if "T0KEN" in request.url or request.query]
    return done


def exchanged(body: object, **changes: Any) -> Played[Any]:
    return played(lambda wanted: exchange(wanted, CODE), [answer(body)], **changes)


def refreshed(body: object, status: int = 200, **headers: str) -> Grant:
    grant: Grant = played(refresh, [answer(body, status, **headers)], token=HELD).result
    return grant


def test_a_code_is_exchanged_with_its_verifier_and_basic() -> None:
    done = exchanged({"access_token": "a", "refresh_token": "r", "expires_in": 60, "scope": "x y"})
    (request,) = done.sent
    assert form_of(request) == {
        "grant_type": "authorization_code",
        "code": "C0DE",
        "redirect_uri": "https://app.example/back",
        "code_verifier": "v" * 43,
    }
    assert request.basic == ("1234", Secret("cl1ent"))
    assert done.result == Grant(
        access_token=Secret("a"),
        refresh_token=Secret("r"),
        expires=At(NOW + 60 * SECOND),
        scope=frozenset({"x", "y"}),
    )


def test_a_public_client_names_itself_and_shows_no_secret() -> None:
    (request,) = exchanged({"access_token": "a"}, secrets={}).sent
    assert request.basic is None
    assert form_of(request)["client_id"] == "1234"
    registered = attrs.evolve(ISSUER, client={"token_endpoint_auth_method": "none"})
    (request,) = exchanged({"access_token": "a"}, issuer=registered).sent
    assert (request.basic, "client_secret" in form_of(request)) == (None, False)


def test_a_client_registered_for_post_shows_its_secret_in_the_form() -> None:
    registered = attrs.evolve(ISSUER, client={"token_endpoint_auth_method": "client_secret_post"})
    (request,) = exchanged({"access_token": "a"}, issuer=registered).sent
    assert request.basic is None
    assert (form_of(request)["client_id"], form_of(request)["client_secret"]) == ("1234", "cl1ent")


def test_a_double_slash_in_an_endpoint_stays() -> None:
    url = "https://issuer.example/realm//token"
    issuer = attrs.evolve(ISSUER, endpoints={**ISSUER.endpoints, "token_endpoint": url})
    assert exchanged({"access_token": "a"}, issuer=issuer).sent[0].url == url


def test_a_refresh_sends_the_held_refresh_token_and_takes_the_next() -> None:
    done = played(refresh, [answer({"access_token": "b", "refresh_token": "R1"})], token=HELD)
    assert form_of(done.sent[0]) == {"grant_type": "refresh_token", "refresh_token": "R0"}
    assert done.result.refresh_token == Secret("R1")


@pytest.mark.proves("R9")
@pytest.mark.parametrize("left_out", [{}, {"refresh_token": None}, {"refresh_token": ""}])
def test_an_answer_without_a_refresh_token_leaves_the_held_one(left_out: dict[str, object]) -> None:
    assert refreshed({"access_token": "b", **left_out}).refresh_token is None


@pytest.mark.parametrize(
    "token_type", [{}, {"token_type": "BEARER"}, {"token_type": "bearer"}, {"token_type": "bot"}]
)
def test_the_token_type_comes_in_any_case_or_not_at_all(token_type: dict[str, str]) -> None:
    assert refreshed({"access_token": "b", **token_type}).access_token == Secret("b")


@pytest.mark.parametrize("token_type", ["DPoP", "mac"])
def test_a_token_bound_to_a_key_is_not_taken_for_a_bearer(token_type: str) -> None:
    with pytest.raises(AnswerNotUnderstood, match="key"):
        refreshed({"access_token": "b", "token_type": token_type})


@pytest.mark.parametrize(
    ("lifetime", "expires"),
    [({}, SILENT), ({"expires_in": None}, SILENT), ({"expires_in": 0}, SILENT), ({"expires_in": ""}, SILENT)]
    + [({"expires_in": value}, At(NOW + 60 * SECOND)) for value in (60, "60", 60.0)],
)
def test_a_lifetime_is_absent_a_text_or_zero_and_never_guessed(
    lifetime: dict[str, object], expires: object
) -> None:
    assert refreshed({"access_token": "b", **lifetime}).expires == expires


@pytest.mark.proves("R6")
@pytest.mark.parametrize("lifetime", [-1, True, "soon", 10**12, [60]])
def test_a_lifetime_that_cannot_be_one_is_not_understood(lifetime: object) -> None:
    with pytest.raises(AnswerNotUnderstood):
        refreshed({"access_token": "b", "expires_in": lifetime})


@pytest.mark.parametrize(
    ("scope", "found"),
    [(None, None), ("a b", {"a", "b"}), ("a,b", {"a", "b"}), (["a"], {"a"}), ("", set()), (7, None)],
)
def test_a_scope_comes_with_spaces_commas_as_a_list_or_not_at_all(
    scope: object, found: set[str] | None
) -> None:
    assert refreshed({"access_token": "b", "scope": scope}).scope == (
        None if found is None else frozenset(found)
    )


@pytest.mark.parametrize(
    ("body", "status", "facts"),
    [
        (b"", 400, {"http": 400}),
        (b"", 403, {"http": 403}),
        ({"error": "invalid_code"}, 403, {"http": 403, "error": "invalid_code"}),
        ({"error": "invalid_grant"}, 400, {"http": 400, "error": "invalid_grant"}),
        ({"error": "invalid_grant"}, 200, {"http": 200, "error": "invalid_grant"}),
        (b"<html>", 503, {"http": 503}),
    ],
)
def test_a_no_keeps_the_issuer_s_words_or_its_silence(
    body: object, status: int, facts: dict[str, object]
) -> None:
    with pytest.raises(IssuerRefused) as refused:
        refreshed(body, status)
    assert refused.value.facts == facts


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{", {"token_type": "bearer"}, {"access_token": 7}])
def test_an_answer_that_is_none_is_not_understood(body: object) -> None:
    with pytest.raises(AnswerNotUnderstood):
        refreshed(body)


def test_form_encoded_answers_are_read_too() -> None:
    assert refreshed(b"access_token=b&scope=repo%2Cgist").scope == frozenset({"repo", "gist"})


def test_without_a_refresh_token_nothing_is_sent() -> None:
    with pytest.raises(Refused):
        played(refresh, [], token=token())


def test_revoking_ends_the_refresh_token_first_and_then_the_access_token() -> None:
    done = played(revoke, [answer(b""), answer(b"")], token=HELD)
    assert done.result is None
    assert [form_of(request) for request in done.sent] == [
        {"token": "R0", "token_type_hint": "refresh_token"},
        {"token": "T0KEN", "token_type_hint": "access_token"},
    ]


def test_a_server_that_ends_access_tokens_with_their_refresh_token_is_fine() -> None:
    unsupported = answer({"error": "unsupported_token_type"}, 400)
    assert played(revoke, [answer(b"", 204), unsupported], token=HELD).result is None
    with pytest.raises(IssuerRefused):
        played(revoke, [unsupported], token=token())
    with pytest.raises(IssuerRefused):
        played(revoke, [answer(b""), answer(b"", 503)], token=HELD)


def test_revoking_or_introspecting_nothing_is_refused_before_anything_is_sent() -> None:
    for flow in (revoke, introspect):
        with pytest.raises(Refused):
            played(flow, [], token=token(access_token=None))


def test_an_introspection_is_reported_as_it_stands() -> None:
    body = {
        "active": True,
        "client_id": "1234",
        "sub": "u",
        "scope": "a b",
        "exp": 2_000_000_000,
        "iat": 1_700_000_000,
        "aud": "api",
    }
    done = played(introspect, [answer(body)], token=HELD)
    assert form_of(done.sent[0])["token"] == "T0KEN"
    assert done.result == Inspection(
        active=True,
        app_id="1234",
        subject="u",
        scope=frozenset({"a", "b"}),
        expires=At(2_000_000_000 * SECOND),
        issued_at=1_700_000_000 * SECOND,
        attributes={"aud": "api"},
    )


def test_what_arrived_is_asked_about_before_what_is_held() -> None:
    grant = Grant(access_token=Secret("ARRIVED"))
    done = played(introspect, [answer({"active": False})], token=HELD, grant=grant)
    assert form_of(done.sent[0])["token"] == "ARRIVED"
    assert done.result == Inspection(active=False)


@pytest.mark.parametrize("active", [{}, {"active": "true"}, {"active": 1}, {"active": None}])
def test_only_a_true_boolean_says_that_a_token_is_active(active: dict[str, object]) -> None:
    with pytest.raises(AnswerNotUnderstood):
        played(introspect, [answer(active)], token=HELD)


def test_the_guest_offers_the_exchange_and_three_commands() -> None:
    offered = {record.name: record for record in tokenflow_commands()}
    assert isinstance(offered.pop("oauth2.code"), CodeExchange)
    places = {name: set(record.runs_on) for name, record in offered.items() if isinstance(record, Command)}
    assert places == {
        "oauth2.refresh": {"client", "server"},
        "oauth2.revoke": {"client", "server"},
        "oauth2.introspect": {"server"},
    }


def odd(**parts: Any) -> Any:
    """That issuer, asked and read in its own way."""
    return attrs.evolve(ISSUER, **parts)


def test_what_the_issuer_wants_goes_with_each_grant_and_replaces_nothing() -> None:
    wants = Requests(
        exchange={"audience": "api", "grant_type": "mine"},
        refresh={"resource": "r"},
        headers={"accept": "application/json"},
        body="json",
    )
    (request,) = exchanged({"access_token": "a"}, issuer=odd(requests=wants)).sent
    assert (form_of(request)["audience"], form_of(request)["grant_type"]) == ("api", "authorization_code")
    assert (request.encoding, dict(request.headers)) == ("json", {"accept": "application/json"})
    (request,) = played(refresh, [answer({"access_token": "a"})], token=HELD, issuer=odd(requests=wants)).sent
    assert form_of(request) == {"resource": "r", "grant_type": "refresh_token", "refresh_token": "R0"}


def test_an_answer_is_read_where_the_issuer_keeps_things() -> None:
    shape = Shape(access_token=("me.key",), attributes={"subject": ("me.id",)}, ok={"ok": True})
    body = {"ok": True, "me": {"key": "k", "id": "U1"}}
    grant = exchanged(body, issuer=odd(response=shape)).result
    assert (grant.access_token, dict(grant.attributes)) == (Secret("k"), {"subject": "U1"})
    with pytest.raises(IssuerRefused):
        exchanged({**body, "ok": False}, issuer=odd(response=shape))
    with pytest.raises(IssuerRefused):
        played(introspect, [answer({"active": False, "ok": False})], token=HELD, issuer=odd(response=shape))


def test_an_end_by_a_clock_that_is_ahead_is_ours() -> None:
    shape = Shape(expires_at=("expires_at",))
    late = attrs.evolve(answer({"access_token": "a", "expires_at": NOW // SECOND + 600}), ahead=60 * SECOND)
    done = played(lambda wanted: exchange(wanted, CODE), [late], issuer=odd(response=shape))
    assert done.result.expires == At(NOW + 540 * SECOND)
    asked = attrs.evolve(answer({"active": True, "exp": NOW // SECOND + 600}), ahead=60 * SECOND)
    assert played(introspect, [asked], token=HELD).result.expires == At(NOW + 540 * SECOND)


def test_a_revocation_that_is_refused_in_a_200_is_refused() -> None:
    issuer = odd(response=Shape(ok={"ok": True}))
    fine = answer({"ok": True})
    assert played(revoke, [fine, fine], token=HELD, issuer=issuer).result is None
    with pytest.raises(IssuerRefused):
        played(revoke, [answer({"ok": False})], token=HELD, issuer=issuer)
