"""Hold what a round left, in the store, at the issuer and in the processes, against what was promised.

I1  no refresh token is presented twice outside its contract (a replay)
I2  what the store calls usable is alive at the issuer, or in doubt (no silent death)
I3  revisions, generations and history are contiguous
I4  what was acknowledged is in the history
I5  every row decrypts, another's secret in it does not, and the file is whole and tells no secret
I7  no lock, descriptor, thread or process is left
I9  calls per token are bounded
L   nobody logs in again without a cause: strict alone, and only where the process that had sent died
    before the answer was durable
"""

import fcntl
import itertools
import os
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from tests.faults import stories
from tests.faults.ground import CONTRACTS, Ground, contract_of
from tests.faults.points import POINTS
from tests.faults.proxy import FAULTS, NOT_OURS
from tests.faults.report import Report
from tests.faults.trace import Line
from tokenflow import PersonNeeded, Row, Token, TokenflowError, WrongKey
from tokenflow.core.events import Acquired, Transitioned, from_json
from tokenflow.engine.ciphers import Cipher
from tokenflow.engine.keys import open_keyed
from tokenflow.engine.sealing import from_row
from tokenflow.sandbox.ledger import fingerprint
from tokenflow_sqlite.database import connect
from tokenflow_sqlite.settings import Settings

if TYPE_CHECKING:
    from tests.faults.rounds import Fleet

THIN_A_SECOND, THIN_A_FAULT = 10, 3
"""Refreshes below which a run proves nothing (ruling 15)."""
_AN_EXCHANGE: Final = 1_000_000
"""Microseconds that the longest of the specs here gives it."""
_SETTLE: Final = 12.0
"""Seconds for everything in doubt to become certain: quiet, asked about, repeated or given up."""


@attrs.frozen
class Ended:
    """A process that was killed."""

    at: int
    how: str
    """At random, or the point it reached."""


@attrs.frozen(kw_only=True)
class Call:
    """A refresh as the issuer saw it."""

    at: int
    key: str
    label: str
    """fingerprint.pid.number"""
    status: int | None
    error: str | None

    @property
    def pid(self) -> int:
        return int(self.label.split(".")[1])


@attrs.frozen(kw_only=True)
class Truth:
    """What the issuer knows."""

    calls: tuple[Call, ...]
    probes: int
    tokens: Mapping[str, Mapping[str, Any]]
    """By fingerprint."""
    newest: Mapping[str, str]
    """Key -> fingerprint of the refresh token that was issued last."""


def truth_of(ground: Ground) -> Truth:
    """Read the ledger."""
    ledger = ground.admin.ledger()
    tokens = {row["fingerprint"]: row for row in ledger["tokens"] if row["face"] == "oauth2"}
    newest = {row["user_id"]: mark for mark, row in tokens.items() if row["kind"] == "refresh"}
    refreshes = [row for row in ledger["requests"] if row["grant_type"] == "refresh_token"]
    calls = tuple(
        Call(
            at=row["at"],
            key=str(tokens.get(row["step"].split(".")[0], {}).get("user_id", "unknown")),
            label=row["step"],
            status=row["status"],
            error=row["error"],
        )
        for row in refreshes
    )
    probes = sum(row["path"] == "/oauth2/introspect" for row in ledger["requests"])
    return Truth(calls=calls, probes=probes, tokens=tokens, newest=newest)


def judge(name: str, ground: Ground, fleet: "Fleet", seconds: float) -> Report:
    """Return the report of a round whose processes have ended."""
    failures = [*fleet.odd, *_left_behind(ground, fleet.lines)]
    failures += [f"broken: {' '.join(one.words)}" for one in fleet.lines if one.kind == "broken"]
    if not fleet.stops:  # a stopped process may hold the file for longer than anybody waits
        failures += [f"R12 {' '.join(one.words)}" for one in fleet.lines if one.kind == "store_said"]
    failures += [f"I4 {one.words[0]} was kept on no disk" for one in fleet.lines if one.kind == "unsynced"]
    before = truth_of(ground)
    rows = _rows(ground, failures)
    spoiled = _spoiled(before, fleet.lines)
    failures += _silent(before, {key: one for key, one in rows.items() if key not in spoiled})
    wanting = _settled(ground, fleet)
    after, rows = truth_of(ground), _rows(ground, failures)
    failures += _silent(after, {key: one for key, one in rows.items() if key not in {*wanting, *spoiled}})
    failures += _replayed(after, spoiled)
    failures += _histories(ground, rows, fleet.lines)
    logins = _logins(after, fleet, wanting)
    failures += logins.unexplained
    failures += _too_many(after, fleet, logins)
    stories.told(name, ground, after, fleet.lines, failures)
    figures = _figures(after, fleet, logins, seconds)
    return Report(name, figures, _void(figures, fleet), failures)


