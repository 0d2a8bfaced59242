"""`tokenflow inspect`: whatever it is given it explains or declines, and never shows a secret."""

import base64
import io
import json
import os
import plistlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.conftest import Call
from tests.plugins.ground import vectors
from tokenflow import NEVER, At, Description, Format, Never, Registry, Secret, Specimen, hookimpl
from tokenflow.runner.inspecting import LARGEST, MOST, Inspected, fingerprint, inspected, plain, specimens
from tokenflow_android.preferences import FILE, KEY
from tokenflow_ios.access_token import decode as ios_token
from tokenflow_ios.authentication_token import AuthenticationToken
from tokenflow_ios.authentication_token import encode as encode_id_token
from tokenflow_ios.keychain import Defaults, Item, encode_defaults, encode_item

CANARY: Final = "EAACanaryThatMustNotShow"
ANDROID: Final = vectors("android_access_token")
IOS: Final = vectors("ios_access_token")
SIGNED: Final = vectors("facebook_signed_request")["vectors"]
APPLE: Final = base64.b64decode(IOS["archives"]["apple_style_binary_b64"])


def jwt(**claims: object) -> str:
    """An ID token of the shape Facebook gives; its signature is of nobody."""
    parts = ({"alg": "RS256", "kid": "1", "typ": "JWT"}, claims)
    coded = [base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts]
    return ".".join([*coded, "c2lnbmF0dXJl"])


ID_TOKEN: Final = jwt(
    iss="https://www.facebook.com", aud="123", sub="7", nonce="n", iat=1_750_000_000, exp=1_750_003_600
)
KEYCHAIN: Final = encode_item(Item(uuid="A-UUID", encoded=APPLE))
CURRENT: Final = str(ANDROID["shared_prefs_xml"])
AS_JSON: Final = {**ANDROID["json"], "token": CANARY}
ANSWER: Final = {"access_token": CANARY, "token_type": "bearer", "expires_in": 5_183_944}
LOGIN: Final = {
    "status": "connected",
    "authResponse": {
        "accessToken": CANARY,
        "userID": "7",
        "expiresIn": 5_000,
        "signedRequest": SIGNED[1]["signed_request"],
    },
}
ID_STORE: Final = {
    "token_string": ID_TOKEN,
    "expected_nonce": "n",
    "header": {"alg": "RS256"},
    "claims": {"aud": "123", "sub": "7", "nonce": "n", "exp": 1_750_003_600},
    "signature": "c2lnbmF0dXJl",
}
COOKIES_TXT: Final = "# Netscape HTTP Cookie File\n" + "\t".join(
    [".x.example", "TRUE", "/", "TRUE", "0", "fbsr_123", SIGNED[1]["signed_request"]]
)
BOMB: Final = (
    '<!DOCTYPE map [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><map><string name="{}">&b;</string></map>'
)


def prefs(value: str, key: str = KEY) -> str:
    """A preferences file with one text."""
    from tokenflow_android.shared_preferences import Entry, written

    return written({key: Entry("string", value)})


