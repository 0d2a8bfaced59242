"""A site's settings; what the sandbox knows of it is in the environment, as JSON under `PLAYED`."""

import json
import os

_PLAYED = json.loads(os.environ["PLAYED"])
_APP_ID, _APP_SECRET = _PLAYED["app"]

SECRET_KEY = "played-with"
ALLOWED_HOSTS = ["localhost"]
ROOT_URLCONF = "urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": _PLAYED["database"]}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.facebook",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]
LOGIN_REDIRECT_URL = "/in"
SOCIALACCOUNT_LOGIN_ON_GET = True
ACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_PROVIDERS = {
    "facebook": {
        "APPS": [{"client_id": _APP_ID, "secret": _APP_SECRET, "key": ""}],
        "GRAPH_API_URL": f"{_PLAYED['base']}/v19.0",
        "AUTHORIZE_URL": f"{_PLAYED['base']}/v19.0/dialog/oauth",
        "EXCHANGE_TOKEN": True,
    }
}
