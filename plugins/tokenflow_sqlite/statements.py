"""The SQL of the contract, prepared once a connection. Every write runs in a BEGIN IMMEDIATE."""

from typing import Final

_ROW = (
    "tenant, key, id, revision, generation, state, live, identity, parent, due_at, expires_at, digest, body, "
    "access_token, refresh_token, fingerprint, counted, counted_until"
)
_ENTRY = "tenant, key, token_id, revision, at, event_id, happened, delivery"


def _with_columns(sql: str) -> str:
    return sql.replace("<row>", _ROW).replace("<entry>", _ENTRY)


LOAD: Final = _with_columns("SELECT <row> FROM tokens WHERE tenant = ? AND key = ?")
DUE: Final = _with_columns(
    "SELECT <row> FROM tokens WHERE tenant = ? AND live = 1 AND due_at IS NOT NULL AND due_at <= ? "
    "AND (due_at, key) > (?, ?) ORDER BY due_at, key LIMIT ?"
)
CHILDREN: Final = _with_columns("SELECT <row> FROM tokens WHERE tenant = ? AND parent = ? ORDER BY key")
FIND: Final = _with_columns("SELECT <row> FROM tokens WHERE tenant = ? AND identity = ? AND live = 1")
WHOSE: Final = _with_columns(
    "SELECT <row> FROM tokens WHERE tenant = ? AND fingerprint = ? ORDER BY key LIMIT 1"
)
ROWS: Final = _with_columns(
    "SELECT <row> FROM tokens WHERE (tenant, key) > (?, ?) ORDER BY tenant, key LIMIT ?"
)
KEYS: Final = "SELECT key FROM tokens WHERE tenant = ? ORDER BY key"
HISTORY: Final = _with_columns("SELECT <entry> FROM entries WHERE tenant = ? AND key = ? ORDER BY number")
SEEN: Final = _with_columns(
    "SELECT <entry> FROM entries WHERE tenant = ? AND token_id = ? AND event_id = ? ORDER BY number LIMIT 1"
)
PENDING: Final = _with_columns(
    "SELECT <entry> FROM entries WHERE tenant = ? AND pending = 1 ORDER BY number LIMIT ?"
)
MARK: Final = "SELECT instant FROM marks WHERE name = 'high_water'"
CENSUS: Final = (
    "SELECT (SELECT count(*) FROM tokens WHERE live = 1), "
    "(SELECT count(*) FROM tokens WHERE live = 1 AND expires_at > :after AND expires_at <= :until)"
)
CENSUS_OF: Final = (
    "SELECT (SELECT count(*) FROM tokens WHERE tenant = :tenant AND live = 1), (SELECT count(*) FROM tokens "
    "WHERE tenant = :tenant AND live = 1 AND expires_at > :after AND expires_at <= :until)"
)
"""Of one tenant."""

COUNTED: Final = (
    "SELECT counted, count(*) FROM tokens WHERE tenant = ? AND live = 1 AND counted IS NOT NULL "
    "AND (counted_until IS NULL OR counted_until > ?) GROUP BY counted"
)

REVISION: Final = "SELECT revision FROM tokens WHERE tenant = ? AND key = ?"
UPSERT: Final = _with_columns(
    "INSERT INTO tokens (<row>) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (tenant, key) DO UPDATE SET id = excluded.id, revision = excluded.revision, "
    "generation = excluded.generation, state = excluded.state, live = excluded.live, "
    "identity = excluded.identity, parent = excluded.parent, due_at = excluded.due_at, "
    "expires_at = excluded.expires_at, digest = excluded.digest, body = excluded.body, "
    "access_token = excluded.access_token, refresh_token = excluded.refresh_token, "
    "fingerprint = excluded.fingerprint, counted = excluded.counted, "
    "counted_until = excluded.counted_until"
)
RESEAL: Final = (
    "UPDATE tokens SET access_token = ?, refresh_token = ? "
    "WHERE tenant = ? AND key = ? AND revision = ? AND access_token IS ? AND refresh_token IS ?"
)
REFINGER: Final = RESEAL.replace("refresh_token = ? WHERE", "refresh_token = ?, fingerprint = ? WHERE")
"""Apart, so that the index of a million hashes is written only where a hash changes."""
REMEMBER: Final = _with_columns(
    "INSERT INTO entries (<entry>, pending, noted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
PRUNE: Final = (
    "DELETE FROM entries WHERE tenant = ? AND key = ? AND noted = 1 AND number <= ("
    "SELECT number FROM entries WHERE tenant = ? AND key = ? AND noted = 1 "
    "ORDER BY number DESC LIMIT 1 OFFSET ?)"
)
DELIVERED: Final = "UPDATE entries SET pending = 0 WHERE tenant = ? AND delivery = ? AND pending = 1"
RAISE_MARK: Final = "UPDATE marks SET instant = ? WHERE name = 'high_water' AND instant < ?"

CLAIM: Final = (
    "INSERT INTO leases (tenant, key, owner, until) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (tenant, key) DO UPDATE SET owner = excluded.owner, until = excluded.until "
    "WHERE leases.owner = excluded.owner OR leases.until <= ?"
)
RELEASE: Final = "DELETE FROM leases WHERE tenant = ? AND key = ? AND owner = ?"

FORGET: Final = "DELETE FROM tokens WHERE tenant = ? AND key = ? AND live = 0"
ERASE: Final = "DELETE FROM tokens WHERE tenant = ? AND key = ?"
FORGET_LEASES: Final = "DELETE FROM leases WHERE tenant = ? AND key = ?"
EMPTY_WAL: Final = "PRAGMA wal_checkpoint(TRUNCATE)"
"""Where there is none, it does nothing."""
FORGET_HISTORY: Final = "DELETE FROM entries WHERE tenant = ? AND key = ?"

PUT: Final = (
    "INSERT INTO shelves (shelf, name, value) VALUES (?, ?, ?) "
    "ON CONFLICT (shelf, name) DO UPDATE SET value = excluded.value"
)
KEEP: Final = "INSERT INTO shelves (shelf, name, value) VALUES (?, ?, ?) ON CONFLICT (shelf, name) DO NOTHING"
GET: Final = "SELECT value FROM shelves WHERE shelf = ? AND name = ?"
REMOVE: Final = "DELETE FROM shelves WHERE shelf = ? AND name = ?"
SWAP: Final = "UPDATE shelves SET value = ? WHERE shelf = ? AND name = ? AND value = ?"
NAMES: Final = "SELECT name FROM shelves WHERE shelf = ? ORDER BY name"
SHELVES: Final = "SELECT DISTINCT shelf FROM shelves ORDER BY shelf"
