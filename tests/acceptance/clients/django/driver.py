"""A site with django-allauth and Facebook: one request goes in, what the site did comes out, as JSON.

in   {base, app: [id, secret], does: login|callback|token|limited, ...}
out  {status, location, who, extra}, and the session of a login that began
"""

import json
import sys
import warnings
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")

asked: dict[str, Any] = json.load(sys.stdin)

from django.conf import settings  # noqa: E402  # the base URL is known only now

settings.configure(
    SECRET_KEY="played-with",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": asked["database"]}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "allauth",
        "allauth.account",
        "allauth.socialaccount",
        "allauth.socialaccount.providers.facebook",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "allauth.account.middleware.AccountMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
        }
    ],
    LOGIN_REDIRECT_URL="/in",
    SOCIALACCOUNT_LOGIN_ON_GET=True,
    ACCOUNT_EMAIL_VERIFICATION="none",
    SOCIALACCOUNT_PROVIDERS={
        "facebook": {
            "APPS": [{"client_id": asked["app"][0], "secret": asked["app"][1], "key": ""}],
            "GRAPH_API_URL": f"{asked['base']}/v19.0",
            "AUTHORIZE_URL": f"{asked['base']}/v19.0/dialog/oauth",
            "EXCHANGE_TOKEN": True,
        }
    },
)

import django  # noqa: E402

django.setup()

from allauth.socialaccount.models import SocialAccount  # noqa: E402
from allauth.socialaccount.providers.facebook.provider import FacebookProvider  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client, RequestFactory  # noqa: E402
from django.urls import include, path  # noqa: E402

urlpatterns = [path("", include("allauth.urls"))]
FacebookProvider.limited_login_jwks_url = f"{asked['base']}/.well-known/oauth/openid/jwks/"


def shown(response: Any) -> dict[str, Any]:
    """Return what the site did, and whom it knows now."""
    accounts = list(SocialAccount.objects.all())
    return {
        "status": response.status_code,
        "location": response.headers.get("Location"),
        "who": [account.uid for account in accounts],
        "extra": [account.extra_data for account in accounts],
    }


def perform(browser: Client) -> dict[str, Any]:
    """Do what was asked, in one browser."""
    match asked["does"]:
        case "login":
            return shown(browser.get("/facebook/login/")) | {"session": browser.cookies["sessionid"].value}
        case "callback":
            browser.cookies["sessionid"] = asked["session"]
            return shown(browser.get(f"/facebook/login/callback/?{asked['query']}"))
        case "token":
            return shown(browser.post("/facebook/login/token/", {"access_token": asked["token"]}))
    request = RequestFactory().post("/")
    provider = FacebookProvider(request, app=_app(request))
    found = provider.verify_token(request, {"id_token": asked["token"], "client_id": asked["app"][0]})
    return {"who": [found.account.uid], "extra": [found.account.extra_data]}


def _app(request: Any) -> Any:
    from allauth.socialaccount.adapter import get_adapter

    return get_adapter().get_app(request, "facebook")


if not Path(asked["database"]).exists():
    call_command("migrate", verbosity=0)
try:
    answer = perform(Client(raise_request_exception=False, headers={"host": "localhost"}))
except Exception as error:  # noqa: BLE001  # whatever the library says of what it was given is the answer
    answer = {"refused": type(error).__name__, "says": str(error)}
print(json.dumps(answer, default=str))
