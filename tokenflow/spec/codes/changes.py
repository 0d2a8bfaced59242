"""TF5xx: a new version of a lifecycle against the old one (`tokenflow diff`). The examples are new versions
of the shipped facebook-user."""

from typing import Final

from tokenflow.spec.codes.code import Code

CODES: Final = (
    Code(
        "TF501",
        "error",
        "A version that says too little",
        what="The version was raised by less than the change is: a state gone, a final or usable flag "
        "turned, "
        "an event no longer accepted, identity or custody widened are major; a new state or transition, a "
        "changed guard or timer are minor.",
        why="Whoever pins a range of versions would get what they did not agree to.",
        mend="Raise the version as the message says.",
        bad="metadata: {name: facebook-user, version: 1.0.1}\nremove: [states.issued.transitions.revoke]",
        good="metadata: {name: facebook-user, version: 2.0.0}\nremove: [states.issued.transitions.revoke]",
    ),
    Code(
        "TF502",
        "error",
        "Stranded tokens",
        what="A state is gone, and no `migrate` entry says where its tokens go.",
        why="Live tokens in it could not be brought over.",
        mend="migrate: [{from: <2.0.0, states: {old: new}}]",
        bad="metadata: {name: facebook-user, version: 2.0.0}\n"
        "remove: [states.suspended]\n"
        "everywhere: {invalidate: {to: invalidated, then: [{forget: all}, {cascade: invalidate}]}}",
        good="metadata: {name: facebook-user, version: 2.0.0}\n"
        "remove: [states.suspended]\n"
        "everywhere: {invalidate: {to: invalidated, then: [{forget: all}, {cascade: invalidate}]}}\n"
        'migrate: [{from: "<2.0.0", states: {suspended: invalidated}}]',
    ),
    Code(
        "TF503",
        "error",
        "Changed under the same version",
        what="The body differs, and the version does not.",
        why="Live tokens are pinned to name@version: two specs of one version cannot be told apart.",
        mend="Raise the version.",
        bad="metadata: {name: facebook-user, version: 1.0.0}\nstates: {issued: {timers: {renew: {every: "
        "7m}}}}",
        good="metadata: {name: facebook-user, version: 1.1.0}\nstates: {issued: {timers: {renew: {every: "
        "7m}}}}",
    ),
)
