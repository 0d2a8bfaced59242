"""How the keys of a store stand: as data, and said."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tokenflow.engine.rings import Ring


def facts(ring: "Ring") -> dict[str, Any]:
    """Return who holds the key, and each term with what is sealed under it."""
    from tokenflow.engine.holders import mode_of, warnings
    from tokenflow.engine.rekeying import Use, uses
    from tokenflow.runner.spans import iso

    used, kept, holder = uses(ring), kept_until(ring), ring.holder
    terms = [
        {
            "term": number,
            "since": iso(term.since),
            "rows": used.get(number, Use()).rows,
            "blobs": used.get(number, Use()).blobs,
            "kept_until": kept.get(number),
        }
        for number, term in sorted(ring.keys.terms.items())
    ]
    return {
        "holder": {"scheme": holder.scheme, "place": holder.place, "mode": mode_of(holder)},
        "newest": ring.newest,
        "rotating": ring.keys.rotating,
        "terms": terms,
        "warnings": [{"says": says, "mend": mend} for says, mend in warnings(holder, ring.store)],
    }


def kept_until(ring: "Ring") -> dict[int, str]:
    """Return until when each older term is kept at least."""
    from itertools import pairwise

    from tokenflow.engine.rekeying import GRACE
    from tokenflow.runner.spans import iso

    return {
        number: iso(ring.keys.terms[following].since + GRACE)
        for number, following in pairwise(sorted(ring.keys.terms))
    }


def say(told: Mapping[str, Any]) -> None:
    """Tell the facts to a person."""
    if not told:
        click.echo("the store is new: a key is made when it is first used")
        return
    holder = told["holder"]
    mode = "" if holder["mode"] is None else f", mode {holder['mode']}"
    click.echo(f"key     {holder['place']} ({holder['scheme']}{mode})")
    for term in told["terms"]:
        seals = f"{term['rows']} rows and {term['blobs']} blobs are sealed under it"
        kept = "" if term["kept_until"] is None else f"; kept until {term['kept_until']}"
        click.echo(f"term {term['term']:<2} since {term['since']}; {seals}{kept}")
    if told["rotating"]:
        click.echo(
            "a rotation was begun and is not done\n  help: tokenflow keys rotate --store ...", err=True
        )
    for warning in told["warnings"]:
        click.echo(f"warning: {warning['says']}\n  help: {warning['mend']}", err=True)
