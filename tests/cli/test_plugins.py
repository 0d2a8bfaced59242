"""`tokenflow plugins`: what is shown of one, what a new one begins as, and how it is held to the kit."""

import importlib.util
import json
import os
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Final

import pytest

from tests.cli.conftest import Call, Said
from tests.hooks.conftest import ACME, Site, site
from tokenflow.cli.app import DISABLE
from tokenflow.cli.scaffolds import KINDS
from tokenflow.hooks import offers

__all__ = ["site"]
NEVER: Final = "raise AssertionError('this plugin must not be imported')"
OFFERS: Final = {
    "acquirer": ["acquirer acme.api_key"],
    "command": ["command acme.renew"],
    "deriver": ["deriver acme.accounts"],
    "guard": ["guard acme_is_paid"],
    "issuer": ["code_exchange acme.code", "command acme.refresh"],
    "observer": ["observer"],
    "secrets": ["secret_source acme"],
    "store": ["store acme"],
}
STRICT: Final = "E,W,F,I,N,UP,B,S,D1,RUF,C4,RET,SIM,PT"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty folder."""
    (folder := tmp_path / "here").mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_is_active_and_offers_its_kind(
    tokenflow: Call, here: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a file of its own it is found, and `plugins show` says what it offers."""
    from tokenflow.hooks.registry import Registry

    assert tokenflow("plugins", "new", "acme", "--kind", kind).code == 0
    (folder := here / "plugins").mkdir()
    (here / "acme" / "tokenflow_acme.py").rename(folder / "acme.py")
    line, _ = Registry.installed(plugins_dir=folder).look("acme")

    assert (line.status, list(line.offers)) == ("active", OFFERS[kind])


def test_every_kind_of_new_plugin_passes_lint(tokenflow: Call, here: Path) -> None:
    """By rules stricter than most have, and in the layout of a formatter."""
    ruff = [sys.executable, "-m", "ruff"]
    strict = ["--isolated", "--line-length", "110"]
    for kind in KINDS:
        tokenflow("plugins", "new", f"acme_of_{kind}", "--kind", kind)
        for check in (["check", "--select", STRICT, "--ignore", "D107"], ["format", "--diff"]):
            done = subprocess.run(
                [*ruff, *check, *strict, "."], cwd=here / f"acme_of_{kind}", capture_output=True, text=True
            )
            assert done.returncode == 0, done.stdout


def test_a_new_plugin_is_some_twenty_lines_and_its_test_five(tokenflow: Call, here: Path) -> None:
    """So that it is read before it is changed."""
    for kind in set(KINDS) - {"issuer", "command"}:
        tokenflow("plugins", "new", f"acme_{kind}", "--kind", kind)
        source = (here / f"acme_{kind}" / f"tokenflow_acme_{kind}.py").read_text()
        assert len([line for line in source.splitlines() if line.strip()]) <= 20, kind
    test = (here / "acme_acquirer" / "test_acme_acquirer.py").read_text()
    assert len([line for line in test.splitlines() if line.strip()]) <= 5


def test_a_new_plugin_passes_the_kit_before_it_is_installed(tokenflow: Call, here: Path) -> None:
    """By its folder: the kit of every plugin, and its own tests; and it leaves nothing behind there."""
    tokenflow("plugins", "new", "acme", "--kind", "store")
    before = sorted(here.rglob("*"))
    said = tokenflow("plugins", "test", "acme", "--format", "json")

    assert (said.code, said.object["passed"]) == (0, True)
    assert len(said.object["tests"]) > 12
    assert sorted(here.rglob("*")) == before


def test_a_new_plugin_is_installed_shown_and_tested_by_name(here: Path, tokenflow: Call) -> None:
    """From its folder, offline, into a folder beside; the same commands as a reader is told."""
    tokenflow("plugins", "new", "acme", "--dir", "deep/acme")
    beside = here / "beside"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--target", beside, here / "deep" / "acme"], check=True
    )
    environment = {**os.environ, "PYTHONPATH": str(beside)}
    command = [sys.executable, "-m", "tokenflow", "plugins"]

    def call(*arguments: str) -> Said:
        done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True)
        return Said(done.returncode, done.stdout, done.stderr)

    shown, tested = call("show", "acme"), call("test", "acme")
    assert shown.out.splitlines() == [
        "acme  active  tokenflow-acme 0.1.0",
        "    acquirer acme.api_key  runs on server",
    ]
    assert (tested.code, "7 passed" in tested.out) == (0, True), tested.out + tested.err


