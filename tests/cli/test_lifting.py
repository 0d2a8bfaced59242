"""`tokenflow token lift` and `token put`: off a device image and onto one, and what may not go there."""

import json
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
import pytest

from tests.cli.conftest import Call
from tests.house.commands import CHAPTERS
from tokenflow import Engine
from tokenflow.sandbox import AdminClient, Running, Sandbox, serve
from tokenflow_android import legacy
from tokenflow_android.access_token import AndroidToken
from tokenflow_android.issued import token_of
from tokenflow_android.preferences import FILE, decode_preferences, encode_preferences
from tokenflow_android.shared_preferences import read
from tokenflow_ios.access_token import decode as ios_token
from tokenflow_ios.keychain import defaults_in, item_in

IMAGE: Final = """
apiVersion: tokenflow/v1
kind: Lifecycle
metadata: {name: image, version: 1.0.0}
extends: builtin:facebook-user
acquire:
  android: {kept_by: tokenflow}
"""
"""What is lifted off a device image is kept whole: there is no platform that keeps it."""


@pytest.fixture(scope="module")
def facebook() -> Iterator[Running]:
    """An authority where Ann has let the app in, by its Android SDK."""
    with serve(Sandbox(real_time=True)) as running:
        AdminClient(running.url, running.admin_token).person("1000", "Ann")
        yield running


@attrs.frozen
class Device:
    """A folder with what Ann's phone holds, and what the command line needs beside it."""

    store: str
    url: str
    token: AndroidToken

    def lift(self, *more: str) -> tuple[str, ...]:
        """The command that takes her token off the phone."""
        words = shlex.split(CHAPTERS["token lift"].example.replace("STORE", self.store))[1:]
        words = ["image.yaml" if word == "facebook-user" else word for word in words]
        return (*words, "--issuer", self.url, *more)

    def put(self, file: str, form: str) -> tuple[str, ...]:
        """The command that puts it into a file."""
        line = f"token put user/7 {file} image.yaml --as {form} --store {self.store} --issuer {self.url}"
        return tuple(line.split())


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, facebook: Running) -> Device:
    """Stand in that folder."""
    (folder := tmp_path / "here").mkdir()
    monkeypatch.chdir(folder)
    Path("image.yaml").write_text(IMAGE)
    monkeypatch.setenv("FB_APP_ID", facebook.app_id)
    monkeypatch.setenv("FB_APP_SECRET", facebook.app_secret)
    monkeypatch.setenv("FB_CLIENT_TOKEN", facebook.client_token)
    monkeypatch.setenv("FB_REDIRECT_URI", "https://x.example/cb")
    admin = AdminClient(facebook.url, facebook.admin_token)
    token = token_of(admin.issue("1000", facebook.app_id, "android", ["email"]), admin.now())
    Path(FILE).write_text(encode_preferences(token))
    return Device(f"sqlite:{tmp_path / 'store' / 'tokens.db'}", facebook.url, token)


def test_a_token_goes_off_one_device_and_onto_others(tokenflow: Call, device: Device) -> None:
    """Lifted from Android's file, put where Android keeps it, old and new, and where iOS does."""
    lifted = tokenflow(*device.lift("--format", "json"))
    assert lifted.code == 0, lifted.err
    assert list(lifted.object) == ["version", *CHAPTERS["token lift"].json]

    Path(FILE).unlink()
    words = shlex.split(CHAPTERS["token put"].example.replace("STORE", device.store))[1:]
    said = tokenflow(*words[:4], "image.yaml", *words[4:], "--issuer", device.url, "--format", "json")
    assert said.code == 0, said.err
    assert list(said.object) == ["version", *CHAPTERS["token put"].json]
    again = decode_preferences(Path(FILE).read_text())
    for name in ("token", "application_id", "user_id", "permissions", "expires"):
        assert getattr(again, name) == getattr(device.token, name)
    assert stat.S_IMODE(Path(FILE).stat().st_mode) == 0o600

    for form in ("android.legacy_preferences", "ios.archive", "ios.keychain", "ios.defaults"):
        assert tokenflow(*device.put(form, form)).code == 0
    old = legacy.decode(read(Path("android.legacy_preferences").read_text()))
    assert old.token == device.token.token
    archive = Path("ios.archive").read_bytes()
    assert ios_token(archive).token_string == device.token.token
    item = item_in(Path("ios.keychain").read_bytes())
    assert item is not None
    defaults, _ = defaults_in(Path("ios.defaults").read_bytes())
    assert defaults.item is not None
    assert ios_token(item.encoded).user_id == ios_token(defaults.item).user_id == "1000"
    told = tokenflow("inspect", ".", "--format", "json").object["found"]
    assert len(told) == 5
    assert device.token.token.reveal() not in json.dumps(told)


def test_a_keychain_item_keeps_its_uuid(tokenflow: Call, device: Device) -> None:
    """The app's defaults know it by that: with another, the SDK would drop the token."""
    assert tokenflow(*device.lift()).code == 0
    put = device.put("item", "ios.keychain")
    assert tokenflow(*put).code == 0
    before = item_in(Path("item").read_bytes())
    assert tokenflow(*put).code == 0
    again = item_in(Path("item").read_bytes())
    assert before is not None
    assert again is not None
    assert before.uuid == again.uuid


def test_what_opens_an_app_never_goes_onto_a_device(tokenflow: Call, device: Device) -> None:
    """An app token, whatever the form: nothing is written."""
    with Engine.open(["facebook-app"], device.store, issuer=device.url) as engine:
        engine.acquire("app", lifecycle="facebook-app", platform="inline")
    put = ("token", "put", "app", "stolen.xml", "--as", "android.preferences", "--store", device.store)
    said = tokenflow(*put)

    assert said.code == 1
    assert "never goes onto a device" in said.err
    assert not Path("stolen.xml").exists()


def test_a_token_of_another_app_is_not_lifted(
    tokenflow: Call, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device image is a platform like any: its acquirer's refusals hold."""
    monkeypatch.setenv("FB_APP_ID", "99")
    said = tokenflow(*device.lift())

    assert said.code == 1
    assert "of another app" in said.err
    assert device.token.token.reveal() not in said.err


@pytest.mark.parametrize(
    ("form", "says"), [("facebook.token", "not written"), ("android.nothing", "no plugin offers")]
)
def test_only_what_a_device_keeps_is_written(form: str, says: str, tokenflow: Call, device: Device) -> None:
    """A form that is only read is refused, with those that are written."""
    said = tokenflow(*device.put("x", form))
    assert said.code == 1
    assert says in said.err


def test_a_file_nobody_can_read_is_left_as_it_is(tokenflow: Call, device: Device) -> None:
    """What is there is not thrown away for what is put in."""
    assert tokenflow(*device.lift()).code == 0
    Path("half.xml").write_text("<map><string")
    assert tokenflow(*device.put("half.xml", "android.preferences")).code == 1
    assert Path("half.xml").read_text() == "<map><string"
    assert sorted(path.name for path in Path().iterdir()) == sorted([FILE, "half.xml", "image.yaml"])


def test_a_fact_is_a_name_and_a_value(tokenflow: Call, device: Device) -> None:
    """What an old store does not say is given so; anything else is wrong usage."""
    assert tokenflow(*device.lift("--attribute", "user_id")).code == 2
    assert tokenflow(*device.lift("--attribute", "user_id=7")).code == 1
    assert tokenflow(*device.lift("--attribute", "user_id=1000")).code == 0
