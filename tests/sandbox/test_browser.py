"""The JavaScript side as a browser meets it: its session, the four statuses, and the login's landing page."""

import base64
import json
from urllib.parse import urlencode

import httpx2
import pytest

from tests.sandbox.ground import ADA, APP, BOB, CALLBACK, DAY, SECRET, Ground, answer_of
from tokenflow.sandbox.signing import signed_request

PAGE = "http://localhost:3000"


def landing(ground: Ground, origin: str = PAGE) -> str:
    """Return the redirect URI that the SDK's popup ends at."""
    return (
        f"{ground.running.url}/x/connect/xd_arbiter/?version=46#{urlencode({'cb': 'f1', 'origin': origin})}"
    )


def popup(ground: Ground, person: str = ADA, origin: str = PAGE) -> tuple[dict[str, str], str]:
    """Log in as the SDK's popup does; return what the fragment says and the browser's cookie."""
    asked = {"response_type": "token,signed_request,graph_domain", "scope": "email", "sdk": "joey"}
    url = ground.dialog(redirect_uri=landing(ground, origin), **asked)
    sent = ground.http.post(url, data={"person": person, "decision": "approve"})
    return answer_of(sent.headers["location"]), sent.headers["set-cookie"].partition(";")[0]


def status(ground: Ground, cookie: str = "", origin: str = PAGE, **asked: str) -> httpx2.Response:
    """Ask what the SDK asks about the person at the browser."""
    return ground.http.get(
        f"{ground.running.url}/x/oauth/status",
        params={"client_id": APP, **asked},
        headers={"Cookie": cookie, "Origin": origin},
    )


def test_a_login_s_answer_lands_in_the_fragment_beside_what_the_sdk_put_there(ground: Ground) -> None:
    """The landing page finds the channel, the origin to post to and the login in one fragment."""
    told, _ = popup(ground)

    assert (told["cb"], told["origin"]) == ("f1", PAGE)
    assert {"access_token", "expires_in", "signed_request", "data_access_expiration_time"} < set(told)
    payload = json.loads(base64.urlsafe_b64decode(told["signed_request"].split(".")[1] + "=="))
    assert payload["user_id"] == ADA
    assert ground.debug(told["access_token"])["user_id"] == ADA


def test_only_pages_of_the_app_s_domains_are_answered(ground: Ground) -> None:
    """A page elsewhere gets no login by popup and no status, until its host is listed."""
    elsewhere = "https://shop.example.com"
    _, cookie = popup(ground)
    blocked = ground.http.get(ground.dialog(redirect_uri=landing(ground, elsewhere), response_type="token"))

    assert blocked.json()["error"]["code"] == 191
    refused = status(ground, cookie, elsewhere)
    assert refused.headers["fb-s"] == "unknown"
    assert refused.headers["access-control-allow-origin"] == "*"

    ground.admin.change_app(APP, js_domains=["example.com"])
    assert status(ground, cookie, elsewhere).headers["access-control-allow-origin"] == elsewhere
    assert popup(ground, origin=elsewhere)[0]["access_token"]


def test_the_four_statuses(ground: Ground) -> None:
    """Nobody, somebody without the app, somebody with it, and somebody whose 90 days are over."""
    assert status(ground).headers["fb-s"] == "unknown"

    told, cookie = popup(ground)
    connected = status(ground, cookie)
    login = json.loads(connected.headers["fb-ar"])
    assert connected.headers["fb-s"] == "connected"
    assert connected.headers["access-control-allow-credentials"] == "true"
    assert (login["access_token"], login["user_id"]) == (told["access_token"], ADA)

    ground.admin.advance(91 * DAY)
    assert status(ground, cookie).headers["fb-s"] == "authorization_expired"

    ground.admin.remove_app(ADA, APP)
    assert status(ground, cookie).headers["fb-s"] == "not_authorized"
    assert "fb-ar" not in status(ground, cookie).headers


