"""passport-facebook 3.0.0 in Node.js: its strategy, driven without a web framework."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.acceptance.clients.authority import Authority, Somebody
from tests.acceptance.clients.browser import answered, decide
from tests.acceptance.installing import hosts_in, installed, kept_between_runs, run

NODE = Path(__file__).parent / "node"
DRIVER = NODE / "driver.js"

HOUR = 3600
SCOPE = ["email", "pages_show_list"]
FIELDS = ["id", "displayName", "name", "emails", "photos"]

Answer = dict[str, Any]
Passport = Callable[..., Answer]


@pytest.fixture(scope="session")
def modules(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the client is installed: kept between runs, outside the tree of sources."""
    return installed(NODE, kept_between_runs(request, tmp_path_factory, "passport-facebook")) / "node_modules"


@pytest.fixture
def passport(authority: Authority, modules: Path) -> Passport:
    """Return how to take one step with the strategy, its options an application's own."""

    def step(*, options: Answer | None = None, **more: Any) -> Answer:
        given: Answer = {
            "clientID": authority.app_id,
            "clientSecret": authority.app_secret,
            "callbackURL": authority.callback,
            "authorizationURL": f"{authority.url}/v3.2/dialog/oauth",
            "tokenURL": f"{authority.url}/v3.2/oauth/access_token",
            "profileURL": f"{authority.url}/v3.2/me",
            "profileFields": FIELDS,
            "enableProof": True,
            "scope": SCOPE,
            "state": True,
        }
        message = json.dumps({"options": {**given, **(options or {})}, **more})
        answer: Answer = json.loads(run(DRIVER, message, {**os.environ, "NODE_PATH": str(modules)}))
        return answer

    return step


def logged_in(passport: Passport, decision: Callable[[str], str], **settings: Any) -> Answer:
    """Take the whole way: to the dialog, through *decision*, and back with what it sent."""
    sent = passport(**settings)
    assert sent["outcome"] == "redirect"
    return back(passport, sent, decision(sent["url"]), **settings)


def back(passport: Passport, sent: Answer, location: str, **settings: Any) -> Answer:
    """Come back to the application at *location*, in the session that was left."""
    request = {"query": answered(location), "session": sent["session"]}
    return passport(request=request, **settings)


@pytest.fixture
def approve(authority: Authority, person: Somebody) -> Callable[[str], str]:
    """Return how a script lets the application in, in the person's place."""
    return lambda url: authority.admin.approve(person.id, url)


@pytest.fixture
def strict_app(authority: Authority) -> Answer:
    """Return the options of an app that wants a proof with every call."""
    app = {"app_id": "400801", "app_secret": "another-secret-to-play-with", "client_token": "none"}
    authority.admin.app(**app, require_appsecret_proof=True)
    return {"clientID": app["app_id"], "clientSecret": app["app_secret"]}


