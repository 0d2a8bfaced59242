"""A call that proves the application's secret is behind it (Facebook's appsecret_proof)."""

import hashlib
import hmac

from tokenflow.core.secret import Secret


def proof(access_token: Secret, app_secret: Secret) -> Secret:
    """Return HMAC-SHA256 over *access_token*, keyed with *app_secret*, in lower-case hex.

    The secret is that of the app the token belongs to (facebook.md §1.9).
    """
    key, told = app_secret.reveal().encode(), access_token.reveal().encode()
    return Secret(hmac.new(key, told, hashlib.sha256).hexdigest())
