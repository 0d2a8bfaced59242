"""The page of the documentation does in a browser what it says."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.acceptance.browser.chromium import decide, visiting
from tests.acceptance.browser.site import ADA, opened
from tests.house import ROOT

pytestmark = pytest.mark.xdist_group("browser")

DOCUMENT = ROOT / "docs" / "how-to" / "javascript.md"


def test_the_documented_page_hands_its_login_to_the_server(browser: Browser, tmp_path: Path) -> None:
    """Its one code block, as it is printed, logs in and is answered with 200 by the web room."""
    (block,) = re.findall(r"^```html\n(.*?)^```$", DOCUMENT.read_text("utf-8"), re.DOTALL | re.MULTILINE)

    with opened(tmp_path, text=block) as site, visiting(browser, site) as visit:
        page = visit.context.new_page()
        page.goto(site.url)
        page.wait_for_function("window.FB?.Event")
        with page.expect_response(lambda one: one.url.endswith("/hand-off") and bool(site.state())) as answer:
            with page.expect_popup() as opening:
                page.evaluate("void FB.login(() => {})")
            decide(opening.value, ADA, "Approve")

        assert answer.value.status == 200
        assert site.state() == "issued"
        assert site.access_token() == page.evaluate("FB.getAccessToken()")
        assert visit.strayed == []


def test_the_picture_is_small() -> None:
    """It is a PNG that a page loads at once."""
    picture = (ROOT / "docs" / "images" / "login.png").read_bytes()

    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 150_000
