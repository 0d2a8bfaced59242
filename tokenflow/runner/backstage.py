"""The issuer's side of a scenario: a sandbox of our own, or one that runs elsewhere.

People and the issuer act here, through the sandbox's admin API; the engine learns of it only through
answers and callbacks (ruling 28).
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import attrs

from tokenflow.core.errors import (
    AnswerNotUnderstood,
    IssuerError,
    IssuerRefused,
    IssuerUnreachable,
    MissingExtra,
    Refused,
    SecretNotFound,
)
from tokenflow.core.moments import duration
from tokenflow.core.tokens import SECOND, Instant
from tokenflow.runner.story import Story
from tokenflow.sandbox import AdminClient, AdminRefused, Sandbox, SandboxExtraMissing, serve

ADMIN_TOKEN: Final = "TOKENFLOW_SANDBOX_ADMIN_TOKEN"  # noqa: S105  # the variable's name
REDIRECT_URI: Final = "http://127.0.0.1/callback"
_APP_ID: Final = "1234567890"


class SandboxLost(Exception):
    """The sandbox cannot be acted on. No step's outcome: the run stops, with *error*."""

    def __init__(self, error: IssuerError) -> None:
        super().__init__(str(error))
        self.error = error


class Director(AdminClient):
    """The admin client of a run: what the sandbox refuses is a step's outcome, else it is SandboxLost."""

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, step: str | None = None
    ) -> dict[str, Any]:
        try:
            return super()._ask(method, path, body, step)
        except AdminRefused as no:
            if no.status != 401:
                raise Refused("sandbox_refused", str(no)) from None
            mend = "is it the token that the sandbox printed?"
            refused = IssuerRefused(f"{self.url}: {no}", status=no.status, facts={}, mend=mend)
            raise SandboxLost(refused) from None
        except (OSError, HTTPException):
            raise SandboxLost(IssuerUnreachable(f"no sandbox answers at {self.url}", sent=False)) from None
        except ValueError:
            raise SandboxLost(AnswerNotUnderstood(f"what answers at {self.url} is no sandbox")) from None


@attrs.frozen(kw_only=True)
class Backstage:
    """A sandbox and the app that is registered there."""

    url: str
    admin: AdminClient = attrs.field(repr=False)
    app_id: str
    app_secret: str | None = attrs.field(repr=False)
    """None: the app was registered by whoever runs the sandbox; the spec's own references hold its secret."""
    client_token: str | None = attrs.field(repr=False)
    key: str = attrs.field(repr=False)
    """What secrets of further clients are made from, the same again after a restart."""

    @property
    def admin_of_the_business(self) -> str | None:
        """A token that may make tokens for system users: the app's own, written as id and secret."""
        return None if self.app_secret is None else f"{self.app_id}|{self.app_secret}"

    def client_secret(self, client_id: str) -> str:
        """Return the secret an OAuth client of this run has."""
        return hashlib.sha256(f"{self.key}|{client_id}".encode()).hexdigest()

    def set_up(self, story: Story, step: str) -> None:
        """Put everyone in place; doing it twice changes nothing."""
        if story.app:
            self.admin.change_app(self.app_id, **story.app)
        world = story.world
        for name, person in world.get("people", {}).items():
            self.admin.person(person["id"], person.get("name", name), step=f"{step}:person:{name}")
        for name, page in world.get("pages", {}).items():
            title, category = page.get("name", name), page.get("category", "Community")
            self.admin.page(page["id"], title, category, step=f"{step}:page:{name}")
            for who, perms in page.get("roles", {}).items():
                person_id = world["people"][who]["id"]
                self.admin.role(page["id"], person_id, perms, step=f"{step}:role:{name}:{who}")
        for name, user in world.get("system_users", {}).items():
            business = user.get("business_id", "1")
            self.admin.system_user(user["id"], name, business, self.app_id, step=f"{step}:system:{name}")
        for client_id, client in world.get("clients", {}).items():
            self.admin.client(client_id, step=f"{step}:client:{client_id}", **self._client(client_id, client))

    def _client(self, client_id: str, client: Mapping[str, Any]) -> dict[str, Any]:
        named = ("grace", "expires_in", "refresh_expires_in")
        spans = {name: duration(client[name]) // SECOND for name in named if name in client}
        return {
            "client_secret": self.client_secret(client_id),
            "redirect_uris": [REDIRECT_URI],
            "rotation": client.get("rotation", "none"),
            **spans,
        }

    def enter(
        self, person: str, url: str, user_code: str, *, deny: bool, decline: list[str], step: str
    ) -> None:
        """Have a person enter a device's code at *url*, and decide there."""
        page = f"{url}?{urlencode({'user_code': user_code})}"
        self.admin.approve(person, page, deny=deny, decline=decline, step=f"{step}:{user_code}")

    def decide(self, person: str, url: str, *, deny: bool, decline: list[str], step: str) -> dict[str, str]:
        """Take a person's decision in the dialog at *url* and return the parameters that come back."""
        page = hashlib.sha256(url.encode()).hexdigest()[:12]
        location = self.admin.approve(person, url, deny=deny, decline=decline, step=f"{step}:{page}")
        parts = urlsplit(location)
        return dict(parse_qsl(parts.query)) | dict(parse_qsl(parts.fragment))


@contextmanager
def own_sandbox(start: Instant) -> Iterator[Backstage]:
    """Run a sandbox in this process, on a free port, its clock standing at *start*; raises MissingExtra."""
    with ExitStack() as stack:
        try:
            running = stack.enter_context(
                serve(Sandbox(app_id=_APP_ID, now=start, any_loopback_redirect=True))
            )
        except SandboxExtraMissing as missing:
            raise MissingExtra(str(missing)) from None
        yield Backstage(
            url=running.url,
            admin=Director(running.url, running.admin_token),
            app_id=running.app_id,
            app_secret=running.app_secret,
            client_token=running.client_token,
            key=running.admin_token,
        )


@contextmanager
def other_sandbox(url: str, app_id: str) -> Iterator[Backstage]:
    """Use a sandbox that runs elsewhere; its admin token is read from TOKENFLOW_SANDBOX_ADMIN_TOKEN."""
    admin_token = os.environ.get(ADMIN_TOKEN)
    if not admin_token:
        raise SecretNotFound(
            f"a scenario acts on the sandbox at {url}, and ${ADMIN_TOKEN} is not set",
            mend="`tokenflow sandbox` prints it when it starts; without --issuer the run makes its own",
        )
    admin = Director(url, admin_token)
    yield Backstage(url=url, admin=admin, app_id=app_id, app_secret=None, client_token=None, key=admin_token)