FLAWS: Final = {
    "behind the door": (
        "from tokenflow import",
        "from tokenflow.core.errors import TokenflowError\nfrom tokenflow import",
    ),
    "no plugin at all": ("@hookimpl", "import nothing_of_that_name\n@hookimpl"),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_the_kit_finds_what_is_wrong(tokenflow: Call, here: Path, flaw: str) -> None:
    """Exit 1, and what was found instead."""
    tokenflow("plugins", "new", "acme")
    (here / "acme" / "test_acme.py").unlink()
    module = here / "acme" / "tokenflow_acme.py"
    module.write_text(module.read_text().replace(*FLAWS[flaw]))
    said = tokenflow("plugins", "test", "acme", "--format", "json")

    assert (said.code, said.object["passed"]) == (1, False)
    assert any(one["message"] for one in said.object["tests"] if not one["passed"])


def test_without_the_extra_the_mend_is_said(tokenflow: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is started when pytest or Hypothesis is not installed."""
    found = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name in ("pytest", "hypothesis") else found(name, package)

    monkeypatch.setattr("importlib.util.find_spec", without)
    said = tokenflow("plugins", "test", "web")

    assert (said.code, said.out) == (1, "")
    assert said.err == (
        "error: the conformance kit needs pytest and hypothesis\n"
        '  help: pip install "tokenflow-engine[testing]"\n'
    )


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("new", "Acme"), 2, "a plugin's name is of a-z, 0-9 and _"),
        (("new", "a" * 31), 2, "has at most 30"),
        (("new", "web"), 2, "'web' is the name of an installed plugin"),
        (("new", "acme", "--kind", "stoer"), 2, "is not one of"),
        (("new", "acme", "--dir", "full"), 1, "full is there already, and not empty"),
        (("test", "wbe"), 1, "neither the name of an installed plugin nor a folder"),
        (("test", "full"), 1, "full is the folder of no plugin"),
        (("show", "wbe"), 1, "no plugin is called `wbe`\n  help: did you mean `web`?"),
    ],
)
def test_what_cannot_be_is_said(
    tokenflow: Call, here: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """A name that is none or taken, a folder that is full or holds no plugin; nothing is written."""
    (here / "full").mkdir()
    (here / "full" / "mine").touch()
    left = tokenflow("plugins", *arguments)

    assert (left.code, left.out, said in left.err) == (code, "", True), left.err
    assert [path.name for path in here.rglob("*")] == ["full", "mine"]


def test_showing_a_plugin_imports_no_other(tokenflow: Call, site: Site) -> None:
    """Names, where they run, and each option with its meaning; as text and as an object."""
    site.plugin("other", NEVER)
    text, shape = (
        tokenflow("plugins", "show", "javascript"),
        tokenflow("plugins", "show", "javascript", "--format", "json"),
    )

    assert text.code == shape.code == 0
    assert "    acquirer javascript.cookie  runs on server\n" in text.out
    assert "        exchange: string. The issuer's code exchange, e.g. facebook.code. Required.\n" in text.out
    cookie = next(one for one in shape.object["plugin"]["offers"] if one["name"] == "javascript.cookie")
    assert set(cookie) == {"kind", "name", "runs_on", "endpoints", "options"}
    assert cookie["options"]["required"] == ["exchange"]
    assert "tokenflow_other" not in sys.modules


def test_a_broken_and_a_disabled_plugin_are_shown_with_the_reason(
    tokenflow: Call, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken one is a finding; a disabled one is not imported."""
    file = site.plugin("broken", "1 / 0")
    broken = tokenflow("plugins", "show", "broken")
    site.plugin("acme", NEVER)
    monkeypatch.setenv("TOKENFLOW_DISABLE_PLUGINS", "acme")
    disabled = tokenflow("plugins", "show", "acme", "--format", "json")

    assert (broken.code, f"ZeroDivisionError: division by zero ({file}:1)" in broken.out) == (1, True)
    assert (disabled.code, disabled.object["plugin"]["status"]) == (0, "disabled")
    assert json.loads(disabled.out)["plugin"]["offers"] == []


def test_a_plugin_beside_another_of_its_name_is_broken_not_hidden(tokenflow: Call, site: Site) -> None:
    """`show` names both distributions."""
    site.plugin("acme", ACME)
    site.distribution("rival-tokens", acme="tokenflow_acme")

    assert "acme-tokens 1.2 and rival-tokens 1.2" in tokenflow("plugins", "show", "acme").out


def test_a_plugin_is_left_alone_for_one_run(
    tokenflow: Call, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`-p no:NAME`, beside what the variable names, which is as it was afterwards."""
    assert DISABLE == offers.DISABLE
    site.plugin("acme", NEVER)
    monkeypatch.setenv(DISABLE, "web")
    said = tokenflow("-p", "no:acme", "-p", "no:ios", "plugins", "list", "--format", "json")
    disabled = {one["name"] for one in said.object["plugins"] if one["status"] == "disabled"}

    assert disabled == {"acme", "ios", "web"}
    assert os.environ[DISABLE] == "web"
    assert "tokenflow_acme" not in sys.modules
    assert tokenflow("-p", "no:facebook", "validate", "facebook-user").code == 1


def test_a_plugin_that_is_not_there_cannot_be_left_alone(tokenflow: Call) -> None:
    """Exit 2 with the nearest name: whoever misspells it would run with the plugin."""
    said = tokenflow("-p", "no:facebok", "plugins", "list")

    assert (said.code, said.out) == (2, "")
    assert "no plugin is called 'facebok'; did you mean no:facebook?" in said.err


@pytest.mark.parametrize("wrong", ["web", "no:", "yes:web"])
def test_what_is_not_left_alone_is_written_so(tokenflow: Call, wrong: str) -> None:
    """Exit 2, with the form."""
    said = tokenflow("-p", wrong, "plugins", "list")

    assert (said.code, f"{wrong!r}: write no:PLUGIN" in said.err) == (2, True)
