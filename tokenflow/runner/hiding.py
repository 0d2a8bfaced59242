"""Where a token's secret is hidden, and what follows: kept once got, or put together for each call.

The seed: "the choice to use a generated access token vs. this method depends on where you hide your app
secret". What is said follows from the spec's data: `keep_value`, custody, and where the reference points.
"""

from collections.abc import Iterator
from typing import Final

from tokenflow.core.lifecycles import Acquisition, Lifecycle

_WHERE: Final = {
    "env": "in the environment ({}), which whatever runs in the process can read",
    "file": "in a file ({}), which whoever may read it has",
    "systemd": "in a credential ({}), which systemd gives to this service alone",
    "keyring": "in the keyring ({}), which asks for the login of its owner",
}


def hiding(lifecycle: Lifecycle) -> Iterator[tuple[str, str]]:
    """Yield (platform, advice) where there is a choice: one way keeps its value, another does not."""
    ways = {name: how for name, how in lifecycle.acquisitions.items() if _hidden(lifecycle, how)}
    if any(not how.keep_value for how in ways.values()):
        for name, how in ways.items():
            yield name, _advice(lifecycle, how)


def _advice(lifecycle: Lifecycle, how: Acquisition) -> str:
    names = _hidden(lifecycle, how)
    lent = " and ".join(f"`{name}`" for name in names)
    where = "; ".join(dict.fromkeys(_where(lifecycle.secrets[name].reference) for name in names))
    if not how.keep_value:
        return (
            f"{lent} is needed at every call, and nothing is kept. It is {where}: fit where all that "
            "call may have the secret anyway"
        )
    return (
        f"{lent} is needed only to get it. It is {where}; calls are made with a stored value, sealed, that "
        "ends with the secret: fit where the secret is kept from those that call"
    )


def _hidden(lifecycle: Lifecycle, how: Acquisition) -> list[str]:
    """Return the secrets of the server that an acquisition by machine is lent."""
    if how.consent != "none" or how.runs_on != "server":
        return []
    return [name for name in how.secrets if lifecycle.secrets[name].custody == "server"]


def _where(reference: str) -> str:
    source = reference.partition(":")[0]
    return _WHERE.get(source, "where a plugin finds it ({})").format(reference)
