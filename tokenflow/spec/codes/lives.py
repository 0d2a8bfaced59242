"""TF1xx: whether a token can begin, go on and end; and what will never happen."""

from typing import Final

from tokenflow.spec.codes.code import Code

CODES: Final = (
    Code(
        "TF100",
        "error",
        "Not whole",
        what="With its parents' help the lifecycle still lacks `token`, `initial`, `events` or `states`.",
        why="It cannot be run.",
        mend="Add what is missing; or `abstract: true` if it is a parent for others only.",
        bad="remove: [initial]",
        good="initial: requested",
    ),
    Code(
        "TF101",
        "error",
        "An unknown state",
        what="A transition, `initial` or a story names a state that is not under `states:`.",
        why="The move could never be made.",
        mend="Correct the name, or add the state.",
        bad="states: {requested: {transitions: {acquired: {to: isued}}}}",
        good="states: {requested: {transitions: {acquired: {to: issued}}}}",
    ),
    Code(
        "TF102",
        "error",
        "An unknown event",
        what="A transition, timer, effect, error rule or story names an event that is not under `events:`.",
        why="Nobody could raise it, or nobody would hear it.",
        mend="Correct the name, or declare the event.",
        bad="states: {issued: {timers: {renew: {raise: extnd}}}}",
        good="states: {issued: {timers: {renew: {raise: extend}}}}",
    ),
    Code(
        "TF103",
        "error",
        "An unknown command, secret or lifetime",
        what="A name is used that nothing declares.",
        why="The step could never be made.",
        mend="Correct the name, or declare it under `commands:`, `secrets:` or `lifetimes:`.",
        bad="states: {extended: {transitions: {extend: {do: extnd, to: extended}}}}",
        good="states: {extended: {transitions: {extend: {do: extend, to: extended}}}}",
    ),
    Code(
        "TF104",
        "warning",
        "A state that cannot be reached",
        what="No line of transitions leads from the initial state to this one.",
        why="What is written in it never happens; most often a transition to it was forgotten.",
        mend="Add the transition, or remove the state.",
        bad="states: {waiting: {transitions: {expire: {to: expired}}}}",
        good="states:\n  waiting: {transitions: {expire: {to: expired}}}\n"
        "  extended: {transitions: {expire: {to: waiting}}}",
    ),
    Code(
        "TF105",
        "error",
        "No way out",
        what="A state is not final, and nothing leads out of it.",
        why="A token that gets there stays for ever, with its values.",
        mend="`final: true`, or a transition.",
        bad="states: {issued: {transitions: {invalidate: {to: limbo}}}, limbo: {transitions: {invalidate: "
        "{to: limbo}}}}",
        good="states: {issued: {transitions: {invalidate: {to: limbo}}}, limbo: {final: true}}",
    ),
    Code(
        "TF106",
        "error",
        "No end",
        what="From this state no final state can be reached; or there is none at all.",
        why="A token there never ends: its values are kept for ever.",
        mend="Add a transition to a final state.",
        bad="states:\n"
        "  issued: {transitions: {invalidate: {to: ping}}}\n"
        "  ping: {transitions: {invalidate: {to: pong}}}\n"
        "  pong: {transitions: {invalidate: {to: ping}}}",
        good="states:\n"
        "  issued: {transitions: {invalidate: {to: ping}}}\n"
        "  ping: {transitions: {invalidate: {to: pong}}}\n"
        "  pong: {transitions: {invalidate: {to: invalidated}}}",
    ),
    Code(
        "TF107",
        "error",
        "Usable without an end",
        what="A state is usable, its lifetime is not `never`, and no hard timer is set to `expires`.",
        why="A token would be handed out after its time, and every call with it would fail.",
        mend="timers: {expire: {at: expires, raise: expire, hard: true}}",
        bad="remove: [states.issued.timers.expire]",
        good="states: {issued: {timers: {expire: {at: expires, raise: expire, hard: true}}}}",
    ),
    Code(
        "TF108",
        "error",
        "Deaf to invalidation",
        what="A usable state does not accept `invalidate`.",
        why="An issuer may end any token at any moment, also one that has no end by time.",
        mend="Accept it in the state, or under `everywhere:`.",
        bad="remove: [everywhere.invalidate]",
        good="everywhere: {invalidate: {to: invalidated}}",
    ),
    Code(
        "TF109",
        "error",
        "A hard timer that is not a fact",
        what="A timer with `hard: true` has `jitter` or `every`.",
        why="Expiry happens once, at its moment, for everybody.",
        mend="Drop the jitter and the repetition, or `hard: true`.",
        bad="states: {issued: {timers: {expire: {jitter: 1h}}}}",
        good="states: {issued: {timers: {renew: {jitter: 1h}}}}",
    ),
    Code(
        "TF110",
        "error",
        "Raised where it is not accepted",
        what="A timer or `on_error` raises an event that its state has no transition for.",
        why="It would be refused each time.",
        mend="Add the transition, or raise another event.",
        bad="states: {issued: {timers: {renew: {raise: acquired}}}}",
        good="states: {issued: {timers: {renew: {raise: extend}}}}",
    ),
    Code(
        "TF111",
        "error",
        "An entry that hides others",
        what="An entry without `when` is followed by more entries for the same event.",
        why="The first that fits is taken, and this one always fits.",
        mend="Move it to the end of the list.",
        bad="states:\n"
        "  requested: {transitions: {acquired: [{to: issued}, {to: extended, when: [{event.lifetime: "
        "long}]}]}}",
        good="states:\n"
        "  requested: {transitions: {acquired: [{to: extended, when: [{event.lifetime: long}]}, {to: "
        "issued}]}}",
    ),
    Code(
        "TF112",
        "error",
        "The same condition twice",
        what="Two entries for an event have the same `when`.",
        why="The second can never be taken.",
        mend="Change the condition, or drop the entry.",
        bad="states:\n  requested:\n    transitions:\n      acquired:\n"
        "        - {to: extended, when: [{event.lifetime: long}]}\n"
        "        - {to: issued, when: [{event.lifetime: long}]}\n        - {to: issued}",
        good="states:\n  requested:\n    transitions:\n      acquired:\n"
        "        - {to: extended, when: [{event.lifetime: long}]}\n        - {to: issued}",
    ),
    Code(
        "TF113",
        "note",
        "Only conditional entries",
        what="Each entry for an event has a `when`.",
        why="Where none of them holds the event is refused, and nothing changes. That may be meant.",
        mend="Add a last entry without `when`, if something shall happen then.",
        bad="states: {requested: {transitions: {acquired: [{to: issued, when: [{event.lifetime: short}]}]}}}",
        good="states: {requested: {transitions: {acquired: [{to: issued}]}}}",
    ),
    Code(
        "TF114",
        "warning",
        "It does nothing",
        what="A transition neither moves, nor runs a command, nor sets, nor has effects; or it has "
        "`on_error` and no `do`. A row under a condition may do nothing where another row follows: it "
        "keeps the event from that one.",
        why="It looks as if something happened.",
        mend="To accept an event and ignore it, list it under `absorbs:`.",
        bad="states: {extended: {transitions: {expiring_soon: {because: So it is.}}}}\n"
        "remove: [states.extended.transitions.expiring_soon]",
        good="states: {extended: {transitions: {expiring_soon: {then: [{notify: token.expiring_soon}]}}}}",
    ),
    Code(
        "TF115",
        "warning",
        "Declared and never used",
        what="An event, command, secret, lifetime or app fact is declared, and nothing uses it.",
        why="It is left over, or it was to be used under another spelling.",
        mend="Use it, or remove it.",
        bad="events: {celebrate: {from: [caller]}}",
        good="events: {extend: {from: [caller, timer]}}",
    ),
    Code(
        "TF116",
        "warning",
        "A command is tried once",
        what="A soft timer raises an event that runs a command, and has no `every`.",
        why="When the command fails for good, nothing ever tries again.",
        mend="Add `every: 15m`, or how often fits.",
        bad="remove: [states.issued.timers.renew.every]",
        good="states: {issued: {timers: {renew: {every: 5m}}}}",
    ),
    Code(
        "TF117",
        "error",
        "A timer that comes too late",
        what="A soft timer is due at or after `expires`, in a state whose hard timer is due then.",
        why="The hard one always wins; this one never fires.",
        mend="`expires - 10%`",
        bad="states: {issued: {timers: {renew: {at: expires}}}}",
        good="states: {issued: {timers: {renew: {at: expires - 10%}}}}",
    ),
    Code(
        "TF118",
        "error",
        "A timer that comes too early",
        what="A timer is set further before `expires` than the token typically lives.",
        why="Its moment is past when the token arrives, so it fires at once, each time.",
        mend="A percentage adapts to whatever life the issuer gives: `expires - 20%`.",
        bad="states: {issued: {timers: {renew: {at: expires - 7d}}}}",
        good="states: {issued: {timers: {renew: {at: expires - 20%}}}}",
    ),
    Code(
        "TF119",
        "warning",
        "An error rule in the shadow of another",
        what="An earlier rule matches everything that this one matches.",
        why="The first that matches counts, so this one never does.",
        mend="Move the narrower rule before the wider one.",
        bad="errors:\n  - {match: {code: 7777}, class: revoked, raise: invalidate}\n"
        "  - {match: {code: 7777, subcode: 1}, class: expired, raise: expire}",
        good="errors:\n  - {match: {code: 7777, subcode: 1}, class: expired, raise: expire}\n"
        "  - {match: {code: 7777}, class: revoked, raise: invalidate}",
    ),
    Code(
        "TF120",
        "error",
        "No way to get it",
        what="There is neither `acquire` nor `derive`.",
        why="No token of this kind could ever be had.",
        mend="Add one of them; or `abstract: true` if it is a parent for others only.",
        bad="extends: builtin:bearer",
        good="extends: builtin:bearer\nabstract: true",
    ),
    Code(
        "TF121",
        "error",
        "Timers that never rest",
        what="Timers lead a token round through several states at one and the same instant.",
        why="It would go round for ever without the clock moving on.",
        mend="Let one of them wait: `entered + 1m`.",
        bad="states:\n"
        "  extended: {transitions: {expiring_soon: {to: resting}}, timers: {rest: {at: entered, raise: "
        "expiring_soon}}}\n"
        "  resting:\n    transitions: {expiring_soon: {to: extended}}\n"
        "    timers: {wake: {at: entered, raise: expiring_soon}}",
        good="states:\n"
        "  extended: {transitions: {expiring_soon: {to: resting}}, timers: {rest: {at: entered, raise: "
        "expiring_soon}}}\n"
        "  resting:\n    transitions: {expiring_soon: {to: extended}}\n"
        "    timers: {wake: {at: entered + 1h, raise: expiring_soon}}",
    ),
    Code(
        "TF122",
        "error",
        "A lifetime that contradicts itself",
        what="`typical` is below `at_least` or above `at_most`, or these two are crossed.",
        why="Every answer of the issuer would look abnormal.",
        mend="at_least <= typical <= at_most",
        bad="lifetimes: {short: {typical: 3h, at_least: 1h, at_most: 2h}}",
        good="lifetimes: {short: {typical: 90m, at_least: 1h, at_most: 2h}}",
    ),
    Code(
        "TF123",
        "error",
        "A repetition without a pause",
        what="`every` of a timer is shorter than a second.",
        why="The timer is due again as soon as it has fired, and the keeper does nothing else.",
        mend="Say how soon it is to be tried again: `every: 15m`.",
        bad="states: {issued: {timers: {renew: {every: 0s}}}}",
        good="states: {issued: {timers: {renew: {every: 5m}}}}",
    ),
    Code(
        "TF124",
        "warning",
        "A jitter as wide as the life",
        what="The jitter of a timer on `expires` or `refreshed` is longer than half of the typical life of "
        "its state's lifetime.",
        why="Some tokens are renewed as soon as they arrive, and again, and again.",
        mend="A tenth of the typical life spreads a fleet well enough.",
        bad="states: {issued: {timers: {renew: {jitter: 2h}}}}",
        good="states: {issued: {timers: {renew: {jitter: 9m}}}}",
    ),
    Code(
        "TF125",
        "error",
        "An expiry after the end",
        what="The hard timer of a usable state is set to a time after `expires`.",
        why="Until then the token is kept as usable, and every call with it fails.",
        mend="Anchor it on `expires` itself. A time after the end belongs to a state that is not usable.",
        bad="states: {issued: {timers: {expire: {at: expires + 1h}}}}",
        good="states: {issued: {timers: {expire: {at: expires}}}}",
    ),
    Code(
        "TF126",
        "warning",
        "Durations the wrong way round",
        what="A command's `timeout` is longer than its `lease`, a retry's `first` than its `max`, or a "
        "breaker's `rest` than its `longest`.",
        why="One of the two does not count, and which one was meant cannot be told.",
        mend="timeout <= lease, first <= max, rest <= longest",
        bad="commands: {extend: {retry: {first: 5m, max: 1m}}}",
        good="commands: {extend: {retry: {first: 30s, max: 10m}}}",
    ),
    Code(
        "TF127",
        "warning",
        "A run of numbers without a number",
        what="An error rule names a run whose end is before its beginning.",
        why="No number is in it, so the rule never matches.",
        mend="The lower number first: 200..299",
        bad="errors: [{match: {code: 299..200}, class: reconsent}]",
        good="errors: [{match: {code: 7700..7799}, class: reconsent}]",
    ),
    Code(
        "TF128",
        "error",
        "A timer on an attribute that is not declared",
        what="A timer's `at` names `attributes.NAME`, and the token declares no such attribute.",
        why="Nothing is kept under that name, so the timer would sleep for ever.",
        mend="Declare it: `token: {attributes: {consent_ends_at: {type: instant}}}`.",
        bad="states: {issued: {timers: {renew: {at: attributes.consent_ends_at - 7d}}}}",
        good="token: {attributes: {consent_ends_at: {type: instant}}}\n"
        "states: {issued: {timers: {renew: {at: attributes.consent_ends_at - 7d}}}}",
    ),
    Code(
        "TF129",
        "error",
        "A timer on an attribute that is no instant",
        what="A timer's `at` names an attribute whose type is not `instant`.",
        why="Only an instant says when; with anything else the timer would sleep for ever.",
        mend="Give the attribute `type: instant`, or anchor the timer on something else.",
        bad="token: {attributes: {consent: {type: string}}}\n"
        "states: {issued: {timers: {renew: {at: attributes.consent + 90d}}}}",
        good="token: {attributes: {consent: {type: instant}}}\n"
        "states: {issued: {timers: {renew: {at: attributes.consent + 90d}}}}",
    ),
)
