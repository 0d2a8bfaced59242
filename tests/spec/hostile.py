"""Documents made to hurt their reader, and what reading each costs: `python -m tests.spec.hostile FOLDER`.

Each is read in a child of its own with 64 MiB of memory to spend and no more; what it took and what
was said is printed as one line of JSON. Small as source, large as documents: they are made here.
"""

import json
import os
import resource
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from tokenflow.spec import check, load

Make: TypeAlias = Callable[[Path], Path]
"""Makes the document in a folder and says where it is."""

MEMORY: Final = 64 * 1024 * 1024
SECONDS: Final = 1.0
TOKENS: Final = (
    "apiVersion: tokenflow/v1\nkind: Tokens\nmetadata: {name: mine}\ntokens: {a: {lifecycle: oauth2-app}}\n"
)
HEAD: Final = "apiVersion: tokenflow/v1\nkind: Lifecycle\nmetadata: {name: mine, version: 1.0.0}\n"
CHILD: Final = HEAD + "extends: builtin:facebook-page\n"


def _laughs() -> str:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{b}: &{b} [{', '.join(['*' + a] * 9)}]" for a, b in zip("abcdefghij", "bcdefghijk", strict=True)
    ]
    return "\n".join(lines)


REFUSED: Final[Mapping[str, str | bytes]] = {
    "alias bomb": _laughs(),
    "recursive alias": "&a [*a]",
    "anchor alone": "a: &x 1",
    "alias as key": "a: &x 1\n*x : 2",
    "alias to nothing": "a: *x",
    "merge key": "a: {<<: {x: 1}}",
    "merge key in block": "a:\n  <<: {x: 1}\n  b: 2",
    "quoted merge key": 'a: {"<<": {x: 1}}',
    "many merge keys": "\n".join(["a:"] + ["  <<: [{x: 1}]"] * 500),
    "nested merge keys": "\n".join(" " * depth + "<<:" for depth in range(200)),
    "python object": "!!python/object/apply:os.system [id]",
    "python name": "a: !!python/name:os.system",
    "python module": "a: !!python/module:os",
    "local tag": "a: !x 1",
    "verbatim tag": "a: !<tag:yaml.org,2002:str> 1",
    "long tag": "a: !" + "x" * 100_000 + " 1",
    "binary": "a: !!binary aGVsbG8=",
    "set": "a: !!set {x, y}",
    "omap": "a: !!omap [x: 1]",
    "timestamp": "a: !!timestamp 2026-01-01",
    "tag on a key": "!!str a: 1",
    "non-specific tag": "a: ! 1",
    "tag directive": "%TAG ! tag:evil.example,2026:\n---\na: !x 1",
    "many directives": "%FOO bar\n" * 20_000 + "---\na: 1",
    "yaml directive": "%YAML 1.1\n---\na: 1",
    "two documents": "a: 1\n---\nb: 2",
    "ten thousand documents": "--- 1\n" * 10_000,
    "duplicate key": "a: 1\na: 2",
    "duplicate key in flow": "{a: 1, a: 2}",
    "duplicate key, quoted": "a: 1\n'a': 2",
    "ten thousand duplicate keys": "a: 1\n" * 9_000,
    "complex key, list": "? [a, b]\n: 1",
    "complex key, mapping": "{{a: 1}: 2}",
    "complex key, nested": "? ? a\n  : b\n: 1",
    "deep flow lists": "[" * 100_000 + "]" * 100_000,
    "deep flow lists, unclosed": "[" * 200_000,
    "deep flow mappings": "{a: " * 50_000 + "1" + "}" * 50_000,
    "deep flow of both": "[{a: " * 30_000,
    "deep block lists": "\n".join(" " * depth + "-" for depth in range(600)),
    "deep block lists on a line": "- " * 100_000,
    "deep block mappings": "\n".join(" " * depth + "a:" for depth in range(600)),
    "deep question marks": "? " * 100_000,
    "a level too many in a spec": CHILD + "acquire: {x: {with: " + "{a: " * 25 + "1" + "}" * 27,
    "many keys": "\n".join(f"k{index}: 1" for index in range(25_000)),
    "many values in a list": "[" + "1," * 100_000 + "1]",
    "giant list of lists": "[" + "[]," * 80_000 + "[]]",
    "many unknown keys in a spec": TOKENS + "\n".join(f"k{index}: 1" for index in range(9_000)),
    "text of 20 KB": "a: " + "x" * 20_000,
    "text of 1 MB": "a: " + "x" * 1_000_000,
    "quoted text of 250 KB": 'a: "' + "x" * 250_000 + '"',
    "folded text of 250 KB": "a: >\n" + "  y\n" * 60_000,
    "escapes": 'a: "' + "\\u0041" * 40_000 + '"',
    "long key": "x" * 20_000 + ": 1",
    "long key after a question mark": "? " + "x" * 20_000 + "\n: 1",
    "long anchor": "&" + "x" * 200_000 + " a",
    "hexadecimal number of 1 MB": "a: 0x" + "f" * 1_000_000,
    "hexadecimal number of 200 KB": "a: 0x" + "f" * 200_000,
    "decimal number of 200 KB": "a: " + "9" * 200_000,
    "sexagesimal number": "a: 1" + ":59" * 20_000,
    "file of 300 KB": "# " + "x" * 300_000,
    "file of 64 MB": b"#" * 64_000_000,
    "one line of 200 KB, then a mistake": "a: [" + "b, " * 6_000 + "\n}",
    "comments without end": "#\n" * 120_000 + "}",
    "blank lines without end": "\n" * 200_000 + "}",
    "zero character": "a: \0",
    "zero characters": "\0" * 100_000,
    "bell": "a: \x07",
    "escape sequence": "a: \x1b[31m",
    "tab for indentation": "a:\n\tb: 1",
    "tabs without end": "\t" * 200_000,
    "unclosed quote": 'a: "x',
    "unclosed list": "a: [1, 2",
    "wrong closing": "a: [1}",
    "colon in text": "a: b: c",
    "colons without end": "a" + ": a" * 50_000,
    "bad escape": 'a: "\\q"',
    "bad indentation": "a:\n  b: 1\n c: 2",
    "at sign": "a: @b",
    "end before start": "]",
    "not utf-8": b"a: \xff\xfe",
    "utf-16": "a: 1".encode("utf-16"),
    "utf-32": "a: 1".encode("utf-32"),
    "latin-1": "a: \u00e9".encode("latin-1"),
    "overlong utf-8": b"a: \xc0\xaf",
    "surrogate": b"a: \xed\xa0\x80",
    "escaped surrogate": 'a: "\\ud800"\nb: 1',
    "cut character": "a: é".encode()[:-1],
    "gzip": b"\x1f\x8b\x08\x00" + bytes(range(256)),
    "random bytes": bytes(range(256)) * 400,
    "bait for the pattern of secrets": CHILD + "metadata_: " + "eyJ" * 5_000,
    "bait for the pattern of pairs": CHILD + "x: {" + "token " * 2_000 + "}",
    "bait for the pattern of durations": CHILD + "clock: {skew: " + "1" * 16_000 + "}",
    "bait for the pattern of ISO durations": CHILD + "clock: {skew: P" + "9D" * 8_000 + "}",
    "bait for the pattern of moments": CHILD + "states: {issued: {timers: {x: {raise: expire, at: 'expires"
    + " " * 16_000 + "-'}}}}",
    "bait for the pattern of versions": CHILD + "requires: {tokenflow: '" + ">=1," * 4_000 + "'}",
    "bait for the pattern of parents": HEAD + "extends: ./" + "a/" * 8_000 + "\x00",
    "bait for the pattern of removals": CHILD + "remove: ['" + "a." * 8_000 + "']",
    "bait for the pattern of keys": TOKENS.replace("{a:", "{'" + "a/" * 8_000 + "':"),
    "bait for near misses": CHILD + "states: {" + ", ".join(f"s{n}: {{}}" for n in range(99)) + "}\n"
    "everywhere: {" + ", ".join(f"e{n}: {{to: x{n}}}" for n in range(99)) + "}",
    "wrong events, many": CHILD + "events: {" + ", ".join(f"a{n}: {{}}" for n in range(3_000)) + "}\n"
    "everywhere: {" + ", ".join(f"b{n}: {{to: issued}}" for n in range(100)) + "}",
    "most edges there may be": CHILD + "states: {" + ", ".join(f"s{n}: {{usable: true}}" for n in range(90))
    + "}\neverywhere: {" + ", ".join(f"e{n}: [{', '.join(['{to: issued}'] * 20)}]" for n in range(95)) + "}",
    "identities, many": CHILD + "token: {identity: [" + ", ".join(f"a{n}" for n in range(5_000)) + "]}",
    "the same name, many times": CHILD + "token: {identity: [" + ", ".join(["a"] * 8_000) + "]}",
    "removals, many": CHILD + "remove: [" + ", ".join(f"states.a{n}" for n in range(100)) + "]",
}  # fmt: skip
"""Name -> a document that is refused."""

