"""What an issuer's answer about a parent's children says of each: its facts, its key, and who is missing."""

import string
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tokenflow.core.conditions import token_facts
from tokenflow.core.errors import Refused
from tokenflow.core.grants import identity_of
from tokenflow.core.lifecycles import Derivation, Lifecycle
from tokenflow.core.migrating import identity_under
from tokenflow.core.tokens import Grant, Token


def facts_of(derivation: Derivation, spec: Lifecycle, parent: Token, grant: Grant) -> dict[str, Any]:
    """Return what `set:` names: `item.x` of the answer, `parent.x`, `app.x`; None for what nobody told."""
    sources: dict[str, Mapping[str, Any]] = {
        "item": grant.attributes,
        "parent": token_facts(parent),
        "app": spec.app,
    }

    def first(paths: tuple[str, ...]) -> Any:
        found = (sources[path.partition(".")[0]].get(path.partition(".")[2]) for path in paths)
        return next((value for value in found if value is not None), None)

    return {name: first(paths) for name, paths in derivation.set.items()}


def is_meant(facts: Mapping[str, Any], only: Mapping[str, Any]) -> bool:
    """Return whether a child of these *facts* is the one that is asked for."""
    return all(str(facts.get(name)) == str(value) for name, value in only.items())


def named(template: str, facts: Mapping[str, Any]) -> str:
    """Return a child's key; raises Refused when the template names an attribute it has not."""
    parts = []
    for text, field, _, _ in string.Formatter().parse(template):
        parts.append(text)
        if field is not None:
            if field not in facts:
                raise Refused(
                    "attribute_missing", f"the key template {template!r} names {field!r}, which it has not"
                )
            parts.append(str(facts[field]))
    return "".join(parts)


def unlisted(
    spec: Lifecycle, derivation: Derivation, parent: Token, before: Iterable[Token], answer: Iterable[Grant]
) -> Iterator[Token]:
    """Yield the live ones of *before* that the *answer*, which names all there are, does not name.

    Only children of this kind, and of this very parent as it is now: who shares its key with another
    person's is left alone.
    """
    theirs = [facts_of(derivation, spec, parent, grant) for grant in answer]
    still = {identity_of(spec, facts, "derived") for facts in theirs}
    own = facts_of(derivation, spec, parent, Grant(access_token=None))
    for child in before:
        if not child.lifecycle.startswith(f"{spec.name}@") or child.access_token is None:
            continue
        mine = all(child.attributes.get(name) == value for name, value in own.items() if value is not None)
        if mine and identity_under(spec, child) not in {(), *still}:
            yield child
