import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.spec.names import OFFERED
from tokenflow.core import errors
from tokenflow.spec import Diagnostic, Names, SpecError, check, load, render
from tokenflow.spec.places import Place, Unread, content

TOKENS = (
    "apiVersion: tokenflow/v1\nkind: Tokens\nmetadata: {name: mine}\ntokens: {a: {lifecycle: oauth2-app}}\n"
)


def test_a_document_is_found_by_bare_name_by_builtin_and_by_path(tmp_path: Path) -> None:
    bare, builtin = load("facebook-user"), load("builtin:facebook-user")
    assert bare == builtin
    assert load(bare.path).data == bare.data
    mine = tmp_path / "mine.yaml"
    mine.write_text(TOKENS)
    assert load(mine).name == load(str(mine)).name == "mine"


def test_a_document_says_what_it_is() -> None:
    document = load("facebook-user")
    assert (document.kind, document.name, document.version) == ("Lifecycle", "facebook-user", "1.0.0")
    assert document.ref == "facebook-user@1.0.0"
    assert document.path.endswith("facebook-user.yaml")


def test_the_digest_is_of_the_body_as_canonical_json() -> None:
    document = load("facebook-page")
    body = {k: v for k, v in document.data.items() if k not in ("metadata", "extends", "remove", "requires")}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    assert document.digest == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_comments_and_metadata_change_no_digest_and_a_timer_does(tmp_path: Path) -> None:
    text = "apiVersion: tokenflow/v1\nkind: Lifecycle\nmetadata: {name: a, version: 1.0.0}\n"
    text += "extends: builtin:facebook-page\n"
    for name, body in (
        ("one", text),
        ("two", "# hello\n" + text.replace("1.0.0", "2.0.0")),
        ("three", text + "clock: {skew: 1s}\n"),
    ):
        (tmp_path / f"{name}.yaml").write_text(body)
    one, two, three = (load(tmp_path / f"{name}.yaml").digest for name in ("one", "two", "three"))
    assert one == two != three


def test_a_document_without_a_version_has_one_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(TOKENS)
    assert load(path).ref == "mine@0.0.0"


def test_the_error_is_of_the_house_and_holds_every_problem(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(TOKENS.replace("lifecycle", "lifcycle") + "extra: 1\n")
    with pytest.raises(errors.SpecError) as caught:
        load(path)
    assert isinstance(caught.value, SpecError)
    assert [one.code for one in caught.value.diagnostics] == ["TF011", "TF011"]
    assert str(caught.value) == "\n".join(map(render, caught.value.diagnostics))


@pytest.mark.proves("E5")
def test_a_misspelt_key_is_told_once_and_a_missing_one_without_a_guess(tmp_path: Path) -> None:
    """TF011 says what was meant, so TF012 is silent; where nothing is like it, both are told."""
    for key, codes in (("lifcycle", ["TF011"]), ("zzz", ["TF011", "TF012"])):
        path = tmp_path / "mine.yaml"
        path.write_text(TOKENS.replace("lifecycle", key))
        assert sorted(one.code for one in check(path)) == codes


def test_a_warning_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "apiVersion: tokenflow/v1\nkind: Lifecycle\nmetadata: {name: a, version: 1.0.0}\n"
        "extends: builtin:facebook-page\nremove: [derive.on_parent.invalidate]\n"
    )
    assert [one.severity for one in check(path)] == ["warning"]
    assert load(path).name == "a"


def said(ref: str | Path) -> Diagnostic:
    (found,) = check(ref)
    assert found.code == "TF005"
    assert "^" not in render(found)
    return found


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert "no such file" in said(tmp_path / "nowhere.yaml").message


def test_a_folder_is_told(tmp_path: Path) -> None:
    assert "a folder" in said(tmp_path).message


def test_a_file_without_rights_is_told() -> None:
    def read() -> bytes:
        raise PermissionError

    found = content(Place(label="mine.yaml", path="mine.yaml", folder=None, read=read))
    assert isinstance(found, Unread)
    assert "may not be read" in found.message


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    assert "not a regular file" in said(tmp_path / "pipe.yaml").message


def test_a_device_is_not_read() -> None:
    assert "not a regular file" in said("/dev/zero").message


def test_a_misspelt_shipped_name_is_guessed() -> None:
    assert said("facebok-user").help == "did you mean `facebook-user`?"
    assert said("builtin:bearrer").help == "did you mean `bearer`?"


def test_a_name_with_a_zero_character_is_told() -> None:
    assert "zero character" in said("a\0b.yaml").message


def test_a_builtin_name_is_no_path() -> None:
    assert "no shipped spec" in said("builtin:../../secrets").message


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("")
    (found,) = check(tmp_path / "mine.yaml")
    assert found.code == "TF013"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_cut_or_bent_shipped_file_is_a_document_or_a_spec_error(tmp_path: Path, data: Any) -> None:
    name = data.draw(st.sampled_from(["facebook-page", "facebook-client", "oauth2-app", "sandbox-oauth2"]))
    with open(load(name).path, "rb") as file:
        text = bytearray(file.read())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 3))] = data.draw(
            st.sampled_from([b"", b"x", b"{", b": ", b"- ", b"\n"])
        )
    path = tmp_path / "mine.yaml"
    path.write_bytes(text)
    if any(one.severity == "error" for one in check(path, names=OFFERED)):
        with pytest.raises(SpecError):
            load(path, names=OFFERED)
    else:
        assert load(path, names=OFFERED).name


def test_names_that_are_not_known_are_not_checked(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "apiVersion: tokenflow/v1\nkind: Lifecycle\nmetadata: {name: a, version: 1.0.0}\n"
        "extends: builtin:facebook-page\nderive: {use: acme.pages}\nrequires: {plugins: {acme: 1}}\n"
    )
    assert check(path) == check(path, names=Names(guards={"facebook_lacks_perm"})) == []
    assert [one.code for one in check(path, names=Names(derivers=()))] == ["TF301"]


def test_the_shipped_specs_are_found_in_the_layout_of_a_wheel(tmp_path: Path) -> None:
    """A wheel holds specs/ inside the package; there is no folder beside it."""
    package, specs = load("bearer").path.split("specs")[0], tmp_path / "tokenflow" / "specs"
    specs.parent.mkdir()
    for room in ("spec", "core", "__init__.py", "_version.py", "py.typed", "hooks"):
        (specs.parent / room).symlink_to(os.path.join(package, "tokenflow", room))
    specs.symlink_to(os.path.join(package, "specs"))
    program = "from tokenflow.spec import load; d = load('builtin:facebook-user'); print(d.path, d.digest)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [
        str(specs / "lifecycles" / "facebook-user.yaml"),
        load("facebook-user").digest,
    ], done.stderr