READ: Final[Mapping[str, str | bytes]] = {
    "byte order mark": b"\xef\xbb\xbf" + TOKENS.encode(),
    "CRLF": TOKENS.replace("\n", "\r\n"),
    "CR": TOKENS.replace("\n", "\r"),
    "no end of line": TOKENS.rstrip("\n"),
    "one document with its markers": f"---\n{TOKENS}...\n",
    "everything on one line": json.dumps({
        "apiVersion": "tokenflow/v1", "kind": "Tokens", "metadata": {"name": "mine"},
        "tokens": {f"k{n}": {"lifecycle": "oauth2-app", "acquire": "server"} for n in range(2_000)},
    }),
    "words that YAML 1.1 took for others": CHILD.replace("version: 1.0.0", "version: 1.0.0, labels: "
    "{a: no, b: 0x1F, c: 1:30, d: 012, e: .nan, f: 2026-01-01, g: 1e309, h: =, on: off}"),
    "nested conditions": CHILD + "rules: [{id: x, applies_to: [use], because: Because so., deny_when: ["
    + "{not: " * 14 + "x" + "}" * 14 + "]}]",
    "a long comment": TOKENS + "# " + "x" * 250_000,
    "every letter": TOKENS + "# " + "".join(map(chr, range(0xA0, 0x3000))).replace("\u2028", "").replace(
        "\u2029", ""
    ),
}  # fmt: skip
"""Name -> a document that only looks hostile: it is read."""


