"""Somebody who is handed a token: an HTTPS endpoint on loopback, with a certificate of its own.

It notes what arrives but for the token itself, of which it keeps a fingerprint.
"""

import datetime
import hashlib
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_LONGEST = 64 * 1024


@attrs.define
class Receiver:
    """Where it listens, whom to trust, and what came."""

    url: str
    ca_file: Path
    received: list[dict[str, str]] = attrs.field(factory=list)


def fingerprint(value: str) -> str:
    """Return the first 16 hex digits of a token's SHA-256: enough to compare, useless to present."""
    return hashlib.sha256(value.encode()).hexdigest()[:16]


@contextmanager
def receiving(folder: Path) -> Iterator[Receiver]:
    """Listen for handed-over tokens; the certificate is written into *folder*."""
    ca_file, pem = folder / "receiver-ca.pem", folder / "receiver.pem"
    _certificate(ca_file, pem)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver = Receiver(url=f"https://127.0.0.1:{server.server_address[1]}/tokens", ca_file=ca_file)
    server.receiver = receiver  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, name="tokenflow-receiver", daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = min(int(self.headers.get("content-length", "0")), _LONGEST)
        form = dict(parse_qsl(self.rfile.read(length).decode()))
        token = form.pop("access_token", "")
        server: Any = self.server
        server.receiver.received.append({**form, "fingerprint": fingerprint(token)})
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a request line is not for the terminal."""


def _certificate(ca_file: Path, pem: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tokenflow test receiver")])
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
