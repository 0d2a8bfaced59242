"""Explain what was found: read a file or a folder, ask every plugin, and say it without a secret.

Reading is bounded: a file's beginning, and of a folder so many files. What plugins say is data of
others: control characters are taken out, and a token that strayed into a text is taken out as well.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from tokenflow.core.answers import refusal
from tokenflow.core.compiling import compile_issuer, meanings_of
from tokenflow.core.effects import Response
from tokenflow.core.errors import TokenflowError
from tokenflow.core.policies import meaning_among
from tokenflow.core.secret import Secret
from tokenflow.core.tokens import At, Expiry, Instant, Never
from tokenflow.hooks.formats import Description, Refusal, Specimen
from tokenflow.hooks.records import Format
from tokenflow.hooks.registry import Registry
from tokenflow.runner.spans import iso, span
from tokenflow.spec.issuers import shipped_issuer

LARGEST: Final = 1024 * 1024
"""Bytes of a file that are read: nothing a token is found in is longer."""
MOST: Final = 200
"""Files of a folder that are looked at."""
_SHORTEST: Final = 6
"""Characters of a secret that is looked for in texts; a shorter one would be found in plain words."""
_LONGEST: Final = 300
_LATEST: Final = 253_402_300_800_000_000
"""The year 10000, in microseconds."""


@attrs.frozen(kw_only=True)
class Inspected:
    """One file, and what it is."""

    name: str
    format: str | None = None
    """Its form by name; None where nobody knows it."""
    description: Description | None = None
    """None where it is known by its looks and cannot be read."""
    flaw: tuple[str, str] | None = None
    """Code and sentence of why it cannot be read."""
    meaning: Mapping[str, str] = attrs.field(factory=dict)
    """Of an issuer's no: its class, and the advice of the issuer's document."""


def specimens(path: Path | None, piped: bytes, now: Instant, secrets: Mapping[str, Secret]) -> list[Specimen]:
    """Return what stands at *path*, a file or a folder's files; of None, what was *piped*.

    Raises TokenflowError when it is neither, or a folder of too many files; OSError.
    """
    if path is None:
        return [
            Specimen(data=piped[:LARGEST], whole=len(piped) <= LARGEST, now=now, secrets=secrets),
        ]
    if path.is_dir():
        return _folder(path, now, secrets)
    data, whole = _read(path)
    return [Specimen(data=data, whole=whole, now=now, name=path.name, secrets=secrets)]


def inspected(found: Sequence[Specimen], registry: Registry) -> list[Inspected]:
    """Return what each of *found* is; where two forms are recognised, once for each."""
    formats = sorted(registry.formats().values(), key=lambda one: one.name)
    return [told for specimen in found for told in _each(specimen, formats, registry)]


def plain(told: Inspected, now: Instant) -> dict[str, Any]:
    """Return *told* as JSON keeps it, without a secret: of each only its fingerprint."""
    clean = _Cleaner(told.description)
    said = told.description
    if said is None:
        code, says = told.flaw or ("unknown", "no plugin knows what this is")
        return {"file": clean(told.name), "format": told.format, "flaw": {"code": code, "says": clean(says)}}
    return {
        "file": clean(told.name),
        "format": told.format,
        "what": clean(said.what),
        "kind": clean(said.kind),
        "app": clean(said.app),
        "user": clean(said.user),
        "expires": _end(said.expires, now),
        "data_access_expires": _end(said.data_access_expires, now),
        "scope": clean.names(said.scope),
        "declined_scope": clean.names(said.declined_scope),
        "expired_scope": clean.names(said.expired_scope),
        "facts": {clean(name): clean(value) for name, value in said.facts.items() if value is not None},
        "secrets": {clean(name): fingerprint(secret) for name, secret in said.secrets.items()},
        "signature": clean(said.signature),
        "odd": [clean(one) for one in said.odd],
        "sdk": clean(said.sdk),
        "meaning": {name: clean(value) for name, value in told.meaning.items()},
        "next": [clean(one) for one in said.next],
    }


def fingerprint(secret: Secret) -> str:
    """Return what tells one token from another, and says nothing of either."""
    digest = hashlib.sha256(secret.reveal().encode("utf-8", "surrogatepass")).hexdigest()
    return f"sha256:{digest[:12]}"


def _folder(folder: Path, now: Instant, secrets: Mapping[str, Secret]) -> list[Specimen]:
    paths = sorted(one for one in folder.iterdir() if one.is_file() and not one.is_symlink())
    if len(paths) > MOST:
        raise TokenflowError(
            f"{folder} holds {len(paths)} files, and {MOST} are the most that are looked at",
            mend="name the folder the app's own are in: shared_prefs, or Library/Preferences",
        )
    read = {path.name: _read(path) for path in paths}
    data = {name: held for name, (held, _) in read.items()}
    return [
        Specimen(
            data=held,
            whole=whole,
            now=now,
            name=name,
            beside={other: there for other, there in data.items() if other != name},
            secrets=secrets,
        )
        for name, (held, whole) in read.items()
    ]


def _read(path: Path) -> tuple[bytes, bool]:
    """Return a regular file's beginning, and whether that is all of it."""
    if not path.is_file():  # a pipe would keep us waiting
        raise TokenflowError(f"{path} is no regular file", mend="pipe it in: tokenflow inspect - < FILE")
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    return data[:LARGEST], len(data) <= LARGEST


