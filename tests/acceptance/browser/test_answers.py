"""What a browser is told besides a plain yes, and what the server makes of it."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.browser.chromium import Visit, told, visiting
from tests.acceptance.browser.site import ADA, APP, OTHER, opened
from tests.acceptance.browser.test_story import DAY, shows

pytestmark = pytest.mark.xdist_group("browser")

HAND_OFF = """async (said) => {
  const { ticket } = await (await fetch("/invitations", { method: "POST" })).json();
  const headers = { "Content-Type": "application/json", "Tokenflow-Ticket": ticket };
  return (await fetch("/hand-off", { method: "POST", headers, body: JSON.stringify(said) })).status;
}"""


def connected(visit: Visit) -> Page:
    """Return a tab in which Ada is logged in, on both sides."""
    page = visit.tab()
    visit.log_in(page)
    shows(page, "connected", "issued")
    return page


def test_who_says_no_in_the_dialog_is_not_logged_in(visit: Visit) -> None:
    """The window closes, and nothing is kept on either side."""
    page = visit.tab()
    visit.log_in(page, press="Deny")

    shows(page, "unknown", "nothing")
    assert page.evaluate("FB.getAuthResponse()") is None
    assert visit.site.state() is None
    assert f"fbsr_{APP}" not in visit.cookies()


def test_a_window_that_the_browser_does_not_open_is_answered(visit: Visit) -> None:
    """FB.login calls back without a login, so that the page does not wait for ever."""
    page = visit.tab()
    page.evaluate("window.open = () => null")

    assert told(page, "FB.login(told)") == {
        "status": "unknown",
        "authResponse": None,
    }


def test_an_app_that_was_removed_is_not_authorized(visit: Visit) -> None:
    """The next tab is told so, and the server asks and ends the token."""
    connected(visit)
    visit.site.admin.remove_app(ADA, APP)

    shows(visit.tab(), "not_authorized", "invalidated")


def test_access_to_data_that_is_over_is_told(visit: Visit) -> None:
    """After 90 days the person is still known, and has to log in again."""
    connected(visit)
    visit.site.admin.advance(91 * DAY)

    page = visit.tab()
    expect(page.locator("#status")).to_have_text("authorization_expired")
    assert page.evaluate("FB.getAuthResponse()") is None


def test_tabs_share_a_login_and_its_end(visit: Visit) -> None:
    """A second tab finds the login by itself; it logs out, the first learns it, and the cookie is gone."""
    first = connected(visit)
    second = visit.tab()
    shows(second, "connected", "issued")
    assert second.evaluate("FB.getAccessToken()") == first.evaluate("FB.getAccessToken()")
    assert f"fbsr_{APP}" in visit.cookies()

    second.click("#logout")
    expect(second.locator("#status")).to_have_text("unknown")
    assert f"fbsr_{APP}" not in visit.cookies()
    first.evaluate("FB.getLoginStatus(() => {})")
    shows(first, "unknown", "invalidated")


def test_a_token_of_another_app_is_not_kept(visit: Visit) -> None:
    """Whatever a page hands off, the issuer is asked whose app it is for; a good one is taken that way."""
    page = visit.tab()

    def handed(app: str) -> int:
        issued = visit.site.admin.issue(ADA, app, "javascript", ["email"])
        auth = {"accessToken": issued["access_token"], "userID": ADA, "expiresIn": 5400}
        status: int = page.evaluate(HAND_OFF, {"status": "connected", "authResponse": auth})
        return status

    assert handed(OTHER) >= 400
    assert visit.site.state() is None
    assert handed(APP) == 200
    assert visit.site.state() == "issued"


def test_the_cookie_alone_logs_in_on_the_server(visit: Visit) -> None:
    """The code in `fbsr_` is exchanged on the server, for a token that no browser ever had."""
    page = connected(visit)
    held = page.evaluate("FB.getAccessToken()")

    page.goto(f"{visit.site.url}/by-cookie")
    assert f'"user_id":"{ADA}"' in page.inner_text("body")
    assert visit.site.access_token() != held


def test_where_the_authority_s_cookie_is_denied_the_page_s_own_storage_stands_in(
    browser: Browser, tmp_path: Path
) -> None:
    """To another site no cookie is sent: a reload is connected by what the SDK kept, and unknown without."""
    with opened(tmp_path, authority="localhost") as site, visiting(browser, site) as visit:
        page = connected(visit)
        page.evaluate("sessionStorage.clear()")
        page.reload()
        shows(page, "connected", "issued")

        page.evaluate("sessionStorage.clear(), localStorage.clear()")
        page.reload()
        expect(page.locator("#status")).to_have_text("unknown")
        assert visit.strayed == []


def test_a_page_that_would_leave_the_machine_is_caught(visit: Visit) -> None:
    """What holds the other tests to loopback can fail."""
    page = visit.tab()
    gone = "fetch('https://graph.facebook.com/me').then(() => true, () => false)"

    assert page.evaluate(gone) is False
    assert visit.strayed == ["https://graph.facebook.com/me"]
    visit.strayed.clear()
