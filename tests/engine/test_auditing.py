"""Every change, every no and every act of an operator leaves its line; it says no secret and no name."""

import json
import logging
import threading
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.core.lifecycles import token_of, user
from tests.engine.audit_ground import KEY, Clocks, auditor_of
from tokenflow import AuditRecord, Engine, IssuerRefused, MemoryStore, Refused, Secret, StoreError, Write
from tokenflow.core.effects import Change
from tokenflow.core.events import About, AttemptFailed, RuleWarned, WasRefused
from tokenflow.engine.auditing import EVERY, Auditor
from tokenflow.engine.ciphers import AesGcm
from tokenflow.engine.examining import every_chain, examine, walk
from tokenflow.engine.trails import AuditLine
from tokenflow.engine.witnessing import Veil, Witness
from tokenflow.engine.wording import Said, read
from tokenflow.runner.auditing import in_words, last_said, said_of
from tokenflow_sqlite import SqliteStore

pytestmark = pytest.mark.proves("J", "B8")

LENT = {"env:FB_CLIENT_TOKEN": Secret("canary-of-a-client-token"), "env:FB_APP_ID": Secret("1234567890")}
LIFE: dict[str, Any] = {"lifecycle": "facebook-client", "platform": "dashboard"}


def engine_of(store: Any, **more: Any) -> Engine:
    how = {"client_ids": {"facebook": "1"}, "redirect_uri": "https://x.example/cb", "secrets": LENT}
    return Engine.open(["facebook-client"], store, **how, **more)


def bodies(store: Any) -> list[AuditLine]:
    return [line for chain in every_chain(store) for line in walk(store, chain)]


def change_of(key: str, *happened: Any, **facts: Any) -> Change:
    token = attrs.evolve(token_of(user(), "issued"), key=key, revision=1, **facts)
    return Change(token=token, expected=0, happened=tuple(one(About.of(token, 7, "e1")) for one in happened))


def written_by(auditor: Auditor, *changes: Change) -> list[Said]:
    auditor.store.save((), mark=0, record=auditor.changes(changes, "w1"))
    return [read(line, auditor.witness.veil) for line in bodies(auditor.store)]


# ---- what leaves a line


def test_each_change_of_a_life_has_its_line_and_the_trail_outlives_it() -> None:
    """One line a revision, in order; then the forgetting's; all are there when the token is not."""
    with engine_of(MemoryStore()) as engine:
        engine.acquire("app", **LIFE)
        engine.acquire("app", **LIFE)
        engine.revoke("app")
        row = engine.desk.store.load("default", "app")
        assert engine.forget("app")
        assert engine.desk.store.load("default", "app") is None
        said = list(said_of(engine.desk.audit, "default", "app"))
        assert examine(engine.desk.audit.moorings).flaws == ()
    assert row is not None
    assert [one.revision for one in said[:-1]] == list(range(1, row.revision + 1))
    assert {one.act for one in said[:-1]} == {"save"}
    assert (said[-1].act, said[-1].revision) == ("forget", None)
    assert said[0].did[0]["happened"] == "Acquired"
    assert all(one.by.count("@") == 1 and one.worker for one in said[:-1])


@pytest.mark.parametrize("event_id", [None, "e1"])
def test_a_no_has_its_line_and_the_token_does_not_move(event_id: str | None) -> None:
    """What was refused is said with its rule's code, whether or not the token remembers it."""
    with engine_of(MemoryStore()) as engine:
        engine.acquire("app", **LIFE)
        for _ in range(2):
            with pytest.raises(Refused, match="HTTPS"):
                engine.hand_over("app", to="client", audience="http://x.example", event_id=event_id)
        said = list(said_of(engine.desk.audit, "default", "app"))
    assert [one.act for one in said] == ["save", "refuse", "refuse"]
    (no,) = said[-1].did
    assert (no["happened"], no["act"], no["code"]) == ("WasRefused", "hand_over", "transport_not_allowed")
    assert said[-1].revision == said[0].revision


def test_advice_and_looks_are_not_on_the_trail() -> None:
    """A warning of a rule changes nothing and refuses nothing: no line, and no commit for it."""
    auditor = auditor_of(MemoryStore())
    about = About(tenant="t", key="k", token_id="i", revision=1, at=1)
    assert auditor.no(RuleWarned(about=about, act="use", rule="r", because="b"), "w") is None
    assert auditor.no(WasRefused(about=about, act="use", code="r"), "w") is not None


