"""YAML's events, one by one: nothing is built by PyYAML, and a document too deep is left at once.

The pure-Python parser is the judge. libyaml, where PyYAML was built with it, is twenty times faster.
It is asked only about texts without the few things the two are known to read differently (explicit
keys, tabs, Unicode's own line breaks and byte order marks, document markers), and believed only when
it has nothing to say against the text; the tests hold one against the other.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import yaml

Parse: TypeAlias = Callable[[str], Iterator[Any]]

_APART: Final = re.compile("[?\\t\\x85\\u2028\\u2029\\ufeff]|^(?:---|[.]{3})", re.MULTILINE)
"""Where the two parsers part ways."""


def judge(text: str) -> Iterator[Any]:
    """Yield the events of *text* by the pure parser; raises yaml.YAMLError."""
    return yaml.parse(text, Loader=yaml.SafeLoader)


def quick(text: str) -> Iterator[Any]:
    """Yield the events of *text* by libyaml; raises yaml.YAMLError. AttributeError where there is none."""
    return yaml.parse(text, Loader=yaml.CSafeLoader)


def may_be_quick(text: str) -> bool:
    """Return whether libyaml is there, and would read *text* as the judge does if it accepts it."""
    return bool(yaml.__with_libyaml__) and _APART.search(text) is None