def test_a_token_is_renewed_while_the_session_lasts(ground: Ground) -> None:
    """A short token is replaced by itself, and the 90 days of data access do not move by that."""
    told, cookie = popup(ground)
    ground.admin.advance(5400)
    renewed = json.loads(status(ground, cookie).headers["fb-ar"])

    assert renewed["access_token"] != told["access_token"]
    assert renewed["expires_in"] == 5400
    assert str(renewed["data_access_expiration_time"]) == told["data_access_expiration_time"]


@pytest.mark.parametrize("deed", ["password", "logout"])
def test_a_new_password_and_a_logout_end_the_browser_s_session(ground: Ground, deed: str) -> None:
    """After either, neither the cookie nor what the page keeps speaks for anybody."""
    told, cookie = popup(ground)
    getattr(ground.admin, deed)(ADA)

    assert status(ground, cookie).headers["fb-s"] == "unknown"
    assert status(ground, input_token=told["long_lived_token"]).headers["fb-s"] == "unknown"


def test_what_the_page_keeps_stands_in_for_a_denied_cookie(ground: Ground) -> None:
    """It speaks for the person, to the one app it was made for."""
    told, _ = popup(ground)
    ground.admin.app(app_id="222", app_secret="s", client_token="c")

    assert status(ground, input_token=told["long_lived_token"]).headers["fb-s"] == "connected"
    assert status(ground, input_token=told["long_lived_token"], client_id="222").headers["fb-s"] == "unknown"


def test_the_sdk_logs_out_with_its_token(ground: Ground) -> None:
    """The session and the token end together (467)."""
    told, cookie = popup(ground)
    ground.get("x/oauth/logout", access_token=told["access_token"])

    assert status(ground, cookie).headers["fb-s"] == "unknown"
    assert ground.refused(told["access_token"]) == (190, 467)


def test_the_browser_s_person_stands_first_in_the_form(ground: Ground) -> None:
    """Who is logged in is chosen already, whoever else there is."""
    _, cookie = popup(ground, BOB)
    page = ground.http.get(ground.dialog(), headers={"Cookie": cookie, "Accept": "text/html"}).text

    assert f'value="{BOB}" checked' in page
    assert f'value="{ADA}" checked' not in page


def test_the_cookie_of_a_login_is_exchanged_as_the_server_side_does(ground: Ground) -> None:
    """The code in `signed_request` is bound to the empty redirect URI."""
    told, _ = popup(ground)
    payload = json.loads(base64.urlsafe_b64decode(told["signed_request"].split(".")[1] + "=="))

    assert signed_request(SECRET, {}).count(".") == told["signed_request"].count(".") == 1
    assert ground.exchange(payload["code"], redirect_uri="").json()["token_type"] == "bearer"


def test_scripts_are_served_as_scripts_and_the_landing_page_runs_no_other(ground: Ground) -> None:
    """The SDK has its type and may be loaded across origins; the page allows only its own file."""
    script = ground.get("en_US/sdk.js")
    page = ground.get("x/connect/xd_arbiter/", version="46")

    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert script.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "window.FB" in script.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert ground.get("x/connect/arbiter.js").headers["content-type"] == "text/javascript; charset=utf-8"


def test_http_codes_are_suppressed_for_the_sdk(ground: Ground) -> None:
    """`suppress_http_code=1` brings the error's body with 200, so that a page can read it."""
    answer = ground.get("me", suppress_http_code="1")

    assert (answer.status_code, answer.json()["error"]["code"]) == (200, 2500)


def test_the_logout_page_ends_the_session_and_sends_the_browser_on(ground: Ground) -> None:
    """It takes the person's token, and goes to no address but one of the app's."""
    told, cookie = popup(ground)
    asked = {"access_token": told["access_token"]}
    assert ground.get("logout.php", next="https://elsewhere.example/", **asked).status_code == 400
    assert status(ground, cookie).headers["fb-s"] == "connected"

    sent = ground.get("logout.php", next=CALLBACK, **asked)
    assert (sent.status_code, sent.headers["location"]) == (302, CALLBACK)
    assert status(ground, cookie).headers["fb-s"] == "unknown"
