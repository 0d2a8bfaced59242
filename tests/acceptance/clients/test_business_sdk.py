"""facebook_business 26.0.3, Meta's own SDK for servers, pointed at the sandbox by one class attribute."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.clients.authority import Authority, Somebody

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its generated classes are written for an older Python
    from facebook_business.adobjects.page import Page
    from facebook_business.adobjects.user import User
    from facebook_business.api import FacebookAdsApi
    from facebook_business.exceptions import FacebookRequestError
    from facebook_business.session import FacebookSession

Api = Callable[..., Any]


@pytest.fixture
def api(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Api:
    """Return how to make the client for a token; it sends a proof with every call."""
    monkeypatch.setattr(FacebookSession, "GRAPH", authority.url)

    def made(token: str, secret: str | None = None) -> Any:
        session = FacebookSession(authority.app_id, secret or authority.app_secret, token)
        return FacebookAdsApi(session, "v26.0")

    return made


@pytest.fixture
def app_token(authority: Authority) -> str:
    """Return the app id and the app secret, as the app's own token."""
    return f"{authority.app_id}|{authority.app_secret}"


def token_of(authority: Authority, person: Somebody, *scope: str) -> str:
    """Return a token of the person's for the app."""
    issued = authority.admin.issue(person.id, authority.app_id, "web", list(scope))
    return str(issued["access_token"])


def test_the_person_behind_a_token_is_read(authority: Authority, person: Somebody, api: Api) -> None:
    """`me/` with a slash at the end and a proof in the query."""
    found = User("me", api=api(token_of(authority, person, "email"))).api_get(fields=["id", "name"])
    assert (found["id"], found["name"]) == (person.id, person.name)


def test_pages_come_with_tokens_and_tasks(
    authority: Authority, person: Somebody, pages: tuple[str, str, str], api: Api
) -> None:
    """The edge is read to its end, and a page's token posts as the page."""
    mine = User("me", api=api(token_of(authority, person, "pages_show_list", "pages_manage_posts")))
    listed = mine.get_accounts(fields=["access_token", "id"], params={"limit": 2})
    found = list(listed)
    assert [page["id"] for page in found] == list(pages)
    assert listed.total() == 3
    page = Page(pages[0], api=api(found[0]["access_token"]))
    assert page.create_feed(params={"message": "Fresh bread"})["id"].startswith(pages[0])


def test_tokens_are_inspected(authority: Authority, person: Somebody, api: Api, app_token: str) -> None:
    """By a raw call: the SDK has no helper for debug_token."""
    token = token_of(authority, person, "email")
    answer = api(app_token).call("GET", ("debug_token",), params={"input_token": token}).json()["data"]
    assert (answer["is_valid"], answer["type"], answer["user_id"]) == (True, "USER", person.id)
    assert "email" in answer["scopes"]


def test_one_permission_and_then_all_are_taken_back(authority: Authority, person: Somebody, api: Api) -> None:
    """The token lives on without the one, and not without the whole."""
    client = api(token_of(authority, person, "email", "pages_show_list"))
    mine = User("me", api=client)
    mine.delete_permissions(params={"permission": "email"})
    left = {each["permission"]: each["status"] for each in mine.get_permissions()}
    assert (left["email"], left["pages_show_list"]) == ("declined", "granted")
    mine.delete_permissions()
    with pytest.raises(FacebookRequestError) as gone:
        mine.api_get()
    assert (gone.value.api_error_code(), gone.value.api_error_subcode()) == (190, 458)


def test_a_proof_of_another_secret_is_refused(authority: Authority, person: Somebody, api: Api) -> None:
    """The proof is looked at even where the app does not require one."""
    wrong = api(token_of(authority, person), "another-secret")
    with pytest.raises(FacebookRequestError) as refused:
        User("me", api=wrong).api_get()
    assert (refused.value.api_error_code(), refused.value.http_status()) == (100, 400)
    assert refused.value.api_error_type() == "GraphMethodException"


def test_test_users_are_made_and_listed(authority: Authority, api: Api, app_token: str) -> None:
    """By the app's own token, in this SDK's older spelling of the edge."""
    client = api(app_token)
    edge = (authority.app_id, "accounts")
    fields = {"type": "test-users", "installed": True, "permissions": ["email"]}
    made = client.call("POST", edge, params=fields).json()
    listed = client.call("GET", edge, params={"type": "test-users"}).json()["data"]
    assert made["access_token"]
    assert made["id"] in {each["id"] for each in listed}


def test_a_system_user_gets_a_token_without_an_end(
    authority: Authority, person: Somebody, api: Api, app_token: str
) -> None:
    """Installed first, then generated with a proof; sixty days on request; ended by DELETE."""
    robot = f"9{person.id}"
    authority.admin.system_user(robot, "Robot", "8", authority.app_id)
    admin = api(token_of(authority, person, "business_management"))
    admin.call("POST", (robot, "applications"), params={"business_app": authority.app_id})
    fields = {"business_app": authority.app_id, "scope": ["ads_read"], "set_token_expires_in_60_days": False}
    token = admin.call("POST", (robot, "access_tokens"), params=fields).json()["access_token"]
    inspect = ("debug_token",)
    found = api(app_token).call("GET", inspect, params={"input_token": token}).json()["data"]
    assert (found["type"], found["expires_at"], found["is_valid"]) == ("SYSTEM_USER", 0, True)
    admin.call("DELETE", (robot, "access_tokens"))
    over = api(app_token).call("GET", inspect, params={"input_token": token}).json()["data"]
    assert over["is_valid"] is False


@pytest.mark.parametrize(("kind", "status"), [("empty", 500), ("status", 503), ("status", 429)])
def test_a_tired_server_is_an_error_with_its_status(
    authority: Authority, person: Somebody, api: Api, kind: str, status: int
) -> None:
    """Nothing, an error and a rate limit are failures; the next call is answered."""
    mine = User("me", api=api(token_of(authority, person)))
    authority.admin.fault("me", kind, times=1, status=status)
    with pytest.raises(FacebookRequestError) as failed:
        mine.api_get()
    assert failed.value.http_status() == status
    assert mine.api_get()["id"] == person.id