class TestLogin:
    def test_the_person_is_sent_to_the_dialog(self, authority: Authority, passport: Passport) -> None:
        """The redirect carries everything the application set, and a state that stays in its session."""
        more = {"authType": "rerequest", "display": "popup", "authNonce": "once"}

        sent = passport(authenticate=more)

        url = urlsplit(sent["url"])
        asked = {name: value for name, (value,) in parse_qs(url.query, strict_parsing=True).items()}
        assert f"{url.scheme}://{url.netloc}{url.path}" == f"{authority.url}/v3.2/dialog/oauth"
        assert asked.pop("state") in json.dumps(sent["session"])
        assert asked == {
            "response_type": "code",
            "client_id": authority.app_id,
            "redirect_uri": authority.callback,
            "scope": "email,pages_show_list",
            "auth_type": "rerequest",
            "display": "popup",
            "auth_nonce": "once",
        }

    @pytest.mark.parametrize("by_hand", [True, False])
    def test_a_login_ends_with_a_token_and_a_profile(
        self,
        passport: Passport,
        person: Somebody,
        approve: Callable[[str], str],
        by_hand: bool,
    ) -> None:
        """Through the page or the admin API, the code is exchanged and the profile read with a proof."""
        answer = logged_in(passport, (lambda url: decide(url, person.id)) if by_hand else approve)

        assert answer["outcome"] == "success"
        user = answer["user"]
        assert HOUR <= user["params"]["expires_in"] <= 2 * HOUR
        assert user["params"]["token_type"] == "bearer"
        assert "refreshToken" not in user
        profile = user["profile"]
        assert (profile["provider"], profile["id"]) == ("facebook", person.id)
        assert profile["displayName"] == person.name
        assert profile["name"] == {"familyName": "Example", "givenName": "Grace"}
        assert profile["emails"] == [{"value": person.email}]
        assert profile["photos"][0]["value"]

    def test_the_code_is_bound_to_the_session_s_verifier(
        self, passport: Passport, approve: Callable[[str], str]
    ) -> None:
        """With PKCE the login works, and a code brought into another session opens nothing."""
        options = {"pkce": True}
        sent, other = passport(options=options), passport(options=options)
        location = approve(sent["url"])
        ((_, foreign),) = other["session"].items()
        foreign["state"]["handle"] = answered(location)["state"]

        stolen = back(passport, other, location, options=options)
        own = back(passport, sent, location, options=options)

        assert (stolen["outcome"], stolen["kind"], stolen["code"]) == ("error", "FacebookTokenError", 100)
        assert own["outcome"] == "success"

    @pytest.mark.parametrize("by_hand", [True, False])
    def test_a_no_is_a_failure_and_no_error(
        self, authority: Authority, passport: Passport, person: Somebody, by_hand: bool
    ) -> None:
        """A denial ends in `fail`, in Facebook's words."""

        def deny(url: str) -> str:
            if by_hand:
                return decide(url, person.id, decision="deny")
            return authority.admin.approve(person.id, url, deny=True)

        answer = logged_in(passport, deny)

        assert (answer["outcome"], answer["challenge"]) == ("fail", {"message": "Permissions error"})

    def test_an_answer_with_another_state_is_not_taken(
        self, passport: Passport, approve: Callable[[str], str]
    ) -> None:
        """A code that comes with a state of somebody else's login ends in `fail` with 403."""
        sent, other = passport(), passport()

        answer = back(passport, other, approve(sent["url"]))

        assert (answer["outcome"], answer["status"]) == ("fail", 403)

    def test_a_state_of_the_application_s_own_comes_back(
        self, passport: Passport, approve: Callable[[str], str]
    ) -> None:
        """Without a session the state is a text, and is echoed as it was sent."""
        settings = {"options": {"state": False}}
        sent = passport(authenticate={"state": "a b&c=d/é"}, **settings)

        location = approve(sent["url"])

        assert answered(location)["state"] == "a b&c=d/é"
        assert back(passport, sent, location, **settings)["outcome"] == "success"

    def test_an_app_that_facebook_does_not_know_is_told_by_a_number(self, passport: Passport) -> None:
        """`error_code` without `error`, as Facebook sends it, is an authorization error."""
        query = {"error_code": "101", "error_message": "Invalid application"}

        answer = passport(request={"query": query})

        assert (answer["kind"], answer["code"]) == ("FacebookAuthorizationError", 101)


