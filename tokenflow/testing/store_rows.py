"""Rows and lines of history for the checks of a store."""

from typing import Any

from tokenflow.engine.stores import Entry, Row, Store, Write


def row(key: str = "reports", **changes: Any) -> Row:
    """Return a live row, as *changes* say."""
    given: dict[str, Any] = {
        "tenant": "acme",
        "key": key,
        "id": f"id-{key}",
        "revision": 1,
        "generation": 1,
        "state": "issued",
        "live": True,
        "body": '{"kind":"user"}',
    }
    return Row(**(given | changes))


def entry(
    of: Row, at: int = 1, event_id: str | None = None, happened: str = "{}", delivery: str | None = None
) -> Entry:
    """Return a line of a row's history."""
    return Entry(
        tenant=of.tenant,
        key=of.key,
        token_id=of.id,
        revision=of.revision,
        at=at,
        event_id=event_id,
        happened=happened,
        delivery=delivery,
    )


def add(store: Store, *rows: Row, mark: int = 1) -> None:
    """Save rows that are new."""
    store.save([Write(row=one, expected=0) for one in rows], mark=mark)