def test_a_value_that_goes_out_to_a_holder_has_its_line_once() -> None:
    """A handle that may read leaves a line for each value, before it gets it; one that may not, none."""
    with engine_of(MemoryStore()) as engine:
        engine.acquire("app", **LIFE)
        engine.handle(may=["use"]).explain("app")
        reader = engine.handle(may=["read", "use"])
        for _ in range(3):
            reader.token("app")
            reader.explain("app")
        engine.acquire("app", **LIFE)
        reader.token("app")
        acts = [(one.act, dict(one.facts)) for one in said_of(engine.desk.audit, "default", "app")]
        store = engine.desk.store
        engine.acquire("app", **LIFE)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store, "save", _full)
            with pytest.raises(StoreError, match="full"):
                reader.token("app")
    assert [act for act, _ in acts] == ["save", "read", "save", "read"]


def _full(*_: Any, **__: Any) -> None:
    raise StoreError("the disk is full")


def test_a_store_without_a_trail_works_without_one() -> None:
    """An engine asks only a store that says it can; nothing is asked of another."""

    class Plain(MemoryStore):
        capabilities = frozenset({"leases", "outbox"})  # type: ignore[misc]

        def save(self, writes: Any, *, mark: int, record: AuditRecord | None = None) -> None:
            assert record is None
            super().save(writes, mark=mark)

    with engine_of(Plain()) as engine:
        engine.acquire("app", **LIFE)
        engine.desk.audit.write("export")
        assert bodies(engine.desk.store) == []


# ---- what a line says, and what not


def test_a_line_says_how_it_was_answered_and_never_the_issuers_words() -> None:
    """Class, status and codes of a failed command are on the trail; no part of it holds the message."""
    canary = "canary-in-an-answer"

    def failed(about: About) -> AttemptFailed:
        no = IssuerRefused(canary, status=400, facts={"error": canary, "code": 190, "subcode": 460})
        how: dict[str, Any] = {"event": "extend", "command": "extend", "number": 2, "error": "revoked"}
        return AttemptFailed(about=about, **how, detail=str(no), answer=no.answer)

    (said,) = written_by(auditor_of(MemoryStore()), change_of("a", failed))
    (did,) = said.did
    wanted = {"command": "extend", "error": "revoked", "number": 2, "answer": "400 190 460"}
    assert wanted.items() <= did.items()
    assert canary not in repr(said)


def test_whom_a_line_tells_of_is_hidden() -> None:
    """Key, tenant, ids and attributes are not in a line in any clear form, and come back with the veil."""
    store = MemoryStore()
    auditor = auditor_of(store)
    key, reason = "user/ada@example.com", "asked by ada"

    def refused(about: About) -> WasRefused:
        return WasRefused(about=attrs.evolve(about, event_id=reason), act="use", code="rule")

    (said,) = written_by(auditor, change_of(key, refused, attributes={"email": "ada@example.com"}))
    (line,) = bodies(store)
    for text in ("ada", "user/", "example.com", "default", said.hidden["id"] if said.hidden else ""):
        assert text.encode() not in line.body
    assert said.hidden is not None
    assert (said.hidden["tenant"], said.hidden["key"]) == ("default", key)
    assert said.hidden["did"] == [{"event_id": reason}]


def test_without_its_veil_a_line_verifies_and_says_nothing_of_a_person() -> None:
    """A person's veil hides them and whatever was derived from them; destroyed, the chain still holds."""
    store = MemoryStore()
    keys = {"user/1": bytes([1]) * 32, "user/2": bytes([2]) * 32}

    def veils(tenant: str, root: str) -> Veil | None:
        return Veil(AesGcm(keys[root]), keys[root]) if root in keys else None

    auditor = auditor_of(store, veils=veils)
    page = change_of("page/9", parent="user/1")
    record = auditor.changes([change_of("user/1"), page, change_of("user/2")], "w1")
    store.save((), mark=0, record=record)
    assert [one.hidden and one.hidden["key"] for one in said_of(auditor, "default", "user/1")] == ["user/1"]
    del keys["user/1"]
    assert examine(auditor.moorings).flaws == ()
    assert list(said_of(auditor, "default", "user/1")) == []
    assert list(said_of(auditor, "default", "page/9")) == []
    assert [one.hidden and one.hidden["key"] for one in said_of(auditor, "default", "user/2")] == ["user/2"]
    told = [in_words(one) for one in last_said(auditor, "default", 9)]
    assert not [text for text in told if "user/" in text or "page/" in text]
    veil = Witness(KEY).veil
    assert not [one for one in told if veil.name("default", "user/1")[:8] in one]


