"""Net::Facebook::Oauth2 0.12 in Perl, as Debian ships it, pointed at the sandbox by its three addresses."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.clients.authority import Authority, Somebody
from tests.acceptance.clients.browser import answered, decide

DRIVER = Path(__file__).parent / "perl" / "driver.pl"
MODULE = Path("/usr/share/perl5/Net/Facebook/Oauth2.pm")
DAY = 24 * 3600

#: Seconds one step of the driver may take.
PATIENCE = 30

Driver = Callable[..., dict[str, Any]]


@pytest.fixture
def driven(authority: Authority) -> Driver:
    """Return how to take one step with the client."""
    assert MODULE.exists(), "Net::Facebook::Oauth2 is not here: `python3 dev.py tools` installs it"

    def step(does: str, **more: Any) -> dict[str, Any]:
        message = {
            "base": authority.url,
            "app_id": authority.app_id,
            "app_secret": authority.app_secret,
            "callback": authority.callback,
            "does": does,
            **more,
        }
        done = subprocess.run(
            ["perl", str(DRIVER)], input=json.dumps(message), capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return step


@pytest.fixture
def token(person: Somebody, driven: Driver) -> str:
    """Return the token of a login through the page, exchanged by the client."""
    code = answered(decide(driven("url")["url"], person.id))["code"]
    return str(driven("token", code=code)["token"])


def test_a_token_is_extended_read_and_inspected(
    authority: Authority, person: Somebody, pages: tuple[str, str, str], token: str, driven: Driver
) -> None:
    """The long-lived token tells who they are, which pages they run, and that it is valid."""
    longer = driven("longer", token=token)
    me = driven("get", token=longer["token"], path="me?fields=id,email")["body"]
    listed = driven("get", token=longer["token"], path="me/accounts")["body"]
    found = driven("debug", token=longer["token"])["found"]
    assert longer["token"] != token
    assert me == {"id": person.id, "email": person.email}
    assert [page["id"] for page in listed["data"]] == list(pages)
    assert (found["user_id"], found["is_valid"]) == (person.id, True)
    assert 59 * DAY < found["expires_at"] - found["issued_at"] <= 60 * DAY


def test_a_used_code_dies_with_facebook_s_words(person: Somebody, driven: Driver) -> None:
    """The client croaks with the error's type and message."""
    code = answered(decide(driven("url")["url"], person.id))["code"]
    driven("token", code=code)
    assert driven("token", code=code)["died"].startswith(
        "'OAuthException' This authorization code has been used."
    )


def test_a_changed_password_ends_the_token(
    authority: Authority, person: Somebody, token: str, driven: Driver
) -> None:
    """The next call brings 190/460, and the extension is refused."""
    authority.admin.password(person.id)
    error = driven("get", token=token, path="me")["body"]["error"]
    assert (error["code"], error["error_subcode"]) == (190, 460)
    assert "OAuthException" in driven("longer", token=token)["died"]
