"""What the issuer sent to a story's app, which serves nothing: it is read where the sandbox keeps it.

So a run that was killed finds it again, and a story says when, and how often, a message arrives.
"""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

from tokenflow.core.errors import Refused
from tokenflow.core.news import Message
from tokenflow.core.secret import Secret
from tokenflow.core.signed_request import sign_request
from tokenflow.runner.backstage import Backstage

NOBODY: Final = "http://127.0.0.1:1"
"""Where the sandbox sends messages to: nobody listens there."""
SITE: Final = "https://app.example"
"""Where the app says that it takes them."""
_KINDS: Final = {
    "facebook.deauthorize": "deauthorize",
    "facebook.data_deletion": "data_deletion",
    "facebook.webhook": "permissions",
}
"""What the sandbox calls the messages that a callback takes."""


def open_mailbox(backstage: Backstage) -> None:
    """Have the sandbox send messages to the app."""
    urls = {name: f"{NOBODY}/{name}" for name in ("deauthorize_url", "data_deletion_url", "webhook_url")}
    backstage.admin.change_app(backstage.app_id, **urls)


def sent(backstage: Backstage, use: str, person: str) -> Message:
    """Return the last message that the sandbox sent about *person*; raises Refused (no_message)."""
    found = [row for row in _rows(backstage, use) if row["user_id"] == person]
    if not found:
        raise Refused("no_message", "the issuer has sent no such message", mend="let the person act first")
    return _message(found[-1], found[-1]["body"], use)


def forged(backstage: Backstage, use: str, person: str) -> Message:
    """Return the last message of that kind as a forger would turn it: its signature, and another person.

    Raises Refused (no_message).
    """
    rows = _rows(backstage, use)
    if not rows:
        raise Refused("no_message", "there is no message to forge another by", mend="let a person act first")
    row, body = rows[-1], str(rows[-1]["body"])
    if _KINDS[use] == "permissions":
        changed = {**json.loads(body)["entry"][0], "id": person, "uid": person}
        return _message(row, json.dumps({"object": "permissions", "entry": [changed]}), use)
    signature = parse_qs(body)["signed_request"][0].partition(".")[0]
    payload = {"user_id": person, "issued_at": backstage.admin.now() // 1_000_000}
    said = sign_request(payload, Secret("another")).partition(".")[2]
    return _message(row, urlencode({"signed_request": f"{signature}.{said}"}), use)


def _rows(backstage: Backstage, use: str) -> list[dict[str, Any]]:
    kind, told = _KINDS.get(use), backstage.admin.ledger()["callbacks"]
    return [row for row in told if row["kind"] == kind and row["app_id"] == backstage.app_id]


def _message(row: Mapping[str, Any], body: str, use: str) -> Message:
    return Message(body=body.encode(), headers=row["headers"], url=f"{SITE}/{use.partition('.')[2]}")
