import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenflow.cli import reporting
from tokenflow.spec import Diagnostic, Names, Span, check, load, render
from tokenflow.spec.hushing import hushed
from tokenflow.spec.reading import read
from tokenflow.spec.secrecy import kind_of_secret, looks_random, redact

SECRETS = {
    "a Facebook access token": "EAACEdEose0cBAnotARealTokenAtAll000",
    "an app access token": "1234567890|abcdefABCDEF0123456789",
    "a JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.sig",
    "a secret in hexadecimal digits": "0123456789abcdef0123456789abcdef",
    "an API key": "ghp_0123456789abcdefghijABCDEFGHIJ",
    "an address with a name or a password before its host": "https://user:hunter2-hunter2@a.example/t",
    "an address with a secret in its query": "https://a.example/t?a=1&client_secret=hunter2-hunter2",
    "the credentials of an Authorization header": "Basic dXNlcjpodW50ZXIyLWh1bnRlcjI=",
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


HEAD = "apiVersion: tokenflow/v1\nkind: Issuer\nmetadata: {name: a, version: 1.0.0}\n"
SPELLED = {
    "before a host": ("https://user:%s@a.example/t", "https://%s@a.example/t", "redis://:%s@127.0.0.1:80"),
    "in a query": (
        "https://a.example/t?client_secret=%s",
        "https://a.example/t?x=1&access_token=%s",
        "/me?key=%s#x",
        "https://a.example/?api-key=%s",
    ),
    "as an API key": ("sk_live_%s", "rk_test_%s"),
}
"""Where a secret stands in a text that shows what it is."""
PLACES = (
    "endpoints: {{token_endpoint: {0}}}",
    "endpoints: {{token_endpoint: [{0}]}}",
    "endpoints: {{{0}: https://a.example}}",
    "requests: {{headers: {{accept: {0}}}}}",
    "requests: {{pkce: {0}}}",
    "rotation: {{contract: {0}, grace: {0}}}",
    "client: {{redirect_uri: {0}, client_id: [{0}]}}",
    "extends: {0}",
    "remove: [{0}]",
    "probe: {0}",
    "secrets: {{a: {{from: {0}}}}}",
    "errors: [{{match: {0}}}]",
    "kind_: !{0} x",
    "a: {0}: {0}",
    "a: 1 # {0}\na: 2",
)
"""Places for such a text, most of them wrong ones."""
KEYS = ("client_secret", "authorization", "cookie", "x-api-key", "password", "Proxy-Authorization")
OWNED = (
    "client: {{{key}: {0}, redirect_uri: [1]}}",
    "requests: {{headers: {{{key}: {0}}}}}",
    "requests: {{headers: {{{key}: [{0}]}}}}",
    "endpoints: {{{key}: {0}}}",
    "rotation: {{contract: strict, {key}: {0}}}",
    "a: {{{key}: {0}}}: 1",
)
"""Places for a text that is a secret because of the key it stands under."""
passwords = st.text("abcdefXYZ0123456789-._~!", min_size=8, max_size=90).map("Zq7".__add__)


def _in_every_form(found: list[Diagnostic]) -> str:
    plain = json.dumps([reporting.plain(one) for one in found])
    marks = "\n".join(reporting.annotations(found))
    return "\n".join([*map(render, found), plain, reporting.sarif(found), marks, repr(found)])


@settings(max_examples=150, deadline=None)
@given(password=passwords, data=st.data())
def test_what_shows_that_it_is_a_secret_is_in_no_form_of_any_report(
    tmp_path_factory: pytest.TempPathFactory, password: str, data: st.DataObject
) -> None:
    """Neither whole nor by its beginning, in text, JSON, SARIF and annotations; and it is told."""
    spelled = data.draw(st.sampled_from([one for each in SPELLED.values() for one in each]))
    if spelled in SPELLED["as an API key"]:
        password = "".join(filter(str.isalnum, password)) + "0123456789"
    place = data.draw(st.sampled_from(PLACES))
    path = tmp_path_factory.mktemp("planted") / "mine.yaml"
    path.write_text(HEAD + place.format(json.dumps(spelled % password)) + "\n")
    found = check(path)
    assert found
    assert password[:10] not in _in_every_form(found)


@settings(max_examples=150, deadline=None)
@given(password=passwords, key=st.sampled_from(KEYS), place=st.sampled_from(OWNED), encoded=st.booleans())
def test_what_stands_under_a_secrets_name_is_in_no_form_of_any_report(
    tmp_path_factory: pytest.TempPathFactory, password: str, key: str, place: str, encoded: bool
) -> None:
    """A password looks like a word, and is told by the key it stands under, whatever else is wrong."""
    secret = base64.b64encode(f"user:{password}".encode()).decode() if encoded else password
    text = f"Basic {secret}" if encoded else secret
    path = tmp_path_factory.mktemp("planted") / "mine.yaml"
    path.write_text(HEAD + place.format(json.dumps(text), key=key) + "\n")
    found = check(path)
    assert any(one.code in ("TF201", "TF001") for one in found)
    assert secret[:10] not in _in_every_form(found)


@pytest.mark.parametrize(
    "line",
    [
        f'endpoints: {{"https://user:{"hidden7-" * 9}@a.example/": 1}}',
        f'endpoints: {{token_endpoint: 1}}\n"https://user:{"hidden7-" * 9}@a.example/": 1',
        f'kind_: "https://user:{"hidden7-" * 9}@a.example/"',
    ],
)
def test_what_is_cut_in_a_message_is_hidden_as_well(tmp_path: Path, line: str) -> None:
    """An address that is cut is none any more; a name is made of no secret."""
    path = tmp_path / "mine.yaml"
    path.write_text(f"{HEAD}{line}\n")
    assert "hidden7" not in _in_every_form(check(path))


def test_a_message_that_quotes_a_word_that_is_a_secret_by_its_place_says_stars() -> None:
    """Neither the message nor its help repeats it, whole or cut; other words stay."""
    word, long = "open-sesame", "open-sesame " * 8
    text = f"client: {{client_secret: {word}, password: {long}, client_id: innocent-name}}"
    root = read(text.encode(), "mine.yaml").root
    assert root is not None
    said = f"`{word}` is not `innocent-name`, nor is `{long[:57]}...`"
    span = root.where(("client", "client_secret"))
    one = Diagnostic(code="TF014", severity="error", message=said, span=span, help=said)
    (found,) = hushed(root, (one,))
    assert "sesame" not in f"{found.message}{found.help}"
    assert found.message.startswith(f"`{'*' * len(word)}` is not `innocent-name`")


def test_a_plugin_s_rule_that_quotes_a_secret_by_its_place_says_stars(tmp_path: Path) -> None:
    """What a plugin allows for `secret` is told with what it allows, and without what was pasted there."""
    names = Names(options={"server.static": {"properties": {"secret": {"enum": ["client_token"]}}}})
    path = tmp_path / "mine.yaml"
    path.write_text(
        "apiVersion: tokenflow/v1\nkind: Lifecycle\nmetadata: {name: a, version: 1.0.0}\n"
        "extends: builtin:facebook-client\n"
        "acquire: {x: {use: server.static, runs_on: client, with: {secret: open-sesame}}}\n"
    )
    found = check(path, names=names)
    assert {"TF201", "TF307"} <= {one.code for one in found}
    assert any("is not one of client_token" in one.message for one in found)
    assert "sesame" not in _in_every_form(found)


def test_a_secret_is_told_in_the_first_report_whatever_the_shape(tmp_path: Path) -> None:
    """A misspelt type, a parent that is missing, or a kind there is not: the pasted key is told beside it."""
    for wrong in ("rotation: {contract: strng}", "extends: ./nowhere.yaml", "kind_: x"):
        path = tmp_path / "mine.yaml"
        path.write_text(f"{HEAD}{wrong}\nclient: {{client_secret: sk_live_0123456789}}\n")
        codes = [one.code for one in check(path)]
        assert codes.count("TF201") == 1
        assert len(codes) > 1


@pytest.mark.parametrize("text", ["https://a.example/t?response_type=code", "/debug?input_token={token}"])
def test_an_address_without_a_secret_is_none(text: str) -> None:
    assert (kind_of_secret(text), redact(text)) == (None, text)


@pytest.mark.parametrize("text", ["Bearer authentication", "a basic question", "someone@a.example"])
def test_a_sentence_about_headers_holds_no_credentials(text: str) -> None:
    assert (kind_of_secret(text), redact(text)) == (None, text)


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
    assert [one.code for one in found] == ["TF201", "TF013"]
    assert password not in "".join(map(render, found))


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