def _rows(ground: Ground, failures: list[str]) -> dict[str, Token]:
    store = ground.store()
    found, store_rows = dict[str, Token](), dict[str, Row]()
    cipher = open_keyed(store, f"file:{ground.folder / 'key'}")
    for key in ground.keys:
        row = store.load("default", key)
        try:
            assert row is not None, "it is gone"
            found[key], store_rows[key] = from_row(row, cipher), row
        except (TokenflowError, AssertionError) as error:
            failures.append(f"I5 {key}: {error}")
    store.close()
    failures += _sealing(ground, store_rows, found, cipher)
    connection = connect(ground.path, Settings(journal=ground.journal))
    whole = connection.execute("PRAGMA integrity_check").fetchone()[0]
    connection.close()
    if whole != "ok":
        failures.append(f"I5 the file is damaged: {whole}")
    return found


def _sealing(
    ground: Ground, rows: Mapping[str, Row], tokens: Mapping[str, Token], cipher: Cipher
) -> list[str]:
    found = []
    holding = [row for row in rows.values() if row.refresh_token is not None]
    for one, other in itertools.pairwise(holding):
        try:
            from_row(attrs.evolve(one, refresh_token=other.refresh_token), cipher)
            found.append(f"I5 {one.key} opens what was sealed for {other.key}")
        except WrongKey:
            continue
    content = ground.path.read_bytes()  # nobody in this process has it open
    for key, token in tokens.items():
        if token.refresh_token is not None and token.refresh_token.reveal().encode() in content:
            found.append(f"I5 the file tells the refresh token of {key}")
    return found


def _silent(truth: Truth, rows: Mapping[str, Token]) -> list[str]:
    """Rows that look well, and whose refresh token is not the one that the issuer would take."""
    found = []
    for key, token in rows.items():
        attempt = token.attempt
        strict = contract_of(key) == "strict"  # elsewhere a try that failed is repeated, and that is harmless
        doubted = attempt is not None and (attempt.doubted_since is not None or not strict)
        if token.refresh_token is None or doubted or token.state not in ("issued", "extended"):
            continue
        mark = fingerprint(token.refresh_token.reveal())
        known = truth.tokens.get(mark, {})
        ageing = known.get("expires_at") is not None
        last = truth.newest.get(key) == mark or (contract_of(key) == "grace" and not ageing)
        if not known.get("live") or not last:
            found.append(f"I2 silent death: {key} generation {token.generation}: {known.get('reason')}")
    return found


def _replayed(truth: Truth, spoiled: set[str]) -> list[str]:
    over = [
        f"I1 replay: {one.key} {one.label}: {one.error}"
        for one in truth.calls
        if one.status == 400 and one.key not in {*spoiled, "unknown"}
    ]
    ended = {str(row["user_id"]) for row in truth.tokens.values() if row["reason"] == "reused"}
    return over + [f"I1 replay: a family of {key} was ended" for key in sorted(ended - spoiled)]


def _spoiled(truth: Truth, lines: Iterable[Line]) -> set[str]:
    """Return the keys that the network itself has ended: it repeated a request, or changed what was said."""
    labels = {one.words[1] for one in lines if one.kind == "struck" and one.words[0] in NOT_OURS}
    return {one.key for one in truth.calls if one.label in labels}


def _histories(ground: Ground, rows: Mapping[str, Token], lines: Iterable[Line]) -> list[str]:
    """I3, and I4: every acknowledged refresh is a line of the history, at its revision."""
    found, saved = [], dict[str, set[tuple[str, int]]]()
    store = ground.store()
    for key, token in rows.items():
        entries = store.history("default", key)
        saved[key] = {(entry.token_id, entry.revision) for entry in entries}
        mine = [entry for entry in entries if entry.token_id == token.id]
        told = [from_json(entry.happened) for entry in mine]
        renewed = sum(isinstance(one, Transitioned) and one.command == "extend" for one in told)
        first = sum(isinstance(one, Acquired) for one in told)
        if token.generation != first + renewed:
            found.append(
                f"I3 {key}: generation {token.generation}, but {first} acquired and {renewed} renewed"
            )
        revisions = [entry.revision for entry in mine]
        if revisions != sorted(revisions) or (revisions and revisions[-1] > token.revision):
            found.append(f"I3 {key}: revisions in history are out of order")
    store.close()
    for one in lines:
        if one.kind == "acknowledged":
            key, token_id, generation, revision = one.words
            if (token_id, int(revision)) not in saved.get(key, set()):
                found.append(f"I4 {key}: acknowledged generation {generation} is not in the history")
    return found


