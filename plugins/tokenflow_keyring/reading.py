"""Reading a secret from the keyring, when that really is one.

On macOS whatever runs in the same Python may read an item once its owner allowed that Python to.
"""

from importlib import import_module
from types import ModuleType
from typing import Any, Final

from tokenflow import MissingExtra, Secret, SecretNotFound

TRUSTED: Final = frozenset(
    {
        "keyring.backends.macOS.Keyring",
        "keyring.backends.Windows.WinVaultKeyring",
        "keyring.backends.SecretService.Keyring",
        "keyring.backends.libsecret.Keyring",
        "keyring.backends.kwallet.DBusKeyring",
        "keyring.backends.kwallet.DBusKeyringKWallet4",
    }
)
_CHAINER: Final = "keyring.backends.chainer.ChainerBackend"


def read_keyring(item: str) -> Secret:
    """Read `service/user` from the keyring; raises SecretNotFound, MissingExtra."""
    service, slash, user = item.rpartition("/")
    if not (service and slash and user):
        raise SecretNotFound("a keyring: reference names no item", mend="write keyring:service/user")
    keyring = _library()
    backend = keyring.get_keyring()
    refused = untrusted(backend)
    if refused is not None:
        raise SecretNotFound(
            f"the keyring {refused} does not keep secrets safely",
            mend="unlock or install the desktop's keyring, or name a file: file:/path",
        )
    try:
        value = backend.get_password(service, user)
    except keyring.errors.KeyringError as error:
        raise SecretNotFound(
            f"the keyring did not answer ({type(error).__name__})", mend="unlock it, and allow this program"
        ) from None
    if not value:
        raise SecretNotFound(f"the keyring has no {service}/{user}", mend=f"keyring set {service} {user}")
    return Secret(value)


def untrusted(backend: Any) -> str | None:
    """Return the name of the first back end that is not trusted, a chainer's included; None: all are."""
    name = f"{type(backend).__module__}.{type(backend).__qualname__}"
    if name == _CHAINER:
        return next((bad for one in backend.backends if (bad := untrusted(one)) is not None), None)
    return None if name in TRUSTED else name


def _library() -> ModuleType:
    try:
        import_module("keyring.errors")
        return import_module("keyring")
    except ImportError:
        raise MissingExtra(
            "a keyring: reference needs the keyring library", mend='pip install "tokenflow-engine[keyring]"'
        ) from None
