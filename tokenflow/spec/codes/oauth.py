"""TF6xx: what the best current practice of OAuth 2.0 (RFC 9700, and RFC 6750, 8252) forbids, as far as a
spec can break it."""

from typing import Final

from tokenflow.spec.codes.code import Code

CODES: Final = (
    Code(
        "TF601",
        "warning",
        "The implicit grant",
        what="A token comes back in the browser's address: `response_type: token`, or a browser's SDK whose "
        "token tokenflow itself would keep.",
        why="It stays in histories and logs, and may be injected; no sender can be bound to it "
        "(RFC 9700 §2.1.2).",
        mend="Use the code grant (web.redirect). A token that an SDK keeps is mirrored: `kept_by: platform`.",
        bad="acquire: {web: {with: {extra: {response_type: token}}}}",
        good="acquire: {web: {with: {extra: {prompt: consent}}}}",
    ),
    Code(
        "TF602",
        "error",
        "A code without PKCE",
        what="PKCE is switched off, or its method is `plain`.",
        why="A code that was seen on its way can be redeemed by whoever saw it (RFC 9700 §2.1.1; RFC 7636 "
        "§7.2).",
        mend="Leave it alone: web.redirect always uses S256.",
        bad="acquire: {web: {with: {extra: {code_challenge_method: plain}}}}",
        good="acquire: {web: {with: {exchange: facebook.code}}}",
    ),
    Code(
        "TF603",
        "error",
        "An endpoint in the clear",
        what="An endpoint is http, and not on a literal loopback address.",
        why="Codes, tokens and secrets would cross the network readable (RFC 9700 §2.6; RFC 6749 §3.1, "
        "§3.2).",
        mend="https; or http to 127.0.0.1 or [::1] for what runs on this machine.",
        bad="kind: Issuer\nendpoints: {token_endpoint: http://issuer.example/token}",
        good="kind: Issuer\nendpoints: {token_endpoint: https://issuer.example/token}",
    ),
    Code(
        "TF604",
        "warning",
        "A public client's refresh token that stays",
        what="A client without a secret renews by refresh token, and the issuer's contract is `none`.",
        why="Who copies it uses it unseen, for as long as it lives. For public clients it has to be "
        "rotated or "
        "bound to its sender (RFC 9700 §2.2.2, §4.14.2).",
        mend="Ask the issuer for rotation, or make the client confidential.",
        bad="extends: builtin:oauth2-rotating\nissuer: facebook\nremove: [commands.extend.secrets, "
        "commands.extend.rotates]\ncommands: {extend: {use: oauth2.refresh}}",
        good="extends: builtin:oauth2-rotating\nremove: [commands.extend.secrets]\n"
        "commands: {extend: {use: oauth2.refresh}}",
    ),
    Code(
        "TF605",
        "error",
        "People come back in the clear",
        what="`redirect_uri` is http, and not on a literal loopback address.",
        why="The code in it can be read on its way; `localhost` may lead elsewhere "
        "(RFC 9700 §2.6, §4.1; RFC 8252 §7.3, §8.3).",
        mend="https; or http://127.0.0.1:PORT/... for an application on this machine.",
        bad="kind: Issuer\nclient: {redirect_uri: http://app.example/callback}",
        good="kind: Issuer\nclient: {redirect_uri: https://app.example/callback}",
    ),
    Code(
        "TF606",
        "error",
        "A redirect that is not one address",
        what="`redirect_uri` holds a wildcard or a fragment.",
        why="Only exact addresses are safe: with a pattern a code can be led to another place "
        "(RFC 9700 §2.1, §4.1.3; RFC 6749 §3.1.2).",
        mend="Write the whole address, exactly as it is registered.",
        bad='kind: Issuer\nclient: {redirect_uri: "https://*.app.example/callback"}',
        good="kind: Issuer\nclient: {redirect_uri: https://www.app.example/callback}",
    ),
    Code(
        "TF607",
        "error",
        "The password grant",
        what="A token is got with a person's name and password.",
        why="The application sees the password, and the person learns to give it away (RFC 9700 §2.4: MUST "
        "NOT).",
        mend="Send the person to the issuer: web.redirect.",
        bad="acquire: {web: {with: {extra: {grant_type: password}}}}",
        good="acquire: {web: {with: {exchange: facebook.code}}}",
    ),
    Code(
        "TF608",
        "error",
        "A token in an address",
        what="An endpoint, an option or a call of a story puts `access_token`, `refresh_token` or a client "
        "secret into a URL.",
        why="Addresses are logged and passed on by every machine on the way (RFC 6750 §2.3, §5.3; "
        "RFC 9700 §4.3.2).",
        mend="tokenflow sends it in the Authorization header by itself.",
        bad='kind: Issuer\nendpoints: {graph: "https://issuer.example/api?access_token=x"}',
        good="kind: Issuer\nendpoints: {graph: https://issuer.example/api}",
    ),
    Code(
        "TF609",
        "note",
        "Every permission there is",
        what="Neither the Tokens file nor the lifecycle says which scope is asked for.",
        why="Many issuers then grant all that the client may have; a token should open no more than it is "
        "for "
        "(RFC 9700 §2.3).",
        mend="scope: [what it needs]",
        bad="kind: Tokens\ntokens: {reports: {lifecycle: oauth2-app, acquire: server}}",
        good="kind: Tokens\ntokens: {reports: {lifecycle: oauth2-app, acquire: server, scope: [read]}}",
    ),
    Code(
        "TF610",
        "warning",
        "One way back for two issuers",
        what="Two Issuer documents seen together have the same `redirect_uri`.",
        why="An answer of the one could be taken for the other's (mix-up, RFC 9700 §4.4.2).",
        mend="A redirect_uri of its own for each issuer.",
        bad="kind: Issuer\nmetadata: {name: twin, version: 1.0.0}",
        good="kind: Issuer\nmetadata: {name: twin, version: 1.0.0}\n"
        "client: {redirect_uri: http://127.0.0.1:8484/twin}",
    ),
    Code(
        "TF615",
        "warning",
        "A token out of an address, unverified",
        what="An acquisition by `web.implicit` has no `verify`.",
        why="The implicit grant binds a token to nothing: whoever can put an address into the app's browser "
        "can put another app's token there, or another person's (RFC 9700 §2.1.2, §4.16).",
        mend="verify: the issuer's command that vouches for it, e.g. facebook.debug_token; or the code "
        "grant, web.redirect.",
        bad="remove: [acquire.fragment.verify]",
        good="acquire: {fragment: {verify: facebook.debug_token}}",
    ),
    Code(
        "TF633",
        "error",
        "A proof without its secret",
        what="`requests.proof` names a secret that the issuer does not declare.",
        why="No call could be proven, and so none be made from the server: a proof ties the token to the app "
        "that holds it (compare RFC 9700 §2.2.1).",
        mend="Correct the name, or declare the secret under `secrets:` of the issuer.",
        bad="kind: Issuer\nmetadata: {name: proving, version: 1.0.0}\n"
        "requests: {proof: {parameter: proof, secret: app_secret}}",
        good="kind: Issuer\nmetadata: {name: proving, version: 1.0.0}\n"
        'secrets: {app_secret: {from: "env:APP_SECRET"}}\n'
        "requests: {proof: {parameter: proof, secret: app_secret}}",
    ),
)
