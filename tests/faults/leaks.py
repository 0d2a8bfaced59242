"""Thousands of secrets through the whole API, and not one of them in any channel afterwards.

Each round opens an engine on a SQLite file with a sandbox of its own in this process. People log in, and
their tokens are used, renewed, handed over, asked about, refused, revoked and forgotten; then commands look
at the store, change its keys, copy and export it. Everything a secret is made of is a canary, everything that
comes out is overheard, and all files are read: database, journal or WAL, locks, segments, backup and export.
As a control, one canary a round is let out on purpose.
"""

import io
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from random import Random
from typing import Final

import pytest

from tests.engine.ground import APP, CALLBACK, CLIENT, NOW, Ground
from tests.faults.report import Report
from tests.leaks import births, channels
from tests.leaks.channels import CHANNELS
from tests.leaks.encodings import ENCODINGS
from tests.leaks.scanner import Leak, Scanner
from tokenflow import Call, Engine, PromptPending, Secret, TokenflowError, VirtualClock
from tokenflow.cli.app import run
from tokenflow.engine.metrics import exposition
from tokenflow.sandbox import AdminClient, Sandbox, serve
from tokenflow.testing import canary

GATE: Final = 200
"""Canaries."""
SPECS: Final = ("oauth2-rotating", "oauth2-app", "facebook-user", "facebook-page")
AUDIENCE: Final = "https://app.example"
PEOPLE: Final = ("100", "200", "300")
"""Who logs in, in each round; what is theirs is kept under their ids."""
CONTROL: Final = "the control"


def log_in(ground: Ground, engine: Engine, key: str) -> None:
    payload = ground.payload("javascript", key)
    engine.acquire(f"{key}/facebook", lifecycle="facebook-user", platform="javascript", payload=payload)
    ground.rotating(engine, key, key)
    engine.acquire(f"{key}/app", lifecycle="oauth2-app", platform="server")


def renew(ground: Ground, engine: Engine, key: str) -> None:
    engine.extend(key)
    engine.token(key)
    engine.extend(f"{key}/facebook")


def use(ground: Ground, engine: Engine, key: str) -> None:
    engine.use(f"{key}/facebook", Call(path="/me"))
    engine.derive(f"{key}/facebook", lifecycle="facebook-page", key=f"{key}/page/{{page_id}}")


def hand_over(ground: Ground, engine: Engine, key: str) -> None:
    ticket = engine.hand_over(f"{key}/facebook", to="server", audience=AUDIENCE)
    engine.redeem(ticket.value, audience=AUDIENCE)


def invite(ground: Ground, engine: Engine, key: str) -> None:
    engine.invite(f"{key}/invited", lifecycle="oauth2-rotating", platform="server", audience=AUDIENCE)


def ask(ground: Ground, engine: Engine, key: str) -> None:
    for one in (key, f"{key}/facebook"):
        engine.introspect(one)
        engine.explain(one)
    exposition(engine.health())


def park(ground: Ground, engine: Engine, key: str) -> None:
    try:
        engine.acquire(f"{key}/parked", lifecycle="oauth2-rotating", platform="web", scope=["email"])
    except PromptPending as pending:
        engine.answer(f"{key}/parked", ground.approve(pending.url, key))


def be_refused(ground: Ground, engine: Engine, key: str) -> None:
    code = ground.code(key)
    engine.acquire(f"{key}/no", lifecycle="oauth2-rotating", platform="server", payload=code)
    engine.acquire(f"{key}/no2", lifecycle="oauth2-rotating", platform="server", payload=code)


def get_no_answer(ground: Ground, engine: Engine, key: str) -> None:
    ground.admin.fault("oauth2/token", "drop_after", times=1)
    engine.acquire(f"{key}/lost", lifecycle="oauth2-rotating", platform="server", payload=ground.code(key))


def get_no_json(ground: Ground, engine: Engine, key: str) -> None:
    ground.admin.fault("oauth2/token", "half_json", times=1)
    engine.acquire(f"{key}/half", lifecycle="oauth2-rotating", platform="server", payload=ground.code(key))


def revoke(ground: Ground, engine: Engine, key: str) -> None:
    engine.revoke(f"{key}/app")
    engine.forget(f"{key}/app")


def invalidate(ground: Ground, engine: Engine, key: str) -> None:
    engine.invalidate(f"{key}/parked")
    engine.token(f"{key}/parked")


