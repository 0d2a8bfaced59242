"""Web: the redirect to the issuer, and what comes back."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenflow import (
    NEVER,
    SECOND,
    SILENT,
    At,
    Code,
    ConsentDenied,
    Flow,
    Grant,
    IssuerRefused,
    Order,
    Requests,
    Secret,
    SpecError,
)
from tokenflow.core.effects import Ask
from tokenflow.testing.play import Played, answering, play
from tokenflow_web import tokenflow_acquirers
from tokenflow_web.implicit import implicit
from tokenflow_web.pkce import challenge, is_verifier
from tokenflow_web.redirect import redirect

from .ground import ISSUER, NOW, code_of, order, vectors

PKCE = vectors("pkce")
STATE, VERIFIER = "s" * 43, PKCE["vectors"][0]["code_verifier"]


def exchange(_: Order, code: Code) -> Flow[Grant]:
    yield from ()
    assert code.code_verifier is not None
    facts = {"redirect_uri": code.redirect_uri, "code_verifier": code.code_verifier.reveal()}
    return Grant(access_token=code.code, attributes=facts)


def login(back: Mapping[str, str] | Callable[[Ask], Mapping[str, str]], **changes: Any) -> Played[Grant]:
    person = back if callable(back) else lambda _: back
    wanted = order(**{"exchange": exchange, **changes})
    return play(redirect(wanted), answering(nonces=[STATE, VERIFIER], person=person))


def asked(**changes: Any) -> dict[str, str]:
    """The parameters of the authorization request."""
    played = login({"state": STATE, "code": "C0DE"}, **changes)
    (prompt,) = [effect.prompt for effect in played.asked if isinstance(effect, Ask)]
    assert prompt.state == STATE
    parts = urlsplit(prompt.url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://issuer.example/dialog/oauth"
    assert not parts.fragment
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


@pytest.mark.proves("C3", "C4")
def test_the_request_has_state_and_an_s256_challenge_and_keeps_the_endpoint_s_query() -> None:
    assert asked(scope=frozenset({"email", "ads_read"})) == {
        "version": "1",
        "response_type": "code",
        "client_id": "1234",
        "redirect_uri": "https://app.example/back",
        "state": STATE,
        "code_challenge": PKCE["vectors"][0]["code_challenge"],
        "code_challenge_method": "S256",
        "scope": "ads_read email",
    }


def test_a_password_that_is_asked_for_again_is_bound_to_this_login() -> None:
    """`reauthenticate` carries a nonce of its own, which no option replaces; another login carries none."""
    options = {"auth_type": "reauthenticate", "extra": {"auth_nonce": "old"}}
    flow = redirect(order(exchange=entered_for("once"), options=options))
    back = {"state": STATE, "code": "C0DE"}
    played = play(flow, answering(nonces=[STATE, VERIFIER, "once"], person=lambda _: back))
    (prompt,) = [effect.prompt for effect in played.asked if isinstance(effect, Ask)]
    found = dict(parse_qsl(urlsplit(prompt.url).query))
    assert (found["auth_type"], found["auth_nonce"]) == ("reauthenticate", "once")
    assert "auth_nonce" not in asked(options={"auth_type": "rerequest"})


@pytest.mark.parametrize("said", [None, "", "of another login"])
def test_a_password_entered_for_another_login_or_for_none_is_not_taken(said: str | None) -> None:
    """The issuer says which nonce it was entered for; whoever shows an older login's gets nothing."""
    flow = redirect(order(exchange=entered_for(said), options={"auth_type": "reauthenticate"}))
    back = {"state": STATE, "code": "C0DE"}
    known = answering(nonces=[STATE, VERIFIER, "once"], person=lambda _: back)
    assert code_of(lambda: play(flow, known), "C0DE") == "forged"


def entered_for(once: str | None) -> Any:
    """An exchange whose issuer names the nonce that the password was entered for."""

    def exchanged(order: Order, code: Code) -> Flow[Grant]:
        granted = yield from exchange(order, code)
        return attrs.evolve(granted, attributes={**granted.attributes, "auth_nonce": once})

    return exchanged


def test_options_add_to_the_request_and_never_replace_what_guards_it() -> None:
    extra = {
        "state": "mine",
        "client_id": "9",
        "code_challenge_method": "plain",
        "version": "2",
        "return_scopes": "true",
    }
    options = {"scope_separator": ",", "auth_type": "rerequest", "display": "popup", "extra": extra}
    found = asked(scope=frozenset({"a", "b"}), options=options)
    assert (found["scope"], found["auth_type"], found["display"]) == ("a,b", "rerequest", "popup")
    assert (found["state"], found["client_id"], found["code_challenge_method"]) == (STATE, "1234", "S256")
    assert (found["version"], found["return_scopes"]) == ("2", "true")


