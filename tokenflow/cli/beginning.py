"""The files a project begins with: each extends a shipped one, and says what may be written there."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from tokenflow.cli.starts import Start, short
from tokenflow.core.moments import duration
from tokenflow.core.tokens import DAY
from tokenflow.spec import published

SCHEMAS: Final = ".tokenflow"
"""The folder of the schemas that an editor reads."""
IGNORED: Final = ("*.db", "*.db-journal", ".env")
"""What a repository does not keep: stores, and secrets."""
_SYSTEM_USER: Final = "facebook.system_user"
_ROBOT: Final = '"9001"'
_LIMITED: Final = "facebook.limited_login"
_FACTS: Final = {_SYSTEM_USER: f"system_user_id: {_ROBOT}", _LIMITED: "nonce: of-this-login"}
"""What has to be known of a token before it is acquired."""


def files_of(start: Start) -> dict[str, str]:
    """Return path -> text of what a project with *start* begins with."""
    found = {
        f"issuers/{_issuer(start)}.yaml": _issuer_text(start),
        f"lifecycles/{_lifecycle(start)}.yaml": _lifecycle_text(start),
        f"scenarios/{_scenario(start)}.yaml": _scenario_text(start),
    }
    if start.kept:
        found[f"tokens/{_scenario(start)}.yaml"] = _tokens_text(start)
    for kind in ("lifecycle", "issuer", "tokens", "scenario"):
        found[f"{SCHEMAS}/{kind}.schema.json"] = _schema_text(kind)
    return found


@cache
def _schema_text(kind: str) -> str:
    return json.dumps(published(kind.capitalize()), indent=2) + "\n"


def _issuer(start: Start) -> str:
    return f"my-{short(start.issuer)}"


def _lifecycle(start: Start) -> str:
    return f"my-{start.lifecycle}"


def _scenario(start: Start) -> str:
    return f"{_lifecycle(start)}-{start.platform.replace('_', '-')}"


def _head(kind: str, name: str, title: str, *notes: str) -> Iterator[str]:
    file = f"../{SCHEMAS}/{kind.lower()}.schema.json"
    yield f"# yaml-language-server: $schema={file}"
    yield f"# $schema: {file}"
    yield "#"
    yield from (f"# {note}" for note in notes)
    yield "apiVersion: tokenflow/v1"
    yield f"kind: {kind}"
    yield f"metadata: {{name: {name}, version: 1.0.0, title: {json.dumps(title)}}}"


def _text(lines: Iterator[str]) -> str:
    return "\n".join(lines) + "\n"


def _issuer_text(start: Start) -> str:
    def lines() -> Iterator[str]:
        yield from _head(
            "Issuer",
            _issuer(start),
            f"{start.at['metadata'].get('title', start.issuer)}, as we use it",
            "How our application is registered there. What is not written here (endpoints, rotation, what",
            f"errors mean) is as in builtin:{start.issuer}; to change it, write it here.",
        )
        yield f"extends: builtin:{start.issuer}"
        for section in ("client", "secrets"):
            if section in start.at:
                yield ""
                yield f"{section}:"
                yield from (f"  {name}: {_flow(value)}" for name, value in start.at[section].items())

    return _text(lines())


def _lifecycle_text(start: Start) -> str:
    def lines() -> Iterator[str]:
        yield from _head(
            "Lifecycle",
            _lifecycle(start),
            start.of["metadata"].get("title", start.lifecycle),
            f"How the token lives: as builtin:{start.lifecycle} says, until something else is written here.",
            f"`tokenflow graph lifecycles/{_lifecycle(start)}.yaml` draws it.",
        )
        yield f"extends: builtin:{start.lifecycle}"
        yield f"issuer: {_issuer(start)}"

    return _text(lines())


def _tokens_text(start: Start) -> str:
    def lines() -> Iterator[str]:
        yield from _head(
            "Tokens",
            _scenario(start),
            "The tokens we keep",
            "Which tokens are kept alive. The keeper acquires what is missing:",
            f"  tokenflow run tokens/{_scenario(start)}.yaml --store sqlite:tokens.db --watch",
        )
        yield "tokens:"
        yield f"  {_key(start)}:"
        yield f"    lifecycle: ../lifecycles/{_lifecycle(start)}.yaml"
        yield f"    acquire: {start.platform}"
        if facts := _FACTS.get(start.acquisition["use"]):
            yield f"    attributes: {{{facts}}}"

    return _text(lines())


def _scenario_text(start: Start) -> str:
    def lines() -> Iterator[str]:
        yield from _head(
            "Scenario",
            _scenario(start),
            "The life of a token, rehearsed",
            "Played by `tokenflow run`, at a sandbox on this machine, on a clock of its own.",
        )
        yield f"lifecycles: [../lifecycles/{_lifecycle(start)}.yaml]"
        yield "clock: {start: 2026-03-01T00:00:00Z}"
        if world := list(_world(start)):
            yield from ("", "world:", *world)
        yield ""
        yield "steps:"
        yield from _steps(start)

    return _text(lines())


def _world(start: Start) -> Iterator[str]:
    if start.by_person:
        yield '  people: {ana: {id: "222", name: Ana}}'
    if start.acquisition["use"] == _SYSTEM_USER:
        yield f'  system_users: {{robot: {{id: {_ROBOT}, business_id: "8"}}}}'
    if "graph" not in start.at.get("endpoints", {}):
        contract = start.at.get("rotation", {}).get("contract", "none")
        yield f"  clients: {{rehearsal: {{rotation: {contract}, expires_in: 1h, refresh_expires_in: 30d}}}}"


def _steps(start: Start) -> Iterator[str]:
    key = _key(start)
    how = {"key": key, "lifecycle": _lifecycle(start), "platform": start.platform}
    if start.by_person:
        how["person"] = "ana"
    facts = _FACTS.get(start.acquisition["use"])
    more = f", attributes: {{{facts}}}" if facts else ""
    yield f"  - name: {'Ana logs in' if start.by_person else 'The application gets its token'}"
    yield f"    acquire: {{{', '.join(f'{name}: {value}' for name, value in how.items())}{more}}}"
    yield f"    expect: {{{key}: {{usable: true, platform: {start.platform}}}}}"
    if start.extends:
        yield ""
        days = duration(_typical(start)) >= DAY
        yield f"  - name: {'Two days' if days else 'Three hours'} pass, and it is kept alive"
        yield f"    advance: {'2d' if days else '3h'}"
        yield f"    expect: {{{key}: {{usable: true}}}}"
    yield ""
    yield "  - name: It is ended before its time, and nothing is kept"
    yield f"    invalidate: {{key: {key}, reason: operator}}"
    yield f"    expect: {{{key}: {{state: invalidated, usable: false, access_token: forgotten}}}}"


def _typical(start: Start) -> str:
    """Return how long what arrives typically lives."""
    return str(start.of["lifetimes"][start.acquisition["lifetime"]]["typical"])


def _key(start: Start) -> str:
    return "ana" if start.by_person else str(start.of["token"]["kind"])


def _flow(value: Any) -> str:
    """Write a plain value in YAML's flow style."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_flow(each)}" for name, each in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)
