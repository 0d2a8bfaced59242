"""What a code is: the one place that says what it means, why it matters, and how it is mended."""

from typing import Final

import attrs

_HEAD: Final = {
    "apiVersion": "apiVersion: tokenflow/v1",
    "kind": "kind: Lifecycle",
    "metadata": "metadata: {name: example, version: 1.0.0}",
}
_PARENTS: Final = {"Lifecycle": "builtin:facebook-user", "Issuer": "builtin:sandbox-oauth2"}


@attrs.frozen
class Code:
    """One code of the linter."""

    code: str
    """TFnnn; stable."""
    severity: str
    """error, warning or note: what it is unless a finding says otherwise."""
    title: str
    what: str = attrs.field(kw_only=True)
    """What is the case."""
    why: str = attrs.field(kw_only=True)
    """What comes of it."""
    mend: str = attrs.field(kw_only=True)
    """What to do."""
    bad: str = attrs.field(kw_only=True)
    """YAML that has it: a document, or a part of one (see `whole`)."""
    good: str = attrs.field(kw_only=True)
    """The same, mended."""


def whole(snippet: str) -> str:
    """Return *snippet* as a document that can be checked.

    One that says its `apiVersion` is a document already. Another is a part: of a Lifecycle unless it
    says its kind, that extends `builtin:facebook-user` (an Issuer: `builtin:sandbox-oauth2`) unless
    it says its parent.
    """
    keys = {line.partition(":")[0]: line for line in snippet.splitlines() if line[:1].isalpha()}
    if "apiVersion" in keys:
        return snippet
    kind = keys.get("kind", _HEAD["kind"]).partition(":")[2].strip()
    head = [line for key, line in _HEAD.items() if key not in keys]
    if kind in _PARENTS and "extends" not in keys:
        head.append(f"extends: {_PARENTS[kind]}")
    return "\n".join([*head, snippet]) + "\n"
