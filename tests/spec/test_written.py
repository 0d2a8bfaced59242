"""What was read of a text is kept, and nothing that hangs on anything else."""

from pathlib import Path

from tokenflow.spec import check, load
from tokenflow.spec.reading import KEPT
from tokenflow.spec.written import completed, written

PARENT = """\
apiVersion: tokenflow/v1
kind: Lifecycle
metadata: {name: parent, version: 1.0.0}
extends: builtin:facebook-user
"""
CHILD = """\
apiVersion: tokenflow/v1
kind: Lifecycle
metadata: {name: child, version: 1.0.0}
extends: ./parent.yaml
"""


def test_a_text_is_read_once() -> None:
    """Of the same text under the same name there is one tree, and one whole; under another it has another."""
    one, again = (written(PARENT.encode(), "a.yaml") for _ in range(2))
    other = written(PARENT.encode(), "b.yaml")
    child = written(CHILD.encode(), "c.yaml")

    assert one is again
    assert one.tree is not None
    assert other.tree is not None
    assert child.tree is not None
    assert (one.tree.root.span.file, other.tree.root.span.file) == ("a.yaml", "b.yaml")
    assert completed(one.tree, child.tree) is completed(one.tree, child.tree)
    assert completed(one.tree, child.tree) is not completed(other.tree, child.tree)


def test_a_changed_parent_changes_its_child(tmp_path: Path) -> None:
    """The child's own text stays as it was, and is not what it hangs on."""
    parent, child = tmp_path / "parent.yaml", tmp_path / "child.yaml"
    parent.write_text(PARENT)
    child.write_text(CHILD)
    before = load(child)

    parent.write_text(PARENT + "app: {mine: {type: string, default: one}}\n")
    changed = load(child)
    parent.write_text(PARENT + "no_such_key: 1\n")

    assert "mine" not in before.data["app"]
    assert changed.data["app"]["mine"]["default"] == "one"
    assert changed.digest != before.digest
    assert any(one.code == "TF011" for one in check(child))


def test_what_one_does_with_its_data_is_not_seen_by_another() -> None:
    """Each document has plain data of its own."""
    mine = load("facebook-user")
    mine.data["states"].clear()

    assert load("facebook-user").data["states"]


def test_not_more_is_kept_than_was_said() -> None:
    """A process that reads new texts without end does not grow without end."""
    for number in range(KEPT + 5):
        written(f"kind: {number}\n".encode(), "a.yaml")

    assert written(b"kind: 0\n", "a.yaml") is not (first := written(b"kind: 1\n", "a.yaml"))
    assert first is written(b"kind: 1\n", "a.yaml")