def test_the_code_is_exchanged_with_the_verifier_and_the_same_redirect_uri() -> None:
    grant = login({"state": STATE, "code": "C0DE", "iss": "https://issuer.example"}).result
    assert grant.access_token == Secret("C0DE")
    assert grant.attributes == {"redirect_uri": "https://app.example/back", "code_verifier": VERIFIER}


def test_scopes_named_by_the_redirect_stand_where_the_exchange_names_none() -> None:
    assert login({"state": STATE, "code": "C"}).result.scope is None
    assert login({"state": STATE, "code": "C", "granted_scopes": "a,b"}).result.scope == frozenset({"a", "b"})
    assert login({"state": STATE, "code": "C", "granted_scopes": ""}).result.scope == frozenset()


@pytest.mark.proves("C3")
@pytest.mark.parametrize("state", ["", "x", STATE[:-1], STATE + "s", STATE.upper(), "é"])
@pytest.mark.parametrize("rest", [{"code": "C0DE"}, {"error": "access_denied"}])
def test_nothing_is_read_of_an_answer_with_another_state(state: str, rest: dict[str, str]) -> None:
    assert code_of(lambda: login({"state": state, **rest}), "C0DE", STATE) == "forged"


def test_an_answer_without_a_state_is_forged_and_one_without_a_code_malformed() -> None:
    assert code_of(lambda: login({"code": "C0DE"}), "C0DE") == "forged"
    assert code_of(lambda: login({"state": STATE}), STATE) == "malformed"
    assert code_of(lambda: login({"state": STATE, "code": ""}), STATE) == "malformed"


@pytest.mark.proves("C5")
@pytest.mark.parametrize(
    "iss", ["https://other.example", "https://issuer.example/", "HTTPS://issuer.example", ""]
)
def test_a_code_from_another_issuer_is_not_exchanged(iss: str) -> None:
    assert code_of(lambda: login({"state": STATE, "code": "C0DE", "iss": iss}), "C0DE") == "forged"


@pytest.mark.proves("C5")
@pytest.mark.parametrize(
    ("iss", "code"),
    [
        ("https://issuer.example", "taken"),
        ("HTTPS://ISSUER.example/oauth2", "taken"),
        ("https://issuer.example.evil.example", "forged"),
        ("https://issuer.example:8443", "forged"),
        ("http://issuer.example", "forged"),
        ("https://user@issuer.example", "forged"),
        ("https://evil.example/https://issuer.example", "forged"),
        ("issuer.example", "forged"),
        ("", "forged"),
    ],
)
def test_where_no_identifier_is_declared_the_issuer_has_to_be_of_the_same_origin(iss: str, code: str) -> None:
    endpoints = {name: url for name, url in ISSUER.endpoints.items() if name != "issuer"}
    undeclared = attrs.evolve(ISSUER, endpoints=endpoints)
    answer = {"state": STATE, "code": "C0DE", "iss": iss}
    assert code_of(lambda: login(answer, issuer=undeclared), "C0DE") == code


def test_the_person_s_no_is_a_denied_consent() -> None:
    denied = {"error": "access_denied", "error_code": "200", "error_reason": "user_denied"}
    with pytest.raises(ConsentDenied):
        login({"state": STATE, **denied})


@pytest.mark.parametrize(
    ("answer", "facts"),
    [
        ({"error": "invalid_scope"}, {"error": "invalid_scope"}),
        ({"error_code": "901", "error_message": "in sandbox mode"}, {"code": 901}),
        ({"error": "server_error", "error_reason": "x"}, {"error": "server_error", "reason": "x"}),
        ({"error": "<script>", "code": "C0DE"}, {}),
        ({"error_code": "1" * 64}, {"code": "1" * 64}),
    ],
)
def test_any_other_error_is_a_refusal_in_the_issuer_s_plain_words(
    answer: dict[str, str], facts: dict[str, object]
) -> None:
    with pytest.raises(IssuerRefused) as refused:
        login({"state": STATE, **answer})
    assert refused.value.facts == facts


def test_a_lifecycle_without_exchange_or_an_issuer_without_redirect_uri_is_a_spec_error() -> None:
    with pytest.raises(SpecError, match="exchange"):
        login({}, exchange=None)
    with pytest.raises(SpecError, match="redirect_uri"):
        login({}, issuer=attrs.evolve(ISSUER, client={}))


