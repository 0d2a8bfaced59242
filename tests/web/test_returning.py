"""Where a login may lead: the corpus of security.md C6, and every text there is."""

import asyncio
import base64
import re
from itertools import product
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web.ground import SITE, Web
from tokenflow.web.returning import LONGEST, is_local

LEADS: Final = (
    "//", "///", "////", "/\\", "\\/", "\\\\", "/\t/", "\t//", "/\n/", "\r\n//", "/\x00/", " //", "/ /",
    "/./", "/.//", "/..//", "/%2f", "%2f%2f", "/%2F%2f", "/%5c", "/%5C/", "/%09/", "/%0a/", "/%0d%0a",
    "/%252f", "/%25252f", "/%2e%2f", "/%2e%2e//", "\u2044\u2044", "/\u2215", "/\uff0f", "/\u29f8",
    "/\u3002", "/\u2028/", "https://", "https:", "https:/", "HTTPS://", "http:///", "//user@", "/@//",
    "javascript:", "JaVaScRiPt:", "data:text/html,", "vbscript:", "file://", "blob:https://", "ftp://",
    "", "?", "#", ".", "..", "./", "../", "@", ":", "*", "/#", "/;//", "/%e3%80%82", "/%ef%bc%8f",
)  # fmt: skip
HOSTS: Final = ("evil.example", "evil.example/app.example", "[::1]", "app.example@evil.example")
CORPUS: Final = tuple(f"{lead}{host}" for lead, host in product(LEADS, HOSTS))
FINE: Final = (
    "/", "/account", "/account/", "/a/b-c/d_e.f~g", "/a?tab=2&x=//y", "/a?next=/b", "/@ada", "/a:b",
    "/a%20b", "/a,b=c", "/?", "/a?q=%C3%A9", "/a?u=https://app.example/",
)  # fmt: skip


def test_the_corpus_is_as_large_as_it_is_said_to_be() -> None:
    """Two hundred ways off a site, at least."""
    assert len(set(CORPUS)) >= 200


@pytest.mark.parametrize("text", FINE)
def test_a_path_of_this_site_is_taken(text: str) -> None:
    """With a query or without."""
    assert is_local(text)


@pytest.mark.proves("C6")
def test_no_way_off_this_site_is_taken() -> None:
    """None of the corpus, and none that is longer than an address may be."""
    assert [text for text in CORPUS if is_local(text)] == []
    assert not is_local("/" + "a" * LONGEST)


def read(text: str) -> set[str]:
    """Where lenient readers would go from our site: browsers, and servers that decode first."""
    readings = {text}
    for _ in range(3):
        readings |= {unquote(one) for one in readings}
    readings |= {re.sub(r"[\x00-\x20\x7f]", "", one).replace("\\", "/") for one in readings}
    return {urlsplit(urljoin(SITE, one)).netloc for one in readings}


@pytest.mark.proves("C6")
@given(
    st.text(st.sampled_from("/\\.%2fF5cC09aAeE:@#? \t\n-x\uff1b\uff0f")).map(lambda text: f"/{text}")
    | st.text(max_size=40)
    | st.lists(st.sampled_from([*LEADS, *HOSTS, *FINE]), max_size=4).map("".join)
)
def test_what_is_taken_stays_here_for_every_reader(text: str) -> None:
    """However often it is decoded, and whatever a browser drops from it or turns around in it."""
    if is_local(text):
        assert read(text) == {urlsplit(SITE).netloc}, text


def test_a_harness_that_takes_more_is_caught() -> None:
    """The readings see through what a look at the first characters does not."""
    for text in ("/\\evil.example", "/%2fevil.example", "/\t/evil.example"):
        assert text.startswith("/")
        assert not text.startswith("//")
        assert "evil.example" in read(text)


def test_the_way_on_is_looked_at_again(web: Web) -> None:
    """A browser that writes its own cookie is not sent off the site by it."""

    async def play() -> None:
        for text in CORPUS[:40]:
            browser = web.browser()
            params = web.ground.approve(await browser.begin())
            name, cookie = next(iter(browser.cookies.items()))
            came = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
            browser.cookies[name] = f"{cookie.partition('.')[0]}.{came}"
            answer = await browser.back(params)
            assert answer.headers["location"] == f"{SITE}/problem/forged#"

    asyncio.run(play())
