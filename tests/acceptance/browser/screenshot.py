"""Draw the picture of the documentation anew: `python -m tests.acceptance.browser.screenshot`."""

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.acceptance.browser.chromium import chromium, visiting
from tests.acceptance.browser.site import opened
from tests.house import ROOT

PICTURE = ROOT / "docs" / "images" / "login.png"


def main() -> None:
    """Ask for a login and take a picture of the authority's window."""
    PICTURE.parent.mkdir(exist_ok=True)
    with (
        TemporaryDirectory() as folder,
        opened(Path(folder)) as site,
        chromium() as browser,
        visiting(browser, site) as visit,
    ):
        consent = visit.asked(visit.tab())
        consent.set_viewport_size({"width": 560, "height": 520})
        consent.screenshot(path=PICTURE)


if __name__ == "__main__":
    main()
