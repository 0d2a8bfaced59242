"""No secret comes in by a command line: everybody on the machine may read it (security.md A11)."""

import re
from typing import Final

import click
import pytest

from tests.house.commands import leaves

SECRETIVE: Final = re.compile(r"secret|token|password|passphrase|credential|code|key|verifier|cookie|bearer")
REFERENCE: Final = re.compile(r"\breference\b|\bfile:|\benv:")
"""What an option's help says when it takes where a secret is, and not the secret."""
NONE: Final = {
    "audit show: token": "a token's name in the trail",
    "graph: --highlight": "what a token is called",
    "token show: key": "what a token is called",
    "sandbox: --app-secret": "made up for a play, where it opens nothing but the play",
    "sandbox: --client-secret": "made up for a play, where it opens nothing but the play",
    "sandbox: --client-token": "made up for a play, where it opens nothing but the play",
}
"""Parameters that sound like a secret and are none, and why."""


def parameters() -> list[tuple[str, click.Parameter]]:
    """Return every option and argument of every command that takes a value."""
    return [
        (words, one)
        for words, command, _ in leaves()
        for one in command.params
        if not (isinstance(one, click.Option) and (one.is_flag or one.count))
    ]


@pytest.mark.proves("A11")
def test_no_option_takes_a_secret() -> None:
    """None that sounds like one, but for names of things and for references: a file, a variable."""
    found = parameters()
    sounding = {
        f"{words}: {one.opts[0]}": one
        for words, one in found
        if SECRETIVE.search(str(one.name)) and not isinstance(one.type, _NO_TEXT)
    }
    suspects = [name for name, one in sounding.items() if name not in NONE and not _is_reference(one)]

    assert len(found) > 100
    assert suspects == []
    assert sounding.keys() >= NONE.keys()


@pytest.mark.proves("A11")
def test_no_option_is_hidden_while_it_is_typed() -> None:
    """An option that click would ask for without showing is one that could also be given in the open."""
    hiding = [words for words, one in parameters() if isinstance(one, click.Option) and one.hide_input]

    assert hiding == []


def _is_reference(one: click.Parameter) -> bool:
    return isinstance(one, click.Option) and REFERENCE.search((one.help or "").lower()) is not None


_NO_TEXT: Final = (click.Path, click.File, click.Choice, click.IntRange)
