"""An app's settings, each with what it refuses (facebook.md §9), and several apps at once."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.sandbox.ground import (
    ADA,
    APP,
    BOB,
    CALLBACK,
    CLIENT_TOKEN,
    NOW,
    SECRET,
    Ground,
    answer_of,
    fault_of,
)
from tokenflow.cli.sandbox import sandbox
from tokenflow.sandbox import AdminRefused, App, AppRefused, Sandbox, app_of


@pytest.mark.parametrize(
    ("settings", "asked", "code"),
    [
        ({"client_oauth_login": False}, {}, 3),
        ({"web_oauth_login": False}, {}, 3),
        ({"js_login": False}, {"sdk": "joey"}, 3),
        ({"enforce_https": True}, {}, 191),
        ({}, {"redirect_uri": f"{CALLBACK}/deeper"}, 191),
        ({}, {"redirect_uri": "https://www.facebook.com/connect/login_success.html"}, 191),
    ],
)
def test_a_switch_refuses_the_dialog(
    ground: Ground, settings: dict[str, Any], asked: dict[str, str], code: int
) -> None:
    """What is switched off is refused to the person, and sent to no redirect URI."""
    ground.admin.change_app(APP, **settings)

    assert fault_of(ground.http.get(ground.dialog(**asked))) == (code, None)


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({"enforce_https": True, "mode": "development", "developers": [ADA]}, {}),
        ({"strict_redirect": False}, {"redirect_uri": f"{CALLBACK}/deeper"}),
        ({"embedded_browser": True}, {"redirect_uri": "https://www.facebook.com/connect/login_success.html"}),
    ],
)
def test_a_switch_allows(ground: Ground, settings: dict[str, Any], asked: dict[str, str]) -> None:
    """A loopback URI in development, a longer one without strict mode, and the landing page of web views."""
    ground.admin.change_app(APP, **settings)

    assert ground.code(**asked)


def test_an_app_in_development_lets_in_its_own_people_only(ground: Ground) -> None:
    """Anybody else is sent back with 901, which comes without an `error`."""
    ground.admin.change_app(APP, mode="development", developers=[ADA])
    sent = answer_of(ground.admin.approve(BOB, ground.dialog(state="s")))

    assert (sent["error_code"], "error" in sent) == ("901", False)
    assert ground.code(ADA)


def test_forced_reauthentication_shows_the_form(ground: Ground) -> None:
    """Even a run that approves by itself asks the person each time."""
    ground.running.state.world.auto_approve = True
    assert ground.http.get(ground.dialog()).status_code == 302

    ground.admin.change_app(APP, force_reauthentication=True)
    assert ground.http.get(ground.dialog()).status_code == 200


def test_login_from_devices_may_be_off(ground: Ground) -> None:
    """The device is refused before it has a code to show."""
    ground.admin.change_app(APP, device_login=False)

    assert fault_of(ground.post("device/login", access_token=f"{APP}|{CLIENT_TOKEN}")) == (3, None)


def test_a_secret_is_taken_from_listed_addresses_only(ground: Ground) -> None:
    """The list is about the secret; a call without one is not its matter."""
    asked = {"client_id": APP, "client_secret": SECRET, "grant_type": "client_credentials"}
    ground.admin.change_app(APP, server_ips=["10.0.0.1"])
    assert fault_of(ground.get("oauth/access_token", **asked)) == (5, None)

    ground.admin.change_app(APP, server_ips=["127.0.0.1"])
    assert ground.get("oauth/access_token", **asked).status_code == 200


def test_a_budget_of_calls_is_told_spent_and_renewed(ground: Ground) -> None:
    """`X-App-Usage` rises in percent; a spent hour is 4 with 403; an hour later it is new."""
    token = ground.user_token()
    ground.admin.change_app(APP, calls_per_hour=2)
    told = [ground.get("me", access_token=token) for _ in range(3)]

    assert [each.status_code for each in told] == [200, 200, 403]
    assert [json.loads(each.headers["x-app-usage"])["call_count"] for each in told] == [50, 100, 100]
    assert told[2].json()["error"]["code"] == 4
    ground.admin.advance(3600)
    assert ground.get("me", access_token=token).status_code == 200


def test_apps_do_not_take_each_other_s_tokens(ground: Ground) -> None:
    """Two apps, two settings: neither extends, inspects nor ends what belongs to the other."""
    ground.admin.app(app_id="222", app_secret="s2", client_token="c2", require_appsecret_proof=True)
    token = ground.user_token()
    asked = {"client_id": "222", "client_secret": "s2"}

    extended = ground.extended(token, **asked)
    assert fault_of(extended) == (190, None)
    assert fault_of(ground.get("oauth/revoke", revoke_token=token, **asked)) == (100, None)
    assert ground.get("me", access_token=token).status_code == 200


def test_a_callback_may_only_go_to_loopback(ground: Ground) -> None:
    """The sandbox calls nobody on the network."""
    with pytest.raises(AdminRefused, match="loopback"):
        ground.admin.change_app(APP, deauthorize_url="https://shop.example.com/gone")


def test_apps_are_given_from_the_start() -> None:
    """The settings of a run hold more apps beside the first."""
    given = app_of({"app_id": "222", "app_secret": "s", "client_token": "c", "type": "native"})
    world = Sandbox(app_id=APP, apps=(given,), now=NOW).state().world

    assert set(world.apps) == {APP, "222"}
    assert world.apps["222"] == App(app_id="222", app_secret="s", client_token="c", type="native")
    with pytest.raises(AppRefused, match="typo"):
        app_of({"app_id": "222", "app_secret": "s", "client_token": "c", "typo": "native"})


@pytest.mark.parametrize(
    ("text", "said"),
    [("a: [", "no YAML"), ("a: 1", "list of apps"), ("- {app_id: '2', app_secret: hush}", "client_token")],
)
def test_a_file_of_apps_that_cannot_be_read_is_said_so(tmp_path: Path, text: str, said: str) -> None:
    """The message names the file and what is wrong, and no secret in it."""
    file = tmp_path / "apps.yaml"
    file.write_text(text)
    ran = CliRunner().invoke(sandbox, ["--port", "0", "--apps", str(file)])

    assert ran.exit_code == 1
    assert said in ran.output
    assert "hush" not in ran.output