def _chain(folder: Path) -> Path:
    (folder / "p0.yaml").write_text(HEAD + "extends: builtin:bearer\n")
    for index in range(1, 60):
        (folder / f"p{index}.yaml").write_text(HEAD + f"extends: ./p{index - 1}.yaml\n")
    return folder / "p59.yaml"


def _circle(folder: Path) -> Path:
    for name, other in (("one", "two"), ("two", "three"), ("three", "one")):
        (folder / f"{name}.yaml").write_text(HEAD + f"extends: ./{other}.yaml\n")
    return folder / "one.yaml"


def _child_of(parent: str) -> Make:
    def make(folder: Path) -> Path:
        (folder / "mine.yaml").write_text(HEAD + f"extends: {parent}\n")
        return folder / "mine.yaml"

    return make


def _linked(target: str) -> Make:
    def make(folder: Path) -> Path:
        (folder / "link.yaml").symlink_to(target)
        return folder / "link.yaml"

    return make


def _linked_parent(folder: Path) -> Path:
    (folder / "parent.yaml").symlink_to("/dev/zero")
    return _child_of("./parent.yaml")(folder)


def _circle_by_link(folder: Path) -> Path:
    (folder / "other.yaml").symlink_to("mine.yaml")
    return _child_of("./other.yaml")(folder)


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.yaml")
    return folder / "pipe.yaml"


def _pipe_as_parent(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.yaml")
    return _child_of("./pipe.yaml")(folder)


def _folder(folder: Path) -> Path:
    (folder / "folder.yaml").mkdir()
    return folder / "folder.yaml"


def _huge_parent(folder: Path) -> Path:
    (folder / "huge.yaml").write_bytes(b"#" * 64_000_000)
    return _child_of("./huge.yaml")(folder)


PLACES: Final[Mapping[str, Make]] = {
    "sixty parents": _chain,
    "a circle of three": _circle,
    "a circle by a link": _circle_by_link,
    "its own parent": _child_of("./mine.yaml"),
    "a parent that is missing": _child_of("./nowhere.yaml"),
    "a parent that is a folder": _child_of("./"),
    "a parent outside": _child_of("../../../../../../etc/passwd"),
    "a parent of 64 MB": _huge_parent,
    "a parent that is a device": _linked_parent,
    "a parent that is a pipe": _pipe_as_parent,
    "a link to nowhere": _linked("nowhere.yaml"),
    "a link to itself": _linked("link.yaml"),
    "a link to a device": _linked("/dev/zero"),
    "a pipe": _pipe,
    "a folder": _folder,
    "a file that is missing": lambda folder: folder / "missing.yaml",
}
"""Name -> a place that is refused."""


def documents(folder: Path) -> Iterator[tuple[str, Path]]:
    """Make every document in *folder*, one after the other."""
    for number, (name, content) in enumerate({**REFUSED, **READ}.items()):
        path = folder / f"{number}.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        yield name, path
    for number, (name, make) in enumerate(PLACES.items()):
        place = folder / f"place{number}"
        place.mkdir()
        yield name, make(place)


def cost(path: Path) -> dict[str, object]:
    """Check *path* in a child and return what was said, and what it took: CPU seconds, and bytes."""
    ear, mouth = os.pipe()
    child = os.fork()
    if child == 0:
        own = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (own + MEMORY, own + MEMORY))
        found = check(path)
        os.write(mouth, json.dumps([one.code for one in found if one.severity == "error"][:50]).encode())
        os._exit(0)
    os.close(mouth)
    with os.fdopen(ear, "rb") as said:
        text = said.read()
    _, status, used = os.wait4(child, 0)
    return {
        "codes": json.loads(text) if status == 0 else None,
        "seconds": used.ru_utime + used.ru_stime,
        "peak": used.ru_maxrss * 1024,
    }


def main(folder: Path) -> None:
    """Print a line for each document, after one for a document that is fine."""
    load("facebook-page")
    (folder / "fine.yaml").write_text(TOKENS)
    for name, path in (("fine", folder / "fine.yaml"), *documents(folder)):
        print(json.dumps({"name": name, **cost(path)}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
