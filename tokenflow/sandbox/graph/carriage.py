"""Find the access token a call carries, and say whose it is."""

from attrs import field, frozen

from tokenflow.sandbox import deaths, tokens
from tokenflow.sandbox.signing import appsecret_proof, same
from tokenflow.sandbox.wire import Call
from tokenflow.sandbox.world import App, Token, World

from . import refusals


@frozen(kw_only=True)
class Bearer:
    """Who is calling: `user`, `page`, `system_user`, `app` or `client`."""

    kind: str
    app: App
    #: As it was sent; a proof is made over exactly this.
    value: str = field(repr=False)
    #: None for `APP_ID|APP_SECRET` and `APP_ID|CLIENT_TOKEN`, which nobody issued.
    token: Token | None = None

    @property
    def user_id(self) -> str | None:
        """The person or system user behind the token."""
        return None if self.token is None else self.token.user_id


def carried(call: Call) -> str | None:
    """Return the token as sent: parameter, `Bearer` or `OAuth` (RFC 6750 §2, facebook.md §10)."""
    value = call.get("access_token")
    if value:
        return value
    scheme, _, rest = call.headers.get("authorization", "").partition(" ")
    return rest.strip() or None if scheme.lower() in {"bearer", "oauth"} else None


def required(world: World, call: Call) -> Bearer:
    """Return who is calling, or refuse: no token, no token of ours, a dead one, a wrong proof."""
    value = carried(call)
    if value is None:
        raise refusals.no_token()
    bearer = judged(world, value)
    check_proof(bearer, call.get("appsecret_proof"))
    return bearer


def required_user(world: World, call: Call) -> tuple[Bearer, Token]:
    """Return who is calling when it must be a person, a system user or a page."""
    if carried(call) is None:
        raise refusals.no_active_user()
    bearer = required(world, call)
    if bearer.token is None or bearer.kind == "app":
        raise refusals.no_active_user()
    return bearer, bearer.token


def judged(world: World, value: str) -> Bearer:
    """Return whose token *value* is, or refuse it."""
    bearer = named(world, value)
    if bearer is None:
        raise refusals.unknown_token()
    if bearer.token is not None:
        death = tokens.death_of(world, bearer.token)
        if death is not None:
            raise refusals.dead_token(death)
    # A binary holds its secret for all to read, so such an app's token counts as none (SEED; §9).
    if bearer.kind == "app" and bearer.app.type in {"native", "desktop"}:
        raise refusals.no_token()
    return bearer


def named(world: World, value: str) -> Bearer | None:
    """Return whose token *value* is, alive or dead; None when it is no token of ours."""
    token = tokens.find(world, value)
    if token is not None and token.face == "graph":
        app = world.apps.get(token.app_id)
        if app is None:
            raise refusals.dead_token(deaths.APP_GONE)
        return Bearer(kind=token.kind, app=app, value=value, token=token)
    app_id, bar, rest = value.partition("|")
    app = world.apps.get(app_id)
    # The two composite forms look alike; only the second half tells them apart (facebook.md §1.8).
    if bar and app is not None and same(rest, app.app_secret):
        return Bearer(kind="app", app=app, value=value)
    if bar and app is not None and same(rest, app.client_token):
        return Bearer(kind="client", app=app, value=value)
    return None


def check_proof(bearer: Bearer, proof: str | None) -> None:
    """Verify a proof whenever one is there, and miss it only when the app requires it."""
    if proof is None:
        if bearer.app.require_appsecret_proof:
            raise refusals.missing_proof()
        return
    if not same(proof, appsecret_proof(bearer.app.app_secret, bearer.value)):
        raise refusals.bad_proof()
