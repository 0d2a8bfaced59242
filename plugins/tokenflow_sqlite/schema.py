"""What stands in the file, and how an older file becomes a newer one. Forward only, one step a version."""

from collections.abc import Callable
from typing import Final

import sqlite_utils

APPLICATION_ID: Final = 0x544F4B46
"""The four bytes "TOKF" in the file's header: this file is ours."""


def _first(db: sqlite_utils.Database) -> None:
    _tokens(db)
    _entries(db)
    db.create_table(
        "leases",
        {"tenant": str, "key": str, "owner": str, "until": int},
        pk=("tenant", "key"),
        not_null={"tenant", "key", "owner", "until"},
        strict=True,
    )
    db.create_table(
        "shelves",
        {"shelf": str, "name": str, "value": bytes},
        pk=("shelf", "name"),
        not_null={"shelf", "name", "value"},
        strict=True,
    )
    db.create_table(
        "marks", {"name": str, "instant": int}, pk="name", not_null={"name", "instant"}, strict=True
    )
    db.execute("INSERT INTO marks (name, instant) VALUES ('high_water', 0)")


def _tokens(db: sqlite_utils.Database) -> None:
    db.create_table(
        "tokens",
        {
            "tenant": str,
            "key": str,
            "id": str,
            "revision": int,
            "generation": int,
            "state": str,
            "live": int,
            "identity": str,
            "parent": str,
            "due_at": int,
            "expires_at": int,
            "digest": str,
            "body": str,
            "access_token": bytes,
            "refresh_token": bytes,
        },
        pk=("tenant", "key"),
        not_null={"tenant", "key", "id", "revision", "generation", "state", "live", "digest", "body"},
        strict=True,
    )
    # sqlite-utils makes whole indexes; these are partial, so a million tombstones weigh nothing.
    live_identity = "ON tokens (tenant, identity) WHERE live = 1 AND identity IS NOT NULL"
    db.execute(f"CREATE UNIQUE INDEX live_identity {live_identity}")
    db.execute("CREATE INDEX due ON tokens (due_at, tenant, key) WHERE live = 1 AND due_at IS NOT NULL")
    db.execute("CREATE INDEX ending ON tokens (expires_at) WHERE live = 1")
    db.execute("CREATE INDEX children ON tokens (tenant, parent, key) WHERE parent IS NOT NULL")


def _entries(db: sqlite_utils.Database) -> None:
    db.create_table(
        "entries",
        {
            "number": int,
            "tenant": str,
            "key": str,
            "token_id": str,
            "revision": int,
            "at": int,
            "event_id": str,
            "happened": str,
        },
        pk="number",
        not_null={"tenant", "key", "token_id", "revision", "at", "happened"},
        strict=True,
    )
    db.table("entries").create_index(["tenant", "key", "number"], index_name="history")
    db.execute("CREATE INDEX seen ON entries (tenant, token_id, event_id, number) WHERE event_id IS NOT NULL")


def _second(db: sqlite_utils.Database) -> None:
    """What is to be told stands beside what happened; what was refused is a line too, and few are kept."""
    db.execute("ALTER TABLE entries ADD COLUMN delivery TEXT")
    for flag in ("pending", "noted"):
        db.execute(f"ALTER TABLE entries ADD COLUMN {flag} INTEGER NOT NULL DEFAULT 0")
    db.execute("CREATE INDEX pending ON entries (tenant, number) WHERE pending = 1")
    db.execute("CREATE INDEX noted ON entries (tenant, key, number) WHERE noted = 1")


def _third(db: sqlite_utils.Database) -> None:
    """A token that is found somewhere is looked for by its fingerprint."""
    db.execute("ALTER TABLE tokens ADD COLUMN fingerprint BLOB")
    db.execute("CREATE INDEX fingerprints ON tokens (tenant, fingerprint, key) WHERE fingerprint IS NOT NULL")


def _fourth(db: sqlite_utils.Database) -> None:
    """The audit trail: lines by chain and number, and where each chain begins and ends."""
    # Without a rowid a line stands in its place of its chain, and needs no index beside it.
    db.execute(
        "CREATE TABLE lines (chain INTEGER NOT NULL, number INTEGER NOT NULL, body BLOB NOT NULL, "
        "head BLOB NOT NULL, PRIMARY KEY (chain, number)) STRICT, WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE chains (chain INTEGER PRIMARY KEY, number INTEGER NOT NULL, head BLOB NOT NULL, "
        "base INTEGER NOT NULL DEFAULT 0, base_head BLOB NOT NULL DEFAULT x'', "
        "seal BLOB NOT NULL DEFAULT x'') STRICT"
    )


def _fifth(db: sqlite_utils.Database) -> None:
    """What is due, and what ends, is asked of one tenant."""
    db.execute("DROP INDEX due")
    db.execute("CREATE INDEX due ON tokens (tenant, due_at, key) WHERE live = 1 AND due_at IS NOT NULL")
    db.execute("DROP INDEX ending")
    db.execute("CREATE INDEX ending ON tokens (tenant, expires_at) WHERE live = 1")


def _sixth(db: sqlite_utils.Database) -> None:
    """What an operator has to know of is counted, and a store that is well has none of it."""
    db.execute("ALTER TABLE tokens ADD COLUMN counted TEXT")
    db.execute("ALTER TABLE tokens ADD COLUMN counted_until INTEGER")
    some = "ON tokens (tenant, counted, counted_until) WHERE live = 1 AND counted IS NOT NULL"
    db.execute(f"CREATE INDEX counted {some}")


MIGRATIONS: Final[list[Callable[[sqlite_utils.Database], None]]] = [
    *(_first, _second, _third, _fourth, _fifth),
    _sixth,
]
"""Step n makes version n + 1 out of n. A step that was released is never changed."""
