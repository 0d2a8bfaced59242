"""The authorization endpoint: code with PKCE S256, answered with `iss` (RFC 6749 §4.1, 7636, 9207)."""

import json
import re

from attrs import field, frozen

from tokenflow.sandbox import codes, events, redirects
from tokenflow.sandbox.consent import consent_page, error_page
from tokenflow.sandbox.errors import AdminError, OAuthError
from tokenflow.sandbox.wire import Call, Pairs, Reply, html_reply, in_query, redirect
from tokenflow.sandbox.world import Client, Person, World

from .discovery import issuer

_CHALLENGE = re.compile(r"^[A-Za-z0-9_-]{43}$")


@frozen(kw_only=True)
class Request:
    """An authorization request whose client and redirect URI are in order."""

    client: Client
    redirect_uri: str
    issuer: str
    state: str | None = field(repr=False)
    scope: tuple[str, ...]
    nonce: str | None = field(repr=False)
    code_challenge: str | None = field(repr=False)
    #: (error, description): sent to the redirect URI, whoever decides what.
    problem: tuple[str, str] | None = None


def authorize(world: World, call: Call) -> Reply:
    """Show the form, or take the decision that the form sends."""
    try:
        request = read(world, call)
        person_id = call.get("sandbox_person") or call.get("person")
        person = events.someone(world, person_id)
    except (OAuthError, AdminError) as refused:
        return _error_reply(call, refused)
    if request.problem is not None:
        return redirect(approve(world, request, person), error=request.problem[0])
    if call.method == "POST" and call.get("decision") == "deny":
        return redirect(deny(request), error="access_denied")
    if world.auto_approve or (call.method == "POST" and call.get("decision") == "approve"):
        return redirect(approve(world, request, person, declined=call.all("decline")))
    name = request.client.client_id
    people = world.people.values()
    return html_reply(consent_page(title="Log in", app_name=name, people=people, scope=request.scope))


def read(world: World, call: Call) -> Request:
    """Read the request; a bad client or redirect URI is never answered by a redirect (RFC 6749 §4.1.2.1)."""
    client = world.clients.get(call.get("client_id") or "")
    if client is None:
        raise OAuthError("invalid_client", "no client has that client_id")
    uri = call.get("redirect_uri") or (client.redirect_uris[0] if len(client.redirect_uris) == 1 else "")
    if not redirects.allowed_for_client(world, client.redirect_uris, uri):
        raise OAuthError("invalid_request", "redirect_uri is not registered")
    scope = tuple(dict.fromkeys((call.get("scope") or "").split()))
    return Request(
        client=client,
        redirect_uri=uri,
        issuer=issuer(call),
        state=call.get("state"),
        scope=scope,
        nonce=call.get("nonce"),
        code_challenge=call.get("code_challenge"),
        problem=_problem(client, call, scope),
    )


def approve(world: World, request: Request, person: Person, *, declined: tuple[str, ...] = ()) -> str:
    """Let the client in and return where the browser goes."""
    if request.problem is not None:
        error, description = request.problem
        return _location(request, (("error", error), ("error_description", description)))
    code = codes.issue_code(
        world,
        face="oauth2",
        app_id=request.client.client_id,
        user_id=person.id,
        redirect_uri=request.redirect_uri,
        scope=tuple(each for each in request.scope if each not in declined),
        code_challenge=request.code_challenge,
        nonce=request.nonce,
    )
    return _location(request, (("code", code.value),))


def deny(request: Request) -> str:
    """Return where the browser goes with a no."""
    return _location(request, (("error", "access_denied"), ("error_description", "The person said no.")))


def _location(request: Request, pairs: Pairs) -> str:
    state: Pairs = () if request.state is None else (("state", request.state),)
    return in_query(request.redirect_uri, (*pairs, *state, ("iss", request.issuer)))


def _problem(client: Client, call: Call, scope: tuple[str, ...]) -> tuple[str, str] | None:
    if call.get("response_type") != "code":
        return "unsupported_response_type", "response_type must be code"
    challenge = call.get("code_challenge")
    if challenge is None and client.client_secret is None:
        return "invalid_request", "a public client must use PKCE"
    if challenge is not None and call.get("code_challenge_method") != "S256":
        return "invalid_request", "code_challenge_method must be S256"
    if challenge is not None and not _CHALLENGE.match(challenge):
        return "invalid_request", "code_challenge must be 43 base64url characters"
    if client.scopes is not None and not set(scope) <= set(client.scopes):
        return "invalid_scope", "the client may not ask for that scope"
    return None


def _error_reply(call: Call, refused: OAuthError | AdminError) -> Reply:
    if isinstance(refused, AdminError):
        refused = OAuthError("invalid_request", refused.message)
    if "text/html" not in call.headers.get("accept", ""):
        return refused.reply()
    detail = json.dumps(refused.body(), indent=2)
    page = error_page("This client cannot log you in", refused.description, detail)
    return html_reply(page, refused.status, error=refused.error)
