"""What `tokenflow doctor` asks of the file: is every page whole, and does what it stands on hold."""

from pathlib import Path
from typing import Final

from tokenflow import Finding, Instant
from tokenflow_sqlite.database import LINKED, Connection
from tokenflow_sqlite.settings import wal_is_safe

_MOST: Final = 5
"""Faults of a damaged file that are told."""


def check(db: Connection, path: Path, now: Instant) -> tuple[Finding, ...]:
    """Return what is found; reading every page takes its time."""
    return (_library(), _pages(db, path), _journal(db), _leases(db, now))


def integrity(db: Connection) -> tuple[str, ...]:
    """Return what is found when tables and indexes are held against each other; nothing when all agree."""
    found = [str(row[0]) for row in db.execute(f"PRAGMA integrity_check({_MOST})")]
    return () if found == ["ok"] else tuple(found)


def _library() -> Finding:
    version = ".".join(map(str, LINKED))
    if wal_is_safe(LINKED):
        return Finding(about="sqlite", verdict="ok", says=f"SQLite {version}; journal=wal may be used")
    return Finding(
        about="sqlite",
        verdict="ok",
        says=f"SQLite {version}; journal=wal is refused with it, the default journal is safe",
        mend='for journal=wal: pip install "tokenflow-engine[wal]"',
    )


def _pages(db: Connection, path: Path) -> Finding:
    found = [str(row[0]) for row in db.execute(f"PRAGMA quick_check({_MOST})")]
    if found == ["ok"]:
        return Finding(about="store", verdict="ok", says=f"{path}: every page is whole")
    return Finding(
        about="store",
        verdict="problem",
        says=f"{path} is damaged: {'; '.join(found)}",
        mend="stop what uses it, keep a copy, and restore a backup",
    )


def _journal(db: Connection) -> Finding:
    mode = str(db.execute("PRAGMA journal_mode").fetchone()[0])
    if mode == "wal" and not wal_is_safe(LINKED):
        return Finding(
            about="sqlite",
            verdict="problem",
            says="the file is in WAL, which this SQLite may damage",
            mend="open it with a newer SQLite, or once without journal=wal",
        )
    return Finding(about="store", verdict="ok", says=f"journal {mode}")


def _leases(db: Connection, now: Instant) -> Finding:
    total, stale = db.execute("SELECT count(*), coalesce(sum(until < ?), 0) FROM leases", (now,)).fetchone()
    says = f"{total} leases, {stale} of them run out"
    return Finding(
        about="store", verdict="ok", says=says, mend="run-out leases are taken over by whoever comes"
    )
