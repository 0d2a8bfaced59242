"""The examples in a spec, run: each answer goes through the code that real answers go through.

An example of a refusal stands under the meaning it is an example of, and passes when that meaning, and
none before it, takes the answer. An example of a grant passes when the answer grants what it says.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from tokenflow.core.answers import body_of, grant_of
from tokenflow.core.compiling import compile_issuer, meanings_of
from tokenflow.core.dates import http_date
from tokenflow.core.effects import Response
from tokenflow.core.errors import IssuerError, IssuerRefused
from tokenflow.core.issuers import Shape
from tokenflow.core.lifecycles import Meaning
from tokenflow.core.moments import duration
from tokenflow.core.policies import meaning_among, until_of
from tokenflow.core.tokens import NEVER, SECOND, At, Expiry, Grant, Instant
from tokenflow.runner.spans import span
from tokenflow.spec import Document, Span

CLOCK: Final[Instant] = 1_800_000_000 * SECOND
"""When an example is read, unless its Date header says otherwise: 2027-01-15T08:00:00Z."""

Path = tuple[str | int, ...]


@attrs.frozen(kw_only=True)
class Ran:
    """One example, and what is wrong with it."""

    place: Span
    path: str
    """errors.3.examples.0"""
    says: str
    """What it is an example of, for people."""
    problems: tuple[str, ...]
    """Empty when it passed."""


@attrs.frozen(kw_only=True)
class Bare:
    """A meaning without an example."""

    place: Span
    path: str
    says: str


@attrs.frozen(kw_only=True)
class Examined:
    """A spec and what became of its examples."""

    document: Document
    ran: tuple[Ran, ...]
    bare: tuple[Bare, ...]

    @property
    def failed(self) -> tuple[Ran, ...]:
        """The examples that did not pass."""
        return tuple(one for one in self.ran if one.problems)


def examine(document: Document, issuer: Document | None = None) -> Examined:
    """Run the examples of an Issuer document, or of a Lifecycle's own `errors` behind its *issuer*'s."""
    own = meanings_of(document.data)
    first = meanings_of(issuer.data) if issuer is not None else ()
    meanings = (*first, *own)
    described = document.data if document.kind == "Issuer" else issuer.data if issuer is not None else None
    data = {**(described or _NOBODY), "errors": [*_errors(issuer), *_errors(document)]}
    shape = compile_issuer(data, client_id="").response
    ran = [*_refusals(document, meanings, len(first), shape)]
    if document.kind == "Issuer":
        ran += _grants(document, shape)
    return Examined(document=document, ran=tuple(ran), bare=tuple(_bare(document)))


_NOBODY: Final[Mapping[str, Any]] = {"metadata": {"name": "none"}}


def _errors(document: Document | None) -> list[Any]:
    return [] if document is None else list(document.data.get("errors", ()))


def _refusals(document: Document, meanings: tuple[Meaning, ...], before: int, shape: Shape) -> Iterator[Ran]:
    for index, spec in enumerate(_errors(document)):
        for number, example in enumerate(spec.get("examples", ())):
            path: Path = ("errors", index, "examples", number)
            yield Ran(
                place=document.span(*path),
                path=_dotted(path),
                says=f"{_shown(example)} -> {_meant(spec)}",
                problems=tuple(_wrong(example, meanings, before + index, before, shape)),
            )


def _wrong(
    example: Mapping[str, Any], meanings: tuple[Meaning, ...], wanted: int, before: int, shape: Shape
) -> Iterator[str]:
    """Yield what keeps an answer from being taken by the meaning at *wanted*."""
    response, now = _response(example, 400)
    try:
        body_of(response, shape)
    except IssuerError as error:
        refused = error
    else:
        yield "it is taken for a yes"
        return
    meaning = meaning_among(meanings, refused)
    index = next((at for at, one in enumerate(meanings) if one is meaning), None)
    if index is None:
        why = "is no answer at all" if not isinstance(refused, IssuerRefused) else "matches no meaning"
        yield f"it {why}, so it is {meaning.kind}"
        return
    if index != wanted:
        where = f"errors.{index - before}" if index >= before else f"the issuer's errors.{index}"
        yield f"{where} takes it first: {_matching(meaning.match)}, {meaning.kind}"
    if "retry" in example:
        yield from _waiting(duration(example["retry"]), until_of(meaning, refused, now), now)


def _waiting(wanted: int, until: Instant | None, now: Instant) -> Iterator[str]:
    if until is None:
        yield f"it does not say how long to wait; {span(wanted)} was expected"
    elif until - now != wanted:
        yield f"it asks us to wait {span(until - now)}, not {span(wanted)}"


def _grants(document: Document, shape: Shape) -> Iterator[Ran]:
    for number, example in enumerate(document.data.get("response", {}).get("examples", ())):
        path: Path = ("response", "examples", number)
        wanted = example["grant"]
        yield Ran(
            place=document.span(*path),
            path=_dotted(path),
            says=f"{_shown(example)} -> grants " + ", ".join(f"{n} {_plain(v)}" for n, v in wanted.items()),
            problems=tuple(_unlike(example, wanted, shape)),
        )


def _unlike(example: Mapping[str, Any], wanted: Mapping[str, Any], shape: Shape) -> Iterator[str]:
    """Yield in what an answer's grant differs from the one *wanted*."""
    response, now = _response(example, 200)
    try:
        grant = grant_of(body_of(response, shape), now, shape)
    except IssuerError as error:
        yield str(error).splitlines()[0]
        return
    have = _facts(grant, now)
    for name, value in wanted.items():
        found = have[name]
        if name == "attributes":
            found = {key: found.get(key) for key in value}
        if found != (sorted(value) if name == "scope" else value):
            yield f"{name} is {_plain(found)}, not {_plain(value)}"


