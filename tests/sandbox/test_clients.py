"""Two clients written by others, pointed here by changing nothing but their URLs."""

import asyncio

import facebook
import pytest
from httpx_oauth.clients import facebook as httpx_facebook
from httpx_oauth.clients.openid import OpenID

from tests.sandbox.ground import ADA, APP, CALLBACK, ENGINES, LOOMS, SECRET, Ground, answer_of


def test_facebook_sdk_lives_through_a_token_s_life(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facebook, "FACEBOOK_GRAPH_URL", ground.running.url + "/")
    monkeypatch.setattr(facebook, "FACEBOOK_WWW_URL", ground.running.url + "/")
    issued = ground.admin.issue(ADA, APP, "javascript", ["email", "manage_pages"])
    graph = facebook.GraphAPI(access_token=issued["access_token"], version="3.1")
    cookies = {f"fbsr_{APP}": issued["signed_request"]}

    assert graph.get_version() == "3.1"
    assert graph.get_object("me")["id"] == ADA
    assert graph.get_permissions("me") == {"email", "manage_pages", "public_profile"}
    assert [page["id"] for page in graph.get_all_connections("me", "accounts", limit=1)] == [ENGINES, LOOMS]
    assert graph.get_app_access_token(APP, SECRET).startswith(f"{APP}|")
    assert graph.debug_access_token(issued["access_token"], APP, SECRET)["data"]["is_valid"] is True
    assert facebook.get_user_from_cookie(cookies, APP, SECRET)["uid"] == ADA
    assert graph.extend_access_token(APP, SECRET)["expires_in"] == 5_184_000
    ground.admin.password(ADA)
    with pytest.raises(facebook.GraphAPIError) as refused:
        graph.get_object("me")
    assert refused.value.code == 190
    graph.session.close()


def test_httpx_oauth_logs_in_on_both_faces(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpx_facebook, "PROFILE_ENDPOINT", f"{ground.running.url}/v5.0/me")
    client = httpx_facebook.FacebookOAuth2(APP, SECRET)
    client.authorize_endpoint = f"{ground.running.url}/v5.0/dialog/oauth"
    client.access_token_endpoint = f"{ground.running.url}/v5.0/oauth/access_token"
    ground.admin.client("web", client_secret="s", redirect_uris=[CALLBACK])

    async def both() -> tuple[str | None, str | None]:
        url = await client.get_authorization_url(CALLBACK, state="x")
        code = answer_of(ground.admin.approve(ADA, url))["code"]
        token = await client.get_access_token(code, CALLBACK)
        token = await client.get_long_lived_access_token(token["access_token"])
        _, email = await client.get_id_email(token["access_token"])
        openid = OpenID("web", "s", f"{ground.running.url}/oauth2/.well-known/openid-configuration")
        url = await openid.get_authorization_url(CALLBACK, state="x")
        token = await openid.get_access_token(answer_of(ground.admin.approve(ADA, url))["code"], CALLBACK)
        token = await openid.refresh_token(token["refresh_token"])
        subject, _ = await openid.get_id_email(token["access_token"])
        await openid.revoke_token(token["refresh_token"])
        return email, subject

    assert asyncio.run(both()) == ("ada_100@tfbnw.net", ADA)
