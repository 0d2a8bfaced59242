"""Move a token between client and server, over HTTPS only (seed, "Tokens are Portable")."""

from urllib.parse import urlsplit

import attrs

from tokenflow.core.effects import Change, Emit, Flow, Request, Save, send
from tokenflow.core.errors import IssuerUnreachable, Refused
from tokenflow.core.events import About, HandedOver, WasRefused
from tokenflow.core.flows.holding import current
from tokenflow.core.flows.saving import again, load
from tokenflow.core.flows.serving import token as usable
from tokenflow.core.policies import check_custody, check_rules, check_transport
from tokenflow.core.secret import Secret
from tokenflow.core.setting import Setting
from tokenflow.core.steps import view_of
from tokenflow.core.tokens import SECOND, Token


def hand_over(setting: Setting, key: str, *, to: str, url: str) -> Flow[Token]:
    """Send the token of *key* to *url*, where a client or a server (*to*) receives it.

    Raises Refused (custody, transport_not_allowed, a rule) before anything is sent. Loopback is no
    exception to HTTPS here (ruling 28). The receiver gets a form: access_token, token_type, kind,
    scope, expires_in (seconds) and issuer.
    """
    held = yield from current(setting, key)
    about = About.of(held.token, held.now)
    try:
        check_custody(held.lifecycle, to)
        check_transport(held.lifecycle, url)
        view = view_of(held.lifecycle, held.token, platform={"runs_on": to})
        warned = check_rules(held.lifecycle, "hand_over", view, about)
    except Refused as no:
        yield Emit((WasRefused(about=about, act="hand_over", code=no.code),))
        raise
    token = yield from usable(setting, key)
    if token.access_token is None:
        raise Refused("not_usable", f"{key!r} holds no token to hand over")
    form: dict[str, str | Secret] = {
        "access_token": token.access_token,
        "token_type": "bearer",
        "kind": token.kind.name,
        "scope": " ".join(sorted(token.scope)),
        "issuer": token.issuer,
    }
    if token.expires_at is not None:
        form["expires_in"] = str((token.expires_at - held.now) // SECOND)
    response = yield from send(Request(method="POST", url=url, form=form))
    if response.status >= 300:
        raise IssuerUnreachable(f"{key}: the receiver answered {response.status}", sent=True)

    def noted() -> Flow[Token]:
        latest = yield from load(key)  # as stored: a value that is never kept is not in it
        moved = attrs.evolve(latest, revision=latest.revision + 1)
        note = HandedOver(about=About.of(moved, held.now), to=to, host=urlsplit(url).netloc)
        yield Save((Change(token=moved, expected=latest.revision, happened=(*warned, note)),))
        return moved

    return (yield from again(noted))
