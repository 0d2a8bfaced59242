"""What is written on the command line is read as the spec declares it."""

import pytest

from tokenflow.runner.simulation.words import fitting


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", "true", "true"),
        ("boolean", "false", False),
        ("integer", "-12", -12),
        ("list", "read,write", ("read", "write")),
    ],
)
def test_a_value_is_read_as_it_is_declared(kind: str, text: str, value: object) -> None:
    """A word stays a word, and the others become what they are."""
    assert fitting("it", text, {"type": kind}) == value


@pytest.mark.parametrize(("kind", "text"), [("boolean", "yes"), ("integer", "1.5"), ("integer", "")])
def test_a_value_of_another_kind_is_refused(kind: str, text: str) -> None:
    """The error says which name, what it is declared to be, and what stood there."""
    with pytest.raises(ValueError, match=f"'it' is {kind}, and '{text}' is none"):
        fitting("it", text, {"type": kind})
