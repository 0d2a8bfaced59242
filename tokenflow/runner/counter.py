"""Where tickets are redeemed in a story: the application's HTTPS endpoint on loopback, and a phone before it.

The endpoint has a certificate of its own, which the phone trusts and nobody else does. Of a token that was
given the phone keeps a fingerprint.
"""

import datetime
import hashlib
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tokenflow.core.errors import IssuerUnreachable, Refused, TokenflowError
from tokenflow.core.secret import Secret

PATH: Final = "/tickets"
_LONGEST: Final = 4096
_PATIENCE: Final = 30.0
_POLL: Final = 0.05
"""Seconds after which an order to close is seen: every run waits for half of them."""
_SECRET: Final = ("access_token", "code")

Redeem = Callable[[Secret, str, str], Mapping[str, str]]
"""Given a ticket, the origin that shows it and an event id, what is given for it; raises TokenflowError."""


@attrs.define
class Counter:
    """Where it listens, and whom to trust."""

    port: int
    ca_file: Path
    redeem: Redeem | None = None
    """None: it is closed."""
    fault: BaseException | None = None
    """What came instead of a yes or a no: it is the story's, and is raised where the ticket was shown."""

    @property
    def url(self) -> str:
        """Where a ticket is shown."""
        return f"https://127.0.0.1:{self.port}{PATH}"


def fingerprint(value: str) -> str:
    """Return the first 16 hex digits of a token's SHA-256: enough to compare, useless to present."""
    return hashlib.sha256(value.encode()).hexdigest()[:16]


def shown(counter: Counter, ticket: Secret, origin: str, event_id: str) -> dict[str, str]:
    """Show a *ticket* as `given` does, and return what it got, as fingerprints."""
    found = given(counter, ticket, origin, event_id)
    return {name: fingerprint(value) if name in _SECRET else value for name, value in found.items()}


def given(counter: Counter, ticket: Secret, origin: str, event_id: str) -> dict[str, str]:
    """Show a *ticket* at the *counter*, as a phone at *origin* does; return what it got.

    Raises Refused with the counter's own code, IssuerUnreachable.
    """
    trust = ssl.create_default_context(cafile=str(counter.ca_file))
    line = HTTPSConnection("127.0.0.1", counter.port, context=trust, timeout=_PATIENCE)
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "origin": origin,
        "x-request-id": event_id,
    }
    try:
        line.request("POST", PATH, urlencode({"ticket": ticket.reveal()}), headers)
        answer = line.getresponse()
        found: dict[str, str] = json.loads(answer.read(_LONGEST))
    except (OSError, HTTPException, ValueError) as error:
        raise IssuerUnreachable(f"the counter: {type(error).__name__}", sent=True) from None
    finally:
        line.close()
        fault, counter.fault = counter.fault, None
        if fault is not None:
            raise fault
    if answer.status != 200:
        raise Refused(found["error"], "the ticket gave nothing")
    return found


@contextmanager
def counting(folder: Path) -> Iterator[Counter]:
    """Open a counter; its certificate is written into *folder*."""
    ca_file, pem = folder / "counter-ca.pem", folder / "counter.pem"
    _certificate(ca_file, pem)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    counter = Counter(port=server.server_address[1], ca_file=ca_file)
    server.counter = counter  # type: ignore[attr-defined]
    serve = partial(server.serve_forever, poll_interval=_POLL)
    thread = threading.Thread(target=serve, name="tokenflow-counter", daemon=True)
    thread.start()
    try:
        yield counter
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = min(int(self.headers.get("content-length", "0")), _LONGEST)
        form = dict(parse_qsl(self.rfile.read(length).decode("utf-8", "replace")))
        server: Any = self.server
        counter: Counter = server.counter
        ticket, origin = Secret(form.get("ticket", "")), self.headers.get("origin", "")
        try:
            if counter.redeem is None or self.path != PATH:
                raise Refused("not_here", "nothing is redeemed here")
            given = counter.redeem(ticket, origin, self.headers.get("x-request-id", ""))
        except TokenflowError as no:
            self._answer(400, {"error": no.code})
        except BaseException as fault:  # noqa: BLE001  # a thread of the server's is nobody's to fail in
            counter.fault = fault
            self._answer(500, {"error": "fault"})
        else:
            self._answer(200, given)

    def _answer(self, status: int, said: Mapping[str, str]) -> None:
        body = json.dumps(dict(said)).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a request line is not for the terminal."""


def _certificate(ca_file: Path, pem: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tokenflow test counter")])
    now, here = datetime.datetime.now(datetime.UTC), ipaddress.ip_address("127.0.0.1")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(here)]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    ca_file.write_bytes(public)
    pem.touch(0o600)
    pem.write_bytes(private + public)
