"""Secrets from the system's keyring: only from one that keeps them, and with a mend for each refusal."""

import sys
from collections.abc import Callable
from types import ModuleType

import pytest

from tokenflow import MissingExtra, Secret, SecretNotFound
from tokenflow.engine.holders import Sources
from tokenflow.hooks.registry import Registry
from tokenflow_keyring import read_keyring
from tokenflow_keyring.reading import TRUSTED, untrusted


def backend(name: str, **facts: object) -> object:
    module, _, qualname = name.rpartition(".")
    return type(qualname, (), {"__module__": module, **facts})()


@pytest.mark.proves("A9")
@pytest.mark.parametrize("name", sorted(TRUSTED))
def test_the_keyrings_of_operating_systems_are_trusted(name: str) -> None:
    """Each back end of an operating system or desktop is read."""
    assert untrusted(backend(name)) is None
    assert untrusted(backend("keyring.backends.chainer.ChainerBackend", backends=[backend(name)])) is None


@pytest.mark.proves("A9")
@pytest.mark.parametrize(
    "name",
    [
        "keyring.backends.fail.Keyring",
        "keyring.backends.null.Keyring",
        "keyrings.alt.file.PlaintextKeyring",
        "keyrings.alt.file.EncryptedKeyring",
        "somebody.elses.Keyring",
    ],
)
def test_other_keyrings_are_refused(name: str) -> None:
    """Back ends that keep texts in clear, nothing, or nobody knows what, are named and refused."""
    good = backend("keyring.backends.macOS.Keyring")
    chained = backend("keyring.backends.chainer.ChainerBackend", backends=[good, backend(name)])
    assert untrusted(backend(name)) == name
    assert untrusted(chained) == name


class _KeyringError(Exception):
    pass


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Put a small keyring library in the place of the real one."""
    library, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    errors.KeyringError = _KeyringError  # type: ignore[attr-defined]
    library.errors = errors  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", library)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    return library


def _serve(library: ModuleType, name: str, get_password: Callable[..., str | None]) -> None:
    served = backend(name, get_password=staticmethod(get_password))
    library.get_keyring = lambda: served  # type: ignore[attr-defined]


def test_a_keyring_item_is_read(keyring: ModuleType) -> None:
    """keyring:service/user asks for exactly that item; the service may hold slashes."""
    _serve(keyring, "keyring.backends.libsecret.Keyring", lambda service, user: f"{service}|{user}")
    assert read_keyring("my/app/me") == Secret("my/app|me")


def test_a_missing_item_and_a_locked_keyring_are_not_found(keyring: ModuleType) -> None:
    """Each says what to do; a locked keyring's own words are left out."""
    _serve(keyring, "keyring.backends.libsecret.Keyring", lambda service, user: None)
    with pytest.raises(SecretNotFound, match="keyring set app me"):
        read_keyring("app/me")

    def locked(service: str, user: str) -> str:
        raise _KeyringError("hunter2")

    _serve(keyring, "keyring.backends.libsecret.Keyring", locked)
    with pytest.raises(SecretNotFound, match="unlock it") as raised:
        read_keyring("app/me")
    assert "hunter2" not in str(raised.value)


@pytest.mark.proves("A9")
def test_an_unsafe_keyring_is_not_asked(keyring: ModuleType) -> None:
    """The refusal comes before any item is read."""

    def asked(service: str, user: str) -> str:
        raise AssertionError("an unsafe keyring was asked")

    _serve(keyring, "keyrings.alt.file.PlaintextKeyring", asked)
    with pytest.raises(SecretNotFound, match="does not keep secrets safely"):
        read_keyring("app/me")


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without keyring installed the error is the line to install it."""
    monkeypatch.setitem(sys.modules, "keyring.errors", None)
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingExtra, match=r'pip install "tokenflow-engine\[keyring\]"'):
        read_keyring("app/me")


def test_the_scheme_is_found_among_the_plugins(keyring: ModuleType) -> None:
    """A reference that begins with keyring: is read by this plugin, as a secret and as the key of a store."""
    _serve(keyring, "keyring.backends.libsecret.Keyring", lambda service, user: "A" * 43)
    sources = Sources.of(Registry.installed())
    assert sources.read("keyring:app/me") == Secret("A" * 43)
    assert sources.holder("keyring:app/me").scheme == "keyring"


@pytest.mark.parametrize("item", ["", "me", "/me", "app/"])
def test_an_item_has_a_service_and_a_user(keyring: ModuleType, item: str) -> None:
    """Anything else is refused before a keyring is asked."""
    with pytest.raises(SecretNotFound, match="keyring:service/user"):
        read_keyring(item)
