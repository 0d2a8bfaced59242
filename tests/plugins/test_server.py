"""Server: client credentials, assembled and kept tokens, and codes handed in."""

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenflow import (
    NEVER,
    SECOND,
    SILENT,
    AnswerNotUnderstood,
    At,
    Code,
    Flow,
    Grant,
    IssuerRefused,
    Order,
    Refused,
    Requests,
    Secret,
    SecretNotFound,
    Shape,
    SpecError,
    TokenflowError,
)
from tokenflow.testing.play import Played, answering, play
from tokenflow_server import tokenflow_acquirers
from tokenflow_server.code import code
from tokenflow_server.credentials import client_credentials
from tokenflow_server.held import inline, static
from tokenflow_server.ticket import ticket

from .ground import ISSUER, NOW, SECRETS, answer, code_of, form_of, order

LENT = {"app_secret": "env:S"}


def asked(body: object = None, status: int = 200, **changes: Any) -> Played[Grant]:
    wanted = order(**{"secrets": LENT, **changes})
    given_back = answer(
        {"access_token": "1234|hash", "token_type": "bearer"} if body is None else body, status
    )
    return play(client_credentials(wanted), answering(now=NOW, secrets=SECRETS, responses=[given_back]))


def held(flow: Any, **changes: Any) -> Grant:
    grant: Grant = play(flow(order(**changes)), answering(secrets=SECRETS)).result
    return grant


def exchange(_: Order, code: Code) -> Flow[Grant]:
    yield from ()
    verifier = None if code.code_verifier is None else code.code_verifier.reveal()
    return Grant(access_token=code.code, attributes={"uri": code.redirect_uri, "verifier": verifier})


def test_the_client_s_token_is_asked_for_with_its_secret_in_the_form() -> None:
    played = asked()
    (request,) = played.sent
    assert (request.method, request.url) == ("POST", ISSUER.endpoints["token_endpoint"])
    assert form_of(request) == {
        "grant_type": "client_credentials",
        "client_id": "1234",
        "client_secret": "s3cret",
    }
    assert request.basic is None
    assert played.result == Grant(access_token=Secret("1234|hash"))
    assert played.result.expires == SILENT


def test_the_secret_goes_into_basic_where_the_spec_or_the_client_s_registration_says_so() -> None:
    registered = attrs.evolve(ISSUER, client={"token_endpoint_auth_method": "client_secret_basic"})
    for changes in ({"options": {"auth": "basic"}}, {"issuer": registered}):
        (request,) = asked(secrets={"client_secret": "env:C"}, **changes).sent
        assert request.basic == ("1234", Secret("cl1ent"))
        assert form_of(request) == {"grant_type": "client_credentials"}


def test_scope_and_audience_go_along_and_the_answer_s_scope_and_lifetime_come_back() -> None:
    options = {"scope_separator": ",", "audience": "https://api.example"}
    played = asked(
        {"access_token": "t", "expires_in": "60", "scope": "a"}, scope=frozenset({"b", "a"}), options=options
    )
    form = form_of(played.sent[0])
    assert (form["scope"], form["audience"]) == ("a,b", "https://api.example")
    assert (played.result.expires, played.result.scope) == (At(NOW + 60 * SECOND), frozenset({"a"}))


def test_a_no_is_a_refusal_even_without_a_word_and_no_secret_is_in_a_url() -> None:
    for body, status in ((b"", 403), ({"error": "invalid_client"}, 401), ({"error": {"code": 101}}, 400)):
        with pytest.raises(IssuerRefused):
            asked(body, status)
    with pytest.raises(AnswerNotUnderstood):
        asked({"token_type": "bearer"})
    with pytest.raises(SecretNotFound):
        asked(secrets={})


def test_the_app_id_and_secret_stand_for_an_app_token_that_never_ends() -> None:
    grant = held(inline, secrets=LENT)
    assert grant.access_token == Secret("1234|s3cret")
    assert grant.expires == NEVER
    assert held(inline, secrets={"client_secret": "env:C"}).access_token == Secret("1234|cl1ent")


