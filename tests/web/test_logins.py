"""A login there and back: bound to the browser that began it, to its session, and finished once."""

import asyncio
from random import Random
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.ground import ADA, BOB, Ground
from tests.web.ground import SITE, Browser, Web, bogus, opened, web_of

COOKIE = "__Host-tokenflow-login"
FORGED = f"{SITE}/problem/forged#"
EXPIRED = f"{SITE}/problem/prompt_expired#"


async def begun(web: Web, browser: Browser, person: str = ADA) -> dict[str, str]:
    """Begin a login and let the person agree; return what the issuer sends the browser back with."""
    return web.ground.approve(await browser.begin(), person)


def kept(web: Web, key: str = "ada") -> str | None:
    """Whose token is usable under *key*."""
    there = web.engine.keys()
    found = web.engine.explain(key) if key in there else None
    return str(found.token.attributes["user_id"]) if found is not None and found.usable else None


@pytest.mark.proves("B9")
def test_a_person_is_sent_there_and_comes_back_to_a_clean_address(web: Web) -> None:
    """The token is kept, the way on tells nothing and keeps no fragment, the cookie is gone."""

    async def play() -> None:
        browser = web.browser()
        answer = await browser.get("/login/web", params={"return_to": "/account?tab=2"})
        assert answer.status_code == 303
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"{COOKIE}=")
        assert set(cookie.split("; ")[1:]) == {"HttpOnly", "Max-Age=600", "Path=/", "SameSite=lax", "Secure"}
        state = parse_qs(urlsplit(answer.headers["location"]).query)["state"][0]
        assert state not in cookie

        back = await browser.back(web.ground.approve(answer.headers["location"]))
        assert (back.status_code, back.headers["location"]) == (303, f"{SITE}/account?tab=2#")
        assert browser.cookies == {}
        assert kept(web) == ADA

    asyncio.run(play())


@pytest.mark.proves("C3")
def test_each_way_to_bring_another_s_answer_is_refused(web: Web) -> None:
    """State or cookie missing, cut or turned, another browser or session, a parameter twice: none is taken.

    And none of them spends the login: whoever began it still finishes it, once.
    """

    async def play() -> None:
        browser, other, empty = web.browser(), web.browser("carl"), web.browser()
        params = await begun(web, browser)
        cookie = browser.cookies[COOKIE]
        other_params = await begun(web, other, BOB)

        for state in bogus(params["state"]):
            browser.cookies[COOKIE] = cookie
            assert (await browser.back({**params, "state": state})).headers["location"] == FORGED
        for value in bogus(cookie.partition(".")[0]):
            browser.cookies[COOKIE] = f"{value}.{cookie.partition('.')[2]}"
            assert (await browser.back(params)).headers["location"] == FORGED
        browser.cookies[COOKIE] = cookie
        assert (await browser.back(other_params)).headers["location"] == FORGED
        assert (await empty.back(params)).headers["location"] == FORGED
        browser.cookies[COOKIE] = cookie
        twice = f"/callback?code={params['code']}&state={params['state']}&code=x"
        assert (await browser.get(twice)).headers["location"] == f"{SITE}/problem/failed#"
        without = {name: value for name, value in params.items() if name != "state"}
        browser.cookies[COOKIE] = cookie
        assert (await browser.back(without)).headers["location"] == FORGED
        assert kept(web) is None

        bobs = web.browser("bob")
        bobs.cookies[COOKIE] = cookie
        assert (await bobs.back(params)).headers["location"] == EXPIRED
        assert kept(web) is None
        assert kept(web, "bob") is None
        browser.cookies[COOKIE] = cookie
        assert (await browser.back(params)).headers["location"] == f"{SITE}/account?tab=2#"
        assert kept(web) == ADA

    asyncio.run(play())


@pytest.mark.proves("C3")
def test_one_of_many_at_once_is_taken(web: Web) -> None:
    """The same answer, sent by the same browser many times at once and once more: one login."""

    async def play() -> None:
        browser = web.browser()
        params = await begun(web, browser)
        twins = [Browser(web, browser.headers, dict(browser.cookies)) for _ in range(16)]
        answers = await asyncio.gather(*(twin.back(params) for twin in twins))
        places = sorted(answer.headers["location"] for answer in answers)
        assert places == sorted([f"{SITE}/account?tab=2#", *[EXPIRED] * 15])
        again = Browser(web, browser.headers, dict(browser.cookies))
        assert (await again.back(params)).headers["location"] == EXPIRED
        assert web.ground.calls("/oauth/access_token") == 1
        assert kept(web) == ADA

    asyncio.run(play())


