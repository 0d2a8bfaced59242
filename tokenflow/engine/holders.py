"""Who holds the key that a store's ring is sealed under, and how much that is worth.

A reference says where: `file:/path` (another folder than the data's), `systemd:name`, `keyring:service/user`
and whatever scheme a plugin reads; or a key service of a plugin's (a KMS), which never gives its key away
but wraps one of ours. `env:NAME` last: a process's environment is read by whoever may read the process
(security.md A8, A10). Without a reference it is a key file of the store's own.
"""

import base64
import logging
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Self, TypeAlias

import attrs

from tokenflow.core.errors import SecretNotFound, TokenflowError, WrongKey
from tokenflow.core.secret import Secret
from tokenflow.engine.ciphers import KEY_BYTES, bytes_of, fresh_key, text_of
from tokenflow.engine.secrets import SecretReader
from tokenflow.hooks.records import KeyOrder, KeyService
from tokenflow.hooks.registry import Registry

log = logging.getLogger(__name__)
_MOST: Final = 2
"""Keys a file may hold while one takes the other's place: the first is the new one."""

Fresh: TypeAlias = Callable[[str], tuple[Secret, bytes | None]]
Again: TypeAlias = Callable[[str, bytes | None], Sequence[Secret]]


@attrs.frozen
class Holder:
    """Who holds a ring's key."""

    scheme: str
    """file, systemd, keyring, env, process, or a plugin's."""
    place: str
    """Where that is, for people."""
    fresh: Fresh = attrs.field(repr=False)
    """Given the store's id, returns a key to seal its ring under, and it wrapped; None: it is kept there."""
    again: Again = attrs.field(repr=False)
    """Given the store's id and what was wrapped, returns the keys the ring may have been sealed under.

    Both raise WrongKey, and SecretNotFound when the holder cannot be asked."""
    path: Path | None = None
    """The file it is in, where it is in one."""
    is_own: bool = False
    """Whether that is the store's own file, whose key the house may replace."""


def holding(
    scheme: str,
    place: str,
    read: Callable[[], Secret],
    path: Path | None = None,
    *,
    is_own: bool = False,
) -> Holder:
    """Return who gives the key itself away, each time *read* is called."""

    def fresh(store_id: str) -> tuple[Secret, None]:
        return keys_in(read(), place)[0], None

    def again(store_id: str, wrapped: bytes | None) -> Sequence[Secret]:
        if wrapped is not None:
            raise WrongKey(f"{place} gives a key, and this store's ring was wrapped by a key service")
        return keys_in(read(), place)

    return Holder(scheme, place, fresh, again, path, is_own)


def serving(service: KeyService, item: str) -> Holder:
    """Return who wraps keys of ours with one that is never seen."""

    def fresh(store_id: str) -> tuple[Secret, bytes]:
        key = fresh_key()
        return key, _asked(service, service.wrap, KeyOrder(item=item, content=bytes_of(key), store=store_id))

    def again(store_id: str, wrapped: bytes | None) -> Sequence[Secret]:
        if wrapped is None:
            raise WrongKey(f"this store's ring was not wrapped by {service.name}:{item}")
        key = text_of(_asked(service, service.unwrap, KeyOrder(item=item, content=wrapped, store=store_id)))
        return (key,)

    return Holder(service.name, f"{service.name}:{item}", fresh, again)


def _asked(service: KeyService, do: Callable[[KeyOrder], bytes], order: KeyOrder) -> bytes:
    """Ask a plugin, whose errors may hold what it was given."""
    try:
        return do(order)
    except TokenflowError:
        raise
    except Exception as error:  # noqa: BLE001  # the wall between a plugin and everybody else
        failed = type(error).__name__
    raise SecretNotFound(
        f"the key service {service.name} failed with {failed}", mend="is it reached, and is that key there?"
    )


@attrs.frozen
class Sources:
    """Where references lead: to secrets that are read, and to key services."""

    read: Callable[[str], Secret] = attrs.field(factory=SecretReader, repr=False)
    services: Mapping[str, KeyService] = attrs.field(factory=dict)

    @classmethod
    def of(cls, registry: Registry, given: Mapping[str, Secret] | None = None) -> Self:
        """Return those of the house and its plugins, with whole references that are *given* before them."""
        sources = {name: source.read for name, source in registry.secret_sources().items()}
        return cls(SecretReader(sources).given(given or {}), registry.key_services())

    def holder(self, reference: str) -> Holder:
        """Return the holder that a reference names; it is asked only when it is used."""
        scheme, _, item = reference.partition(":")
        if scheme in self.services:
            return serving(self.services[scheme], item)
        if scheme == "env":
            _warn_once(item)
        path = Path(item).expanduser() if scheme == "file" else None
        return holding(scheme, reference, lambda: self.read(reference), path)


def keys_in(secret: Secret, place: str) -> tuple[Secret, ...]:
    """Return the keys of a text, one a line; raises WrongKey, which does not repeat it."""
    found = [_key(line) for line in secret.reveal().split()]
    keys = tuple(key for key in found if key is not None)
    if not 0 < len(found) <= _MOST or len(keys) < len(found):
        raise WrongKey(
            f"{place} holds no sealing key",
            mend=f"a key is {KEY_BYTES} random bytes: openssl rand -base64 32",
        )
    return keys


def _key(line: str) -> Secret | None:
    text = line.translate(str.maketrans("+/", "-_")).rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)
    except ValueError:
        return None
    return text_of(key) if len(key) == KEY_BYTES else None


def mode_of(holder: Holder) -> str | None:
    """Return the mode of the file a key is in, as `chmod` takes it; None where it is in no file."""
    if holder.path is None:
        return None
    with suppress(OSError):
        return f"{stat.S_IMODE(holder.path.stat().st_mode):04o}"
    return None


def warnings(holder: Holder, store: object) -> Iterator[tuple[str, str]]:
    """Yield what is not as it should be about where the key of *store* is: what, and the mend."""
    if holder.scheme == "env":
        yield (
            "the key is in the environment, which whoever may read this process can read",
            "put it into a file or a credential of the service, and: tokenflow keys rewrap --to systemd:name",
        )
    data = getattr(store, "path", None)
    if holder.path is not None and isinstance(data, Path) and _is_in(holder.path, data.parent):
        yield (
            f"the key is in the folder of the data ({data.parent}): whoever copies it has both",
            "move it to another folder, which other backups take",
        )


def _is_in(file: Path, folder: Path) -> bool:
    return file.resolve().is_relative_to(folder.resolve())


_WARNED: set[str] = set()


def _warn_once(name: str) -> None:
    """Say once a process that the environment is the last place for a key."""
    if name not in _WARNED:
        _WARNED.add(name)
        log.warning("the sealing key comes from the environment (%s): a file or a keyring is safer", name)