def test_a_client_token_is_kept_as_a_secret_bare_or_with_the_app_id() -> None:
    lent = {"client_token": "env:C"}
    assert held(static, secrets=lent) == Grant(access_token=Secret("cl1ent"), expires=NEVER)
    assert held(static, secrets=lent, options={"form": "composite"}).access_token == Secret("1234|cl1ent")


@pytest.mark.parametrize(
    ("flow", "name"), [(inline, "app_secret"), (inline, "client_secret"), (static, "client_token")]
)
def test_a_secret_given_in_another_s_place_is_refused(flow: Any, name: str) -> None:
    """An app secret as a client token would ship with every app, and no error names either."""
    options = {"form": "composite", "secret": name} if flow is static else {}
    lent = {name: "env:S", "other": "env:S"}
    assert refused(flow, SECRETS, secrets=lent, options=options) == "wrong_secret"
    apart = held(flow, secrets={**lent, "other": "env:C"}, options=options)
    assert apart.access_token == Secret("1234|s3cret")


@pytest.mark.parametrize(("flow", "name"), [(inline, "app_secret"), (static, "client_token")])
def test_a_whole_token_is_no_half_of_one(flow: Any, name: str) -> None:
    """Copied with the app id and the bar, it would be put together twice."""
    options = {"form": "composite"} if flow is static else {}
    whole = {"env:W": "1234|s3cret"}
    assert refused(flow, whole, secrets={name: "env:W"}, options=options) == "whole_token"


def refused(flow: Any, kept: Any, **changes: Any) -> str:
    """Return why a flow refuses, once no secret is in what it says."""
    with pytest.raises(Refused) as no:
        play(flow(order(**changes)), answering(secrets=kept))
    told = f"{no.value} {no.value!r} {no.value.args} {no.value.__dict__}"
    assert "s3cret" not in told
    return no.value.code


def test_which_secret_is_the_token_has_to_be_clear() -> None:
    both = {"client_token": "env:C", "app_secret": "env:S"}
    assert held(static, secrets=both, options={"secret": "client_token"}).access_token == Secret("cl1ent")
    with pytest.raises(SpecError, match="name it"):
        held(static, secrets=both)
    with pytest.raises(SecretNotFound):
        held(static, secrets=both, options={"secret": "other"})


def test_a_code_handed_in_is_exchanged_with_its_redirect_uri_and_verifier() -> None:
    payload = {"code": "C0DE", "redirect_uri": "https://b", "code_verifier": "v"}
    for form in (payload, json.dumps(payload), json.dumps(payload).encode()):
        grant = held(code, payload=form, exchange=exchange)
        assert grant.access_token == Secret("C0DE")
        assert grant.attributes == {"uri": "https://b", "verifier": "v"}


def test_without_one_the_registered_redirect_uri_counts_and_an_empty_one_stays_empty() -> None:
    assert (
        held(code, payload={"code": "C"}, exchange=exchange).attributes["uri"] == "https://app.example/back"
    )
    assert held(code, payload={"code": "C", "redirect_uri": ""}, exchange=exchange).attributes["uri"] == ""


@pytest.mark.parametrize(
    "payload",
    [
        None,
        7,
        "",
        "C0DE",
        "[]",
        '{"code": "C0DE"',
        {},
        {"code": ""},
        {"code": 7},
        {"code": "C0DE", "redirect_uri": None},
        {"code": "C0DE", "code_verifier": 7},
        " " * 20_000,
    ],
)
def test_a_payload_without_a_code_is_malformed(payload: object) -> None:
    assert code_of(lambda: held(code, payload=payload, exchange=exchange), "C0DE") == "malformed"


@given(st.binary() | st.text())
def test_any_bytes_are_malformed(payload: bytes | str) -> None:
    assert code_of(lambda: held(code, payload=payload, exchange=exchange)) == "malformed"


def test_a_code_without_an_exchange_is_a_spec_error() -> None:
    with pytest.raises(SpecError, match="exchange"):
        held(code, payload={"code": "C0DE"})


