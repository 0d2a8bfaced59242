"""JSON as Android's org.json writes it: keys as they were put in, and a slash escaped beside what must be."""

from collections.abc import Mapping
from typing import Any, Final

_SHORT: Final = {"\t": "\\t", "\b": "\\b", "\n": "\\n", "\r": "\\r", "\f": "\\f"}
_ESCAPED: Final = str.maketrans(
    {
        **{chr(code): f"\\u{code:04x}" for code in range(32)},
        **_SHORT,
        '"': '\\"',
        "\\": "\\\\",
        "/": "\\/",
    }
)


def json_text(value: Any) -> str:
    """Return *value* (a mapping, list, text, integer, boolean or None) as one line of JSON."""
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{json_text(str(name))}:{json_text(one)}' for name, one in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(json_text, value))}]"
    if isinstance(value, str):
        return f'"{value.translate(_ESCAPED)}"'
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)
