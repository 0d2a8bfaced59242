"""The page's own script, `tokenflow.js`, for whoever serves the page."""

from functools import cache
from importlib.resources import files


@cache
def page_script() -> bytes:
    """Return `tokenflow.js`: UTF-8 text, to be served as `text/javascript` from the page's own origin."""
    return files(__package__).joinpath("tokenflow.js").read_bytes()
