"""What the plugins of this house offer, as a spec meets them."""

from tokenflow.spec import Names

OFFERED = Names(
    acquirers={
        "android.sdk",
        "facebook.system_user",
        "ios.sdk",
        "javascript.cookie",
        "javascript.sdk",
        "server.client_credentials",
        "server.code",
        "server.inline",
        "server.static",
        "web.redirect",
    },
    commands={
        "facebook.code",
        "facebook.debug_token",
        "facebook.extend",
        "facebook.revoke",
        "oauth2.code",
        "oauth2.introspect",
        "oauth2.refresh",
        "oauth2.revoke",
    },
    derivers={"facebook.accounts"},
    guards={"facebook_lacks_perm"},
    stores={"sqlite"},
    secret_schemes={"env", "file", "keyring"},
)
