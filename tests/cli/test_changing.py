"""`diff` and `migrate` as they are typed: what they print, for people and programs, and their exit codes."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.cli.conftest import Call
from tests.house import ROOT
from tokenflow import AlreadyLive, ClockHeld, Engine, RevisionConflict, Secret
from tokenflow.engine.keys import write_key_file

SPEC: Final = """
apiVersion: tokenflow/v1
kind: Lifecycle
metadata: {name: inline, version: VERSION}
requires: {tokenflow: ">=0.1", plugins: {server: 1}}
extends: builtin:facebook-app
MORE
"""
NOTE: Final = 'token: {attributes: {note: {type: string, default: "none"}}}\n'
TAKES: Final = 'migrate: [{from: "<2"}]\n'


class Shop:
    """A store with tokens of an application, which need neither a person nor an issuer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = f"sqlite:{folder / 'tokens.db'}"
        self.key = f"file:{write_key_file(folder / 'tokens.key')}"

    def spec(self, version: str, more: str = "") -> Path:
        """Write a version of the spec."""
        path = self.folder / f"inline-{version}.yaml"
        path.write_text(SPEC.replace("VERSION", version).replace("MORE", more))
        return path

    def acquire(self, *keys: str, spec: Path) -> None:
        """Acquire a token for each key, of an app of its own."""
        for key in keys:
            options = {"client_ids": {"facebook": key}, "secrets": {"env:FB_APP_SECRET": Secret("s3cret")}}
            with Engine.open([spec], self.store, key=self.key, **options) as engine:
                engine.acquire(key, lifecycle="inline", platform="inline")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A store with two tokens at 1.0.0."""
    for name in ("FB_APP_ID", "FB_CLIENT_TOKEN", "FB_REDIRECT_URI"):
        monkeypatch.setenv(name, "1")
    shop = Shop(tmp_path)
    shop.acquire("a", "b", spec=shop.spec("1.0.0"))
    return shop


def test_diff_names_each_change_with_both_places(tokenflow: Call, shop: Shop) -> None:
    """One line for what and why, one for each place; the verdict last; 0 when the version is honest."""
    said = tokenflow("diff", shop.spec("1.0.0"), shop.spec("1.1.0", NOTE + TAKES))

    assert said.code == 0
    assert "minor  attribute `note` is new: live tokens get its default, if it has one" in said.out
    assert re.search(r"old \S*inline-1\.0\.0\.yaml:\d+:\d+", said.out) or "builtin:facebook-app" in said.out
    assert re.search(r"new \S*inline-1\.1\.0\.yaml:7:\d+", said.out)
    assert said.out.endswith("this asks for a minor version; 1.1.0 is a minor one, as it should be\n")


def test_diff_of_what_a_store_keeps(tokenflow: Call, shop: Shop) -> None:
    """By name@version or digest; what is not kept is answered with what is."""
    new = shop.spec("1.0.0", NOTE)
    by_name = tokenflow("diff", f"{shop.store}#inline@1.0.0", new, "--format", "json")
    digest = by_name.object["old"]["digest"]
    by_digest = tokenflow("diff", f"{shop.store}#{digest}", new, "--format", "json")
    missing = tokenflow("diff", f"{shop.store}#inline@3.0.0", new)

    assert [one["code"] for one in by_name.object["diagnostics"]] == ["TF503"]
    assert by_name.code == by_digest.code == 1
    assert by_name.object["changes"] == [
        {**one, "old": {**one["old"], "file": f"{shop.store}#inline@1.0.0"}}
        for one in by_digest.object["changes"]
    ]
    assert missing.code == 1
    assert f"the store keeps no inline@3.0.0; it keeps: inline@1.0.0 ({digest})" in missing.err


def test_diff_says_when_nothing_comes_over(tokenflow: Call, shop: Shop) -> None:
    """An honest version without a `migrate` entry leaves live tokens where they are, and says so."""
    said = tokenflow("diff", shop.spec("1.0.0"), shop.spec("1.1.0", NOTE))

    assert said.code == 0
    assert "live tokens stay at 1.0.0: no `migrate` entry of inline@1.1.0 takes them" in said.out


def test_migrate_shows_and_with_apply_does(tokenflow: Call, shop: Shop) -> None:
    """A dry run needs no key and changes nothing; --apply does it; once more there is nothing to do."""
    new = shop.spec("1.1.0", NOTE + TAKES)
    arguments = ("migrate", new, "--store", shop.store)
    dry, twice = tokenflow(*arguments), tokenflow(*arguments)
    done = tokenflow(*arguments, "--key", shop.key, "--apply", "--format", "json")
    after = tokenflow(*arguments, "--key", shop.key, "--apply")

    assert dry == twice
    assert dry.code == done.code == after.code == 0
    assert dry.out.splitlines() == [
        "a  moves  inline@1.0.0 -> inline@1.1.0  issued",
        "b  moves  inline@1.0.0 -> inline@1.1.0  issued",
        "2 would come over, 0 have nothing to do, 0 cannot",
    ]
    assert [(one["key"], one["outcome"]) for one in done.object["migrations"]] == [
        ("a", "moves"),
        ("b", "moves"),
    ]
    assert after.out == "0 came over, 2 have nothing to do, 0 cannot\n"


def test_migrate_names_who_cannot_come_over_and_leaves_with_1(tokenflow: Call, shop: Shop) -> None:
    """The reason and the mend, for people and for programs."""
    new = shop.spec("1.1.0", "token: {attributes: {org: {type: string, required: true}}}\n" + TAKES)
    said = tokenflow("migrate", new, "--store", shop.store)
    shape = tokenflow("migrate", new, "--store", shop.store, "--format", "json")

    assert said.code == shape.code == 1
    assert "'a' stays inline@1.0.0: inline@1.1.0 needs org, which it has not" in said.out
    assert "help: give `token.attributes.org` a default, or acquire a new token" in said.out
    assert {one["code"] for one in shape.object["migrations"]} == {"attribute_missing"}


def test_migrate_of_what_is_not_there_is_a_plain_error(tokenflow: Call, shop: Shop, tmp_path: Path) -> None:
    """No store is made on the way, another tenant's tokens stay out, and an Issuer has no versions."""
    new = shop.spec("1.1.0", NOTE + TAKES)
    absent = tokenflow("migrate", new, "--store", f"sqlite:{tmp_path / 'none.db'}", "--apply")
    nobody = tokenflow("migrate", new, "--store", shop.store, "--tenant", "else")
    issuer = tokenflow("migrate", "facebook", "--store", shop.store)

    assert (absent.code, nobody.code, issuer.code) == (4, 0, 2)
    assert not (tmp_path / "none.db").exists()
    assert nobody.out == "0 would come over, 0 have nothing to do, 0 cannot\n"
    assert "no Lifecycle is among the specs" in issuer.err


def test_the_how_to_names_every_reason_to_stay() -> None:
    """Its table has each code that `migrate` gives, and none that it does not."""
    page = (ROOT / "docs" / "how-to" / "change-a-spec.md").read_text(encoding="utf-8")
    source = (ROOT / "tokenflow" / "core" / "migrating.py").read_text(encoding="utf-8")
    given = set(re.findall(r'_stays\(\s*token,\s*"(\w+)"', source)) - {"current", "newer", "over"}
    stored = {AlreadyLive.code, ClockHeld.code, RevisionConflict.code}

    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == given | stored
