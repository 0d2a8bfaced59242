"""Debian's Chromium, headless, driven by Playwright, and held to loopback."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from attrs import field, frozen
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from tests.acceptance.browser.site import ADA, Site

PATIENCE: Final = 15_000
"""Milliseconds that something on a page may take on a busy machine."""

QUIET: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ELSEWHERE: Final = re.compile(r"^(?!(?:data|blob):|https?://(?:127\.0\.0\.1|localhost):)")
"""Addresses that are not on this machine."""


class NoChromium(Exception):
    """The browser that the tests drive is not installed."""


@frozen
class Visit:
    """A browser of one person: its cookies, its tabs, and where it was kept from going."""

    site: Site
    context: BrowserContext
    strayed: list[str] = field(factory=list)

    def tab(self) -> Page:
        """Open the application's page in a new tab and wait until the SDK has spoken."""
        page = self.context.new_page()
        page.goto(self.site.url)
        page.wait_for_function("status => status.value !== ''", arg=page.query_selector("#status"))
        return page

    def log_in(self, page: Page, person: str = ADA, press: str = "Approve") -> None:
        """Press the page's button, and decide in the window that opens, which then closes by itself."""
        decide(self.asked(page), person, press)

    def asked(self, page: Page) -> Page:
        """Press the page's button and return the window with the authority's question."""
        with page.expect_popup() as opened:
            page.click("#login")
        opened.value.wait_for_selector("form")
        return opened.value

    def cookies(self) -> dict[str, str]:
        """Return what the browser keeps for the application."""
        return {each["name"]: each["value"] for each in self.context.cookies(self.site.url)}


def decide(consent: Page, person: str, press: str) -> None:
    """Choose who one is in the authority's window and press a button; the window closes by itself."""
    consent.check(f'input[name=person][value="{person}"]')
    with consent.expect_event("close"):
        consent.click(f"text={press}", no_wait_after=True)


def told(page: Page, ask: str) -> Any:
    """Return what the SDK calls `told` back with in the JavaScript *ask*; raises when it stays silent."""
    late = f"setTimeout(() => reject(new Error('no answer')), {PATIENCE})"
    return page.evaluate(f"new Promise((told, reject) => {{ {late}; {ask}; }})")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser with an empty profile for as long as the block lasts."""
    found = shutil.which("chromium")
    if found is None:
        raise NoChromium("there is no `chromium` on PATH; install it: python3 dev.py tools")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=QUIET, chromium_sandbox=False)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(browser: Browser, site: Site) -> Iterator[Visit]:
    """Give somebody a browser with no cookies; what would leave the machine is stopped and noted."""
    context = browser.new_context(viewport={"width": 600, "height": 420})
    visit = Visit(site, context)

    def stop(route: Route) -> None:
        visit.strayed.append(route.request.url)
        route.abort()

    context.set_default_timeout(PATIENCE)
    context.route(ELSEWHERE, stop)
    try:
        yield visit
    finally:
        context.close()