@attrs.define
class Logins:
    """Who had to log in again, and why."""

    by_contract: Counter[str] = attrs.Factory(Counter)
    between: int = 0
    """The process died between the issuer's commit and our journal's fsync."""
    in_flight: int = 0
    """It died when its request was out, just before the issuer's commit."""
    paused: int = 0
    """It was stopped amid the exchange, for longer than that may take."""
    lost: int = 0
    """Its request or answer was lost, late, cut or changed on the way."""
    too_late: int = 0
    """It was not answered within its deadline: the machine was slow."""
    unexplained: list[str] = attrs.Factory(list)


def _logins(truth: Truth, fleet: "Fleet", wanting: Sequence[str]) -> Logins:
    found = Logins()
    struck = {one.words[1] for one in fleet.lines if one.kind == "struck"}
    spoiled = _spoiled(truth, fleet.lines)
    waited = _labels(fleet.lines, "sent") - _labels(fleet.lines, "received")
    durable = {one.words[0] for one in fleet.lines if one.kind == "durable" and one.words}
    again = [
        (one.at, one.words[0]) for one in fleet.lines if one.kind == "logged_in" and one.words[1] == "again"
    ] + [(2**62, key) for key in wanting]
    logged_in = defaultdict(list)
    for one in fleet.lines:
        if one.kind == "logged_in":
            logged_in[one.words[0]].append(one.at)
    for at, key in again:
        found.by_contract[contract_of(key)] += 1
        since = max((each for each in logged_in[key] if each < at), default=0)
        spent = [one for one in truth.calls if one.key == key and one.status == 200 and since < one.at < at]
        last = spent[-1] if spent else None
        ended = None if last is None else fleet.ended.get(last.pid)
        strict = contract_of(key) == "strict"
        if key in spoiled or (last is not None and strict and last.label in struck):
            found.lost += 1
        elif last is not None and last.label not in durable and _was_paused(fleet, last):
            found.paused += 1
        elif last is not None and strict and ended is None and last.label in waited:
            found.too_late += 1
        elif not strict or last is None or ended is None or last.label in durable:
            why = "nothing was spent" if last is None else f"{last.label} was kept" * (last.label in durable)
            found.unexplained.append(f"L {key} had to log in again without a cause {why}")
        elif ended.at >= last.at:
            found.between += 1
        else:
            found.in_flight += 1
    return found


def _labels(lines: Iterable[Line], kind: str) -> set[str]:
    return {one.words[0] for one in lines if one.kind == kind}


def _was_paused(fleet: "Fleet", call: Call) -> bool:
    """Return whether the process that made a call was stopped while it could be answered."""
    sent = next((one.at for one in fleet.lines if one.kind == "sent" and one.words[0] == call.label), call.at)
    return any(
        pid == call.pid and since <= sent + _AN_EXCHANGE and sent <= until
        for pid, since, until in fleet.pauses
    )


def _settled(ground: Ground, fleet: "Fleet") -> list[str]:
    """Refresh every token once more, when all the others are gone; return the keys that want a login."""
    store = ground.store()
    wanting, left, until = [], list(ground.keys), time.monotonic() + _SETTLE
    with ground.open(store) as engine:
        while left:
            for key in tuple(left):
                try:
                    engine.extend(key)
                    left.remove(key)
                except PersonNeeded:
                    left.remove(key)
                    wanting.append(key)
                except TokenflowError as error:
                    if error.code == "final_state":
                        left.remove(key)
                        wanting.append(key)
                    elif time.monotonic() > until:
                        left.remove(key)
                        fleet.odd.append(f"{key} did not settle: {type(error).__name__} {error}")
                except Exception as error:  # noqa: BLE001  # a fault of the product's own, and a failure
                    left.remove(key)
                    fleet.odd.append(f"broken: {key} {type(error).__name__} {error}")
            time.sleep(0.02 if left else 0)
    store.close()
    return wanting


def _left_behind(ground: Ground, lines: Iterable[Line]) -> list[str]:
    found = []
    for one in lines:
        if one.kind == "closed":
            before, after, *threads = one.words
            if int(after) > int(before):
                found.append(f"I7 {int(after) - int(before)} descriptors are left of an engine")
            if threads:
                found.append(f"I7 threads are left of an engine: {', '.join(threads)}")
    for folder in ground.path.parent.glob("*.d"):
        found += [f"I7 {each.name} is still locked" for each in folder.rglob("*") if _is_locked(each)]
    return found


def _is_locked(path: Path) -> bool:
    if not path.is_file():
        return False
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
        return True
    finally:
        os.close(file)