def _each(found: Specimen, formats: Sequence[Format], registry: Registry) -> Iterator[Inspected]:
    certain = [one for one in formats if not one.guess and _recognises(one, found)]
    known = certain or [one for one in formats if one.guess and _recognises(one, found)]
    if not known:
        flaw = ("unknown", "no plugin knows what this is") if found.whole else _too_large()
        yield Inspected(name=found.name, flaw=flaw)
    for form in known:
        yield _described(found, form, registry)


def _too_large() -> tuple[str, str]:
    return ("too_large", f"it is over {LARGEST} bytes, and nothing a token is found in is")


def _recognises(form: Format, found: Specimen) -> bool:
    try:
        return form.recognise(found)
    except Exception:  # noqa: BLE001 - a plugin that fails over a file does not keep others from knowing it
        return False


def _described(found: Specimen, form: Format, registry: Registry) -> Inspected:
    try:
        told = form.describe(found)
    except TokenflowError as error:
        says = str(error).partition("\n")[0]
        return Inspected(name=found.name, format=form.name, flaw=(error.code, says))
    except Exception as error:  # noqa: BLE001 - and its text might hold what the file does
        says = f"what knows this form failed over it: {type(error).__name__}"
        return Inspected(name=found.name, format=form.name, flaw=("plugin_failed", says))
    meaning = {} if told.refusal is None else _meaning(told.refusal, registry)
    return Inspected(name=found.name, format=form.name, description=told, meaning=meaning)


def _meaning(no: Refusal, registry: Registry) -> dict[str, str]:
    """Return what the issuer's document says of *no*."""
    from tokenflow.engine.opening import spec_names

    data = shipped_issuer(no.issuer, spec_names(registry)).data
    shape = compile_issuer(data, client_id="").response
    error = refusal(Response(status=no.status, body=b"", headers={}), no.body, shape)
    found = meaning_among(meanings_of(data), error)
    return {"class": found.kind, **({"advice": found.advice} if found.advice else {})}


def _end(expires: Expiry | None, now: Instant) -> dict[str, str | None] | None:
    match expires:
        case At(instant=instant) if 0 <= instant < _LATEST:
            away = span(abs(instant - now))
            return {"at": iso(instant), "in": f"{away} ago" if instant < now else f"in {away}"}
        case At():
            return {"at": None, "in": "no instant of our calendar"}
        case Never():
            return {"at": None, "in": "never, by time alone"}
    return None


class _Cleaner:
    """Makes what a plugin said fit for a screen: no control characters, no secret, not too long."""

    def __init__(self, said: Description | None) -> None:
        held = [] if said is None else [one.reveal() for one in said.secrets.values()]
        self._hidden = sorted((one for one in held if len(one) >= _SHORTEST), key=len, reverse=True)

    def __call__(self, value: Any) -> Any:
        if isinstance(value, At):
            return iso(value.instant) if 0 <= value.instant < _LATEST else "no instant of our calendar"
        if not isinstance(value, str):
            return value
        for hidden in self._hidden:
            value = value.replace(hidden, "****")
        value = "".join(sign if sign.isprintable() else "�" for sign in value)
        return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}..."

    def names(self, names: frozenset[str] | None) -> list[str] | None:
        return None if names is None else [self(name) for name in sorted(names)]
