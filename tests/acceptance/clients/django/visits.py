"""What one browser does on the site, and what the site did; imported once the site is set up."""

from typing import Any

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.facebook.provider import FacebookProvider
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.test import Client, RequestFactory

Answer = dict[str, Any]


def prepare() -> None:
    """Make the site's tables."""
    call_command("migrate", verbosity=0)


def perform(asked: Answer) -> Answer:
    """Do what was asked, in one browser."""
    browser = Client(raise_request_exception=False, headers={"host": "localhost"})
    match asked["does"]:
        case "login":
            return shown(browser.get("/facebook/login/")) | {"session": browser.cookies["sessionid"].value}
        case "callback":
            browser.cookies["sessionid"] = asked["session"]
            return shown(browser.get(f"/facebook/login/callback/?{asked['query']}"))
        case "token":
            return shown(browser.post("/facebook/login/token/", {"access_token": asked["token"]}))
        case _:
            return limited(asked)


def limited(asked: Answer) -> Answer:
    """Hand in an ID token; who it is not believed of is nobody."""
    FacebookProvider.limited_login_jwks_url = f"{asked['base']}/.well-known/oauth/openid/jwks/"
    request = RequestFactory().post("/")
    provider = FacebookProvider(request, app=get_adapter().get_app(request, "facebook"))
    try:
        found = provider.verify_token(request, {"id_token": asked["token"], "client_id": asked["app"][0]})
    except ValidationError as error:
        return {"who": [], "says": str(error)}
    return {"who": [found.account.uid], "extra": [found.account.extra_data]}


def shown(response: Any) -> Answer:
    """Return what the site did, and whom it knows now."""
    accounts = list(SocialAccount.objects.all())
    return {
        "status": response.status_code,
        "location": response.headers.get("Location"),
        "who": [account.uid for account in accounts],
        "extra": [account.extra_data for account in accounts],
    }
