import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenflow.spec import Diagnostic, Span, check, load, render
from tokenflow.spec.secrecy import kind_of_secret, looks_random, redact

SECRETS = {
    "a Facebook access token": "EAACEdEose0cBAnotARealTokenAtAll000",
    "an app access token": "1234567890|abcdefABCDEF0123456789",
    "a JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.sig",
    "a secret in hexadecimal digits": "0123456789abcdef0123456789abcdef",
    "an API key": "ghp_0123456789abcdefghijABCDEFGHIJ",
    "a private key": "-----BEGIN RSA PRIVATE KEY-----",
}
LINES = {
    "in its place": "secrets: {{app_secret: {{from: {secret}}}}}",
    "under its name": "client: {{client_id: x, client_secret: {secret}}}",
    "as a name": "metadata: {{name: {secret}, version: 1.0.0}}",
    "as a key": "{secret}: 1",
    "as a state": "initial: {secret}",
    "as an event": "events: {{{secret}: {{}}}}",
    "as a duration": "clock: {{skew: {secret}}}",
    "as a class": "lifetimes: {{a: {{typical: 1d, if_silent: {secret}}}}}",
    "as a parent": "extends: {secret}",
    "as a removal": "remove: [{secret}]",
    "as a reference": "secrets: {{a: {{from: env:{secret}}}}}",
    "as a path": "acquire: {{web: {{use: {secret}, runs_on: server}}}}",
    "beside a mistake": "acquire: {{web: {{use: a.b, runs_on: server, with: {{note: {secret}}}, typo: 1}}}}",
    "in broken YAML": "token: {{secret: {secret}: x}}",
    "as an alias": "a: *{secret}",
    "as a tag": "a: !{secret} 1",
    "in a comment": "lifetimes: {{a: 1}}  # {secret}",
}


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("what", SECRETS)
def test_no_diagnostic_repeats_a_secret_wherever_it_was_pasted(tmp_path: Path, what: str, line: str) -> None:
    secret = SECRETS[what]
    path = tmp_path / "mine.yaml"
    path.write_text(f"apiVersion: tokenflow/v1\nkind: Lifecycle\n{LINES[line].format(secret=secret)}\n")
    found = check(path)
    assert found
    text = "\n".join(render(one) for one in found) + repr(found)
    assert secret not in text
    assert secret[5:25] not in text


@pytest.mark.parametrize("what", SECRETS)
def test_a_pasted_secret_is_recognized(what: str) -> None:
    assert kind_of_secret(SECRETS[what]) == what


@pytest.mark.parametrize("password", ["hunter2-hunter2", "correct horse battery", "Pa$$word1"])
def test_a_word_under_a_secrets_name_is_hidden_even_beside_another_mistake(
    tmp_path: Path, password: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "apiVersion: tokenflow/v1\nkind: Issuer\nmetadata: {name: a, version: 1.0.0}\n"
        f'client: {{client_id: x, client_secret: "{password}", redirect_uri: [1]}}\nendpoints: {{}}\n'
    )
    found = check(path)
    assert [one.code for one in found] == ["TF013"]
    assert password not in render(found[0])


def test_a_secret_over_several_lines_is_hidden_on_all_of_them(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "apiVersion: tokenflow/v1\nkind: Issuer\nmetadata: {name: a, version: 1.0.0}\n"
        "client: {client_id: x}\nendpoints: {}\nresponse: {}\nsecrets:\n  key:\n    from: |\n"
        "      -----BEGIN PRIVATE KEY-----\n      hunter2\n"
    )
    found = check(path)
    assert [one.code for one in found] == ["TF201"]
    assert "hunter2" not in repr(found) + render(found[0])


def test_references_and_words_are_not_taken_for_secrets() -> None:
    for name in ("facebook-user", "facebook-client", "facebook", "oauth2-rotating"):
        assert [one for one in check(name) if one.code == "TF201"] == []


@settings(max_examples=50)
@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz -_.:", max_size=60))
def test_words_stay_readable(text: str) -> None:
    assert redact(text) == text


def test_a_quoted_line_keeps_its_length_when_masked() -> None:
    line = f"a: {SECRETS['a JWT']} # b"
    assert len(redact(line)) == len(line)


def test_color_is_for_terminals_only() -> None:
    one = Diagnostic(
        code="TF001", severity="error", message="m", span=Span(file="f", line=1, col=1, end_col=2, text="a")
    )
    assert "\033" not in render(one)
    assert "\033[31merror" in render(one, color=True)


def test_a_document_holds_no_secret_to_begin_with() -> None:
    assert all(kind_of_secret(json.dumps(load(name).data)) is None for name in ("facebook", "facebook-user"))


@pytest.mark.parametrize(
    "path", ["../lifecycles/my-oauth2-rotating.yaml", "scenarios/my-oauth2-app-server-1.yml"]
)
def test_the_path_of_a_document_is_no_secret_however_mixed(path: str) -> None:
    """It is what `lifecycles` and `extends` hold; with capitals, or another ending, it may be one."""
    assert (looks_random(path), redact(path)) == (False, path)
    assert looks_random(path.replace("my", "Xy7"))
    assert looks_random(path.replace(".y", ".z"))