_FIRST: Final = (log_in, renew, use, hand_over, invite, ask, park)
_WRONG: Final = (be_refused, get_no_answer, get_no_json, invalidate, revoke)
VERBS: Final[Mapping[str, Callable[[Ground, Engine, str], None]]] = {
    one.__name__: one for one in (*_FIRST, *_WRONG)
}
REFUSED: Final = {"be_refused", "get_no_answer", "get_no_json", "invalidate"}
"""What ends in an error, which is the point of it."""
COMMANDS: Final = (
    "keys rotate --key {key}",
    "keys status --key {key}",
    "status --key {key}",
    "verify --key {key}",
    "audit verify --key {key}",
    "token list",
    "backup {folder}/copy.db --key {key}",
    "export {folder}/tokens.export --key {key} --lock file:{folder}/export.key",
)


@contextmanager
def listening() -> Iterator[Scanner]:
    """Hear of every secret, and every channel, for as long as the block lasts."""
    scanner = Scanner()
    scanner.births.running = True
    with pytest.MonkeyPatch.context() as patch:
        births.listen(scanner.births, patch.setattr)
        channels.listen(scanner.said, patch.setattr)
        yield scanner
    scanner.said.deaf = True


def campaign(size: int, seed: int) -> Report:
    """Play rounds until *size* canaries were planted."""
    random, done, errors, leaks = Random(seed), Counter[str](), Counter[str](), list[Leak]()
    caught = rounds = 0
    with listening() as scanner:
        while scanner.births.planted < size:
            rounds += 1
            with tempfile.TemporaryDirectory(prefix="tokenflow-leaks-") as folder:
                scanner.begin()
                _play(Path(folder), random, scanner, done, errors)
                scanner.said.say("output", CONTROL, f"<{canary('control')}>")
                found = scanner.leaks([Path(folder)])
            caught += any(one.where == CONTROL for one in found)
            leaks += [one for one in found if one.where != CONTROL]
    figures = {
        "canaries": scanner.births.planted,
        "rounds": rounds,
        "channels": len(CHANNELS),
        "encodings": len(ENCODINGS),
        "MB scanned": scanner.figures.scanned / 1e6,
        "files scanned": scanner.figures.files,
        "done": dict(done),
        "errors": dict(errors),
        "hits": len(leaks),
        "controls caught": f"{caught}/{rounds}",
    }
    void = [f"{rounds - caught} controls were not caught"] * (caught < rounds)
    void += [f"{one} was never done" for one in (*VERBS, *COMMANDS) if not done[one]]
    return Report("leaks", figures, void, sorted({str(one) for one in leaks}))


def _play(folder: Path, random: Random, scanner: Scanner, done: Counter[str], errors: Counter[str]) -> None:
    with _ground(folder) as ground:
        store, sealing = ground.sqlite()
        store = f"{store}?journal={random.choice(('truncate', 'wal'))}"
        with Engine.open(
            SPECS, store, key=sealing, **ground.options(secrets=ground_secrets(ground))
        ) as engine:
            for key in PEOPLE:
                rest = random.sample(sorted(VERBS.keys() - {"log_in"}), len(VERBS) - 1)
                for verb in ("log_in", *rest):
                    done[verb] += _tried(ground, engine, key, verb, scanner, errors)
        for command in COMMANDS:
            arguments = [*command.format(folder=folder, key=sealing).split(), "--store", store]
            out, err = io.StringIO(), io.StringIO()
            with redirect_stdout(out), redirect_stderr(err):
                code = run(arguments)
            done[command] += code == 0
            if code:
                errors[f"{command}: {code}"] += 1
            scanner.said.say("output", command, out.getvalue() + err.getvalue())


def _tried(
    ground: Ground, engine: Engine, key: str, verb: str, scanner: Scanner, errors: Counter[str]
) -> bool:
    """Do it; say all of the error if one is raised, and whether it went as it should."""
    try:
        VERBS[verb](ground, engine, key)
    except TokenflowError as error:
        channels.tell(scanner.said, error, verb)
        errors[f"{verb}: {type(error).__name__}"] += 1
        return verb in REFUSED
    return True


def ground_secrets(ground: Ground) -> dict[str, Secret]:
    """Return what the engine is lent."""
    world = ground.running.state.world
    return {
        "env:FB_APP_SECRET": Secret(world.apps[APP].app_secret),
        "env:FB_CLIENT_TOKEN": Secret(world.apps[APP].client_token),
        "env:OAUTH2_CLIENT_SECRET": Secret(world.clients[CLIENT].client_secret or ""),
    }


@contextmanager
def _ground(folder: Path) -> Iterator[Ground]:
    settings = Sandbox(app_id=APP, app_secret=canary("app-secret"), redirect_uris=(CALLBACK,), now=NOW)
    with serve(settings) as running:
        admin = AdminClient(running.url, running.admin_token)
        admin.page("42", "Engines")
        for person in PEOPLE:
            admin.person(person, f"Person {person}")
            admin.role("42", person, ["ADMINISTER"])
        admin.client(CLIENT, client_secret=canary("client-secret"), redirect_uris=[CALLBACK])
        yield Ground(running, admin, VirtualClock(NOW), folder)
