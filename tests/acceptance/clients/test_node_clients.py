"""fbgraph 1.4.4 (JavaScript) and arctic 3.7.0 (TypeScript): pointed at the sandbox by their base URL."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.clients.authority import Authority, Somebody
from tests.acceptance.clients.browser import answered, decide
from tests.acceptance.installing import installed, kept_between_runs, run

NODE = Path(__file__).parent / "node"
DAY = 24 * 3600

Driver = Callable[..., Any]


@pytest.fixture(scope="session")
def modules(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the clients are installed: kept between runs, outside the tree of sources."""
    return installed(NODE, kept_between_runs(request, tmp_path_factory, "clients-in-node"))


@pytest.fixture
def driven(authority: Authority, modules: Path) -> Driver:
    """Return how to run a driver against the sandbox, beside what is installed."""

    def step(driver: str, **message: Any) -> Any:
        script = modules / driver
        script.write_bytes((NODE / driver).read_bytes())
        return json.loads(run(script, json.dumps({"base": authority.url, **message}), {**os.environ}))

    return step


class TestFbgraph:
    """The callback client of many Express applications."""

    @pytest.fixture
    def token(self, authority: Authority, person: Somebody, driven: Driver) -> str:
        """Return the token of a login whose code the client itself exchanged."""
        url = (
            f"{authority.url}/v2.0/dialog/oauth?client_id={authority.app_id}"
            f"&redirect_uri={authority.callback}&scope=email,pages_show_list"
        )
        code = answered(authority.admin.approve(person.id, url))["code"]
        params = {
            "client_id": authority.app_id,
            "client_secret": authority.app_secret,
            "redirect_uri": authority.callback,
            "code": code,
        }
        return str(driven("fbgraph.js", calls=[["authorize", params]])["token"])

    def test_a_token_is_extended_and_read_with_a_proof(
        self, authority: Authority, person: Somebody, token: str, driven: Driver
    ) -> None:
        """The extension replaces the token the client holds; each call carries its proof."""
        app = {"client_id": authority.app_id, "client_secret": authority.app_secret}
        calls = [["extendAccessToken", app], ["get", "me?fields=id,email"]]
        done = driven("fbgraph.js", token=token, secret=authority.app_secret, calls=calls)
        longer, me = (each["result"] for each in done["answers"])
        assert done["token"] == longer["access_token"] != token
        assert 59 * DAY < longer["expires_in"] <= 60 * DAY
        assert me == {"id": person.id, "email": person.email}

    def test_pages_inspection_and_a_batch(
        self,
        authority: Authority,
        person: Somebody,
        pages: tuple[str, str, str],
        token: str,
        driven: Driver,
    ) -> None:
        """Page tokens are listed, the token is inspected, and a batch answers each of its calls."""
        app_token = f"{authority.app_id}|{authority.app_secret}"
        batch = [
            {"method": "GET", "relative_url": each} for each in ("me", "me/permissions", "nowhere/at/all")
        ]
        inspect = f"debug_token?input_token={token}&access_token={app_token}"
        calls = [["get", "me/accounts"], ["get", inspect], ["batch", batch]]
        listed, found, parts = (
            each["result"] for each in driven("fbgraph.js", token=token, calls=calls)["answers"]
        )
        assert [page["id"] for page in listed["data"]] == list(pages)
        assert (found["data"]["is_valid"], found["data"]["user_id"]) == (True, person.id)
        assert [part["code"] for part in parts][:2] == [200, 200]
        assert parts[2]["code"] == 400

    def test_what_is_taken_back_is_refused(
        self, authority: Authority, person: Somebody, token: str, driven: Driver
    ) -> None:
        """A withdrawn login and a proof of another secret are errors with Graph's numbers."""
        wrong = driven("fbgraph.js", token=token, secret="another", calls=[["get", "me"]])["answers"][0][
            "error"
        ]
        gone = driven("fbgraph.js", token=token, calls=[["del", "me/permissions"], ["get", "me"]])["answers"]
        assert (wrong["code"], wrong["type"]) == (100, "GraphMethodException")
        assert gone[0]["result"] == {"success": True}
        assert (gone[1]["error"]["code"], gone[1]["error"]["error_subcode"]) == (190, 458)


class TestArctic:
    """The typed client of many sites in TypeScript."""

    def test_a_person_logs_in(self, authority: Authority, person: Somebody, driven: Driver) -> None:
        """The state comes back, and the token has an end."""
        app = [authority.app_id, authority.app_secret, authority.callback]
        begun = driven("arctic.js", app=app)
        back = answered(decide(begun["url"], person.id))
        tokens = driven("arctic.js", app=app, code=back["code"])["tokens"]
        assert back["state"] == begun["state"]
        assert tokens["all"]["token_type"] == "bearer"
        assert tokens["value"]
        assert tokens["ends"]

    def test_a_used_code_is_refused(self, authority: Authority, person: Somebody, driven: Driver) -> None:
        """Facebook's own shape of errors is none of OAuth's to this client, and it says so."""
        app = [authority.app_id, authority.app_secret, authority.callback]
        code = answered(decide(driven("arctic.js", app=app)["url"], person.id))["code"]
        driven("arctic.js", app=app, code=code)
        again = driven("arctic.js", app=app, code=code)["error"]
        assert again["kind"] in ("UnexpectedErrorResponseBodyError", "UnexpectedResponseError")
        assert again["status"] == 400