class TestExchange:
    def test_a_replayed_code_is_refused(self, passport: Passport, approve: Callable[[str], str]) -> None:
        """The second exchange is a FacebookTokenError with code 100 and subcode 36009."""
        options = {"state": False}
        sent = passport(options=options)
        location = approve(sent["url"])
        first = back(passport, sent, location, options=options)

        again = back(passport, sent, location, options=options)

        assert first["outcome"] == "success"
        assert (again["outcome"], again["kind"]) == ("error", "FacebookTokenError")
        assert (again["code"], again["subcode"]) == (100, 36009)
        assert again["type"] == "OAuthException"
        assert again["traceID"]

    @pytest.mark.parametrize(
        ("wrong", "code", "subcode"),
        [
            ({"callbackURL": "http://localhost/elsewhere"}, 100, 36008),
            ({"clientSecret": "wrong"}, 1, None),
            ({"clientID": "1"}, 101, None),
        ],
        ids=["redirect_uri", "secret", "app"],
    )
    def test_a_code_opens_nothing_for_anybody_else(
        self,
        passport: Passport,
        approve: Callable[[str], str],
        wrong: Answer,
        code: int,
        subcode: int | None,
    ) -> None:
        """Another redirect URI, secret or app is refused, each with its number."""
        sent = passport(options={"state": False})

        answer = back(passport, sent, approve(sent["url"]), options={"state": False, **wrong})

        assert (answer["kind"], answer["code"], answer.get("subcode")) == (
            "FacebookTokenError",
            code,
            subcode,
        )

    def test_a_cut_connection_is_an_error_of_its_own(
        self, authority: Authority, passport: Passport, approve: Callable[[str], str]
    ) -> None:
        """Nobody answered: the strategy reports an internal error, and the code still works."""
        options = {"state": False}
        sent = passport(options=options)
        location = approve(sent["url"])
        authority.admin.fault("oauth/access_token", "drop", times=1)

        cut = back(passport, sent, location, options=options)

        assert (cut["kind"], cut["inner"]["code"]) == ("InternalOAuthError", "ECONNRESET")
        assert back(passport, sent, location, options=options)["outcome"] == "success"


class TestProfile:
    def test_a_proof_is_made_where_the_app_requires_it(
        self, passport: Passport, approve: Callable[[str], str], strict_app: Answer, person: Somebody
    ) -> None:
        """With `enableProof` the profile is read; without it, or under another secret, it is refused."""
        token = logged_in(passport, approve, options=strict_app)["user"]["accessToken"]

        proven = passport(profile=token, options=strict_app)
        bare = passport(profile=token, options={**strict_app, "enableProof": False})
        wrong = passport(profile=token, options={**strict_app, "clientSecret": "wrong"})

        assert proven["user"]["profile"]["id"] == person.id
        for refused in (bare, wrong):
            assert (refused["kind"], refused["code"]) == ("FacebookGraphAPIError", 100)
            assert refused["type"] == "GraphMethodException"

    def test_only_what_was_asked_and_granted_is_told(self, passport: Passport, person: Somebody) -> None:
        """Without the permission there is no address, and without the field there is no name."""
        answer = logged_in(passport, lambda url: decide(url, person.id, hold_back=["email"]))
        token = answer["user"]["accessToken"]

        shorter = passport(profile=token, options={"profileFields": ["id"]})["user"]["profile"]

        assert "emails" not in answer["user"]["profile"]
        assert shorter["_json"] == {"id": person.id}

    @pytest.mark.parametrize(
        ("end", "subcode"),
        [
            (lambda admin, person, app: admin.remove_app(person, app), 458),
            (lambda admin, person, app: admin.password(person), 460),
            (lambda admin, person, app: admin.logout(person), 467),
        ],
        ids=["remove_app", "password", "logout"],
    )
    def test_a_token_that_was_taken_back_has_no_profile(
        self,
        authority: Authority,
        passport: Passport,
        approve: Callable[[str], str],
        person: Somebody,
        end: Callable[..., object],
        subcode: int,
    ) -> None:
        """Whatever the person did, it is a FacebookGraphAPIError 190 with its subcode."""
        token = logged_in(passport, approve)["user"]["accessToken"]

        end(authority.admin, person.id, authority.app_id)

        gone = passport(profile=token)
        assert (gone["kind"], gone["code"], gone["subcode"]) == ("FacebookGraphAPIError", 190, subcode)
        assert gone["type"] == "OAuthException"


def test_the_lock_names_no_host() -> None:
    """What is installed comes by name and hash, from whichever registry the machine uses."""
    assert hosts_in(NODE / "package-lock.json") == []