@pytest.mark.proves("C4")
@pytest.mark.parametrize("vector", [v for v in PKCE["vectors"] if v["method"] == "S256"])
def test_the_challenge_is_that_of_rfc_7636(vector: dict[str, str]) -> None:
    assert challenge(Secret(vector["code_verifier"])) == vector["code_challenge"]


def test_a_verifier_has_43_to_128_unreserved_characters() -> None:
    assert all(is_verifier(text) for text in PKCE["valid_verifiers"])
    assert not any(is_verifier(text) for text in PKCE["invalid_verifiers"])
    with pytest.raises(ValueError, match="43"):
        challenge(Secret("short"))


@pytest.mark.proves("C3")
@given(st.dictionaries(st.sampled_from(["state", "code", "error", "iss", "error_code"]), st.text()))
def test_any_answer_but_ours_is_forged(answer: dict[str, str]) -> None:
    assert code_of(lambda: login(answer)) == "forged"


def test_the_guest_offers_the_redirect_anywhere_and_the_fragment_on_clients() -> None:
    """An installed app holds no secret and needs none; no server sees a fragment."""
    offered = {record.name: set(record.runs_on) for record in tokenflow_acquirers()}
    assert offered == {"web.redirect": {"client", "server"}, "web.implicit": {"client"}}


def wanting(**wants: Any) -> Any:
    """That issuer, with wishes of its own."""
    return attrs.evolve(ISSUER, requests=Requests(**wants))


def test_what_the_issuer_wants_is_in_the_request_and_never_replaces_what_guards_it() -> None:
    wishes = {"access_type": "offline", "prompt": "consent", "state": "mine", "client_id": "9"}
    found = asked(issuer=wanting(authorize=wishes), scope=frozenset({"a"}))
    assert (found["access_type"], found["prompt"]) == ("offline", "consent")
    assert (found["state"], found["client_id"]) == (STATE, "1234")


def test_the_scope_is_named_and_parted_as_the_issuer_wants() -> None:
    issuer = wanting(scope_separator=",", scope_parameter="user_scope")
    found = asked(issuer=issuer, scope=frozenset({"b", "a"}))
    assert (found["user_scope"], "scope" in found) == ("a,b", False)
    spec = asked(issuer=issuer, scope=frozenset({"b", "a"}), options={"scope_separator": " "})
    assert spec["user_scope"] == "a b"


def test_an_issuer_that_refuses_pkce_gets_none_and_the_state_still_guards() -> None:
    without = {"exchange": lambda _, code: bare(code), "issuer": wanting(pkce="none")}
    found = asked(**without)
    assert not {"code_challenge", "code_challenge_method"} & found.keys()
    assert code_of(lambda: login({"state": "other", "code": "C0DE"}, **without)) == "forged"


def bare(code: Code) -> Flow[Grant]:
    yield from ()
    assert code.code_verifier is None
    return Grant(access_token=code.code)


# The implicit grant: a token in the fragment.

FRAGMENT = {"state": STATE, "access_token": "FRAGT0KEN", "expires_in": "5400"}


def shown(back: Mapping[str, str], **changes: Any) -> Played[Grant]:
    """Log in by the fragment."""
    return play(implicit(order(**changes)), answering(now=NOW, nonces=[STATE], person=lambda _: back))


def test_the_fragment_s_token_has_its_end_its_scope_and_what_was_held_back() -> None:
    """facebook.md §1.2: `expires_in` from now, data access as epoch seconds, scopes by comma."""
    more = {"data_access_expiration_time": "1760000000", "granted_scopes": "a,b", "denied_scopes": "c"}
    done = shown({**FRAGMENT, **more, "graph_domain": "facebook", "refresh_token": "X"})
    assert done.result.access_token == Secret("FRAGT0KEN")
    assert done.result.expires == At(NOW + 5400 * SECOND)
    assert (done.result.scope, done.result.refresh_token) == (frozenset({"a", "b"}), None)
    assert done.result.attributes == {
        "graph_domain": "facebook",
        "declined_scopes": ["c"],
        "data_access_expires_at": 1_760_000_000 * SECOND,
    }
    assert not done.sent
    assert "FRAGT0KEN" not in repr(done)


def test_the_request_asks_for_a_token_and_what_comes_with_it() -> None:
    """No challenge: there is no code to bind."""
    done = shown(
        FRAGMENT, options={"include": ["signed_request", "graph_domain"], "redirect_uri": "https://w"}
    )
    (prompt,) = [effect.prompt for effect in done.asked if isinstance(effect, Ask)]
    asked_for = dict(parse_qsl(urlsplit(prompt.url).query))
    assert asked_for["response_type"] == "token,signed_request,graph_domain"
    assert (asked_for["redirect_uri"], asked_for["state"]) == ("https://w", STATE)
    assert "code_challenge" not in asked_for


