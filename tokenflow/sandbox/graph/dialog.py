"""`dialog/oauth`: a person lets an app in, or does not (facebook.md §1.2)."""

import json
import re
from collections.abc import Mapping

from attrs import evolve, field, frozen

from tokenflow.sandbox import codes, events, redirects, tokens
from tokenflow.sandbox.browser import origins, sessions
from tokenflow.sandbox.clock import SECOND, epoch_seconds
from tokenflow.sandbox.consent import consent_page, error_page
from tokenflow.sandbox.errors import AdminError, GraphError
from tokenflow.sandbox.signing import signed_request
from tokenflow.sandbox.wire import (
    Call,
    Pairs,
    Reply,
    html_reply,
    in_fragment,
    in_query,
    listed,
    redirect,
    truth,
)
from tokenflow.sandbox.world import App, Code, Consent, Person, Token, World

from . import refusals
from .identity import identity_token

#: Anything asked for beyond these brings the whole answer into the fragment.
_IN_QUERY = frozenset({"code", "granted_scopes"})


@frozen(kw_only=True)
class Ask:
    """What an app asks of a person, read and found to be in order."""

    app: App
    redirect_uri: str
    state: str | None = field(repr=False)
    response_type: frozenset[str]
    scope: tuple[str, ...]
    #: `auth_type=rerequest`: ask again for what was declined.
    ask_again: bool
    return_scopes: bool
    nonce: str | None = field(repr=False)
    code_challenge: str | None = field(repr=False)
    platform: str
    #: `auth_type` and `auth_nonce`: an app asks later whether they were this login's.
    login: Mapping[str, str] = field(factory=dict, repr=False)

    @property
    def long_lived(self) -> bool:
        """Say whether the login gives a long-lived token: on phones it does (SEED)."""
        return self.platform in {"android", "ios"}


def dialog(world: World, call: Call) -> Reply:
    """Show the form, or take the decision that the form sends."""
    try:
        ask = read(world, call)
        session = sessions.present(world, call)
        named = call.get("sandbox_person") or call.get("person")
        first = events.someone(world, named or (None if session is None else session.person_id))
    except (GraphError, AdminError) as refused:
        return _error_reply(call, refused)
    if call.method == "POST" and call.get("decision") == "deny":
        return redirect(deny(ask), error="access_denied")
    by_itself = world.auto_approve and not ask.app.force_reauthentication
    if by_itself or (call.method == "POST" and call.get("decision") == "approve"):
        sent = redirect(approve(world, ask, first, declined=call.all("decline")))
        cookie = sessions.cookie_header(sessions.begin(world, first.id))
        return evolve(sent, headers=(*sent.headers, cookie))
    # Whoever this browser belongs to stands first, and is chosen unless they choose otherwise.
    people = (first, *(each for each in world.people.values() if each.id != first.id))
    return html_reply(consent_page(title="Log in", app_name=ask.app.name, people=people, scope=ask.scope))


def read(world: World, call: Call) -> Ask:
    """Read the request; what is wrong with it is shown to the person, never sent to the redirect URI."""
    client_id = call.get("client_id") or call.get("app_id")
    if not client_id:
        raise GraphError("The parameter app_id is required", code=101)
    app = world.apps.get(client_id)
    if app is None:
        raise refusals.bad_client_id()
    uri = call.get("redirect_uri") or ""
    _check_switches(call, app, uri)
    from_sdk = origins.is_arbiter(call.base, uri) and origins.allowed(app, origins.origin_in(uri))
    if not from_sdk and not redirects.allowed_for_app(world, app, uri):
        text = "URL Blocked: the redirect URI is not among the app's Valid OAuth Redirect URIs"
        raise GraphError(text, code=191)
    response_type = frozenset(re.split(r"[\s,]+", (call.get("response_type") or "code").strip()))
    if not response_type & {"code", "token", "signed_request", "id_token", "token_or_nonce"}:
        raise refusals.bad_parameter("Invalid response_type parameter")
    challenge = call.get("code_challenge")
    if challenge is not None and (call.get("code_challenge_method") or "S256") != "S256":
        raise refusals.bad_parameter("code_challenge_method must be S256")
    return Ask(
        app=app,
        redirect_uri=uri,
        state=call.get("state"),
        response_type=response_type,
        scope=listed(call.get("scope")),
        ask_again=call.get("auth_type") == "rerequest",
        return_scopes=truth(call.get("return_scopes")) or "granted_scopes" in response_type,
        nonce=call.get("nonce"),
        code_challenge=challenge,
        platform=_platform(call, uri),
        login={name: told for name in ("auth_type", "auth_nonce") if (told := call.get(name))},
    )


def _check_switches(call: Call, app: App, uri: str) -> None:
    """Refuse what the app's settings switch off (facebook.md §9)."""
    if not app.client_oauth_login:
        raise refusals.no_capability("Client OAuth Login is off")
    if not app.web_oauth_login and not redirects.is_mobile(uri):
        raise refusals.no_capability("Web OAuth Login is off")
    if not app.js_login and (_platform(call, uri) == "javascript"):
        raise refusals.no_capability("Login with the JavaScript SDK is off")


def browser_ask(app: App, consent: Consent) -> Ask:
    """Return the question a browser's own renewal answers: what was granted, by nobody's new decision."""
    return Ask(
        app=app,
        redirect_uri="",
        state=None,
        response_type=frozenset({"token", "signed_request"}),
        scope=consent.of("granted"),
        ask_again=False,
        return_scopes=True,
        nonce=None,
        code_challenge=None,
        platform="javascript",
    )


