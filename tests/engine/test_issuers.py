"""Issuers none of us has used, written from their documentation, played at the sandbox over real HTTP."""

from typing import Any

import pytest

from tests.engine.ground import ADA, CALLBACK, CLIENT, CLIENT_SECRET, HOUR, Ground
from tokenflow import SECOND, Call, Engine, IssuerRefused, PersonNeeded, PromptPending, Secret
from tokenflow.core.tokens import At

ISSUER = """
apiVersion: tokenflow/v1
kind: Issuer
extends: builtin:{name}
metadata: {{name: {name}, version: 1.0.0}}
client: {{client_id: {client}, token_endpoint_auth_method: client_secret_post}}
endpoints:
  {issuer}authorization_endpoint: {url}/oauth2/authorize
  token_endpoint: {url}/oauth2/token
  resource: {url}
"""


def opened(ground: Ground, name: str) -> Engine:
    """Open an engine on a shipped issuer whose endpoints are the sandbox's."""
    path = ground.folder / f"{name}.yaml"
    own = f"issuer: {ground.running.url}/oauth2\n  " if name == "google" else ""
    text = ISSUER.format(name=name, client=CLIENT, url=ground.running.url, issuer=own)
    path.write_text(text, "utf-8")
    reference = f"env:{name.upper()}_CLIENT_SECRET"
    return ground.open(
        specs=[str(path), f"{name}-user"],
        issuer=None,
        client_ids={},
        secrets={reference: Secret(CLIENT_SECRET)},
    )


def logged_in(ground: Ground, engine: Engine, name: str) -> str:
    """Log Ada in by the web; return the URL she was sent to."""
    with pytest.raises(PromptPending) as asked:
        engine.acquire("ada", lifecycle=f"{name}-user", platform="web", scope=["email", "openid"])
    engine.answer("ada", ground.approve(asked.value.url, ADA))
    return asked.value.url


@pytest.mark.parametrize("name", ["slack", "google", "spotify"])
def test_a_person_logs_in_and_the_token_is_refreshed(ground: Ground, name: str) -> None:
    """Login with PKCE, an hour, a refresh, a call: the generic face of the sandbox plays all three."""
    ground.admin.client(CLIENT, client_secret=CLIENT_SECRET, redirect_uris=[CALLBACK], rotation="strict")
    with opened(ground, name) as engine:
        logged_in(ground, engine, name)
        first = engine.explain("ada").token
        assert (first.state, first.lifecycle) == ("issued", f"{name}-user@1.0.0")
        ground.pass_time(0.9 * HOUR)
        engine.sweep()
        second = engine.explain("ada").token
        assert second.state == "extended"
        assert second.access_token != first.access_token
        assert engine.use("ada", Call(path="/oauth2/userinfo")).status == 200


def test_what_an_issuer_wants_in_a_login_is_in_its_url(ground: Ground) -> None:
    """Google's offline access, Slack's user_scope and commas: data, and PKCE in both."""
    with opened(ground, "google") as engine:
        url = logged_in(ground, engine, "google")
        said = set(url.partition("?")[2].split("&"))
        assert {"access_type=offline", "prompt=consent", "scope=email+openid"} <= said
    with opened(ground, "slack") as engine:
        url = logged_in(ground, engine, "slack")
        assert "user_scope=email%2Copenid" in url.split("&")
        assert "code_challenge_method=S256" in url.split("&")


def slack_says(ground: Ground, body: Any, status: int = 200, path: str = "oauth2/token", **how: Any) -> None:
    """Have the next answer there be that body, as Slack would send it."""
    ground.admin.fault(path, "status", status=status, body=body, times=1, **how)


def test_a_nested_answer_is_a_grant(ground: Ground) -> None:
    """Slack's own answer to a login, with the person's token inside; the bot's beside it is not taken."""
    person = {
        "id": "U1",
        "access_token": "theirs",
        "refresh_token": "r1",
        "expires_in": 43_200,
        "scope": "a,b",
    }
    with opened(ground, "slack") as engine:
        slack_says(ground, {"ok": True, "access_token": "bots", "authed_user": person})
        logged_in(ground, engine, "slack")
        held = engine.explain("ada").token
        assert held.access_token == Secret("theirs")
        assert held.expires == At(ground.clock() + 43_200 * SECOND)
        assert (held.attributes["subject"], held.scope) == ("U1", frozenset({"a", "b"}))


def test_a_no_in_a_200_ends_the_token_with_advice(ground: Ground) -> None:
    """Slack refuses with 200 and ok: false; the refresh token is over and a person is told what to do."""
    with opened(ground, "slack") as engine:
        logged_in(ground, engine, "slack")
        slack_says(ground, {"ok": False, "error": "invalid_refresh_token"})
        with pytest.raises(IssuerRefused, match="Install the app again"):
            engine.extend("ada")
        assert engine.explain("ada").token.state == "invalidated"


def test_a_missing_scope_needs_a_person_and_leaves_the_token(ground: Ground) -> None:
    """An API's missing_scope, in a 200, is a wish for consent; the token serves on."""
    with opened(ground, "slack") as engine:
        logged_in(ground, engine, "slack")
        slack_says(ground, {"ok": False, "error": "missing_scope"}, path="oauth2/userinfo")
        with pytest.raises(PersonNeeded, match="missing scope"):
            engine.use("ada", Call(path="/oauth2/userinfo"))
        assert engine.token("ada").secret


def test_google_tells_a_reauthentication_from_a_revocation_by_the_body(ground: Ground) -> None:
    """The same invalid_grant: with the subtype a person is asked, without it the token is over."""
    with opened(ground, "google") as engine:
        logged_in(ground, engine, "google")
        wish = {"error": "invalid_grant", "error_subtype": "invalid_rapt"}
        ground.admin.fault("oauth2/token", "status", status=400, body=wish, times=1)
        with pytest.raises(PersonNeeded, match="organisation"):
            engine.extend("ada")
        assert engine.token("ada").secret
        ground.admin.fault("oauth2/token", "status", status=400, body={"error": "invalid_grant"}, times=1)
        with pytest.raises(IssuerRefused):
            engine.extend("ada")
        assert engine.explain("ada").token.state == "invalidated"


def test_spotifys_rest_is_kept_to_the_second(ground: Ground) -> None:
    """429 with Retry-After: the next try is stored for then, and a sweep before it sends nothing."""
    with opened(ground, "spotify") as engine:
        logged_in(ground, engine, "spotify")
        ground.admin.fault("oauth2/token", "status", status=429, body="slow down", retry_after=777, times=1)
        with pytest.raises(IssuerRefused, match="Fewer calls"):
            engine.extend("ada")
        attempt = engine.explain("ada").token.attempt
        assert attempt is not None
        assert attempt.retry_at is not None
        assert attempt.retry_at - ground.clock() == 777 * SECOND
        sent = ground.calls()
        ground.pass_time(776)
        engine.sweep()
        assert ground.calls() == sent
        ground.pass_time(30)  # the sweep lets an issuer that was in trouble breathe
        engine.sweep()
        assert ground.calls() == sent + 1
