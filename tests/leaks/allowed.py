"""The few places where a secret may stand, each with its reason."""

import re
from typing import Final, NamedTuple

from tests.leaks.channels import A_CLIENT, BY_HAND


class Allowed(NamedTuple):
    """A place that may hold a kind of secret; both are patterns from the start of the text."""

    channel: str
    where: str
    kind: str
    why: str

    def covers(self, channel: str, where: str, kind: str) -> bool:
        """Return whether this is such a place."""
        return (
            channel == self.channel
            and re.match(self.where, where) is not None
            and re.match(self.kind, kind) is not None
        )


ALLOWED: Final = (
    Allowed(
        "file",
        r"(.*/)?(([\w.-]+\.)?key|keys/[\w.-]+)$",
        r"Secret of tokenflow\.engine\.(ciphers|secrets)",
        "a key file is where the key of a store lies; a token in one would be found all the same",
    ),
    Allowed(
        "file",
        r"here/(com\.facebook\.|android\.|ios\.|item$)",
        "graph user token",
        "`token lift` puts a token where the SDK of a device keeps it, in the SDK's own form",
    ),
    Allowed(
        "log",
        A_CLIENT,
        "",
        "tests play browsers and foreign clients, whose libraries log as they like; ours is overheard",
    ),
    Allowed("error", A_CLIENT, "", "the same: an error of a client that is not ours"),
    Allowed(
        "traceback",
        BY_HAND,
        "",
        "a flow's locals are its caller's to cut: the engine does, which all tests that go by one show",
    ),
    Allowed(
        "traceback",
        r"raised: \w+ in \w+ \(engine/(containers|exporting)\.py",
        "",
        "the same: what calls these, `export` and `import`, cuts their frames (runner/keepsakes.py)",
    ),
    Allowed(
        "output",
        "stdout",
        r"Secret of tokenflow\.core\.tickets|chance of tokenflow\.engine\.performer",
        "`token handoff` prints the ticket it is asked for, `run` the address a person opens",
    ),
    Allowed(
        "error",
        r"(raised: )?PromptPending",
        "chance of tokenflow.engine.performer",
        "it says which address a person opens, and `state` stands in that by RFC 6749 §4.1.1",
    ),
)
