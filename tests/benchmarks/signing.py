"""What it costs to verify a signed_request, and to be given a token by the sandbox."""

import base64
import hashlib
import hmac
import http.client
import json
import statistics
import time
from pathlib import Path
from urllib.parse import urlsplit

from joserfc import jws
from joserfc.jwk import OctKey

from tests.benchmarks.sides import Ratio, compare
from tokenflow import Secret, sign_request, signed_payload
from tokenflow.sandbox import AdminClient, Sandbox, serve

SECRET = "897z956a2z7zzzzz5783z458zz3z7556"
PAYLOAD = {"code": "2.AQBotkJAZXUcYwFC.3600.1314813600.1", "issued_at": 1_314_806_655, "user_id": "2905623"}

#: Answers timed, after as many that are not.
ANSWERS = 400


def verification(_: Path) -> Ratio:
    """A signed_request verified and read, against its bare HMAC compared."""
    text, secret = sign_request(PAYLOAD, Secret(SECRET)), Secret(SECRET)
    signature, body = text.split(".")
    key, sent = SECRET.encode(), body.encode()
    expected = base64.urlsafe_b64decode(signature + "=")

    def bare() -> bool:
        return hmac.compare_digest(hmac.new(key, sent, hashlib.sha256).digest(), expected)

    def ours() -> object:
        return signed_payload(text, secret)

    return compare("signed_request: verify", ours, "the bare HMAC, compared", bare, calls=5_000)


def joserfc_verification(_: Path) -> Ratio:
    """The same payload verified by joserfc as a JWS with HS256, against ours."""
    text, secret = sign_request(PAYLOAD, Secret(SECRET)), Secret(SECRET)
    key = OctKey.import_key(SECRET)
    signed = jws.serialize_compact({"alg": "HS256"}, json.dumps(PAYLOAD).encode(), key)

    def theirs() -> object:
        return json.loads(jws.deserialize_compact(signed, key).payload)

    return compare(
        "joserfc: JWS HS256 verify",
        theirs,
        "signed_request: verify",
        lambda: signed_payload(text, secret),
        calls=2_000,
    )


def sandbox_answers() -> dict[str, float]:
    """Return the median milliseconds of three calls to the sandbox, over one kept connection."""
    app, secret = "400800", "a-secret-to-play-with"
    with serve(Sandbox(app_id=app, app_secret=secret, admin_token="admin", any_loopback_redirect=True)) as at:
        admin = AdminClient(at.url, "admin")
        admin.person("1", "Ada")
        token = admin.issue("1", app, "web", ["email"])["access_token"]
        client, grant = f"client_id={app}&client_secret={secret}", "/oauth/access_token?grant_type"
        calls = {
            "app token": f"{grant}=client_credentials&{client}",
            "exchange": f"{grant}=fb_exchange_token&{client}&fb_exchange_token={token}",
            "debug_token": f"/debug_token?input_token={token}&access_token={app}|{secret}",
        }
        connection = http.client.HTTPConnection(urlsplit(at.url).netloc)
        try:
            return {name: _median(connection, path) for name, path in calls.items()}
        finally:
            connection.close()


def _median(connection: http.client.HTTPConnection, path: str) -> float:
    times = []
    for _ in range(2 * ANSWERS):
        start = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        times.append(time.perf_counter() - start)
        if answer.status != 200:
            raise RuntimeError(f"the sandbox answered {answer.status}")
    return statistics.median(times[ANSWERS:]) * 1000
