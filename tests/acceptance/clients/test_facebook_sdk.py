"""facebook-sdk 3.1.0, pointed at the sandbox by its two base URLs and by nothing else."""

import io
import json
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.acceptance.clients.authority import Authority, Later, Somebody
from tests.acceptance.clients.browser import answered, decide

with warnings.catch_warnings():
    # Its regular expressions are written in plain strings; Python says so when it compiles the file.
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.simplefilter("ignore", SyntaxWarning)
    import facebook

HOUR = 3600
DAY = 24 * HOUR
TOO_OLD = 2 * HOUR
SCOPE = ("email", "pages_show_list", "pages_manage_posts")

Api = Callable[..., Any]
LogIn = Callable[..., str]


@pytest.fixture
def api(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Api:
    """Return how to make the client, its newest version, talking to the sandbox."""
    monkeypatch.setattr(facebook, "FACEBOOK_GRAPH_URL", f"{authority.url}/")
    monkeypatch.setattr(facebook, "FACEBOOK_WWW_URL", f"{authority.url}/")

    def made(access_token: str | None = None, version: str = "3.1") -> Any:
        return facebook.GraphAPI(access_token, timeout=20, version=version)

    return made


@pytest.fixture
def log_in(authority: Authority, person: Somebody, api: Api) -> LogIn:
    """Return how the person logs in and gives the application a short-lived token."""

    def token(scope: tuple[str, ...] = SCOPE) -> str:
        url = api().get_auth_url(authority.app_id, authority.callback, perms=scope)
        code = answered(authority.admin.approve(person.id, url))["code"]
        return str(_exchanged(api(), code, authority)["access_token"])

    return token


def _exchanged(api: Any, code: str, authority: Authority) -> dict[str, Any]:
    result: dict[str, Any] = api.get_access_token_from_code(
        code, authority.callback, authority.app_id, authority.app_secret
    )
    return result


def _extended(api: Any, authority: Authority) -> dict[str, Any]:
    result: dict[str, Any] = api.extend_access_token(authority.app_id, authority.app_secret)
    return result


def _inspected(api: Any, token: str, authority: Authority) -> dict[str, Any]:
    data: dict[str, Any] = api.debug_access_token(token, authority.app_id, authority.app_secret)["data"]
    return data


def _refused(call: Callable[[], object]) -> tuple[Any, Any, Any]:
    """Return how a call was refused: type, code and subcode (which this client only keeps in `result`)."""
    with pytest.raises(facebook.GraphAPIError) as caught:
        call()
    error = caught.value.result["error"]
    assert caught.value.message == error["message"]
    assert error["fbtrace_id"]
    return caught.value.type, caught.value.code, error.get("error_subcode")


class TestLogin:
    def test_a_person_logs_in_through_the_page_and_the_code_becomes_their_token(
        self, authority: Authority, person: Somebody, api: Api
    ) -> None:
        """The dialog's own form, filled by hand, gives a code whose token speaks for that person."""
        url = api().get_auth_url(authority.app_id, authority.callback, perms=SCOPE, state="as/it+was&sent=")

        back = answered(decide(url, person.id))
        token = _exchanged(api(), back["code"], authority)

        assert (back["from"], back["state"]) == ("facebook", "as/it+was&sent=")
        assert (token["token_type"], type(token["expires_in"])) == ("bearer", int)
        assert HOUR <= token["expires_in"] <= TOO_OLD
        me = api(token["access_token"]).get_object("me", fields="id,name,email,picture")
        assert (me["id"], me["name"], me["email"]) == (person.id, person.name, person.email)
        assert me["picture"]["data"]["url"]

    def test_a_script_logs_the_same_person_in_without_the_page(
        self, authority: Authority, person: Somebody, api: Api
    ) -> None:
        """The admin API takes the decision in the person's place, with the same answer."""
        url = api().get_auth_url(authority.app_id, authority.callback, perms=SCOPE, state="mine")

        back = answered(authority.admin.approve(person.id, url))

        token = _exchanged(api(), back["code"], authority)["access_token"]
        assert (back["from"], back["state"]) == ("facebook", "mine")
        assert api(token).get_object("me")["id"] == person.id
        assert api(token).get_permissions("me") == {*SCOPE, "public_profile"}

    @pytest.mark.parametrize("by_hand", [True, False])
    def test_a_no_comes_back_in_facebook_s_words(
        self, authority: Authority, person: Somebody, api: Api, by_hand: bool
    ) -> None:
        """The deny button and the admin's denial send the four parameters Facebook sends."""
        url = api().get_auth_url(authority.app_id, authority.callback, perms=SCOPE, state="mine")

        location = (
            decide(url, person.id, decision="deny")
            if by_hand
            else authority.admin.approve(person.id, url, deny=True)
        )

        assert answered(location) == {
            "from": "facebook",
            "error": "access_denied",
            "error_code": "200",
            "error_reason": "user_denied",
            "error_description": "Permissions error",
            "state": "mine",
        }

    def test_a_login_may_bring_the_token_in_the_fragment(
        self, authority: Authority, person: Somebody, api: Api
    ) -> None:
        """`response_type=token` answers behind `#`, where no server sees it, with what was granted."""
        url = api().get_auth_url(
            authority.app_id,
            authority.callback,
            perms=SCOPE,
            response_type="token",
            return_scopes="true",
        )

        location = decide(url, person.id, hold_back=("email",))

        back = answered(location)
        assert location.partition("#")[0] == authority.callback
        assert api(back["access_token"]).get_object("me")["id"] == person.id
        assert back["denied_scopes"] == "email"
        assert set(back["granted_scopes"].split(",")) == {*SCOPE, "public_profile"} - {"email"}

    def test_a_code_works_once_and_only_where_it_was_made_for(
        self, authority: Authority, person: Somebody, api: Api
    ) -> None:
        """A replay, another redirect URI, a wrong secret and an invented code are each refused."""
        url = api().get_auth_url(authority.app_id, authority.callback)
        code = answered(authority.admin.approve(person.id, url))["code"]
        app = (authority.app_id, authority.app_secret)

        def exchange(code: str, uri: str, app_id: str, secret: str) -> tuple[Any, Any, Any]:
            return _refused(lambda: api().get_access_token_from_code(code, uri, app_id, secret))

        assert exchange(code, "http://localhost/elsewhere", *app)[1:] == (100, 36008)
        assert exchange(code, authority.callback, authority.app_id, "wrong")[1] == 1
        assert exchange(code, authority.callback, "1", "wrong")[1] == 101
        assert exchange("invented", authority.callback, *app)[1] == 100
        _exchanged(api(), code, authority)
        assert exchange(code, authority.callback, *app) == ("OAuthException", 100, 36009)


class TestAppToken:
    def test_the_app_s_token_is_given_and_may_be_written_by_hand(
        self, authority: Authority, person: Somebody, api: Api, log_in: LogIn
    ) -> None:
        """Asked for or joined from id and secret, it inspects tokens and reads the app."""
        user_token = log_in()
        asked = api().get_app_access_token(authority.app_id, authority.app_secret)
        joined = api().get_app_access_token(authority.app_id, authority.app_secret, offline=True)

        assert asked == api().get_app_access_token(authority.app_id, authority.app_secret)
        assert joined == f"{authority.app_id}|{authority.app_secret}" != asked
        for token in (asked, joined):
            assert api(token).get_object(authority.app_id)["id"] == authority.app_id
            assert api(token).get_permissions(person.id) == {*SCOPE, "public_profile"}
            inspected = api(token).get_object("debug_token", input_token=user_token)
            assert inspected["data"]["user_id"] == person.id
            assert _inspected(api(), token, authority)["type"] == "APP"

    def test_the_app_s_token_is_nobody(self, authority: Authority, api: Api) -> None:
        """Asked who it is, an app token has no active user; a wrong secret gives none at all."""
        token = api().get_app_access_token(authority.app_id, authority.app_secret)

        assert _refused(lambda: api(token).get_object("me"))[:2] == ("OAuthException", 2500)
        assert _refused(lambda: api().get_app_access_token(authority.app_id, "wrong"))[1] == 1

    def test_an_app_makes_people_to_try_with_and_deletes_them(self, authority: Authority, api: Api) -> None:
        """A test user comes with a token, is listed, and their token dies with them (465)."""
        app = api(api().get_app_access_token(authority.app_id, authority.app_secret))

        made = app.put_object(authority.app_id, "accounts/test-users", installed="true", permissions="email")
        me = api(made["access_token"]).get_object("me", fields="id,email")
        listed = [row["id"] for row in app.get_connections(authority.app_id, "accounts/test-users")["data"]]

        assert me == {"id": made["id"], "email": made["email"]}
        assert made["id"] in listed
        assert app.delete_object(made["id"]) == {"success": True}
        assert _refused(lambda: api(made["access_token"]).get_object("me"))[1:] == (190, 465)


class TestExtension:
    def test_an_extended_token_outlives_the_short_one(
        self, authority: Authority, person: Somebody, api: Api, log_in: LogIn, later: Later
    ) -> None:
        """The exchange gives another token of about 60 days; when the short one is over it still works."""
        short = log_in()

        answer = _extended(api(short), authority)

        long = answer["access_token"]
        assert long != short
        assert answer["token_type"] == "bearer"
        assert 59 * DAY < answer["expires_in"] <= 60 * DAY
        assert api(short).get_object("me")["id"] == api(long).get_object("me")["id"] == person.id
        with later(TOO_OLD):
            assert _refused(lambda: api(short).get_object("me")) == ("OAuthException", 190, 463)
            assert _refused(lambda: _extended(api(short), authority))[1:] == (190, 463)
            assert api(long).get_object("me")["id"] == person.id
        with later(61 * DAY):
            assert _refused(lambda: api(long).get_object("me"))[1:] == (190, 463)

    def test_only_the_app_s_own_secret_extends_a_token(
        self, authority: Authority, api: Api, log_in: LogIn
    ) -> None:
        """A wrong secret and a string that is no token are refused."""
        token = log_in()

        assert _refused(lambda: api(token).extend_access_token(authority.app_id, "wrong"))[1] == 1
        assert _refused(lambda: _extended(api("EAAinvented"), authority))[1] == 190


class TestInspection:
    def test_a_living_token_tells_whose_it_is_and_how_long(
        self, authority: Authority, person: Somebody, api: Api, log_in: LogIn
    ) -> None:
        """Ids are strings, instants are epoch seconds, and only a long-lived token says when it began."""
        short = log_in()
        long = _extended(api(short), authority)["access_token"]
        now = authority.admin.now() // 1_000_000

        one, other = _inspected(api(), short, authority), _inspected(api(), long, authority)

        for data in (one, other):
            assert (data["is_valid"], data["type"]) == (True, "USER")
            assert (data["app_id"], data["user_id"]) == (authority.app_id, person.id)
            assert set(data["scopes"]) == {*SCOPE, "public_profile"}
            assert {each["scope"] for each in data["granular_scopes"]} == set(data["scopes"])
            assert now + 89 * DAY < data["data_access_expires_at"] <= now + 90 * DAY
        assert "issued_at" not in one
        assert now - 60 < other["issued_at"] <= now
        assert one["expires_at"] <= now + TOO_OLD < now + 59 * DAY < other["expires_at"] <= now + 60 * DAY

    def test_a_page_s_token_names_the_page_and_never_ends(
        self, authority: Authority, api: Api, log_in: LogIn, pages: tuple[str, str, str]
    ) -> None:
        """Out of a long-lived token it has `profile_id` and the sentinel 0."""
        long = _extended(api(log_in()), authority)["access_token"]
        row = api(long).get_connections("me", "accounts")["data"][0]

        data = _inspected(api(), row["access_token"], authority)

        assert (data["type"], data["profile_id"]) == ("PAGE", pages[0])
        assert (data["is_valid"], data["expires_at"]) == (True, 0)

    def test_a_bad_token_is_described_and_not_refused(
        self, authority: Authority, person: Somebody, api: Api, log_in: LogIn
    ) -> None:
        """Dead or invented, the answer is 200 with `is_valid` false; a bad inspector is an error."""
        token = log_in()
        authority.admin.password(person.id)

        dead, invented = _inspected(api(), token, authority), _inspected(api(), "EAAinvented", authority)

        assert (dead["is_valid"], dead["scopes"], dead["user_id"]) == (False, [], person.id)
        assert (dead["error"]["code"], dead["error"]["subcode"]) == (190, 460)
        assert (invented["is_valid"], invented["error"]["code"]) == (False, 190)
        assert _refused(lambda: api().debug_access_token(token, authority.app_id, "wrong"))[1] == 190


class TestPages:
    def test_the_pages_a_person_administers_come_with_their_tokens(
        self, api: Api, log_in: LogIn, pages: tuple[str, str, str]
    ) -> None:
        """One page of results or many, each Facebook page is listed once and in order."""
        client = api(log_in())

        at_once = client.get_connections("me", "accounts")["data"]
        one_by_one = list(client.get_all_connections("me", "accounts", limit=1))

        assert [row["id"] for row in at_once] == list(pages)
        assert one_by_one == at_once
        assert len({row["access_token"] for row in at_once}) == 3
        asked = client.get_object(pages[1], fields="access_token")
        assert asked == {"access_token": at_once[1]["access_token"], "id": pages[1]}

    def test_a_post_goes_out_in_the_page_s_name(
        self, api: Api, log_in: LogIn, pages: tuple[str, str, str]
    ) -> None:
        """With a page's token `me` is the page, and what it posts is in its feed and in no other."""
        user = api(log_in())
        rows = {row["id"]: row["access_token"] for row in user.get_connections("me", "accounts")["data"]}
        page = api(rows[pages[0]])

        first = page.put_object("me", "feed", message="Hello, world")
        second = page.put_object(pages[0], "feed", message="Hallo, wêreld")

        assert page.get_object("me") == {"name": f"Page {pages[0]}", "id": pages[0]}
        assert first["id"] != second["id"]
        assert first["id"].startswith(f"{pages[0]}_")
        feed = page.get_connections(pages[0], "feed")["data"]
        assert [post["message"] for post in feed] == ["Hello, world", "Hallo, wêreld"]
        assert api(rows[pages[1]]).get_connections(pages[1], "feed") == {"data": []}
        assert _refused(lambda: user.put_object(pages[0], "feed", message="as myself"))[1] == 200
        other = _refused(lambda: api(rows[pages[1]]).put_object(pages[0], "feed", message="as another"))
        assert other[1] == 200

    def test_without_the_permission_there_are_no_page_tokens(
        self, api: Api, log_in: LogIn, pages: tuple[str, str, str]
    ) -> None:
        """A login without `pages_show_list` lists the pages and gives no token for them."""
        rows = api(log_in(("email",))).get_connections("me", "accounts")["data"]

        assert [row["id"] for row in rows] == list(pages)
        assert not any("access_token" in row for row in rows)

    def test_who_loses_the_role_loses_the_page_s_token(
        self, authority: Authority, person: Somebody, api: Api, log_in: LogIn, pages: tuple[str, str, str]
    ) -> None:
        """That page's token is over (492); the person's own and the other pages' live."""
        user = api(log_in())
        rows = {row["id"]: row["access_token"] for row in user.get_connections("me", "accounts")["data"]}

        authority.admin.role(pages[0], person.id, [])

        assert _refused(lambda: api(rows[pages[0]]).get_object("me"))[1:] == (190, 492)
        assert api(rows[pages[1]]).get_object("me")["id"] == pages[1]
        assert user.get_object("me")["id"] == person.id


class TestPermissions:
    def test_what_is_held_back_is_declined_until_it_is_asked_again(
        self, authority: Authority, person: Somebody, api: Api
    ) -> None:
        """A ticked box is a declined permission; only `auth_type=rerequest` brings it back."""

        def log_in(hold_back: tuple[str, ...] = (), **more: str) -> Any:
            url = api().get_auth_url(authority.app_id, authority.callback, perms=SCOPE, **more)
            code = answered(decide(url, person.id, hold_back=hold_back))["code"]
            return api(_exchanged(api(), code, authority)["access_token"])

        first = log_in(hold_back=("email",))
        rows = first.get_connections("me", "permissions")["data"]

        assert (
            first.get_permissions("me") == first.get_permissions(person.id) == {*SCOPE[1:], "public_profile"}
        )
        assert {"permission": "email", "status": "declined"} in rows
        assert "email" not in first.get_object("me", fields="email")
        assert "email" not in log_in().get_permissions("me")
        assert "email" in log_in(auth_type="rerequest").get_permissions("me")

    def test_one_permission_taken_back_leaves_the_token_with_less(
        self, person: Somebody, api: Api, log_in: LogIn
    ) -> None:
        """Deleting `me/permissions/email` declines it; the same token lives on and sees no address."""
        client = api(log_in())

        assert client.get_object("me", fields="email")["email"] == person.email
        assert client.delete_object("me/permissions/email") == {"success": True}
        assert client.get_permissions("me") == {*SCOPE[1:], "public_profile"}
        assert client.get_object("me", fields="email") == {"id": person.id}


class TestRevocation:
    def test_deleting_all_permissions_ends_every_token_of_the_app_and_person(
        self, authority: Authority, api: Api, log_in: LogIn, pages: tuple[str, str, str]
    ) -> None:
        """Short, long and page tokens are over at once (458), and inspection says the same."""
        short = log_in()
        long = _extended(api(short), authority)["access_token"]
        page = api(long).get_connections("me", "accounts")["data"][0]["access_token"]

        assert api(long).delete_object("me/permissions") == {"success": True}

        for token in (short, long, page):
            assert _refused(partial(api(token).get_object, "me")) == ("OAuthException", 190, 458)
            assert _inspected(api(), token, authority)["error"]["subcode"] == 458
        assert api(log_in()).get_permissions("me") == {*SCOPE, "public_profile"}

    def test_one_token_is_ended_by_the_app(self, authority: Authority, api: Api, log_in: LogIn) -> None:
        """`oauth/revoke` ends the one it names (466) and no other."""
        one, other = log_in(), log_in()

        args = {"client_id": authority.app_id, "client_secret": authority.app_secret, "revoke_token": one}
        assert api().request("v3.1/oauth/revoke", args) == {"success": True}

        assert _refused(lambda: api(one).get_object("me"))[1:] == (190, 466)
        assert api(other).get_permissions("me")

    @pytest.mark.parametrize(
        ("end", "subcode"),
        [
            (lambda admin, person, app: admin.password(person), 460),
            (lambda admin, person, app: admin.remove_app(person, app), 458),
            (lambda admin, person, app: admin.checkpoint(person, on=True), 459),
            (lambda admin, person, app: admin.logout(person), 467),
        ],
        ids=["password", "remove_app", "checkpoint", "logout"],
    )
    def test_whatever_a_person_does_is_heard_as_190(
        self,
        authority: Authority,
        person: Somebody,
        api: Api,
        log_in: LogIn,
        end: Callable[..., object],
        subcode: int,
    ) -> None:
        """Each end has its subcode, on reads, on writes and on the exchange alike."""
        client = api(log_in())

        end(authority.admin, person.id, authority.app_id)

        gone = ("OAuthException", 190, subcode)
        assert _refused(lambda: client.get_object("me")) == gone
        assert _refused(lambda: client.get_permissions("me")) == gone
        assert _refused(lambda: client.put_object("me", "feed", message="hello")) == gone
        assert _refused(lambda: client.delete_object("me/permissions")) == gone
        assert _refused(lambda: _extended(client, authority)) == gone


class TestCookie:
    @pytest.fixture
    def cookie(self, authority: Authority, person: Somebody, api: Api) -> str:
        """Return what the browser SDK keeps as `fbsr_APP_ID` after a login of its own."""
        url = api().get_auth_url(authority.app_id, authority.callback, response_type="signed_request,token")
        return answered(authority.admin.approve(person.id, url))["signed_request"]

    def test_a_cookie_is_read_by_whoever_knows_the_secret(
        self, authority: Authority, person: Somebody, cookie: str
    ) -> None:
        """Its signature holds over its bytes; another secret, a change, and half of it do not pass."""
        signature, _, payload = cookie.partition(".")
        read = facebook.parse_signed_request(cookie, authority.app_secret)

        assert (read["user_id"], read["algorithm"]) == (person.id, "HMAC-SHA256")
        assert abs(read["issued_at"] - authority.admin.now() // 1_000_000) < 60
        assert facebook.parse_signed_request(cookie, "wrong") is False
        assert facebook.parse_signed_request(f"{signature[::-1]}.{payload}", authority.app_secret) is False

    def test_a_cookie_becomes_a_token_once(
        self, authority: Authority, person: Somebody, api: Api, cookie: str
    ) -> None:
        """The code inside is redeemed with an empty redirect URI, and not a second time."""
        cookies = {f"fbsr_{authority.app_id}": cookie}

        user = facebook.get_user_from_cookie(cookies, authority.app_id, authority.app_secret)

        assert (user["uid"], user["token_type"]) == (person.id, "bearer")
        assert api(user["access_token"]).get_object("me")["id"] == person.id
        assert facebook.get_user_from_cookie(cookies, authority.app_id, authority.app_secret) is None

    def test_a_bad_cookie_is_nobody(self, authority: Authority, api: Api, cookie: str) -> None:
        """No cookie, another app's and one signed by somebody else log nobody in."""
        cookies = {f"fbsr_{authority.app_id}": cookie}

        assert facebook.get_user_from_cookie({}, authority.app_id, authority.app_secret) is None
        assert facebook.get_user_from_cookie(cookies, "1", authority.app_secret) is None
        assert facebook.get_user_from_cookie(cookies, authority.app_id, "wrong") is None


class TestTheRest:
    @pytest.mark.parametrize("version", facebook.VALID_API_VERSIONS)
    def test_the_version_that_was_asked_answers(self, api: Api, log_in: LogIn, version: str) -> None:
        """Every version the client knows is served, and named in the answer's header."""
        client = api(log_in(), version)

        assert client.get_version() == version
        assert client.get_object("me")["id"]

    def test_several_calls_travel_in_one(self, person: Somebody, api: Api, log_in: LogIn) -> None:
        """A batch answers each call with its own status and its body as text."""
        calls = [
            {"method": "GET", "relative_url": "v3.1/me"},
            {"method": "GET", "relative_url": "me/permissions"},
            {"method": "GET", "relative_url": "not-there"},
        ]

        me, permissions, nothing = api(log_in()).request("", post_args={"batch": json.dumps(calls)})

        assert (me["code"], json.loads(me["body"])["id"]) == (200, person.id)
        assert (permissions["code"], len(json.loads(permissions["body"])["data"])) == (200, len(SCOPE) + 1)
        assert (nothing["code"], json.loads(nothing["body"])["error"]["code"]) == (400, 803)

    @pytest.mark.parametrize(
        "call",
        [
            lambda client: client.get_objects(["1", "2"]),
            lambda client: client.search("place", q="coffee"),
            lambda client: client.put_comment("1_2", "First!"),
            lambda client: client.put_like("1_2"),
            lambda client: client.put_photo(io.BytesIO(b"no picture"), message="Look"),
            lambda client: client.delete_request("1", "2"),
            lambda client: client.get_object("not-there"),
            lambda client: client.get_connections("me", "not-there"),
        ],
        ids=["objects", "search", "comment", "like", "photo", "request", "object", "edge"],
    )
    def test_what_has_nothing_to_do_with_tokens_is_refused_in_graph_s_shape(
        self, api: Api, log_in: LogIn, call: Callable[[Any], object]
    ) -> None:
        """The client's other calls find nothing here, and hear so in words it understands."""
        kind, code, _ = _refused(lambda: call(api(log_in())))

        assert kind in {"OAuthException", "GraphMethodException"}
        assert code in {100, 803, 2500}

    def test_no_token_and_no_real_token_are_told_apart(self, api: Api) -> None:
        """Without a token there is no active user (2500); with an invented one it is 190."""
        assert _refused(lambda: api().get_object("me")) == ("OAuthException", 2500, None)
        assert _refused(lambda: api("invented").get_object("me")) == ("OAuthException", 190, None)