def _facts(grant: Grant, now: Instant) -> dict[str, Any]:
    return {
        "expires_in": _left(grant.expires, now),
        "expires_at": grant.expires.instant // SECOND if isinstance(grant.expires, At) else None,
        "refresh_expires_in": _left(grant.refresh_expires, now),
        "refresh_token": grant.refresh_token is not None,
        "scope": None if grant.scope is None else sorted(grant.scope),
        "attributes": dict(grant.attributes),
    }


def _left(expires: Expiry, now: Instant) -> int | str:
    if isinstance(expires, At):
        return (expires.instant - now) // SECOND
    return "never" if expires == NEVER else "silent"


def _bare(document: Document) -> Iterator[Bare]:
    for index, spec in enumerate(_errors(document)):
        if not spec.get("examples"):
            path = ("errors", index)
            says = f"{_matching(spec['match'])}, {spec['class']}"
            yield Bare(place=document.span(*path), path=_dotted(path), says=says)


def _response(example: Mapping[str, Any], status: int) -> tuple[Response, Instant]:
    """Return the answer an example describes, and when it is read."""
    body = example.get("body")
    headers = {name.lower(): value for name, value in example.get("headers", {}).items()}
    if not isinstance(body, str | None):
        headers.setdefault("content-type", "application/json")
    raw = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    response = Response(status=example.get("status", status), headers=headers, body=raw.encode())
    return response, http_date(headers.get("date", "")) or CLOCK


def _dotted(path: Path) -> str:
    return ".".join(str(step) for step in path)


def _shown(example: Mapping[str, Any]) -> str:
    body = example.get("body")
    text = "nothing" if body is None else body if isinstance(body, str) else json.dumps(body)
    return f"{example['status']} {_short(text)}" if "status" in example else _short(text)


def _short(text: str) -> str:
    return text if len(text) <= 72 else f"{text[:69]}..."


def _matching(match: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_short(_plain(value))}" for name, value in match.items())


def _meant(spec: Mapping[str, Any]) -> str:
    reason = spec.get("payload", {}).get("reason")
    raised = f", raises {spec['raise']}" if "raise" in spec else ""
    return f"{spec['class']}{raised}{f' ({reason})' if reason else ''}"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
