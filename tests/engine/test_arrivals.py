"""How a person's token arrives without the app's secret near, or again and again: fragment, PKCE, cookie."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from tests.engine.ground import ADA, APP, APP_SECRET, BOB, Ground
from tokenflow import (
    SECOND,
    ConsentDenied,
    Engine,
    IssuerError,
    IssuerRefused,
    PayloadError,
    PersonNeeded,
    PromptPending,
    Token,
)
from tokenflow.sandbox.signing import signed_request
from tokenflow_javascript import encode_cookie

HOME: Final = "https://www.facebook.com/connect/login_success.html"


@pytest.fixture
def engine(ground: Ground) -> Iterator[Engine]:
    ground.running.state.world.any_loopback_redirect = True  # as the sandbox for strangers' clients does
    with ground.open(specs=["facebook-user"]) as opened:
        yield opened


def begin(engine: Engine, platform: str, *scope: str) -> str:
    """Begin a login; return the link a person has to open."""
    with pytest.raises(PromptPending) as caught:
        engine.acquire("ada", lifecycle="facebook-user", platform=platform, scope=list(scope))
    return caught.value.url


def came_back(ground: Ground, url: str, **how: Any) -> tuple[str, dict[str, str]]:
    """Let Ada decide; return where the browser ended, and the parameters in its query or fragment."""
    location = ground.admin.approve(ADA, url, **how)
    parts = urlsplit(location)
    return location, dict(parse_qsl(parts.query or parts.fragment))


def debugged(ground: Ground) -> int:
    return sum("debug_token" in row["path"] for row in ground.admin.ledger()["requests"])


# The fragment.


def test_a_web_view_reads_the_token_out_of_the_address(ground: Ground, engine: Engine) -> None:
    """No exchange: the token, its end and its scope come in the fragment, and the issuer vouches for it."""
    url = begin(engine, "fragment", "email", "user_likes")
    query = parse_qs(urlsplit(url).query)
    assert (query["response_type"], query["redirect_uri"]) == (["token"], [HOME])
    assert "code_challenge" not in query
    location, answer = came_back(ground, url, decline=["user_likes"])
    assert location.startswith(f"{HOME}#access_token=")
    token = engine.answer("ada", answer)
    assert (token.state, token.attributes["user_id"]) == ("issued", ADA)
    assert token.scope == {"email", "public_profile"}
    assert (ground.calls("/oauth/access_token"), debugged(ground)) == (0, 1)


@pytest.mark.proves("C10")
def test_another_login_s_fragment_is_not_taken(ground: Ground, engine: Engine) -> None:
    """The state is another's: the login goes on waiting, and nothing is asked of the issuer."""
    _, answer = came_back(ground, begin(engine, "fragment"))
    with pytest.raises(PersonNeeded):
        engine.answer("ada", {**answer, "state": "another"})
    assert debugged(ground) == 0
    assert engine.answer("ada", answer).state == "issued"


@pytest.mark.proves("C10", "D1")
def test_another_app_s_or_person_s_token_in_the_address_is_not_kept(ground: Ground, engine: Engine) -> None:
    """Whoever puts an address into the web view gets nothing kept: the issuer says whose the token is."""
    ground.admin.app(app_id="222", app_secret="other", client_token="c")  # made up
    for value in (ground.admin.issue(BOB, "222", "javascript")["access_token"], "EAAmadeup"):
        _, answer = came_back(ground, begin(engine, "fragment"))
        with pytest.raises(PayloadError):
            engine.answer("ada", {**answer, "access_token": value})
        assert engine.explain("ada").token.access_token is None


