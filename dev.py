#!/usr/bin/env python3
"""tokenflow's task runner: the standard library only, Python 3.11 or newer.

  python3 dev.py demo           play the long scenario: a token's whole life, over real HTTP
  python3 dev.py test [ARGS]    the tests (ARGS go to pytest)
  python3 dev.py tools          install Chromium, a Perl client and a C compiler from Debian, for the tests
  python3 dev.py lint           ruff, import contracts, and the lock's own rules
  python3 dev.py types          mypy --strict
  python3 dev.py docs [--write] check (or rewrite) the generated pages under docs/
  python3 dev.py bench          the benchmarks
  python3 dev.py lock           write requirements.lock anew (needs uv)
  python3 dev.py run ARGS       any tokenflow command, in the project's environment

The first call makes .venv from requirements.lock, every file checked by its hash; later calls
reuse it until the lock or pyproject.toml changes.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")


def ensure_environment() -> None:
    """Make .venv when the lock changed since it was made; install the project when its file changed."""
    if sys.version_info < (3, 11):  # noqa: UP036  # the one place that meets an older Python
        sys.exit(f"tokenflow needs Python 3.11 or newer; this is {sys.version.split()[0]}")
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    with made_from("requirements.lock") as changed:
        if changed:
            print(f"making {VENV.name} from requirements.lock (once)", file=sys.stderr, flush=True)
            make_environment()
            call([*pip, "--require-hashes", "-r", str(ROOT / "requirements.lock")])
    with made_from("pyproject.toml") as changed:
        if changed:
            call([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)])


def make_environment() -> None:
    """Make an empty .venv, in place of any that is there."""
    try:
        venv.create(VENV, with_pip=True, clear=True)
    except subprocess.CalledProcessError:
        sys.exit("this Python has no ensurepip; on Debian: apt-get install python3-venv")


@contextmanager
def made_from(name: str) -> Iterator[bool]:
    """Say whether .venv was made from another version of a file; remember this one if all goes well."""
    digest = hashlib.sha256((ROOT / name).read_bytes() + str(ROOT).encode()).hexdigest()
    stamp = VENV / f".made-from-{name}"
    yield not (PYTHON.exists() and stamp.exists() and stamp.read_text() == digest)
    stamp.write_text(digest)


def call(command: list[str]) -> None:
    """Run *command* in the project; its failure is ours."""
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def python(*arguments: str) -> None:
    """Run the environment's Python."""
    call([str(PYTHON), *arguments])


def demo(arguments: list[str]) -> None:
    """Play the long scenario into a fresh SQLite file under .demo/ and say where to look next."""
    folder = ROOT / ".demo"
    folder.mkdir(mode=0o700, exist_ok=True)
    for old in (folder / "tokens").glob("tokens.db*"):
        old.unlink()
    store = "sqlite:.demo/tokens/tokens.db"
    scenario = "specs/scenarios/whole-life.yaml"
    python("-m", "tokenflow", "run", scenario, "--store", store, *arguments)
    print("\nLook next at:")
    for place, what in (
        (scenario, "the story just played"),
        ("specs/lifecycles/facebook-user.yaml", "how such a token lives"),
        (f"python3 dev.py run token list --store {store}", "what is in the store"),
        ("python3 dev.py run graph facebook-user", "its state machine"),
        ("docs/tutorial/plugin.md", "a plugin in twenty lines"),
    ):
        print(f"  {place:<70}{what}")


def test(arguments: list[str]) -> None:
    """Run the tests on every core; where this user may install what they drive, it is installed first."""
    if missing() and shutil.which("apt-get") and os.geteuid() == 0:
        tools([])
    alone = any(argument.startswith(("-n", "-p", "--pdb")) for argument in arguments)
    spread = [] if alone else ["-n", "auto", "--dist", "loadgroup"]
    python("-m", "pytest", "-q", *spread, *arguments)


TOOLS = {
    "chromium": Path("/usr/bin/chromium"),
    "gcc": Path("/usr/bin/cc"),
    "libc6-dev": Path("/usr/include/stdio.h"),
    "libnet-facebook-oauth2-perl": Path("/usr/share/perl5/Net/Facebook/Oauth2.pm"),
}
"""Debian package -> the file that shows it is there. No wheel has these."""


def missing() -> list[str]:
    """Return the Debian packages that the tests drive and this machine lacks."""
    return [name for name, file in TOOLS.items() if not file.exists()]


def tools(_: list[str]) -> None:
    """Install what the tests drive and no wheel has; needs root and Debian's apt-get."""
    names = missing()
    if names:
        print(f"installing {', '.join(names)} (once)", file=sys.stderr, flush=True)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "-y", "--no-install-recommends", *names]):
            subprocess.run(["apt-get", "-qq", *command], env=quiet, stdout=subprocess.DEVNULL, check=True)


def lint(arguments: list[str]) -> None:
    """Ruff, formatting, import contracts, and no host in the lock."""
    python("-m", "ruff", "check", ".", *arguments)
    python("-m", "ruff", "format", "--check", ".")
    call([str(BIN / "lint-imports")])
    if "://" in (ROOT / "requirements.lock").read_text():
        sys.exit("requirements.lock names a host; write it with `python3 dev.py lock`")


def types(arguments: list[str]) -> None:
    """mypy --strict over the house, its guests and its tests."""
    python("-m", "mypy", "tokenflow", "plugins", "tests", *arguments)


def docs(arguments: list[str]) -> None:
    """Check the generated pages and the links under docs/."""
    python("-m", "tests.house.documents", *arguments)


def bench(arguments: list[str]) -> None:
    """Print the benchmark table."""
    python("-m", "tests.benchmarks", *arguments)


def lock(_: list[str]) -> None:
    """Write requirements.lock: hashes, and no registry's name."""
    everything = ["--all-extras", "--all-groups", "--no-emit-project"]
    plain = ["--no-header", "--no-annotate", "--quiet", "--output-file", "requirements.lock"]
    call(["uv", "export", *everything, *plain])
    (ROOT / "uv.lock").unlink(missing_ok=True)


def run(arguments: list[str]) -> None:
    """Run a tokenflow command."""
    python("-m", "tokenflow", *arguments)


TASKS: dict[str, Callable[[list[str]], None]] = {
    task.__name__: task for task in (demo, test, tools, lint, types, docs, bench, lock, run)
}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in TASKS:
        sys.exit(__doc__)
    if sys.argv[1] not in ("lock", "tools"):
        ensure_environment()
    TASKS[sys.argv[1]](sys.argv[2:])
