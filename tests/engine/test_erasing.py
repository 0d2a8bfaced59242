"""Erasing a person: all that names them goes, what is another's stays, and what is said of them is unread."""

from pathlib import Path

import pytest

from tests.engine.ground import ADA, BOB, Ground
from tests.engine.rings_ground import fill, sealed_row
from tests.engine.test_auditing import bodies
from tokenflow import Secret, TokenNotFound
from tokenflow.engine.ciphers import binding, shelved
from tokenflow.engine.erasing import erase, of_key, of_person
from tokenflow.engine.erasures import Erasures, file_of
from tokenflow.engine.examining import examine
from tokenflow.engine.journals import record_name
from tokenflow.engine.segments import Segment, records_in
from tokenflow.engine.stores import Write
from tokenflow.engine.veils import veiled
from tokenflow.runner.keepsakes import Opened, opened

pytestmark = pytest.mark.proves("A6")


def erased(it: Opened, tenant: str, key: str) -> tuple[str, ...]:
    return erase(it.ring, it.acting, tenant, of_key(it.store, tenant, key), 7).keys


def everything(folder: Path) -> bytes:
    return b"".join(one.read_bytes() for one in folder.rglob("*") if one.is_file())


def test_tokens_derived_tickets_logins_and_answers_of_a_person_go(ground: Ground) -> None:
    """By the issuer's id, and by key with a ticket, a parked login and an answer; what is Bob's stays."""
    url = f"sqlite:{ground.folder / 'store' / 'tokens.db'}"
    with ground.open(url) as engine:
        ground.facebook(engine, "ada")
        ground.rotating(engine, "bob", BOB)
        ground.rotating(engine, "adas", ADA)
        engine.hand_over("adas", to="server", audience="https://there.example")
        engine.hand_over("bob", to="server", audience="https://there.example")
    with opened(url, None) as it:
        name, identity = shelved("parked", "default", "adas")
        it.store.put("parked", name, it.ring.seal(Secret('{"state": "x"}'), identity))
        segment = Segment(ground.folder / "store" / "tokens.db.d" / "journals", "w")
        sealed = it.ring.seal(Secret("{}"), binding("default", "adas", "journal", 0))
        assert segment.put(record_name("default", "adas"), sealed)
        before = len(bodies(it.store))
        plan = of_person(it.store, "default", ADA)
        assert plan.keys == ("ada",)
        erase(it.ring, it.acting, "default", plan, 7)
        done = erase(it.ring, it.acting, "default", of_key(it.store, "default", "adas"), 7)
        assert done.blobs >= 3, "a ticket, a parked login, an answer"
        assert records_in(ground.folder / "store" / "tokens.db.d" / "journals") == 0
        assert [row.key for row in it.store.rows(None, 9)] == ["bob"]
        assert len(it.store.names("tickets")) == 1
        assert veiled(it.store, "default") == ["bob"]
        assert examine(it.acting.moorings).flaws == ()
        assert len(bodies(it.store)) == before + 2
        segment.close()
    files = everything(ground.folder / "store")
    assert b"adas" not in files
    assert sealed not in files
    with ground.open(url) as engine:
        assert engine.token("bob").key == "bob"
        with pytest.raises(TokenNotFound):
            engine.token("adas")


def test_what_was_derived_from_a_token_that_stays_is_told(tmp_path: Path) -> None:
    """A child alone is erased; the trail goes on naming it under its parent's veil, and that is said."""
    with opened(f"sqlite:{tmp_path / 'tokens.db'}", None, create=True) as it:
        rows = [sealed_row(it.ring, "root"), sealed_row(it.ring, "child", parent="root")]
        it.store.save([Write(row=row, expected=0) for row in rows], mark=1)
        plan = of_key(it.store, "acme", "child")
        assert (plan.keys, plan.roots, plan.shared) == (("child",), (), ("child",))
        assert of_key(it.store, "acme", "root").keys == ("root", "child")
        assert erased(it, "acme", "child") == ("child",)
        assert [row.key for row in it.store.rows(None, 9)] == ["root"]
        with pytest.raises(TokenNotFound):
            of_key(it.store, "acme", "child")


def test_of_many_that_were_erased_no_sealed_byte_is_left(tmp_path: Path) -> None:
    """Two hundred rows in a file of three hundred: free pages and journal hold nothing of them."""
    with opened(f"sqlite:{tmp_path / 'store' / 'tokens.db'}", None, create=True) as it:
        fill(it.ring, 300, 0)
        rows = it.store.rows(None, 300)
        assert it.store.erase("acme", [row.key for row in rows[::2] + rows[1:100:2]]) == 200
        left = {row.key for row in it.store.rows(None, 300)}
    files = everything(tmp_path / "store")
    for row in rows:
        assert ((row.access_token or b"") in files) is (row.key in left)


def test_erasures_are_remembered_by_a_keyed_hash_beside_the_key(tmp_path: Path) -> None:
    """The file tells no name; a line that was changed, or written without the key, counts for nothing."""
    with opened(f"sqlite:{tmp_path / 'tokens.db'}", None, create=True) as it:
        fill(it.ring, 3, 0)
        moorings = it.acting.moorings
        file = file_of(moorings)
        assert file is not None
        for key in ("k00000", "k00001"):
            erased(it, "acme", key)
        text = file.read_text()
        assert (file.stat().st_mode & 0o777, "k0000" in text, "acme" in text) == (0o600, False, False)
        assert [Erasures(moorings).since("acme", f"k0000{n}") for n in range(3)] == [7, 7, None]
        file.write_text(text.replace("7 ", "9 ", 1) + "8 " + "0" * 64 + " " + "0" * 32 + "\n9")
        assert [Erasures(moorings).since("acme", f"k0000{n}") for n in range(3)] == [None, 7, None]
