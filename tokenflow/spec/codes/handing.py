"""TF62x: tokens that change hands, and what issuers send."""

from typing import Final

from tokenflow.spec.codes.code import Code

CODES: Final = (
    Code(
        "TF621",
        "error",
        "A token from another's hand that nobody vouched for",
        what="A capability that takes what another server hands over (`server.ticket`) has no `verify`.",
        why="It could be another app's, another person's or of another kind; who sent it cannot be asked "
        "(RFC 9700 §4.6, token substitution).",
        mend="verify: facebook.debug_token",
        bad="acquire:\n  moved:\n    use: server.ticket\n    runs_on: server\n    lifetime: long\n"
        "    with: {from: [https://a.example], audience: https://b.example}",
        good="acquire:\n  moved:\n    use: server.ticket\n    verify: facebook.debug_token\n"
        "    runs_on: server\n    lifetime: long\n"
        "    with: {from: [https://a.example], audience: https://b.example}",
    ),
    Code(
        "TF622",
        "error",
        "A code for nobody",
        what="`hand_over` gives a code to a place that the token's custody does not allow, or the token may "
        "not be moved at all.",
        why="Custody is asked first, so that a token goes no further than it has to (RFC 9700 §2.3): nobody "
        "is ever given the code.",
        mend="Name places under `custody: {may_live: [...]}` only.",
        bad="extends: builtin:facebook-page\nhand_over: {use: facebook.debug_token, to: [client]}",
        good="extends: builtin:facebook-page\nhand_over: {use: facebook.debug_token, to: [server]}",
    ),
    Code(
        "TF623",
        "error",
        "A machine's token on clients",
        what="A token of kind `system_user` may live on a client.",
        why="It acts for the business and does not end by time, and whoever has the client's code has it "
        "(RFC 9700 §2.3).",
        mend="custody: {may_live: [server], transport: https}",
        bad="extends: builtin:facebook-system-user\ntoken: {custody: {may_live: [client, server]}}",
        good="extends: builtin:facebook-system-user\ntoken: {custody: {may_live: [server]}}",
    ),
    Code(
        "TF625",
        "error",
        "A callback that anybody can sign",
        what="A callback is verified with a secret whose custody is `client`.",
        why="What ships with every copy of an app is no secret (RFC 8252 §8.5): whoever reads it there can "
        "end anybody's tokens in the issuer's name.",
        mend="Lend it a secret that only the issuer and this server have.",
        bad="kind: Issuer\nsecrets: {app_key: {from: env:APP_KEY, custody: client}}\n"
        "callbacks: {gone: {use: facebook.deauthorize, secrets: [app_key]}}",
        good="kind: Issuer\nsecrets: {app_key: {from: env:APP_KEY, custody: server}}\n"
        "callbacks: {gone: {use: facebook.deauthorize, secrets: [app_key]}}",
    ),
    Code(
        "TF629",
        "note",
        "A person's data by the app's token",
        what="A step of a story reads `user_data` with a token of kind `app`, and expects no warning of it.",
        why="What an app token may not see of a person is left out of the answer, without an error; and it "
        "may change the app, which to read takes nothing of (RFC 9700 §2.3).",
        mend="Use the token of the person, kind `user`; or say what the story is about, "
        "`expect_warning: prefer-user-token-for-user-data`.",
        bad="kind: Scenario\nlifecycles: [facebook-app]\nsteps:\n"
        "  - acquire: {key: app, lifecycle: facebook-app, platform: inline}\n"
        '  - use: {key: app, request: {path: "/222", reads: user_data}}',
        good="kind: Scenario\nlifecycles: [facebook-app]\nsteps:\n"
        "  - acquire: {key: app, lifecycle: facebook-app, platform: inline}\n"
        '  - use: {key: app, request: {path: "/222", reads: user_data}}\n'
        "    expect_warning: prefer-user-token-for-user-data",
    ),
)