@pytest.mark.parametrize(
    ("fields", "expires", "data_access"),
    [
        ({"expires_in": "0", "data_access_expiration_time": "0"}, NEVER, None),
        ({"reauthorize_required_in": "7775999"}, SILENT, NOW + 7_775_999 * SECOND),
        (
            {"reauthorize_required_in": "60", "data_access_expiration_time": "1760000000"},
            SILENT,
            1_760_000_000 * SECOND,
        ),
        ({"reauthorize_required_in": "60", "data_access_expiration_time": "0"}, SILENT, None),
        ({}, SILENT, None),
    ],
)
def test_a_fragment_s_zero_is_never_and_silence_is_silence(
    fields: dict[str, str], expires: Any, data_access: int | None
) -> None:
    """Of the two ways to say when data access ends, the instant wins over the span."""
    found = shown({"state": STATE, "access_token": "t", **fields}).result
    assert (found.expires, found.attributes.get("data_access_expires_at")) == (expires, data_access)


@pytest.mark.parametrize("state", ["", "x", STATE[:-1], STATE + "s", STATE.upper(), "é"])
def test_nothing_is_read_of_a_fragment_with_another_state(state: str) -> None:
    """Whoever leads the web view to an address of their own has no state of ours."""
    assert code_of(lambda: shown({**FRAGMENT, "state": state}), "FRAGT0KEN", STATE) == "forged"
    assert code_of(lambda: shown({**FRAGMENT, "iss": "https://other.example"}), "FRAGT0KEN") == "forged"


@pytest.mark.parametrize(
    "wrong",
    [
        {"access_token": ""},
        {"expires_in": "soon"},
        {"expires_in": "-1"},
        {"expires_in": "9" * 30},
        {"data_access_expiration_time": "tomorrow"},
        {"reauthorize_required_in": "1.5", "data_access_expiration_time": ""},
        {"token_type": "DPoP"},
    ],
)
def test_a_fragment_that_makes_no_sense_is_malformed(wrong: dict[str, str]) -> None:
    """And what it held hangs on no error."""
    assert code_of(lambda: shown({**FRAGMENT, **wrong}), "FRAGT0KEN", STATE) == "malformed"


@pytest.mark.proves("C10")
@given(st.dictionaries(st.sampled_from(["state", "access_token", "error", "expires_in"]), st.text()))
def test_any_fragment_but_ours_is_forged(answer: dict[str, str]) -> None:
    """Whatever it says."""
    assert code_of(lambda: shown(answer)) == "forged"


# Refusals, as Facebook has them.


@pytest.mark.parametrize(
    "no",
    [
        {"error": "access_denied", "error_code": "200", "error_reason": "user_denied"},
        {"error_reason": "user_denied", "error_code": "200"},
        {"error": "user_denied"},
    ],
)
def test_a_person_s_no_is_told_apart_however_it_is_said(no: dict[str, str]) -> None:
    """By `error`, or by Facebook's `error_reason` alone, in the query or in the fragment."""
    for back in (login, shown):
        with pytest.raises(ConsentDenied):
            back({"state": STATE, **no})


@pytest.mark.parametrize("error", [{"error_message": "text"}, {"error_code": "1349048"}, {"error_code": ""}])
def test_an_error_that_is_not_called_one_is_a_matter_of_settings(error: dict[str, str]) -> None:
    """Even one that says no more: no person was asked, and nothing of its text is repeated."""
    for back in (login, shown):
        with pytest.raises(IssuerRefused, match="settings") as refused:
            back({"state": STATE, "access_token": "FRAGT0KEN", "code": "C0DE", **error})
        assert "text" not in str(refused.value).replace("texts", "")


# Installed apps.


def test_an_installed_app_s_own_scheme_is_written_with_its_client_id() -> None:
    """`fb{client_id}://authorize/`, in the request and at the exchange alike (RFC 6749 §4.1.3)."""
    options = {"redirect_uri": "fb{client_id}://authorize/"}
    assert asked(options=options)["redirect_uri"] == "fb1234://authorize/"
    grant = login({"state": STATE, "code": "C"}, options=options, runs_on="client").result
    assert grant.attributes["redirect_uri"] == "fb1234://authorize/"


@pytest.mark.proves("C4", "C8")
def test_on_a_client_there_is_no_login_without_pkce() -> None:
    """Nothing else would bind the code to the app: it is refused before anybody is asked."""
    with pytest.raises(SpecError, match="PKCE"):
        login({}, issuer=wanting(pkce="none"), runs_on="client")