@pytest.mark.proves("C3")
def test_none_of_two_thousand_is_taken_but_the_one(web: Web) -> None:
    """Random tampering with state, cookie, session and browser, and the true answer once among it."""
    chance = Random(1)

    async def play() -> None:
        browser = web.browser()
        params = await begun(web, browser)
        cookie, state = browser.cookies[COOKIE], params["state"]
        taken = 0
        for turn in range(2_000):
            fields = {"state": state, "cookie": cookie, "session": "ada"}
            for name in chance.sample(sorted(fields), chance.randint(1, 3)) if turn != 1_200 else []:
                fields[name] = tampered(chance, fields[name])
            twin = web.browser(fields["session"])
            twin.cookies[COOKIE] = fields["cookie"]
            answer = await twin.back({**params, "state": fields["state"]})
            taken += not answer.headers["location"].startswith(f"{SITE}/problem/")
        assert taken == 1
        assert kept(web) == ADA

    asyncio.run(play())


def tampered(chance: Random, text: str) -> str:
    """*text* with a character changed, dropped or added where it matters."""
    at = chance.randrange(min(len(text), 40))
    other = chance.choice([one for one in "0aZ9-" if one != text[at]])
    return chance.choice(
        [f"{text[:at]}{other}{text[at + 1 :]}", text[:at] + text[at + 1 :], f"{text[:at]}{other}{text[at:]}"]
    )


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(state=st.text(max_size=60), cookie=st.text(st.characters(codec="latin-1"), max_size=60))
def test_no_text_is_an_answer(web: Web, state: str, cookie: str) -> None:
    """Whatever stands in the address and the cookie, the answer is a clean address and never an error."""
    browser = web.browser()
    if "\r" not in cookie and "\n" not in cookie and "\0" not in cookie:
        browser.cookies[COOKIE] = cookie
    answer = asyncio.run(browser.back({"state": state, "code": "c"}))
    assert (answer.status_code, answer.headers["location"]) == (303, FORGED)


@pytest.mark.proves("C3")
def test_a_login_waits_ten_minutes(web: Web) -> None:
    """After that the answer is refused, cookie or no cookie."""

    async def play() -> None:
        browser = web.browser()
        params = await begun(web, browser)
        web.ground.pass_time(601)
        assert (await browser.back(params)).headers["location"] == EXPIRED
        assert kept(web) is None

    asyncio.run(play())


def test_who_says_no_is_told_in_a_sentence(web: Web) -> None:
    """The way on is a page of ours whose address tells why in a word."""

    async def play() -> None:
        browser = web.browser()
        url = await browser.begin()
        back = await browser.back(web.ground.approve(url, deny=True))
        assert back.headers["location"] == f"{SITE}/problem/consent_denied#"
        page = await browser.get("/problem/consent_denied")
        assert "You did not agree" in page.text
        assert (await browser.get("/problem/%3Cscript%3E")).text.count("script") == 0

    asyncio.run(play())


@pytest.mark.parametrize(
    ("path", "session", "status"),
    [
        ("/login/web", None, 401),
        ("/login/server", "ada", 404),
        ("/login/native", "ada", 404),
        ("/login/web?return_to=//evil.example", "ada", 400),
        ("/login/web?return_to=https://evil.example/", "ada", 400),
    ],
)
def test_what_is_no_login_begins_none(web: Web, path: str, session: str | None, status: int) -> None:
    """Nobody's, one that is not offered, one that would lead off the site: a page, and nothing is parked."""
    answer = asyncio.run(web.browser(session).get(path))
    assert answer.status_code == status
    assert "location" not in answer.headers
    assert web.engine.keys() == []


@pytest.mark.proves("C6")
def test_a_login_that_would_come_back_elsewhere_is_not_begun(ground: Ground) -> None:
    """Its address at the issuer is another one: the person is not sent where they would get lost."""
    with opened(ground, "https://elsewhere.example") as engine:
        answer = asyncio.run(web_of(ground, engine).browser().get("/login/web"))
        assert (answer.status_code, "set-cookie" in answer.headers) == (404, False)
    with opened(ground) as engine:
        web = web_of(ground, engine, logins=("native",))
        assert asyncio.run(web.browser().get("/login/native")).status_code == 404
