"""django-allauth 65.22.1 in a site of its own: its Facebook provider, moved by the settings it offers."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.acceptance.clients.authority import Authority, Somebody
from tests.acceptance.clients.browser import answered, decide

DRIVER = Path(__file__).parent / "django" / "driver.py"
#: Seconds one step of the driver may take.
PATIENCE = 60

Site = Callable[..., dict[str, Any]]


@pytest.fixture
def site(authority: Authority, tmp_path: Path) -> Site:
    """Return how to send one request to the site; its database is one test's."""

    def step(does: str, **more: Any) -> dict[str, Any]:
        message = {
            "base": authority.url,
            "app": [authority.app_id, authority.app_secret],
            "database": str(tmp_path / "site.db"),
            "does": does,
            **more,
        }
        done = subprocess.run(
            [sys.executable, str(DRIVER)],
            env={**os.environ, "PLAYED": json.dumps(message), "DJANGO_SETTINGS_MODULE": "settings"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return step


def test_a_person_logs_in_on_the_web(authority: Authority, person: Somebody, site: Site) -> None:
    """Redirect, consent, callback: the account is theirs."""
    begun = site("login")
    back = decide(begun["location"], person.id)
    done = site("callback", session=begun["session"], query=urlsplit(back).query)
    assert (done["status"], done["location"]) == (302, "/in")
    assert done["who"] == [person.id]


def test_a_browser_s_token_is_inspected_and_exchanged(
    authority: Authority, person: Somebody, site: Site
) -> None:
    """The JavaScript SDK's token is debugged and extended on the server, and logs its person in."""
    issued = authority.admin.issue(person.id, authority.app_id, "javascript", ["email"])
    done = site("token", token=issued["access_token"])
    assert (done["status"], done["who"]) == (302, [person.id])
    assert done["extra"][0]["email"] == person.email
    authority.admin.fault("oauth/access_token", "status", status=503, times=1)
    assert site("token", token=issued["access_token"])["location"] is None


def test_a_token_of_another_app_logs_nobody_in(authority: Authority, person: Somebody, site: Site) -> None:
    """Its app_id is not ours, as text."""
    authority.admin.app(app_id="400899", app_secret="another", client_token="none")
    issued = authority.admin.issue(person.id, "400899", "javascript", ["email"])
    assert site("token", token=issued["access_token"])["who"] == []


def test_a_limited_login_is_verified_by_its_keys(authority: Authority, person: Somebody, site: Site) -> None:
    """Signature, issuer and audience are checked by the sandbox's JWKS; a spoiled token is refused."""
    url = (
        f"{authority.url}/dialog/oauth?client_id={authority.app_id}&response_type=id_token&nonce=n-1"
        f"&scope=openid,email&redirect_uri=fb{authority.app_id}://authorize"
    )
    token = answered(authority.admin.approve(person.id, url))["id_token"]
    found = site("limited", token=token)
    spoiled = site("limited", token=f"{token[:-8]}AAAAAAAA")
    assert (found["who"], found["extra"][0]["email"]) == ([person.id], person.email)
    assert spoiled["who"] == []