CORPUS: Final[dict[str, tuple[str | bytes, str | None]]] = {
    "android current": (CURRENT, "android.preferences"),
    "android canary": (prefs(json.dumps(AS_JSON)), "android.preferences"),
    "android version 2": (prefs(json.dumps({**AS_JSON, "version": 2})), "android.preferences"),
    "android no json": (prefs("{" + CANARY), "android.preferences"),
    "android half": (CURRENT[:250], "android.preferences"),
    "android legacy": (ANDROID["legacy"]["xml"], "android.legacy_preferences"),
    "android json": (json.dumps(AS_JSON), "android.access_token"),
    "android id token": (
        prefs(json.dumps(ID_STORE), "com.facebook.AuthenticationManager.CachedAuthenticationToken"),
        "android.authentication_token",
    ),
    "android bomb": (BOMB.format(KEY), "android.preferences"),
    "ios apple": (APPLE, "ios.archive"),
    "ios gnustep": (base64.b64decode(IOS["archives"]["gnustep_binary_b64"]), "ios.archive"),
    "ios gnustep xml": (IOS["archives"]["gnustep_xml"], "ios.archive"),
    "ios base64": (IOS["archives"]["apple_style_binary_b64"], "ios.archive"),
    "ios half": (APPLE[:-200], "ios.archive"),
    "ios keychain": (KEYCHAIN, "ios.keychain"),
    "ios defaults": (encode_defaults(Defaults(uuid="A-UUID")), "ios.defaults"),
    "ios simulator": (encode_defaults(Defaults(uuid="A-UUID", item=KEYCHAIN)), "ios.defaults"),
    "ios id token": (
        encode_id_token(AuthenticationToken(token_string=Secret(ID_TOKEN), nonce="n")),
        "ios.authentication_token",
    ),
    "login": (json.dumps(LOGIN), "javascript.login"),
    "auth response": (json.dumps(LOGIN["authResponse"]), "javascript.login"),
    "logged out": ('{"status": "unknown", "authResponse": null}', "javascript.login"),
    "cookie header": (
        f"Cookie: a=b; fbsr_123={SIGNED[0]['signed_request']}; fbm_123=base_domain=.x",
        "javascript.cookie",
    ),
    "cookies.txt": (COOKIES_TXT, "javascript.cookie"),
    "logged out cookie": ("fblo_123=y", "javascript.cookie"),
    "local storage": (json.dumps({"fblst_123": CANARY}), "javascript.cookie"),
    "signed_request": (SIGNED[0]["signed_request"], "javascript.signed_request"),
    "signed_request, posted": (
        f"signed_request={SIGNED[0]['signed_request']}\n",
        "javascript.signed_request",
    ),
    "signed_request, garbage": (
        "U0_O1MqqNKUt32633zAkdd2Ce-jGVgRgJeRauyx_zC8=.foo_payload",
        "javascript.signed_request",
    ),
    "debug_token": (json.dumps(vectors("facebook_debug_token")["response"]), "facebook.debug_token"),
    "answer": (json.dumps(ANSWER), "facebook.token_answer"),
    "old answer": (f"access_token={CANARY}&expires=5183999", "facebook.token_answer"),
    "accounts": (
        json.dumps({"data": [{"access_token": CANARY, "id": "5", "name": "P", "tasks": ["ANALYZE"]}]}),
        "facebook.accounts",
    ),
    "error": (
        json.dumps(
            {"error": {"type": "OAuthException", "code": 190, "error_subcode": 463, "message": CANARY}}
        ),
        "facebook.error",
    ),
    "old error": ('{"error_code": 190, "error_msg": "x"}', "facebook.error"),
    "id token": (ID_TOKEN, "facebook.id_token"),
    "user token": (CANARY, "facebook.token"),
    "app token": (f"123|{CANARY}", "facebook.token"),
    "bearer": (f"Authorization: Bearer {CANARY}\n", "facebook.token"),
    "redirect": (f"https://x.example/cb#access_token={CANARY}&expires_in=5000&state=s", "web.redirect"),
    "redirect with a code": (f"https://x.example/cb?code={CANARY}&state=s", "web.redirect"),
    "redirect, denied": ("?error=access_denied&error_reason=user_denied&state=s", "web.redirect"),
    "our store": (b"SQLite format 3\0" + bytes(52) + b"TOKF" + bytes(28), "sqlite.store"),
    "another database": (b"SQLite format 3\0" + bytes(84), "sqlite.store"),
    "noise": (bytes(range(256)) * 40, None),
    "empty": (b"", None),
    "huge": (b"A" * (LARGEST + 10), None),
    "huge xml": (f"<map>{KEY}".encode() + b"<a>" * (LARGEST // 3), "android.preferences"),
    "deep json": (b'{"token":' + b"[" * 100_000, None),
    "a list": (b"[1, 2]", None),
    "page": (b"<!doctype html><html><title>log in</title></html>", None),
    "surrogates": (b'{"access_token": "\xff\xfe"}', None),
    "cut plist": (b"bplist00FBSDKAccessToken", "ios.archive"),
}
SECRETS: Final = (
    CANARY,
    "LEGTOK",
    "token123",
    "foo_token",
    "foo_code",
    ID_TOKEN,
    SIGNED[1]["signed_request"],
)


@pytest.mark.parametrize("name", CORPUS)
def test_each_of_a_corpus_is_told_apart_quickly_and_without_a_secret(
    name: str, tokenflow: Call, tmp_path: Path
) -> None:
    """Its form by name, or that nobody knows it: under a second, with no traceback, in both shapes."""
    content, form = CORPUS[name]
    (file := tmp_path / "found").write_bytes(content if isinstance(content, bytes) else content.encode())
    began = time.process_time()
    said = tokenflow("inspect", file, "--format", "json")
    took = time.process_time() - began
    text = tokenflow("inspect", file)

    (found,) = said.object["found"]
    assert found["format"] == form
    assert said.code == text.code == (1 if "flaw" in found else 0)
    assert took < 1
    everything = f"{said}{text}"
    assert "Traceback" not in everything
    assert [secret for secret in SECRETS if secret in everything] == []


def test_a_whole_device_folder_says_which_store_the_sdk_goes_by(tokenflow: Call, tmp_path: Path) -> None:
    """Beside a store of its own the old one is not looked at; what is no store of tokens is left out."""
    folder = tmp_path / "shared_prefs"
    folder.mkdir()
    (folder / FILE).write_text(CURRENT)
    (folder / ANDROID["legacy"]["shared_prefs_file"]).write_text(ANDROID["legacy"]["xml"])
    (folder / "settings.xml").write_text("<map />")
    found = tokenflow("inspect", folder, "--format", "json").object["found"]

    told = {one["format"]: one["sdk"] for one in found}
    assert told.keys() == {"android.preferences", "android.legacy_preferences"}
    assert "loads it as the current token" in told["android.preferences"]
    assert "does not look here" in told["android.legacy_preferences"]


@pytest.mark.parametrize(("uuid", "means"), [("A-UUID", "loads it"), ("B-UUID", "clears both")])
def test_a_keychain_item_is_held_to_the_uuid_in_the_defaults(
    uuid: str, means: str, tokenflow: Call, tmp_path: Path
) -> None:
    """Where they differ the app was removed and installed anew, and the SDK drops the token."""
    (tmp_path / "item.plist").write_bytes(KEYCHAIN)
    (tmp_path / "x.example.app.plist").write_bytes(encode_defaults(Defaults(uuid=uuid)))
    found = tokenflow("inspect", tmp_path, "--format", "json").object["found"]

    (item,) = (one for one in found if one["format"] == "ios.keychain")
    assert item["sdk"].startswith(means)


def test_it_reads_what_is_piped_in(tokenflow: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` is stdin, which keeps a token out of files and arguments."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(CANARY.encode())))
    (found,) = tokenflow("inspect", "-", "--format", "json").object["found"]

    assert found["format"] == "facebook.token"
    assert found["secrets"] == {"access_token": fingerprint(Secret(CANARY))}


@pytest.mark.parametrize(
    ("secret", "verdict"), [("foo_app_secret", "verified"), ("another", "wrong"), (None, "not checked")]
)
def test_a_signature_is_checked_where_the_secret_is_given(
    secret: str | None, verdict: str, tokenflow: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By reference, as everywhere; without it is said that nothing was checked."""
    (file := tmp_path / "found").write_text(SIGNED[0]["signed_request"])
    monkeypatch.setenv("S", secret or "")
    given_ = () if secret is None else ("--secret", "app_secret=env:S")
    (found,) = tokenflow("inspect", file, *given_, "--format", "json").object["found"]

    assert found["signature"].startswith(verdict)


@pytest.mark.parametrize(
    ("name", "kind"), [("app_secret", "app"), ("client_token", "client"), (None, "app or client")]
)
def test_an_app_token_and_a_client_token_are_told_apart_by_their_second_half(
    name: str | None, kind: str, tokenflow: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their shape they are alike, and it is said so."""
    (file := tmp_path / "found").write_text("123|half")
    monkeypatch.setenv("S", "half")
    given_ = () if name is None else ("--secret", f"{name}=env:S")
    (found,) = tokenflow("inspect", file, *given_, "--format", "json").object["found"]

    assert (found["kind"], found["app"]) == (kind, "123")


def test_an_error_is_explained_by_the_issuer_s_document(tokenflow: Call, tmp_path: Path) -> None:
    """Its class and advice, and for a dead token in a debug_token answer the same."""
    body = {"type": "OAuthException", "code": 190, "error_subcode": 460}
    dead = {"data": {"is_valid": False, "app_id": "1", "scopes": [], "error": {"code": 190, "subcode": 460}}}
    for content in ({"error": body}, dead):
        (file := tmp_path / "found").write_text(json.dumps(content))
        (found,) = tokenflow("inspect", file, "--format", "json").object["found"]
        assert found["meaning"]["class"] == "revoked"
        assert "password" in found["meaning"]["advice"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"expires_at": 1_900_000_000}, "were seconds written"),
        ({"token": "123|secret"}, "an app token must never be on a phone"),
        ({"source": "NONE"}, "never extends"),
        ({"user_id": 7}, "tokenflow does not take it"),
    ],
)
def test_what_is_odd_about_a_store_is_said(
    change: dict[str, Any], says: str, tokenflow: Call, tmp_path: Path
) -> None:
    """Units, kinds and sources that a developer gets wrong."""
    (file := tmp_path / "found").write_text(prefs(json.dumps({**AS_JSON, **change})))
    (found,) = tokenflow("inspect", file, "--format", "json").object["found"]

    assert [odd for odd in found["odd"] if says in odd]


def test_wrong_usage_is_told(tokenflow: Call, tmp_path: Path) -> None:
    """A file that is not there, a secret without a name; a folder of too many files is declined."""
    assert tokenflow("inspect", tmp_path / "nowhere").code == 2
    (file := tmp_path / "found").write_text(CANARY)
    assert tokenflow("inspect", file, "--secret", "env:S").code == 2
    (folder := tmp_path / "many").mkdir()
    for number in range(MOST + 1):
        (folder / f"{number}").touch()
    assert tokenflow("inspect", folder).code == 1


@attrs.frozen
class Ground:
    """Every plugin, and an instant."""

    registry: Registry
    now: int = 1_750_000_000_000_000

    def told(self, data: bytes) -> Iterator[dict[str, Any]]:
        """What is said of *data*."""
        found = specimens(None, data, self.now, {})
        return (plain(one, self.now) for one in inspected(found, self.registry))


@pytest.fixture(scope="module")
def ground() -> Ground:
    return Ground(Registry.installed(only_builtin=True))


FILES: Final = [
    one if isinstance(one, bytes) else one.encode() for one, _ in CORPUS.values() if len(one) < 9_000
]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FILES), st.integers(0, 9_000), st.binary(max_size=3), st.integers(0, 9_000))
def test_what_was_cut_or_changed_is_declined_or_explained_and_never_shown(
    ground: Ground, data: bytes, where: int, new: bytes, end: int
) -> None:
    """Files of the corpus with bytes changed and their end cut off: no exception, no secret."""
    changed = (data[: where % (len(data) + 1)] + new + data[where % (len(data) + 1) + len(new) :])[
        : end or None
    ]
    said = json.dumps(list(ground.told(changed)))
    kept = [secret for secret in SECRETS if secret.encode() in changed]
    assert [secret for secret in kept if secret in said] == []


def test_a_plugin_that_fails_over_a_file_stops_nobody(tmp_path: Path) -> None:
    """What it raised is not shown: its text may hold what the file does."""

    def fail(found: Specimen) -> Any:
        raise KeyError(found.data)

    class Acme:
        @hookimpl
        def tokenflow_formats(self) -> Iterator[Format]:
            yield Format(name="acme.one", recognise=fail, describe=fail)
            yield Format(name="acme.two", recognise=lambda _: True, describe=fail)

    found = specimens(None, CANARY.encode(), 0, {})
    (told,) = inspected(found, Registry.of(Acme()))
    assert told.flaw == ("plugin_failed", "what knows this form failed over it: KeyError")


def test_what_a_plugin_says_is_made_fit_for_a_screen() -> None:
    """A secret that strayed into a text, a control character and a wall of text are taken out."""
    said = Description(
        what=f"a token {CANARY}\x1b[31m",
        user="\u202e7",
        facts={f"of {CANARY}": CANARY, "when": At(0), "long": "a" * 1_000},
        odd=(f"its value is {CANARY}",),
        secrets={"access_token": Secret(CANARY)},
    )
    told = plain(Inspected(name="x\n", format="acme.one", description=said), 0)
    text = json.dumps(told, ensure_ascii=False)

    assert CANARY not in text
    assert not [sign for sign in text if not sign.isprintable()]
    assert told["facts"]["when"] == "1970-01-01T00:00:00Z"
    assert len(told["facts"]["long"]) < 400


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (At(0), "ago"),
        (At(1_760_000_000_000_000), "in 115d"),
        (NEVER, "never"),
        (At(1 << 62), "no instant"),
    ],
)
def test_an_end_is_an_instant_and_words(end: At | Never, words: str) -> None:
    """In UTC, and from now; what no calendar has is said to be so."""
    said = Description(what="a token", expires=end)
    told = plain(Inspected(name="x", format="acme.one", description=said), 1_750_000_000_000_000)
    assert words in told["expires"]["in"]


def test_what_is_no_file_is_not_waited_for(tokenflow: Call, tmp_path: Path) -> None:
    """A pipe that nobody writes to would keep it waiting."""
    os.mkfifo(tmp_path / "pipe")
    assert tokenflow("inspect", tmp_path / "pipe").code == 1
    assert tokenflow("inspect", tmp_path).code == 1


def test_what_a_plist_holds_is_data_and_never_made_into_objects() -> None:
    """An archive that names another class is declined."""
    plist = plistlib.loads(APPLE)
    for one in plist["$objects"]:
        if isinstance(one, dict) and one.get("$classname") == "FBSDKAccessToken":
            one["$classname"] = "NSTask"
    with pytest.raises(Exception, match="no FBSDKAccessToken"):
        ios_token(plistlib.dumps(plist, fmt=plistlib.FMT_BINARY))
