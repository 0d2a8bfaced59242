"""What the authority tells an app by itself: deauthorized, data to delete, permissions changed.

Events only write a notice; it is sent when the request that caused it has let go of the world, and before
that request is answered, so that a test which removed the app knows that the app was told.
"""

import hashlib
import hmac
import json
import urllib.error
import urllib.request
from email.message import Message
from typing import IO
from urllib.parse import urlencode

from attrs import field, frozen

from tokenflow.sandbox.clock import SECOND
from tokenflow.sandbox.redirects import is_loopback
from tokenflow.sandbox.signing import signed_request
from tokenflow.sandbox.world import App, Notice, World

#: Seconds an app may take to answer.
PATIENCE = 5.0

#: Bytes of an app's answer that are read.
_LONGEST = 1 << 16


@frozen(kw_only=True)
class Delivery:
    """A notice that was sent. `status` is None when nobody answered in time."""

    kind: str
    app_id: str
    user_id: str
    url: str
    status: int | None
    #: What was sent, as it was signed: a test whose app serves nothing hands it to the app itself.
    body: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    #: The JSON object the app answered, if it did: `url` and `confirmation_code` of a deletion.
    answer: dict[str, object] | None = field(default=None, repr=False)


def deauthorized(world: World, app: App, user_id: str) -> None:
    """Write down that *user_id* removed the app."""
    payload = {"user_id": user_id, "issued_at": world.clock.now() // SECOND}
    _signed(world, app, "deauthorize", app.deauthorize_url, payload)
    changed(world, app, user_id, ("connected",), "revoked")


def deletion_asked(world: World, app: App, user_id: str) -> None:
    """Write down that *user_id* wants their data deleted; the question stands for an hour."""
    now = world.clock.now() // SECOND
    payload = {"user_id": user_id, "issued_at": now, "expires": now + 3600}
    _signed(world, app, "data_deletion", app.data_deletion_url, payload)


def changed(world: World, app: App, user_id: str, fields: tuple[str, ...], verb: str) -> None:
    """Write down that permissions were `granted` or `revoked`, signed as a webhook is."""
    if app.webhook_url is None or not fields:
        return
    value = {"verb": verb, "target_ids": [user_id]}
    changes = [{"field": name, "value": value} for name in fields]
    entry = {"id": user_id, "uid": user_id, "time": world.clock.now() // SECOND, "changes": changes}
    body = json.dumps({"object": "permissions", "entry": [entry]}).encode()
    signature = hmac.new(app.app_secret.encode(), body, hashlib.sha256).hexdigest()
    headers = (("content-type", "application/json"), ("x-hub-signature-256", f"sha256={signature}"))
    world.outbox.append(
        Notice(
            kind="permissions",
            app_id=app.app_id,
            user_id=user_id,
            url=app.webhook_url,
            body=body,
            headers=headers,
        )
    )


def taken(world: World) -> list[Notice]:
    """Return the notices that wait, and forget them."""
    with world.lock:
        waiting, world.outbox[:] = list(world.outbox), []
    return waiting


def deliver(notice: Notice) -> Delivery:
    """Send *notice*, once, to loopback and nowhere else."""
    status, answer = (None, None) if not is_loopback(notice.url) else _sent(notice)
    return Delivery(
        kind=notice.kind,
        app_id=notice.app_id,
        user_id=notice.user_id,
        url=notice.url.partition("?")[0],
        status=status,
        body=notice.body.decode(),
        headers=dict(notice.headers),
        answer=answer,
    )


def _signed(world: World, app: App, kind: str, url: str | None, payload: dict[str, object]) -> None:
    if url is None:
        return
    body = urlencode({"signed_request": signed_request(app.app_secret, payload)}).encode()
    headers = (("content-type", "application/x-www-form-urlencoded"),)
    user_id = str(payload["user_id"])
    world.outbox.append(
        Notice(kind=kind, app_id=app.app_id, user_id=user_id, url=url, body=body, headers=headers)
    )


def _sent(notice: Notice) -> tuple[int | None, dict[str, object] | None]:
    request = urllib.request.Request(notice.url, notice.body, dict(notice.headers))  # noqa: S310
    try:
        with _OPENER.open(request, timeout=PATIENCE) as response:
            return response.status, _read(response.read(_LONGEST))
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, None
    except OSError:
        return None, None


def _read(body: bytes) -> dict[str, object] | None:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


class _Unmoved(urllib.request.HTTPRedirectHandler):
    """A notice goes where the app's settings say; an answer cannot send it elsewhere."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Unmoved())
