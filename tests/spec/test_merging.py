from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenflow.spec import SpecError, check, load
from tokenflow.spec.merging import merged
from tokenflow.spec.reading import read
from tokenflow.spec.tree import Node

HEAD = "apiVersion: tokenflow/v1\nkind: Lifecycle\nmetadata: {{name: {name}, version: 1.0.0}}\n"


def write(folder: Path, name: str, body: Any) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(HEAD.format(name=name) + body)
    return path


def test_maps_merge_and_lists_and_scalars_replace(tmp_path: Path) -> None:
    child = write(
        tmp_path,
        "child",
        "extends: builtin:facebook-page\nclock: {skew: 5s}\ntoken: {identity: [page_id]}\n",
    )
    data, parent = load(child).data, load("facebook-page").data
    assert data["clock"] == parent["clock"] | {"skew": "5s"}
    assert data["token"] == parent["token"] | {"identity": ["page_id"]}
    assert data["states"] == parent["states"]


def test_each_key_keeps_the_file_it_was_written_in(tmp_path: Path) -> None:
    child = write(tmp_path, "child", "extends: builtin:facebook-page\nclock: {skew: 5s}\n")
    document = load(child)
    assert document.origin("clock", "skew") == child.as_posix()
    assert document.origin("clock", "backward_tolerance") == "builtin:bearer"
    assert document.origin("derive", "use") == "builtin:facebook-page"
    assert str(document.span("clock", "skew")) == f"{child.as_posix()}:5:15"


def test_a_child_may_say_one_key_of_a_block_that_the_parent_completes(tmp_path: Path) -> None:
    child = write(
        tmp_path,
        "child",
        "extends: builtin:facebook-user\nstates: {issued: {timers: {renew: {every: 1m}}}}\n",
    )
    parent = load("facebook-user").data["states"]["issued"]["timers"]["renew"]
    assert load(child).data["states"]["issued"]["timers"]["renew"] == parent | {"every": "1m"}


def test_what_neither_child_nor_parent_says_is_missing(tmp_path: Path) -> None:
    child = write(
        tmp_path, "child", "extends: builtin:facebook-user\nstates: {issued: {timers: {mine: {every: 1m}}}}\n"
    )
    assert [(one.code, one.span.line) for one in check(child)] == [("TF012", 5), ("TF012", 5)]


def test_remove_drops_what_was_inherited(tmp_path: Path) -> None:
    child = write(tmp_path, "child", "extends: builtin:facebook-client\nremove: [rules, requires.plugins]\n")
    data = load(child).data
    assert "rules" not in data
    assert "plugins" not in data["requires"]


def test_remove_does_not_outlive_its_file(tmp_path: Path) -> None:
    write(tmp_path, "middle", "extends: builtin:facebook-client\nremove: [rules]\n")
    child = write(tmp_path, "child", "extends: ./middle.yaml\n")
    assert "rules" not in load(child).data
    assert "remove" not in load(child).data


def test_a_parent_of_another_kind_is_refused(tmp_path: Path) -> None:
    (found,) = check(write(tmp_path, "child", "extends: builtin:facebook\n"))
    assert found.code == "TF021"
    assert "another kind" in found.message


def test_a_missing_parent_is_told_with_its_place(tmp_path: Path) -> None:
    (found,) = check(write(tmp_path, "child", "extends: ./nowhere.yaml\n"))
    assert found.code == "TF021"
    assert (found.span.line, found.span.col) == (4, 10)


def test_a_circle_over_two_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "other", "extends: ./child.yaml\n")
    found = check(write(tmp_path, "child", "extends: ./other.yaml\n"))
    assert [one.code for one in found] == ["TF020"]


def test_a_long_line_of_parents_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "p0", "extends: builtin:bearer\n")
    for index in range(1, 30):
        write(tmp_path, f"p{index}", f"extends: ./p{index - 1}.yaml\n")
    assert [one.code for one in check(tmp_path / "p29.yaml")] == ["TF020"]


def test_a_mistake_in_the_parent_is_told_once_and_there(tmp_path: Path) -> None:
    write(tmp_path, "parent", "extends: builtin:bearer\nabstract: true\nclok: {}\n")
    found = check(write(tmp_path, "child", "extends: ./parent.yaml\n"))
    assert [(one.code, one.span.line) for one in found] == [("TF011", 6)]
    assert found[0].span.file.endswith("parent.yaml")


def test_a_child_may_not_give_a_final_state_a_way_out(tmp_path: Path) -> None:
    child = write(
        tmp_path,
        "child",
        "extends: builtin:facebook-page\nstates: {expired: {transitions: {expire: {to: issued}}}}\n",
    )
    with pytest.raises(SpecError) as caught:
        load(child)
    assert [one.code for one in caught.value.diagnostics] == ["TF016"]


TREES = st.recursive(
    st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=10,
)
MAPS = st.dictionaries(st.sampled_from("abcd"), TREES, max_size=4)


def flow(data: Any) -> str:
    if isinstance(data, dict):
        return "{" + ", ".join(f"{key}: {flow(value)}" for key, value in data.items()) + "}"
    return "[" + ", ".join(map(flow, data)) + "]" if isinstance(data, list) else str(data)


def over(base: Any, child: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(child, dict):
        return child
    return base | {key: over(base[key], value) if key in base else value for key, value in child.items()}


def tree(data: Any, file: str) -> Node:
    root = read(flow(data).encode(), file).root
    assert root is not None
    return root


@given(MAPS, MAPS)
def test_merging_trees_is_merging_data_and_every_value_keeps_its_own_place(base: Any, child: Any) -> None:
    parent, ours = tree(base, "base"), tree(child, "child")
    whole, problems = merged(parent, ours)
    assert problems == ()
    assert whole.data() == over(base, child)
    for path, node in whole.scalars():
        source = ours if node.span.file == "child" else parent
        assert source.find(path).span == node.span
        assert source.find(path).value == node.value


@given(MAPS, MAPS)
def test_what_is_told_of_one_tree_is_not_changed_by_merging(base: Any, child: Any) -> None:
    parent, ours = tree(base, "base"), tree(child, "child")
    before = attrs.evolve(parent), attrs.evolve(ours)
    merged(parent, ours)
    assert (parent, ours) == before
