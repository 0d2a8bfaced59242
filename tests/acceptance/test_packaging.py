"""Built from the files git keeps: a wheel that works from anywhere; and a root with nothing astray."""

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import frozen

from tests.acceptance.ground import PATIENCE, RESULT, ROOT
from tokenflow.spec import shipped

GUESTS: Final = {"android", "facebook", "ios", "javascript", "keyring", "oauth2", "server", "sqlite", "web"}
TOP: Final = {
    *("pyproject.toml", "requirements.lock", "dev.py"),
    *("tokenflow", "plugins", "specs", "tests", "docs"),
    *("README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"),
}
MINE: Final = """
apiVersion: tokenflow/v1
kind: Lifecycle
metadata: {name: mine, version: 1.0.0}
requires: {plugins: {server: 1}}
extends: builtin:bearer
token: {kind: app, custody: {may_live: [server], transport: none}}
secrets: {token: {from: "env:MY_TOKEN", custody: server}}
acquire: {server: {use: server.static, runs_on: server, secrets: [token]}}
states:
  requested: {transitions: {acquired: {to: issued}}}
  issued: {usable: true, lifetime: never}
"""

pytestmark = pytest.mark.xdist_group("packaging")


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name]


@frozen
class Installed:
    """A wheel, put where nothing else is."""

    place: Path
    elsewhere: Path
    """A directory that is not the project's."""

    def run(self, *arguments: str) -> RESULT:
        """Run Python there, finding the wheel before anything else."""
        home = self.elsewhere / "home"
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.elsewhere,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(self.place),
                "HOME": str(home),
                "XDG_DATA_HOME": str(home / "data"),
            },
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def tokenflow(self, *arguments: str) -> RESULT:
        """Run the command there."""
        return self.run("-m", "tokenflow", *arguments)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel of a clean copy: what git keeps, as it is now, and nothing that merely lies about."""
    folder = tmp_path_factory.mktemp("packaging")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in tracked():
            if (ROOT / name).exists():
                archive.add(ROOT / name, name)
    packed.seek(0)
    with tarfile.open(fileobj=packed) as archive:
        archive.extractall(folder / "copy", filter="data")
    python = [sys.executable, "-m"]
    build = [*python, "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(build, cwd=folder / "copy", capture_output=True, check=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    place = folder / "place"
    install = [*python, "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run(
        [*install, "--target", str(place), str(wheel)], cwd=folder, capture_output=True, check=True
    )
    (elsewhere := folder / "elsewhere").mkdir()
    return Installed(place, elsewhere)


def test_the_root_holds_what_it_should_and_nothing_else() -> None:
    """Every entry has its reason; a new one is a decision, made here. Dotfiles are for tools."""
    top = {name.partition("/")[0] for name in tracked()}

    assert {name for name in top if not name.startswith(".")} == TOP


def test_the_code_and_the_specs_come_from_the_wheel(installed: Installed) -> None:
    """Package and specs are read where the wheel was put, not in the project."""
    program = (
        "import tokenflow, tokenflow_sqlite, importlib.resources as files, json;"
        "specs = files.files('tokenflow') / 'specs';"
        "print(json.dumps([tokenflow.__file__, tokenflow_sqlite.__file__,"
        " sorted(str(one) for one in specs.iterdir())]))"
    )
    package, guest, specs = json.loads(installed.run("-c", program).stdout)

    assert package == str(installed.place / "tokenflow" / "__init__.py")
    assert guest == str(installed.place / "tokenflow_sqlite" / "__init__.py")
    folders = ("issuers", "lifecycles", "scenarios", "tokens")
    assert specs == [str(installed.place / "tokenflow" / "specs" / name) for name in folders]


@pytest.mark.parametrize("kind", ["Lifecycle", "Issuer", "Tokens", "Scenario"])
def test_every_shipped_spec_is_in_the_wheel(installed: Installed, kind: str) -> None:
    """As many as in the project, and each found by its name and without a mistake."""
    done = installed.tokenflow("validate", *shipped(kind))

    files = f"{count} files" if (count := len(shipped(kind))) > 1 else "1 file"
    assert (done.returncode, done.stdout) == (0, f"{files}, all fine\n"), done.stderr


def test_a_spec_of_one_s_own_extends_a_built_in_one(installed: Installed) -> None:
    """`builtin:bearer` works from a wheel."""
    (installed.elsewhere / "mine.yaml").write_text(MINE, encoding="utf-8")
    done = installed.tokenflow("validate", "mine.yaml", "builtin:bearer", "facebook-user")

    assert (done.returncode, done.stdout) == (0, "3 files, all fine\n"), done.stdout + done.stderr


def test_every_guest_is_found(installed: Installed) -> None:
    """The seven guests and the store, by their entry points."""
    done = installed.tokenflow("plugins", "list", "--format", "json")
    lines: list[dict[str, Any]] = json.loads(done.stdout)["plugins"]

    assert {line["name"] for line in lines if line["status"] == "active"} == GUESTS


def test_a_scenario_is_played_from_the_wheel(installed: Installed) -> None:
    """By name: runner, sandbox and store are all in it."""
    done = installed.tokenflow("run", "native-app", "--format", "json")

    assert (done.returncode, json.loads(done.stdout)["passed"]) == (0, True), done.stderr


def test_a_project_and_a_plugin_are_begun_from_the_wheel(installed: Installed) -> None:
    """What they are written from is in it, the schemas for the editor included."""
    init = ("init", "--issuer", "facebook", "--platform", "web", "--dir", "project")
    begun, plugin = (
        installed.tokenflow(*init),
        installed.tokenflow("plugins", "new", "acme", "--kind", "store"),
    )

    assert (begun.returncode, plugin.returncode) == (0, 0), begun.stderr + plugin.stderr
    assert (installed.elsewhere / "project" / ".tokenflow" / "issuer.schema.json").exists()
    assert (installed.elsewhere / "acme" / "tokenflow_acme.py").exists()


def test_the_wheel_says_that_it_is_typed_and_licensed_and_holds_no_tests(installed: Installed) -> None:
    """PEP 561's marker, the licence, the schemas; nothing of the project's own."""
    names = {str(path.relative_to(installed.place)) for path in installed.place.rglob("*") if path.is_file()}
    top = {name.partition("/")[0] for name in names}

    assert {"tokenflow/py.typed", "tokenflow/spec/scenario.schema.json"} <= names
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in names)
    packages = {"tokenflow", *(f"tokenflow_{guest}" for guest in GUESTS)}
    assert {name for name in top if not name.endswith(".dist-info") and name != "bin"} == packages
