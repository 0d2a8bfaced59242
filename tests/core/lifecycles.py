"""Resolved lifecycle documents as plain data, and what is made of them: the ground of the core tests."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import attrs

from tokenflow.core.compiling import compile_lifecycle
from tokenflow.core.conditions import GuardCheck, View
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.secret import Secret
from tokenflow.core.tokens import DAY, SECOND, At, Instant, Token, TokenKind

START: Final[Instant] = 1_800_000_000 * SECOND
HOUR: Final = 3600 * SECOND
MINUTE: Final = 60 * SECOND

Data = dict[str, Any]

_EVENTS: Final[Data] = {
    "acquired": {"payload": {"lifetime": {}, "platform": {}}},
    "refused": {},
    "expire": {},
    "invalidate": {"payload": {"reason": {"default": "unknown"}}},
}
_ENDED: Final[Data] = {"final": True, "absorbs": ["expire", "invalidate"]}
_INVALIDATE: Final[Data] = {
    "to": "invalidated",
    "then": [{"forget": "all"}, {"cascade": "invalidate"}, {"notify": "token.invalidated"}],
}
_HARD: Final[Data] = {"at": "expires", "raise": "expire", "hard": True}

_EXCHANGE: Final[Data] = {
    "do": "exchange",
    "on_error": {"revoked": "invalidate", "expired": "expire", "permanent": "stay"},
}
_OVER: Final[Data] = {
    "to": "expired",
    "then": [
        {"forget": "all"},
        {"cascade": "expire"},
        {"notify": "token.expired"},
        {"reacquire": "ask"},
    ],
}

USER: Final[Data] = {
    "metadata": {"name": "facebook-user", "version": "1.0.0"},
    "issuer": "facebook",
    "token": {
        "kind": "user",
        "identity": ["app_id", "user_id"],
        "attributes": {
            "app_id": {"type": "string", "required": True},
            "user_id": {"type": "string", "required": True},
            "permissions": {"type": "list", "default": []},
        },
        "custody": {"may_live": ["client", "server"], "transport": "https"},
    },
    "app": {"marketing_access": {"default": "none"}, "exchange_allowed": {"default": True}},
    "secrets": {"app_secret": {"from": "test:app_secret"}},
    "lifetimes": {
        "short": {"typical": "90m", "at_least": "1h", "at_most": "2h"},
        "long": {"typical": "60d"},
    },
    "acquire": {
        "web": {
            "use": "facebook.web",
            "runs_on": "server",
            "lifetime": "short",
            "consent": "person",
            "secrets": ["app_secret"],
            "scope": ["email"],
        },
        "android": {
            "use": "facebook.android",
            "runs_on": "client",
            "lifetime": "long",
            "consent": "person",
            "verify": "facebook.debug",
        },
    },
    "commands": {
        "exchange": {
            "use": "facebook.exchange",
            "secrets": ["app_secret"],
            "produces": "long",
            "idempotent": True,
            "retry": {"attempts": 3, "first": "30s", "factor": 2, "max": "30m"},
        },
        "introspect": {"use": "facebook.debug", "secrets": ["app_secret"]},
        "revoke": {"use": "facebook.revoke", "secrets": ["app_secret"]},
    },
    "events": {
        **_EVENTS,
        "expiring_soon": {},
        "extend": {},
        "revoke": {},
        "renamed": {"payload": {"name": {}}},
    },
    "initial": "requested",
    "states": {
        "requested": {
            "timers": {"abandon": {"at": "entered + 10m", "raise": "refused"}},
            "transitions": {
                "acquired": [
                    {
                        "to": "non_expiring",
                        "when": [{"app.marketing_access": "standard"}, {"event.lifetime": "long"}],
                    },
                    {"to": "extended", "when": [{"event.lifetime": "long"}]},
                    {"to": "issued"},
                ],
                "refused": {"to": "refused"},
            },
        },
        "issued": {
            "usable": True,
            "lifetime": "short",
            "transitions": {
                "extend": [
                    {"when": [{"app.marketing_access": "standard"}], "to": "non_expiring", **_EXCHANGE},
                    {"to": "extended", **_EXCHANGE},
                ],
                "expire": _OVER,
            },
            "timers": {
                "renew": {"at": "expires - 30%", "every": "5m", "jitter": "5m", "raise": "extend"},
                "expire": _HARD,
            },
        },
        "extended": {
            "usable": True,
            "lifetime": "long",
            "transitions": {"extend": dict(_EXCHANGE), "expire": _OVER},
            "timers": {
                "daily": {"at": "refreshed + 1d", "every": "1d", "raise": "extend"},
                "warn": {"at": "expires - 7d", "jitter": "6h", "raise": "expiring_soon"},
                "expire": _HARD,
            },
        },
        "non_expiring": {"usable": True, "lifetime": "never"},
        "refused": {"final": True, "absorbs": ["acquired", "refused"]},
        "expired": _ENDED,
        "invalidated": _ENDED,
        "revoked": _ENDED,
    },
    "everywhere": {
        "expiring_soon": {"then": [{"notify": "token.expiring_soon"}, {"reacquire": "ask"}]},
        "renamed": {"set": {"name": "event.name"}},
        "invalidate": _INVALIDATE,
        "revoke": {"do": "revoke", "to": "revoked", "then": [{"cascade": "invalidate"}]},
    },
    "errors": [
        {"match": {"code": 190, "subcode": 463}, "class": "expired", "raise": "expire"},
        {
            "match": {"code": 190, "subcode": 460},
            "class": "revoked",
            "raise": "invalidate",
            "payload": {"reason": "password_changed"},
            "advice": "the person has to log in again",
        },
        {"match": {"code": 190}, "class": "revoked", "raise": "invalidate"},
        {"match": {"code": [1, 2]}, "class": "transient"},
        {"match": {"code": [4, 17]}, "class": "rate_limited"},
    ],
    "rules": [
        {
            "id": "no-ads-from-clients",
            "applies_to": ["use"],
            "because": "ads are managed from the server",
            "deny_when": [{"request.path": "/ads"}],
        },
        {
            "id": "exchange-switched-off",
            "applies_to": ["command"],
            "because": "the operator switched it off",
            "deny_when": [{"app.exchange_allowed": False}],
        },
    ],
}

PAGE: Final[Data] = {
    "metadata": {"name": "facebook-page", "version": "1.0.0"},
    "issuer": "facebook",
    "token": {
        "kind": "page",
        "identity": ["page_id", "user_id"],
        "attributes": {
            "page_id": {"type": "string", "required": True},
            "user_id": {"type": "string", "required": True},
            "name": {"type": "string"},
        },
        "custody": {"may_live": ["server"], "transport": "none"},
    },
    "derive": {
        "from": "facebook-user",
        "use": "facebook.accounts",
        "when": [{"parent.permissions": {"has": "manage_pages"}}],
        "set": {"page_id": "item.id", "name": "item.name", "user_id": "parent.user_id"},
        "lifetime": "answer",
        "on_parent": {"invalidate": "invalidate", "expire": "expire"},
    },
    "events": _EVENTS,
    "initial": "requested",
    "states": {
        "requested": {"transitions": {"acquired": {"to": "issued"}}},
        "issued": {
            "usable": True,
            "transitions": {
                "expire": {
                    "when": [{"token.ends_by_time": True}],
                    "to": "expired",
                    "then": [{"forget": "all"}, {"cascade": "expire"}],
                }
            },
            "timers": {"expire": _HARD},
        },
        "expired": _ENDED,
        "invalidated": _ENDED,
    },
    "everywhere": {"invalidate": _INVALIDATE},
}

ROTATING: Final[Data] = {
    "metadata": {"name": "oauth2-rotating", "version": "1.0.0"},
    "issuer": "generic",
    "token": {
        "kind": "user",
        "identity": ["subject"],
        "attributes": {"subject": {"type": "string", "required": True}, "name": {"type": "string"}},
        "custody": {"may_live": ["server"], "transport": "https"},
    },
    "lifetimes": {"access": {"typical": "1h"}},
    "acquire": {
        "server": {"use": "oauth2.first", "runs_on": "server", "lifetime": "access", "consent": "none"},
    },
    "commands": {
        "refresh": {
            "use": "oauth2.refresh",
            "produces": "access",
            "rotates": True,
            "retry": {"attempts": 4, "first": "5s", "max": "10m"},
        },
        "revoke": {"use": "oauth2.revoke"},
    },
    "events": {**_EVENTS, "refresh": {}, "logout": {}, "renamed": {"payload": {"name": {}}}},
    "initial": "requested",
    "states": {
        "requested": {"transitions": {"acquired": {"to": "issued"}, "refused": {"to": "refused"}}},
        "issued": {
            "usable": True,
            "lifetime": "access",
            "transitions": {
                "refresh": {
                    "do": "refresh",
                    "to": "issued",
                    "on_error": {"revoked": "invalidate", "permanent": "stay"},
                },
                "expire": {"to": "awaiting_refresh"},
                "logout": {"to": "signed_out", "then": [{"call": "revoke"}, {"forget": "all"}]},
            },
            "timers": {
                "renew": {"at": "expires - 20%", "every": "2m", "jitter": "2m", "raise": "refresh"},
                "expire": _HARD,
            },
        },
        "awaiting_refresh": {
            "transitions": {
                "refresh": {
                    "do": "refresh",
                    "to": "issued",
                    "on_error": {"revoked": "invalidate", "permanent": "stay"},
                },
                "expire": _OVER,
            },
            "timers": {
                "again": {"at": "entered + 5m", "every": "15m", "raise": "refresh"},
                "give_up": {"at": "refresh_expires", "raise": "expire", "hard": True},
                "cap": {"at": "entered + 30d", "raise": "expire"},
            },
        },
        "refused": {"final": True, "absorbs": ["acquired", "refused"]},
        "expired": _ENDED,
        "invalidated": _ENDED,
        "signed_out": {"final": True, "absorbs": ["expire", "invalidate", "refresh"]},
    },
    "everywhere": {"invalidate": _INVALIDATE, "renamed": {"set": {"name": "event.name"}}},
    "errors": [{"match": {"error": "invalid_grant"}, "class": "revoked", "raise": "invalidate"}],
}

APP: Final[Data] = {
    "metadata": {"name": "facebook-app", "version": "1.0.0"},
    "issuer": "facebook",
    "token": {
        "kind": "app",
        "identity": ["app_id", "form"],
        "attributes": {"app_id": {"type": "string", "required": True}},
        "custody": {"may_live": ["server"], "transport": "https"},
    },
    "secrets": {"app_secret": {"from": "test:app_secret"}},
    "lifetimes": {"never": {"typical": "never", "if_silent": "never_expires"}},
    "acquire": {
        "inline": {
            "use": "facebook.inline",
            "runs_on": "server",
            "lifetime": "never",
            "secrets": ["app_secret"],
            "keep_value": False,
        },
    },
    "events": _EVENTS,
    "initial": "requested",
    "states": {
        "requested": {"transitions": {"acquired": {"to": "issued"}}},
        "issued": {
            "usable": True,
            "lifetime": "never",
            "timers": {"idle": {"at": "last_used + 3650d", "raise": "invalidate"}},
        },
        "expired": _ENDED,
        "invalidated": _ENDED,
    },
    "everywhere": {"invalidate": _INVALIDATE},
}


def lifecycle_of(
    data: Mapping[str, Any],
    *,
    guards: Mapping[str, GuardCheck] | None = None,
    app: Mapping[str, Any] | None = None,
) -> Lifecycle:
    """Return *data* compiled; its name and version stand in for the digest."""
    meta = data["metadata"]
    return compile_lifecycle(data, digest=f"{meta['name']}@{meta['version']}", guards=guards or {}, app=app)


@cache
def user(**app: Any) -> Lifecycle:
    """Return the user lifecycle, with facts of the app overridden."""
    return lifecycle_of(USER, app=app)


def small(
    states: Mapping[str, Any],
    *,
    events: Mapping[str, Any] | None = None,
    everywhere: Mapping[str, Any] | None = None,
    guards: Mapping[str, GuardCheck] | None = None,
    **more: Any,
) -> Lifecycle:
    """Return a lifecycle of just *states*; its events are those its states name, and *events*."""
    names = {
        event
        for spec in states.values()
        for event in (*(spec or {}).get("transitions", {}), *(spec or {}).get("absorbs", ()))
    }
    data = {
        "metadata": {"name": "small", "version": "1.0.0"},
        "token": {"kind": "user"},
        "events": {**{name: {} for name in (*sorted(names), *(everywhere or {}))}, **(events or {})},
        "initial": next(iter(states)),
        "states": states,
        "everywhere": everywhere or {},
        **more,
    }
    return lifecycle_of(data, guards=guards)


def token_of(lifecycle: Lifecycle, state: str, *, lives: int | None = 90 * MINUTE, **changes: Any) -> Token:
    """Return a token in *state* that arrived at START and ends *lives* later (None: silence)."""
    base = Token(
        key="me",
        id="t1",
        kind=TokenKind(lifecycle.kind),
        lifecycle=lifecycle.ref,
        digest=lifecycle.digest,
        issuer=lifecycle.issuer,
        state=state,
        access_token=Secret("first-value"),
        entered_at=START,
        issued_at=START,
        refreshed_at=START,
        revision=1,
        generation=1,
    )
    if lives is not None:
        changes.setdefault("expires", At(START + lives))
    return attrs.evolve(base, **changes)


def needs_more_than(view: View, argument: Any) -> bool:
    """A named guard: the token holds more permissions than the number given."""
    return bool(len(view.token.get("permissions", ())) > argument)


__all__ = [
    "APP",
    "DAY",
    "HOUR",
    "MINUTE",
    "PAGE",
    "ROTATING",
    "SECOND",
    "START",
    "USER",
    "lifecycle_of",
    "needs_more_than",
    "small",
    "token_of",
    "user",
]
