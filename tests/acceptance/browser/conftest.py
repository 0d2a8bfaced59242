"""One browser for the room; a profile, an application and an authority for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.acceptance.browser.chromium import Visit, chromium, visiting
from tests.acceptance.browser.site import Site, opened


# Of the package and not of the session: while Playwright runs, no other test can run a loop in this thread.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The one Chromium."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An application and its authority."""
    with opened(tmp_path) as site:
        yield site


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Visit]:
    """Somebody's browser, which never left the machine."""
    with visiting(browser, site) as visit:
        yield visit
        assert visit.strayed == []
