"""python-facebook-api 0.24.0, pointed at the sandbox by the three addresses its constructor takes."""

from typing import Any

import pytest
from pyfacebook import FacebookError, GraphAPI, LibraryError

from tests.acceptance.clients.authority import Authority, Later, Somebody

HOUR = 3600
DAY = 24 * HOUR
SCOPE = ["email", "pages_show_list", "pages_manage_posts"]


@pytest.fixture(autouse=True)
def plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let oauthlib speak plain HTTP, as its own documentation says for a local server."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


def client(authority: Authority, **more: Any) -> Any:
    """Return the client as an application would make it."""
    given = {"oauth_flow": True, "redirect_uri": authority.callback, "scope": SCOPE, "version": "v19.0"}
    return GraphAPI(
        app_id=authority.app_id,
        app_secret=authority.app_secret,
        base_url=f"{authority.url}/",
        authorization_url=f"{authority.url}/dialog/oauth",
        access_token_url=f"{authority.url}/oauth/access_token",
        **{**given, **more},
    )


def logged_in(authority: Authority, person: Somebody) -> tuple[Any, dict[str, Any]]:
    """Return a client that has been through the dialog, and what the exchange gave it."""
    api = client(authority)
    url, state = api.get_authorization_url()
    back = authority.admin.approve(person.id, url)
    assert f"state={state}" in back
    return api, api.exchange_user_access_token(response=back)


def test_a_person_logs_in_and_is_read(authority: Authority, person: Somebody) -> None:
    """The code is exchanged with HTTP Basic, and the token tells who they are."""
    api, token = logged_in(authority, person)
    me = api.get_object("me", fields="id,name,email")
    assert (token["token_type"], me["id"], me["email"]) == ("bearer", person.id, person.email)
    assert HOUR <= int(token["expires_in"]) <= 2 * HOUR


def test_a_token_is_extended(authority: Authority, person: Somebody, later: Later) -> None:
    """The long-lived token works when the short one is over."""
    api, short = logged_in(authority, person)
    long = api.exchange_long_lived_user_access_token()
    assert 59 * DAY < long["expires_in"] <= 60 * DAY
    with later(2 * HOUR):
        with pytest.raises(FacebookError) as over:
            api.get_object("me")
        api.access_token = long["access_token"]
        assert api.get_object("me")["id"] == person.id
    assert (over.value.code, over.value.error_subcode) == (190, 463)
    assert long["access_token"] != short["access_token"]


def test_page_tokens_are_listed_and_asked_for(
    authority: Authority, person: Somebody, pages: tuple[str, str, str]
) -> None:
    """All pages with their tokens, one page by its id, and the page speaks for itself."""
    api, _ = logged_in(authority, person)
    listed = api.get_connection("me", "accounts")["data"]
    single = api.exchange_page_access_token(pages[0])
    page = client(authority, access_token=single)
    assert [each["id"] for each in listed] == list(pages)
    assert all(each["access_token"] and each["tasks"] for each in listed)
    assert page.get_object("me")["id"] == pages[0]


def test_tokens_are_inspected(authority: Authority, person: Somebody) -> None:
    """By an app token that the client gets itself, and by a token's own app."""
    api, token = logged_in(authority, person)
    app = client(authority, application_only_auth=True, oauth_flow=False)
    found = app.debug_token(input_token=token["access_token"])["data"]
    assert (found["app_id"], found["user_id"], found["type"]) == (authority.app_id, person.id, "USER")
    assert found["is_valid"] is True
    assert app.get_app_token()["access_token"].startswith(f"{authority.app_id}|")
    assert api.debug_token(token["access_token"], app.access_token)["data"]["is_valid"] is True


def test_permissions_are_taken_back(authority: Authority, person: Somebody) -> None:
    """After DELETE me/permissions the token is refused as one of an app that was removed."""
    api, _ = logged_in(authority, person)
    granted = {each["permission"] for each in api.get_connection("me", "permissions")["data"]}
    assert granted >= {"email", "pages_show_list"}
    assert api.delete_object("me", connection="permissions")["success"] is True
    with pytest.raises(FacebookError) as gone:
        api.get_object("me")
    assert (gone.value.code, gone.value.error_subcode) == (190, 458)


@pytest.mark.parametrize(("end", "subcode"), [("password", 460), ("logout", 467)])
def test_an_ended_token_is_refused_by_its_number(
    authority: Authority, person: Somebody, end: str, subcode: int
) -> None:
    """Whatever the person did, it is a FacebookError with code, subcode, type and trace."""
    api, _ = logged_in(authority, person)
    getattr(authority.admin, end)(person.id)
    with pytest.raises(FacebookError) as gone:
        api.get_object("me")
    assert (gone.value.code, gone.value.error_subcode, gone.value.type) == (190, subcode, "OAuthException")
    assert gone.value.fbtrace_id


def test_a_used_code_and_a_tired_server_are_errors_of_their_own(
    authority: Authority, person: Somebody
) -> None:
    """A second exchange is refused; a page of HTML is no answer to this client."""
    api = client(authority)
    url, _ = api.get_authorization_url()
    back = authority.admin.approve(person.id, url)
    api.exchange_user_access_token(response=back)
    with pytest.raises(Exception, match=r"36009|has been used") as used:
        client(authority).exchange_user_access_token(response=back)
    authority.admin.fault("me", "html", times=1)
    with pytest.raises(LibraryError, match="Wrong response"):
        api.get_object("me")
    assert type(used.value).__name__ == "CustomOAuth2Error"