@pytest.mark.proves("B9")
def test_a_token_in_an_address_is_in_nothing_that_is_told(
    ground: Ground, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in an error, not in a log, not in the ledger of what the issuer was asked in its URLs."""
    _, answer = came_back(ground, begin(engine, "fragment"))
    ground.admin.fault(path="debug_token", kind="status", status=503)
    with pytest.raises(IssuerError) as caught:
        engine.answer("ada", answer)
    told = f"{caught.value} {caught.value!r} {caplog.text} {json.dumps(ground.admin.ledger()['requests'])}"
    assert answer["access_token"] not in told
    assert answer["state"] not in told


# PKCE without a secret.


def test_an_installed_app_has_its_code_exchanged_without_a_secret(ground: Ground) -> None:
    """It comes back to `fb<app id>://authorize/`; the verifier binds the code; the issuer vouches for it."""
    ground.running.state.world.any_loopback_redirect = True
    with ground.open(specs=["facebook-user"]) as engine:
        url = begin(engine, "native", "email")
        query = parse_qs(urlsplit(url).query)
        assert query["redirect_uri"] == [f"fb{APP}://authorize/"]
        assert query["code_challenge_method"] == ["S256"]
        location, answer = came_back(ground, url)
        assert location.startswith(f"fb{APP}://authorize/?code=")
        token = engine.answer("ada", answer)
    assert (token.state, token.attributes["user_id"], token.platform) == ("extended", ADA, "native")
    (row,) = [row for row in ground.admin.ledger()["requests"] if row["path"] == "/oauth/access_token"]
    assert APP_SECRET not in json.dumps(row)
    assert debugged(ground) == 1


@pytest.mark.proves("C8")
def test_a_stolen_code_is_worth_nothing_without_its_verifier(ground: Ground, engine: Engine) -> None:
    """Another login's code, brought to this one with this one's state, does not become a token."""
    _, stolen = came_back(ground, begin(engine, "native"))
    _, own = came_back(ground, begin(engine, "native"))
    with pytest.raises(IssuerRefused):
        engine.answer("ada", {**own, "code": stolen["code"]})


# What a dialog answers besides.


def test_what_the_person_held_back_is_known(ground: Ground, engine: Engine) -> None:
    """`return_scopes` has the redirect say it; the scope that counts is the issuer's."""
    url = begin(engine, "web", "email", "user_likes")
    assert parse_qs(urlsplit(url).query)["return_scopes"] == ["true"]
    _, answer = came_back(ground, url, decline=["user_likes"])
    assert answer["denied_scopes"] == "user_likes"
    token = engine.answer("ada", answer)
    assert "user_likes" not in token.scope


@pytest.mark.parametrize("platform", ["web", "native", "fragment"])
def test_a_no_in_the_dialog_is_a_denied_consent(ground: Ground, engine: Engine, platform: str) -> None:
    """However it comes back."""
    location = ground.admin.approve(ADA, begin(engine, platform), deny=True)
    parts = urlsplit(location)
    with pytest.raises(ConsentDenied):
        engine.answer("ada", dict(parse_qsl(parts.query or parts.fragment)))
    assert engine.explain("ada").token.state == "refused"


@pytest.mark.parametrize("platform", ["web", "fragment"])
def test_an_app_in_development_mode_is_told_so(ground: Ground, engine: Engine, platform: str) -> None:
    """Code 901 comes without the word `error`; it is the app that has to be mended, not the person."""
    state = parse_qs(urlsplit(begin(engine, platform)).query)["state"][0]
    with pytest.raises(IssuerRefused, match="development mode") as refused:
        engine.answer("ada", {"state": state, "error_code": "901", "error_message": "This app is in sandbox"})
    assert refused.value.facts["code"] == 901
    assert "This app" not in str(refused.value)


# The cookie, whose code works once.


def header(ground: Ground, person: str = ADA, **changes: Any) -> str:
    """The Cookie header of a request, as the browser sends it with each."""
    issued = ground.admin.issue(person, APP, "javascript", ["email"])
    cookies = encode_cookie({**issued, **changes}, ground.clock() // SECOND)
    return "; ".join(f"{name}={value}" for name, value in {"theme": "dark", **cookies}.items())


def by_cookie(engine: Engine, cookie: str, **how: Any) -> Token:
    return engine.acquire(
        "ada", lifecycle="facebook-user", platform="javascript_cookie", payload=cookie, **how
    )


def exchanges(ground: Ground) -> int:
    return ground.calls("/oauth/access_token", grant=None)


def test_a_cookie_that_comes_again_costs_no_call(ground: Ground, engine: Engine) -> None:
    """Its code is exchanged once; every request after it is given the token that came of it."""
    cookie = header(ground)
    first = by_cookie(engine, cookie)
    before = ground.requests()
    for _ in range(5):
        again = by_cookie(engine, f"{cookie}; other=1")
        assert (again.id, again.access_token) == (first.id, first.access_token)
    assert ground.requests() == before
    assert exchanges(ground) == 1


def test_many_requests_with_one_cookie_make_one_exchange(ground: Ground) -> None:
    """A page that loads sends it ten times at once, to two processes of the server."""
    cookie = header(ground)
    with (
        ground.durable(specs=["facebook-user"]) as one,
        ground.durable(specs=["facebook-user"]) as other,
    ):
        gate = threading.Barrier(10, timeout=30)

        def arrive(engine: Engine) -> str:
            gate.wait()
            return by_cookie(engine, cookie).id

        with ThreadPoolExecutor(10) as pool:
            ids = set(pool.map(arrive, [one, other] * 5))
    assert len(ids) == 1
    assert exchanges(ground) == 1


def test_an_exchange_that_never_reached_the_issuer_may_be_tried_again(ground: Ground, engine: Engine) -> None:
    """The cookie is as good as before."""
    cookie = header(ground)
    ground.admin.fault(path="oauth/access_token", kind="drop", times=1)
    with pytest.raises(IssuerError):
        by_cookie(engine, cookie)
    assert by_cookie(engine, cookie).state == "issued"


def test_a_code_that_was_used_elsewhere_needs_a_person(ground: Ground, engine: Engine) -> None:
    """36009, and 36007 for one that is too old: nothing here can mend it but another login."""
    cookie = header(ground)
    with ground.open(specs=["facebook-user"]) as elsewhere:
        by_cookie(elsewhere, cookie)
    with pytest.raises(PersonNeeded, match="used before"):
        by_cookie(engine, cookie)
    old = header(ground)
    ground.pass_time(3600)
    with pytest.raises(PersonNeeded, match="too old"):
        by_cookie(engine, old)


def test_a_new_cookie_is_a_new_login(ground: Ground, engine: Engine) -> None:
    """The person logged in again: its code is exchanged, and the old token is superseded."""
    first = by_cookie(engine, header(ground))
    ground.pass_time(1)
    second = by_cookie(engine, header(ground))
    assert second.id != first.id
    assert exchanges(ground) == 2


def test_a_cookie_whose_token_ended_needs_a_person(ground: Ground, engine: Engine) -> None:
    """It was good for one token, and that one is over."""
    cookie = header(ground)
    by_cookie(engine, cookie)
    engine.invalidate("ada")
    with pytest.raises(PersonNeeded, match="taken before"):
        by_cookie(engine, cookie)
    assert exchanges(ground) == 1


def test_who_knows_a_spent_code_is_given_nothing(ground: Ground, engine: Engine) -> None:
    """A cookie with the same code that the app's secret did not sign is forged, however often it comes."""
    issued = ground.admin.issue(ADA, APP, "javascript", ["email"])
    cookies = encode_cookie(issued, ground.clock() // SECOND)
    by_cookie(engine, f"fbsr_{APP}={cookies[f'fbsr_{APP}']}")
    payload = cookies[f"fbsr_{APP}"].partition(".")[2]
    forged = signed_request("guessed", json.loads(_decoded(payload)))
    with pytest.raises(PayloadError) as caught:
        by_cookie(engine, f"fbsr_{APP}={forged}")
    assert caught.value.code == "forged"
    with pytest.raises(PayloadError) as other:
        by_cookie(engine, f"fbsr_{APP}={cookies[f'fbsr_{APP}']}", attributes={"user_id": BOB})
    assert other.value.code == "other_user"


def test_the_name_of_a_cookie_s_login_is_no_secret(ground: Ground, engine: Engine) -> None:
    """What is on record of it is a digest: neither the code nor the signature."""
    cookie = header(ground)
    by_cookie(engine, cookie)
    history = engine.desk.store.history("default", "ada")
    assert any("cookie:" in (entry.event_id or "") for entry in history)
    signature, _, payload = cookie.partition("fbsr_111=")[2].partition(";")[0].partition(".")
    code = json.loads(_decoded(payload))["code"]
    assert not [entry for entry in history if code in entry.happened or signature in entry.happened]


def _decoded(text: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
