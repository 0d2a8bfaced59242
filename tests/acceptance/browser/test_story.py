"""The whole life of a browser's login, as the person at it sees it."""

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.browser.chromium import PATIENCE, Visit, told
from tests.acceptance.browser.site import ADA, APP, KEY

pytestmark = pytest.mark.xdist_group("browser")

DAY = 86_400


def shows(page: Page, status: str, server: str) -> None:
    """Wait until the page says how it stands in the browser, and on the server."""
    expect(page.locator("#status")).to_have_text(status, timeout=PATIENCE)
    expect(page.locator("#server")).to_have_text(server, timeout=PATIENCE)


def test_a_login_lives_in_the_browser_and_on_the_server_until_the_password_changes(visit: Visit) -> None:
    """Consent, status, hand-off, extension, reload by cookie, and the end: each is seen on both sides."""
    page = visit.tab()
    shows(page, "unknown", "nothing")

    visit.log_in(page)
    shows(page, "connected", "issued")
    token = page.evaluate("FB.getAccessToken()")
    status = told(page, "FB.getLoginStatus(told)")
    assert status["authResponse"]["accessToken"] == token
    assert status["authResponse"]["userID"] == ADA
    assert visit.site.access_token() == token
    assert told(page, "FB.api('/me', told)")["name"] == "Ada Lovelace"

    extended = visit.site.engine.extend(KEY)
    assert extended.state == "extended"
    longer = visit.site.access_token()
    assert longer != token
    ends = visit.site.engine.explain(KEY).token.expires_at
    assert ends is not None
    assert ends - visit.site.engine.desk.clock() > 59 * DAY * 1_000_000

    # Nothing but cookies is left to the page, and the server keeps the longer one.
    page.evaluate("sessionStorage.clear(), localStorage.clear()")
    page.reload()
    shows(page, "connected", "extended")
    assert f"fbsr_{APP}" in visit.cookies()
    assert visit.site.access_token() == longer

    visit.site.admin.password(ADA)
    page.evaluate("FB.getLoginStatus(() => {}, true)")
    shows(page, "unknown", "invalidated")
    assert f"fbsr_{APP}" not in visit.cookies()