def test_the_guest_offers_five_ways_of_which_one_may_run_on_a_client() -> None:
    assert {record.name: set(record.runs_on) for record in tokenflow_acquirers()} == {
        "server.client_credentials": {"server"},
        "server.inline": {"server"},
        "server.static": {"client", "server"},
        "server.code": {"server"},
        "server.ticket": {"server"},
    }


def test_the_client_asks_as_the_issuer_wants_and_reads_as_it_writes() -> None:
    issuer = attrs.evolve(
        ISSUER,
        requests=Requests(
            scope_separator=",",
            client_credentials={"audience": "api"},
            body="json",
            headers={"accept": "application/json"},
        ),
        response=Shape(access_token=("data.0.key",), expires_in=("data.0.life",)),
    )
    body = {"data": [{"key": "k", "life": 60}]}
    done = asked(body, issuer=issuer, scope=frozenset({"b", "a"}))
    (request,) = done.sent
    assert (form_of(request)["audience"], form_of(request)["scope"]) == ("api", "a,b")
    assert (request.encoding, dict(request.headers)) == ("json", {"accept": "application/json"})
    assert (done.result.access_token, done.result.expires) == (Secret("k"), At(NOW + 60 * SECOND))


def test_an_end_by_a_clock_that_is_ahead_is_ours() -> None:
    """An issuer whose clock is a minute ahead names an end that comes a minute sooner here."""
    issuer = attrs.evolve(ISSUER, response=Shape(expires_at=("expires_at",)))
    late = attrs.evolve(answer({"access_token": "t", "expires_at": NOW // SECOND + 600}), ahead=60 * SECOND)
    replies = answering(now=NOW, secrets=SECRETS, responses=[late])
    grant = play(client_credentials(order(secrets=LENT, issuer=issuer)), replies).result
    assert grant.expires == At(NOW + 540 * SECOND)


MOVED = {"from": ["https://a.example"], "audience": "https://b.example"}
TICKET = {"ticket": "CANARY.1", "redeem_uri": "https://a.example/tickets"}


def fetched(body: object, status: int = 200, **changes: Any) -> Played[Grant]:
    """Bring a ticket whose redemption is answered so."""
    wanted = order(**{"options": MOVED, "payload": TICKET, **changes})
    return play(ticket(wanted), answering(now=NOW, responses=[answer(body, status)]))


def test_a_ticket_is_shown_in_a_body_to_whom_the_spec_names() -> None:
    """The audience goes along; what comes back is a claim, and says by whom it was handed over."""
    played = fetched({"access_token": "T", "kind": "user", "scope": "a b", "expires_in": "60"})
    (request,) = played.sent
    assert (request.method, request.url, request.query) == ("POST", TICKET["redeem_uri"], {})
    assert form_of(request) == {"ticket": "CANARY.1", "audience": "https://b.example"}
    assert request.headers["origin"] == "https://b.example"
    grant = played.result
    assert grant.access_token == Secret("T")
    assert grant.expires == At(NOW + 60 * SECOND)
    assert grant.scope == frozenset({"a", "b"})
    assert (dict(grant.attributes), grant.handed_by) == ({}, "https://a.example")


def test_whom_it_is_expected_to_be_of_is_its_claim() -> None:
    """The issuer's answer is held against it; the sender's own words are not kept."""
    played = fetched({"access_token": "T", "user_id": "8"}, attributes={"user_id": "7"})
    assert played.result.attributes == {"user_id": "7"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"error": "ticket_refused"}, 400, "ticket_refused"),
        ({}, 500, "ticket_refused"),
        ({"code": "c", "client_id": "x"}, 200, "answer_not_understood"),
        ({"access_token": 7}, 200, "answer_not_understood"),
        (["access_token"], 200, "answer_not_understood"),
        ({"access_token": "T"}, 302, "answer_not_understood"),
    ],
)
def test_an_answer_without_a_token_is_none(body: object, status: int, code: str) -> None:
    """A no, a code in its place, a redirect: nothing is taken for a token."""
    with pytest.raises(TokenflowError) as caught:
        fetched(body, status)
    assert caught.value.code == code
    assert "CANARY" not in str(caught.value)
