"""The tutorial's plugin is what the tutorial says: its own blocks are written out, installed and run."""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import ROOT
from tests.house.documents import blocks

pytestmark = pytest.mark.xdist_group("tutorial")

TYPED = re.compile(r"    tokenflow (?:validate|explain|simulate) acme/")

LOOK = """
import json, sys, attrs
from tokenflow.engine.opening import spec_names
from tokenflow.hooks.registry import Registry
from tokenflow.spec import check, render
registry = Registry.installed()
found = registry.acquirer("acme.api_key").flow.__module__
names = spec_names(registry)
told = [render(it) for file in sys.argv[1:] for it in check(file, names=names)]
lines = [attrs.asdict(line) for line in registry.listing() if line.name == "acme"]
print(json.dumps({"module": found, "lines": lines, "told": told}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write each block of the tutorial that has a title into the file it names."""
    root = tmp_path_factory.mktemp("tutorial")
    for info, code in blocks(ROOT / "docs/tutorial/plugin.md"):
        _, titled, title = info.partition(" title=")
        if titled:
            file = root / title
            file.parent.mkdir(exist_ok=True)
            file.write_text(code)
    return root / "acme"


@pytest.fixture(scope="module")
def environment(folder: Path) -> dict[str, str]:
    """Install the plugin into a folder of its own and return an environment that sees it."""
    beside = folder.parent / "beside"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "--target", beside, folder], check=True)
    return {**os.environ, "PYTHONPATH": str(beside)}


def test_the_plugin_is_twenty_lines_and_imports_only_tokenflow(folder: Path) -> None:
    source = (folder / "tokenflow_acme.py").read_text()
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]

    assert len([line for line in source.splitlines() if line.strip()]) <= 20
    assert [ast.unparse(node).split()[1] for node in imports] == ["tokenflow"]


def test_the_installed_plugin_is_found_and_its_specs_are_right(
    folder: Path, environment: dict[str, str]
) -> None:
    specs = sorted(str(file) for file in folder.glob("*.yaml"))
    done = subprocess.run(
        [sys.executable, "-c", LOOK, *specs], env=environment, capture_output=True, text=True, check=True
    )

    assert json.loads(done.stdout) == {
        "module": "tokenflow_acme",
        "lines": [
            {
                "name": "acme",
                "origin": "acme-tokens 1.0",
                "status": "active",
                "offers": ["acquirer acme.api_key"],
                "why": "",
            }
        ],
        "told": [],
    }


def test_the_commands_it_names_work_as_written(folder: Path, environment: dict[str, str]) -> None:
    """What it says to type is typed, where a folder has the issuer's name, and works."""
    lines = (ROOT / "docs/tutorial/plugin.md").read_text().splitlines()
    typed = [shlex.split(line, comments=True)[1:] for line in lines if TYPED.match(line)]
    said = [
        subprocess.run(
            [sys.executable, "-m", "tokenflow", *words],
            env={**environment, "XDG_CACHE_HOME": str(folder.parent / "cache")},
            cwd=folder.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        for words in typed
    ]

    assert [words[0] for words in typed] == ["validate", "explain", "simulate"]
    assert [one.returncode for one in said] == [0, 0, 0], [one.stderr + one.stdout for one in said]
    assert "all fine" in said[0].stdout
    assert "server: acme.api_key on the server" in said[1].stdout
    assert "unusable          at no time" in said[2].stdout


def test_the_plugin_s_own_test_passes(folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "8 passed" in done.stdout, done.stdout + done.stderr
