"""Payloads: a mapping, or the JSON of one, and nothing else; what was read hangs on to no error."""

import json
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenflow import PayloadError, payload_fields
from tokenflow.core.payloads import LARGEST


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.integers(), max_size=4))
def test_a_mapping_and_its_json_are_read_alike(fields: dict[str, object]) -> None:
    """As text and as bytes."""
    text = json.dumps(fields)
    assert payload_fields(fields) == payload_fields(text) == payload_fields(text.encode()) == fields


@pytest.mark.parametrize(
    "payload",
    [
        None,
        7,
        [],
        "",
        "[]",
        '"T0KEN"',
        b"\xff",
        '{"code": "T0KEN"',
        "[" * 9000,
        '{"code": "T0KEN' + "x" * LARGEST,
    ],
    ids=lambda each: str(each)[:12],
)
def test_anything_else_is_malformed_and_not_repeated(payload: object) -> None:
    """The error has no token in it, nor in what it hangs on to."""
    with pytest.raises(PayloadError) as refused:
        payload_fields(payload)
    assert refused.value.code == "malformed"
    assert "T0KEN" not in "".join(traceback.format_exception(refused.value))
    assert refused.value.__context__ is None