def _too_many(truth: Truth, fleet: "Fleet", logins: Logins) -> list[str]:
    """I9: a call that brought nothing was a dead process's, and a dead process leaves few questions."""
    faults = fleet.faults
    kept = sum(one.kind == "durable" for one in fleet.lines)
    found = []
    if len(truth.calls) - kept > 2 * faults + 50:
        found.append(f"I9 {len(truth.calls)} calls brought {kept} answers in {faults} faults")
    if truth.probes > 4 * faults + 50:
        found.append(f"I9 {truth.probes} questions about {faults} faults")
    return found


def _figures(truth: Truth, fleet: "Fleet", logins: Logins, seconds: float) -> dict[str, Any]:
    faults = fleet.faults
    refreshed = sum(one.kind == "acknowledged" for one in fleet.lines)
    lasted = _lasted(fleet.lines)
    strict = len([one for one in truth.calls if contract_of(one.key) == "strict"])
    return {
        "kills": len(fleet.ended),
        "stops": fleet.stops,
        "seconds": round(seconds, 2),
        "refreshes": refreshed,
        "calls_a_second": round(len(truth.calls) / seconds, 1),
        "refreshes_a_fault": round(refreshed / max(1, faults), 2),
        "calls": len(truth.calls),
        "strict_calls": strict,
        "probes": truth.probes,
        "struck": dict(Counter(one.words[0] for one in fleet.lines if one.kind == "struck")),
        "fired": dict(Counter(one.words[0] for one in fleet.lines if one.kind == "fired")),
        "logins": {one: logins.by_contract[one] for one in CONTRACTS},
        "between_commit_and_fsync": logins.between,
        "in_flight": logins.in_flight,
        "answers_lost_in_a_pause": logins.paused,
        "answers_lost_on_the_way": logins.lost,
        "answers_too_late": logins.too_late,
        "store_errors": sum(one.kind == "store_said" for one in fleet.lines),
        "answers": len(lasted),
        "durable_p50_ms": round(1000 * statistics.median(lasted), 3) if lasted else None,
        "durable_p99_ms": round(1000 * lasted[int(len(lasted) * 0.99)], 3) if lasted else None,
    }


def _lasted(lines: Iterable[Line]) -> list[float]:
    """Return the seconds from an answer's arrival to its fsync, sorted."""
    came = dict[str, int]()
    found = []
    for one in lines:
        if one.kind == "received":
            came[one.words[0]] = one.at
        elif one.kind == "durable" and one.words and one.words[0] in came:
            found.append((one.at - came[one.words[0]]) / 1e6)
    return sorted(found)


def _void(figures: Mapping[str, Any], fleet: "Fleet") -> list[str]:
    why = []
    # A stopped process that is amid a commit stops the traffic itself.
    if figures["calls_a_second"] < THIN_A_SECOND and not fleet.stops:
        why.append(f"traffic is thin: {figures['calls_a_second']} calls a second")
    if figures["refreshes_a_fault"] < THIN_A_FAULT:
        why.append(f"traffic is thin: {figures['refreshes_a_fault']} refreshes a fault")
    if figures["struck"] and (missing := sorted(set(FAULTS) - set(figures["struck"]))):
        why.append(f"never struck: {', '.join(missing)}")
    silent = sorted(set(POINTS) - set(figures["fired"]))
    if silent and len(fleet.ended) + fleet.stops >= 2 * len(POINTS):
        why.append(f"never fired: {', '.join(silent)}")
    return why


def added(name: str, rounds: Sequence[Report]) -> Report:
    """Return several rounds as one: counts are added, the slowest round's times are told."""
    figures = dict[str, Any]()
    for one in rounds:
        for key, value in one.figures.items():
            figures[key] = _sum(key, figures.get(key), value)
    seconds, refreshes = figures.get("seconds") or 1, figures.get("refreshes", 0)
    faults = max(1, figures.get("kills", 0) + figures.get("stops", 0))
    figures |= {
        "calls_a_second": round(figures.get("calls", 0) / seconds, 1),
        "refreshes_a_fault": round(refreshes / faults, 2),
        "logins_a_kill_of_strict": round(figures.get("logins", {}).get("strict", 0) / faults, 3),
        "rounds": len(rounds),
    }
    void = [f"{one.name}: {why}" for one in rounds for why in one.void]
    return Report(name, figures, void, [f"{one.name}: {what}" for one in rounds for what in one.failures])


def _sum(key: str, one: Any, other: Any) -> Any:
    if one is None or other is None:
        return other if one is None else one
    if key.endswith("_ms"):
        return max(one, other)
    if isinstance(one, dict):
        return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}
    return round(one + other, 2)
