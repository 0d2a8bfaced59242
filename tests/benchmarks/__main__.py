"""`python3 dev.py bench`: what a hit, a step, a save and a start cost, against the least they could.

Options: `--json` prints one object instead of the table.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import attrs
import yaml
from sqlite_utils import Database
from transitions import Machine

from tests.benchmarks.sides import Ratio, compare
from tests.benchmarks.signing import ANSWERS, joserfc_verification, sandbox_answers, verification
from tests.core.lifecycles import token_of, user
from tokenflow import Engine, MemoryStore, Secret
from tokenflow.core.compiling import compile_lifecycle
from tokenflow.core.steps import step
from tokenflow.engine.keys import write_key_file
from tokenflow.engine.opening import spec_names
from tokenflow.engine.places import open_store
from tokenflow.engine.stores import Row, Write
from tokenflow.hooks.registry import Registry
from tokenflow.spec import load


def hit(folder: Path) -> Ratio:
    """A fresh token from memory, against a dict lookup and a look at the clock."""
    options = {"key": f"file:{write_key_file(folder / 'key')}", "trust_cache": 3600.0}
    secrets = {"env:FB_APP_SECRET": Secret("x"), "env:FB_CLIENT_TOKEN": Secret("y")}
    with Engine.open(
        ["facebook-client"],
        MemoryStore(),
        secrets=secrets,
        client_ids={"facebook": "1"},
        redirect_uri="https://example.com/",
        **options,
    ) as engine:
        engine.acquire("app", lifecycle="facebook-client", platform="dashboard")
        plain = {"app": (engine.token("app"), 2**62)}

        def inline() -> object:
            held, until = plain["app"]
            return held if time.time_ns() < until * 1000 else None

        return compare(
            "hit: engine.token(key)", lambda: engine.token("app"), "dict + clock", inline, calls=20_000
        )


def one_step(folder: Path) -> Ratio:
    """A pure step, against the same event on a stock machine with its model."""
    lifecycle = user()
    token = token_of(lifecycle, "issued")

    class Model:
        state = "issued"

    model = Model()
    stock = Machine(
        model, states=["issued", "over"], transitions=[["expire", "issued", "over"]], initial="issued"
    )

    def plain() -> None:
        stock.set_state("issued")
        model.expire()  # type: ignore[attr-defined]  # the machine adds it

    def ours() -> object:
        return step(lifecycle, token, "expire", now=token.entered_at + 1, cause="timer")

    return compare("step: one event", ours, "stock transitions, set back and fired", plain, calls=2_000)


def save(folder: Path) -> Ratio:
    """One row saved, against the same bytes committed by plain SQL with the same pragmas."""
    store = open_store(f"sqlite:{folder / 'ours' / 'tokens.db'}", Registry.installed())
    row = Row(
        tenant="t", key="k", id="i", revision=1, generation=1, state="issued", live=True, body="x" * 500
    )
    store.save([Write(row=row, expected=0)], mark=0)
    revision = [1]

    def ours() -> None:
        revision[0] += 1
        store.save(
            [Write(row=attrs.evolve(row, revision=revision[0]), expected=revision[0] - 1)], mark=revision[0]
        )

    (folder / "plain").mkdir()
    plain = Database(folder / "plain" / "p.db").conn
    plain.isolation_level = None
    plain.executescript(
        "pragma journal_mode=truncate; pragma synchronous=extra; pragma secure_delete=on;"
        "create table t (k text primary key, revision integer, body text); insert into t values ('k', 1, '');"
    )

    def theirs() -> None:
        plain.execute("begin immediate")
        plain.execute("update t set revision = revision + 1, body = ? where k = 'k'", ["x" * 500])
        plain.execute("commit")

    try:
        return compare("save: one token", ours, "one UPDATE, same pragmas", theirs, calls=20)
    finally:
        plain.close()
        store.close()


def spec(folder: Path) -> Ratio:
    """The user lifecycle read, merged, checked and compiled, against PyYAML reading its two files."""
    registry = Registry.installed()
    names, guards = spec_names(registry), registry.guards()
    texts = [Path(load(name).path).read_text("utf-8") for name in ("facebook-user", "bearer")]

    def ours() -> None:
        document = load("facebook-user", names=names)
        compile_lifecycle(document.data, digest=document.digest, guards=guards)

    def plain() -> None:
        for text in texts:
            yaml.safe_load(text)

    return compare("spec: load and compile", ours, "yaml.safe_load", plain, calls=3)


def start(*arguments: str) -> Ratio:
    """A command from a cold start, against a Python that does nothing."""
    command = [str(Path(sys.executable).with_name("tokenflow")), *arguments]

    def run(*line: str) -> None:
        subprocess.run(line, stdout=subprocess.DEVNULL, check=True)

    return compare(
        f"start: {' '.join(['tokenflow', *arguments])}",
        lambda: run(*command),
        "python -c pass",
        lambda: run(sys.executable, "-c", "pass"),
        calls=3,
    )


MEASURES = (hit, one_step, save, spec, verification, joserfc_verification)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as temporary:
        ratios = [measure(Path(temporary)) for measure in MEASURES]
    ratios += [start("--help"), start("--version"), start("validate", "facebook-user")]
    answers = sandbox_answers()
    if "--json" in sys.argv:
        table = [attrs.asdict(ratio) for ratio in ratios]
        print(json.dumps({"ratios": table, "sandbox_ms": answers}, indent=2))
        return
    for ratio in ratios:
        print(ratio.line())
    for name, milliseconds in answers.items():
        print(f"{f'sandbox: {name}':<34} {milliseconds:8.2f} ms  (median of {ANSWERS} answers)")


if __name__ == "__main__":
    main()
