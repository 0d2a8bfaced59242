"""A small client of the admin API, on the standard library alone."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

Answer = dict[str, Any]


class AdminRefused(Exception):
    """The admin API said no; `status` and `body` say what."""

    def __init__(self, status: int, body: Answer) -> None:
        super().__init__(f"the sandbox answered {status}: {body.get('error', body)}")
        self.status = status
        self.body = body


@frozen
class AdminClient:
    """Act on a sandbox in place of people, administrators, time and bad luck.

    Whatever changes something takes a *step*: a name under which the sandbox acts once and then repeats
    its first answer, so that a step may be sent again after a crash.
    """

    url: str
    admin_token: str = field(repr=False)

    def now(self) -> int:
        """Return the sandbox's instant, UTC microseconds."""
        return int(self._ask("GET", "clock")["now"])

    def set_clock(self, now: int, *, step: str | None = None) -> int:
        """Make it *now*, UTC microseconds."""
        return int(self._ask("POST", "clock", {"now": now}, step)["now"])

    def advance(self, seconds: float, *, step: str | None = None) -> int:
        """Move the clock forward by *seconds*; return the new instant."""
        return int(self._ask("POST", "clock", {"advance": seconds}, step)["now"])

    def rotate_key(self, *, step: str | None = None) -> str:
        """Have identity tokens signed with another key, the old one withdrawn; return the new key's id."""
        return str(self._ask("POST", "signing_key", {}, step)["kid"])

    def app(self, *, step: str | None = None, **fields: Any) -> Answer:
        """Create or replace an app: app_id, app_secret, client_token, and what `App` has besides."""
        return self._ask("POST", "apps", fields, step)

    def change_app(self, app_id: str, **fields: Any) -> Answer:
        """Change fields of an app; a new app_secret is a secret reset."""
        return self._ask("PATCH", f"apps/{app_id}", fields)

    def person(self, id: str, name: str, *, step: str | None = None) -> Answer:
        """Create a person."""
        return self._ask("POST", "people", {"id": id, "name": name}, step)

    def password(self, person: str, *, step: str | None = None) -> Answer:
        """Change a person's password (460)."""
        return self._ask("POST", f"people/{person}/password", {}, step)

    def checkpoint(self, person: str, *, on: bool, step: str | None = None) -> Answer:
        """Suspend a person's tokens (459), or let them back."""
        return self._ask("POST", f"people/{person}/checkpoint", {"on": on}, step)

    def logout(self, person: str, *, everywhere: bool = False, step: str | None = None) -> Answer:
        """Log a person out (467); `everywhere` ends long-lived tokens too."""
        return self._ask("POST", f"people/{person}/logout", {"everywhere": everywhere}, step)

    def remove_app(self, person: str, app_id: str, *, step: str | None = None) -> Answer:
        """Let a person remove an app (458)."""
        return self._ask("POST", f"people/{person}/remove_app", {"app_id": app_id}, step)

    def delete_data(self, person: str, app_id: str, *, step: str | None = None) -> Answer:
        """Let a person ask an app to delete their data; the app's answer is in the ledger."""
        return self._ask("POST", f"people/{person}/delete_data", {"app_id": app_id}, step)

    def revoke_permissions(
        self, person: str, app_id: str, scope: Sequence[str], *, step: str | None = None
    ) -> Answer:
        """Let a person take permissions back; the tokens live on with less."""
        body = {"app_id": app_id, "revoke": list(scope)}
        return self._ask("POST", f"people/{person}/permissions", body, step)

    def forget_permissions(
        self, person: str, app_id: str, scope: Sequence[str], *, step: str | None = None
    ) -> Answer:
        """Let permissions end that were not used for 90 days; the tokens live on with less."""
        body = {"app_id": app_id, "expire": list(scope)}
        return self._ask("POST", f"people/{person}/permissions", body, step)

    def page(
        self, id: str, name: str, category: str = "Product/service", *, step: str | None = None
    ) -> Answer:
        """Create a page."""
        return self._ask("POST", "pages", {"id": id, "name": name, "category": category}, step)

    def role(self, page: str, person: str, perms: Sequence[str], *, step: str | None = None) -> Answer:
        """Give a person a role on a page; no perms is a role lost (492)."""
        return self._ask("POST", f"pages/{page}/roles", {"person": person, "perms": list(perms)}, step)

    def approve(
        self,
        person: str,
        url: str,
        *,
        deny: bool = False,
        decline: Sequence[str] = (),
        step: str | None = None,
    ) -> str:
        """Decide in the dialog at *url* as that person; return where the browser would be sent."""
        body = {"url": url, "deny": deny, "decline": list(decline)}
        return str(self._ask("POST", f"people/{person}/approve", body, step)["location"])

    def issue(
        self,
        person: str,
        app_id: str,
        platform: str,
        scope: Sequence[str] = (),
        *,
        decline: Sequence[str] = (),
        long: bool | None = None,
        nonce: str | None = None,
        step: str | None = None,
    ) -> Answer:
        """Log in on `javascript`, `android` or `ios`; return what that platform's SDK receives.

        With a *nonce* it is a Limited Login as well: `id_token` and `nonce` come with it.
        """
        body: Answer = {
            "app_id": app_id,
            "platform": platform,
            "scope": list(scope),
            "decline": list(decline),
        }
        if long is not None:
            body["long"] = long
        if nonce is not None:
            body["nonce"] = nonce
        return self._ask("POST", f"people/{person}/issue", body, step)

    def system_user(
        self, id: str, name: str, business_id: str, app_id: str | None, *, step: str | None = None
    ) -> Answer:
        """Create a system user of a business; the app, if one is named, is installed for it."""
        body = {"id": id, "name": name, "business_id": business_id}
        if app_id is not None:
            body["app_id"] = app_id
        return self._ask("POST", "system_users", body, step)

    def remove_system_user(self, id: str, *, step: str | None = None) -> Answer:
        """Let the business remove a system user; its tokens end."""
        return self._ask("POST", f"system_users/{id}/remove", {}, step)

    def client(self, client_id: str, *, step: str | None = None, **fields: Any) -> Answer:
        """Create or replace a client of the OAuth face: client_secret, redirect_uris, rotation, ..."""
        return self._ask("POST", "oauth2/clients", {"client_id": client_id, **fields}, step)

    def change_client(self, client_id: str, **fields: Any) -> Answer:
        """Change fields of a client."""
        return self._ask("PATCH", f"oauth2/clients/{client_id}", fields)

    def fault(self, path: str, kind: str, *, step: str | None = None, **order: Any) -> Answer:
        """Order a fault: times, status, retry_after (s), seconds, body, method, code (of a rate limit)."""
        return self._ask("POST", "faults", {"path": path, "kind": kind, **order}, step)

    def faults(self) -> list[Answer]:
        """Return the orders that stand, with the `times` that are left; each may be given to `fault`."""
        return list(self._ask("GET", "faults")["faults"])

    def clear_faults(self) -> Answer:
        """Take every order back."""
        return self._ask("DELETE", "faults")

    def outage(self, *, on: bool, step: str | None = None) -> Answer:
        """Close everything but the admin API, or open it again."""
        return self._ask("POST", "outage", {"on": on}, step)

    def ledger(self) -> Answer:
        """Return `requests`, `tokens`, and `callbacks`: what apps were told, with what they answered."""
        return self._ask("GET", "ledger")

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, step: str | None = None
    ) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/admin/{path}", data, method=method)  # noqa: S310
        request.add_header("Authorization", f"Bearer {self.admin_token}")
        request.add_header("Content-Type", "application/json")
        if step is not None:
            request.add_header("Idempotency-Key", step)
        try:
            # No proxy out of the environment may see an admin token.
            with _OPENER.open(request, timeout=30) as response:
                answer: Answer = json.load(response)
                return answer
        except urllib.error.HTTPError as refused:
            with refused:
                raise AdminRefused(refused.code, json.load(refused)) from None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