def approve(world: World, ask: Ask, person: Person, *, declined: tuple[str, ...] = ()) -> str:
    """Let the app in and return where the browser goes with the answer."""
    if not _may_log_in(ask.app, person):
        # An old form of its own: no `error`, no `state` (facebook.md §1.2).
        return in_query(ask.redirect_uri, (("error_code", "901"), ("error_message", _IN_DEVELOPMENT)))
    consent = events.consent_to(
        world, person.id, ask.app.app_id, asked=ask.scope, declined=declined, ask_again=ask.ask_again
    )
    fragment = not ask.response_type <= _IN_QUERY
    pairs = _answer(world, ask, person, consent)
    return (in_fragment if fragment else in_query)(ask.redirect_uri, (*pairs, *_state(ask)))


_IN_DEVELOPMENT = (
    "This app is in sandbox mode. Edit the app configuration at http://developers.facebook.com/apps "
    "to make the app publicly visible."
)


def _may_log_in(app: App, person: Person) -> bool:
    return app.mode == "live" or person.id in app.developers or person.test_user_of == app.app_id


def deny(ask: Ask) -> str:
    """Return where the browser goes with a no."""
    pairs: Pairs = (
        ("error", "access_denied"),
        ("error_code", "200"),
        ("error_reason", "user_denied"),
        ("error_description", "Permissions error"),
    )
    # A redirect URI that already speaks in its fragment (the browser SDK's) is answered there.
    put = in_fragment if "#" in ask.redirect_uri else in_query
    return put(ask.redirect_uri, (*pairs, *_state(ask)))


def issue_login_code(world: World, ask: Ask, person: Person, consent: Consent, redirect_uri: str) -> Code:
    """Make the code of a login, for *redirect_uri* or (empty) for a signed_request."""
    return codes.issue_code(
        world,
        face="graph",
        app_id=ask.app.app_id,
        user_id=person.id,
        redirect_uri=redirect_uri,
        scope=consent.of("granted"),
        code_challenge=ask.code_challenge if redirect_uri else None,
        nonce=ask.nonce,
        platform=ask.platform,
        long_lived=ask.long_lived,
        login=ask.login,
    )


def _answer(world: World, ask: Ask, person: Person, consent: Consent) -> Pairs:
    pairs: list[tuple[str, str]] = []
    wanted = ask.response_type
    if "code" in wanted:
        pairs.append(("code", issue_login_code(world, ask, person, consent, ask.redirect_uri).value))
    if wanted & {"token", "token_or_nonce"}:
        token = _token(world, ask, person, consent)
        pairs += token_pairs(world, token)
    if "id_token" in wanted:
        bearer = _token(world, ask, person, consent)
        pairs.append(("id_token", identity_token(world, ask.app, bearer, ask.nonce or "")))
    if wanted & {"user_token_nonce", "token_or_nonce"} and ask.platform == "ios" and "id_token" not in wanted:
        pairs.append(("user_token_nonce", _nonce(world, ask, person, consent)))
    if "signed_request" in wanted:
        pairs.append(("signed_request", login_signed_request(world, ask, person, consent)))
    if "graph_domain" in wanted:
        pairs.append(("graph_domain", "facebook"))
    if ask.return_scopes:
        pairs.append(("granted_scopes", ",".join(consent.of("granted"))))
        pairs.append(("denied_scopes", ",".join(consent.of("declined"))))
    if ask.platform == "javascript" and "token" in wanted:
        pairs.append(("long_lived_token", sessions.begin(world, person.id, ask.app.app_id)))
    return tuple(pairs)


def login_signed_request(world: World, ask: Ask, person: Person, consent: Consent) -> str:
    """Return what the SDK's cookie holds: a code bound to the empty redirect URI, and who logged in (§2)."""
    code = issue_login_code(world, ask, person, consent, "")
    issued_at = world.clock.now() // SECOND
    payload = {"code": code.value, "issued_at": issued_at, "user_id": person.id}
    return signed_request(ask.app.app_secret, payload)


def token_pairs(world: World, token: Token) -> Pairs:
    """Write a token as the fragment does: `expires_in` from now, data access as epoch seconds (§11)."""
    now = world.clock.now()
    left = 0 if token.expires_at is None else (token.expires_at - now) // SECOND
    data_access = token.data_access_expires_at or now
    return (
        ("access_token", token.value),
        ("expires_in", str(left)),
        ("data_access_expiration_time", str(epoch_seconds(token.data_access_expires_at))),
        ("reauthorize_required_in", str((data_access - now) // SECOND)),
    )


def _token(world: World, ask: Ask, person: Person, consent: Consent) -> Token:
    return tokens.issue_user_token(
        world,
        ask.app,
        person.id,
        scope=consent.of("granted"),
        platform=ask.platform,
        long_lived=ask.long_lived,
        login=ask.login,
    )


def _nonce(world: World, ask: Ask, person: Person, consent: Consent) -> str:
    return codes.issue_code(
        world,
        face=codes.NONCE,
        app_id=ask.app.app_id,
        user_id=person.id,
        redirect_uri="",
        scope=consent.of("granted"),
        nonce=ask.nonce,
        platform="ios",
    ).value


def _state(ask: Ask) -> Pairs:
    return () if ask.state is None else (("state", ask.state),)


def _platform(call: Call, uri: str) -> str:
    if redirects.is_mobile(uri):
        return "ios" if call.get("sdk") == "ios" else "android"
    return "javascript" if "xd_arbiter" in uri or call.get("sdk") == "joey" else "web"


def _error_reply(call: Call, refused: GraphError | AdminError) -> Reply:
    if isinstance(refused, AdminError):
        refused = refusals.bad_parameter(refused.message)
    if "text/html" not in call.headers.get("accept", ""):
        return refused.reply()
    detail = json.dumps(refused.body(), indent=2)
    page = error_page("This app cannot log you in", refused.message, detail)
    return html_reply(page, refused.status, error=refused.mark)