def test_no_name_breaks_a_line() -> None:
    """Control characters are escaped, in the line and where it is shown (CWE-117)."""
    auditor = auditor_of(MemoryStore())
    evil = "a\nb\r\x1b[2J\u2028\x00"
    auditor.write("export", tenant=evil, key=evil, facts={evil: evil}, hidden={"to": evil})
    (line,) = bodies(auditor.store)
    text = line.body.partition(b"\n")[0].decode("ascii")
    assert text.isprintable()
    assert json.loads(text)["facts"] == {evil: evil}
    (said,) = said_of(auditor, evil, evil)
    assert in_words(said).isprintable()
    assert said.hidden == {"tenant": evil, "key": evil, "to": evil}


# ---- when it is written


def test_an_act_whose_line_cannot_be_written_is_not_done() -> None:
    """An operator's act fails closed: its line raises what the store raises, before anything is done."""

    class Full(MemoryStore):
        def save(self, writes: Any, *, mark: int, record: AuditRecord | None = None) -> None:
            raise StoreError("the disk is full")

    with pytest.raises(StoreError, match="full"):
        auditor_of(Full()).write("export")


def test_a_forgetting_without_its_line_does_not_happen(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the trail cannot be continued the token stays as it was."""

    def fail(self: Witness, *_: Any) -> AuditLine:
        raise StoreError("no line")

    with engine_of(MemoryStore()) as engine:
        engine.acquire("app", **LIFE)
        engine.revoke("app")
        with monkeypatch.context() as patch:
            patch.setattr(Witness, "follow", fail)
            with pytest.raises(StoreError, match="no line"):
                engine.forget("app")
        assert engine.keys() == ["app"]
        assert engine.forget("app")


def test_a_trail_begins_once(tmp_path: Path) -> None:
    """Of many who open a store at once, one writes the first line."""
    store = SqliteStore(tmp_path / "tokens.db")
    try:
        opened = [auditor_of(store) for _ in range(6)]
        gate = threading.Barrier(len(opened))

        def begin(auditor: Auditor) -> None:
            gate.wait()
            auditor.begin()

        threads = [threading.Thread(target=begin, args=(one,)) for one in opened]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert [json.loads(line.body.partition(b"\n")[0])["act"] for line in bodies(store)] == ["begun"]
    finally:
        store.close()


def test_it_is_anchored_at_most_once_a_minute_and_at_the_end(tmp_path: Path) -> None:
    """A busy trail's anchor is a minute old at most, a quiet one gets none, a close brings it up to date."""
    clock, file = Clocks(), tmp_path / "keys" / "a.anchor"
    auditor = auditor_of(MemoryStore(), file, clock)

    def anchored() -> list[int]:
        told = list(examine(auditor.moorings).anchors.values())
        own = auditor.moorings.own()
        return [] if own is None else [own.lines, max(one.lines for one in told)]

    def write_after(seconds: float) -> None:
        clock.seconds += seconds
        auditor.write("export")

    write_after(EVERY - 1)
    assert anchored() == []
    write_after(1)
    assert anchored() == [2, 2]
    write_after(EVERY - 1)
    assert anchored() == [2, 3], "beside the store, how far it has come is noted each second"
    auditor.close()
    assert anchored() == [3, 3]
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    clock.seconds += EVERY
    file.unlink()
    auditor.close()
    assert not file.exists(), "nothing was written since"


def test_an_anchor_that_cannot_be_written_stops_no_token(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder that cannot be made costs the anchor, not the change; the log says so."""
    (tmp_path / "keys").write_text("in the way")
    auditor = auditor_of(MemoryStore(), tmp_path / "keys" / "a.anchor")
    auditor.write("export")
    with caplog.at_level(logging.WARNING):
        auditor.close()
    assert "could not be anchored" in caplog.text
    assert len(bodies(auditor.store)) == 1


def test_a_save_that_is_refused_leaves_no_line() -> None:
    """A change that met a conflict is not on the trail."""
    with engine_of(MemoryStore()) as engine:
        engine.acquire("app", **LIFE)
        store, row = engine.desk.store, engine.desk.store.load("default", "app")
        before = bodies(store)
        assert row is not None
        record = engine.desk.audit.changes([change_of("app")], "w")
        with pytest.raises(StoreError, match="revision"):
            store.save([Write(row=row, expected=9)], mark=1, record=record)
        assert bodies(store) == before
