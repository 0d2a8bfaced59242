"""A spec changed under live tokens, with the installed command: diff, migrate, and run goes on (M1-M3)."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.acceptance.ground import APP, RESULT, SPECS, Elsewhere, printed, sandbox, tokenflow
from tokenflow import Engine, Secret
from tokenflow.engine.keys import write_key_file
from tokenflow.engine.places import look_into
from tokenflow.engine.sealing import unopened
from tokenflow_android import encode_login as android_login
from tokenflow_javascript import encode_login as javascript_login

SHIPPED: Final = (SPECS / "lifecycles" / "facebook-user.yaml").read_text(encoding="utf-8")
MAPPED: Final = '\nmigrate: [{from: "<2.0.0", states: {extended: prolonged}}]\n'
KEEPS: Final = """
apiVersion: tokenflow/v1
kind: Tokens
metadata: {name: people, version: 1.0.0, title: Ada's token}
tokens:
  ada: {lifecycle: ./facebook-user.yaml, acquire: web}
"""


def renamed(version: str, more: str) -> str:
    """The shipped lifecycle with `extended` called `prolonged`."""
    text = re.sub(r"\bextended\b", "prolonged", SHIPPED).replace("version: 1.0.0", f"version: {version}")
    return text + more


class Place:
    """A folder with a store, its key, and the spec as its owner edits it."""

    def __init__(self, folder: Path, elsewhere: Elsewhere) -> None:
        self.folder, self.elsewhere = folder, elsewhere
        self.spec = folder / "facebook-user.yaml"
        self.store = f"sqlite:{folder / 'tokens.db'}"
        self.key = f"file:{write_key_file(folder / 'tokens.key')}"

    def write(self, text: str) -> None:
        """Edit the spec."""
        self.spec.write_text(text, encoding="utf-8")

    def engine(self, specs: list[Path | str]) -> Engine:
        """The application's own engine."""
        return Engine.open(
            specs,
            self.store,
            key=self.key,
            issuer=self.elsewhere.url,
            client_ids={"facebook": APP},
            redirect_uri="http://127.0.0.1/callback",
            secrets={"env:FB_APP_SECRET": Secret(self.elsewhere.known["FB_APP_SECRET"])},
            trust_cache=0.0,
        )

    def login(self, engine: Engine, key: str, person: str, platform: str) -> None:
        """Log a person in on a platform."""
        encode: Any = {"android": android_login, "javascript": javascript_login}[platform]
        issued = self.elsewhere.admin.issue(person, APP, platform, ["email"])
        engine.acquire(
            key, lifecycle="facebook-user", platform=platform, payload=encode(issued, int(time.time()))
        )

    def command(self, *arguments: str | Path) -> RESULT:
        """Run the installed command in the folder, knowing what its owner's shell knows."""
        return tokenflow(*arguments, cwd=self.folder, known=self.elsewhere.known)

    def stored(self) -> dict[str, tuple[str, str]]:
        """Key -> lifecycle and state, as they rest in the store."""
        with look_into(self.store) as store:
            rows = [store.load("default", key) for key in store.keys("default")]
        tokens = [unopened(row) for row in rows if row is not None]
        return {token.key: (token.lifecycle, token.state) for token in tokens}

    def listed(self) -> dict[str, tuple[str, str]]:
        """Key -> lifecycle and state, as `token list` has them."""
        found = printed(self.command("token", "list", "--store", self.store, "--format", "json"))["tokens"]
        return {one["key"]: (one["lifecycle"], one["state"]) for one in found}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A store with two live tokens at 1.0.0, one short and one long, and the spec beside it."""
    with sandbox() as running:
        for number, name in (("100", "Ada"), ("200", "Bob")):
            running.admin.person(number, name)
        place = Place(tmp_path, running)
        place.write(SHIPPED)
        with place.engine([place.spec]) as engine:
            place.login(engine, "ada", "100", "android")
            place.login(engine, "bob", "200", "javascript")
        yield place


def test_a_renamed_state_takes_its_live_tokens_along(place: Place) -> None:
    """diff says what it asks, migrate first shows and then does it, token list shows it, run goes on."""
    before = {"ada": ("facebook-user@1.0.0", "extended"), "bob": ("facebook-user@1.0.0", "issued")}
    assert place.stored() == before
    kept = f"{place.store}#facebook-user@1.0.0"

    place.write(renamed("1.1.0", ""))
    small = place.command("diff", kept, place.spec)
    assert small.returncode == 1
    assert [code in small.stdout for code in ("TF501", "TF502", "TF503")] == [True, True, False]

    place.write(renamed("2.0.0", MAPPED))
    whole = place.command("diff", kept, place.spec, "--format", "json")
    assert whole.returncode == 0
    assert (printed(whole)["required"], printed(whole)["honest"], printed(whole)["takes_over"]) == (
        "major",
        True,
        True,
    )

    shown = place.command("migrate", "--store", place.store, place.spec)
    assert shown.returncode == 0
    assert "extended -> prolonged" in shown.stdout
    assert "2 would come over, 0 have nothing to do, 0 cannot" in shown.stdout
    assert place.stored() == before, "a dry run changes nothing"

    done = place.command("migrate", "--store", place.store, place.spec, "--key", place.key, "--apply")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        0,
        "2 came over, 0 have nothing to do, 0 cannot",
    )
    after = {"ada": ("facebook-user@2.0.0", "prolonged"), "bob": ("facebook-user@2.0.0", "issued")}
    assert place.listed() == after
    history = place.command("token", "show", "ada", "--store", place.store).stdout
    assert "migrated from facebook-user@1.0.0 to facebook-user@2.0.0, extended -> prolonged" in history

    (place.folder / "people.yaml").write_text(KEEPS, encoding="utf-8")
    run = place.command(
        *("run", "people.yaml", "--once", "--store", place.store, "--key", place.key),
        *("--issuer", place.elsewhere.url),
    )
    assert (run.returncode, run.stdout) == (0, "ada: prolonged\n")
    with place.engine([place.spec]) as engine:
        assert engine.token("ada").state == "prolonged"
        assert engine.extend("bob").state == "prolonged"


def test_what_cannot_come_over_is_named_and_goes_on_where_it_is(place: Place) -> None:
    """Without a mapping the long token stays, with a reason, a mend and exit 1; the short one comes over."""
    place.write(renamed("2.0.0", '\nmigrate: [{from: "<2.0.0"}]\n'))
    done = place.command("migrate", "--store", place.store, place.spec, "--key", place.key, "--apply")

    assert done.returncode == 1
    assert "ada  stays  facebook-user@1.0.0  extended" in done.stdout
    assert "has no state `extended`" in done.stdout
    assert "help: " in done.stdout
    assert place.stored() == {
        "ada": ("facebook-user@1.0.0", "extended"),
        "bob": ("facebook-user@2.0.0", "issued"),
    }
    with place.engine([place.spec]) as engine:
        assert engine.token("ada").state == "extended"
        assert engine.extend("ada").state == "extended"
