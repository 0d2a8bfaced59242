"""Which foreign plugins may be imported at all, and what hostile ones come to."""

import os
import sys
from textwrap import dedent

import pytest

from tests.hooks.conftest import ACME, Site
from tests.hooks.test_finding import line
from tests.hooks.test_looking_up import plugin
from tokenflow import UnknownCapability
from tokenflow.hooks import manifest
from tokenflow.hooks.offers import ALLOW, DISABLE
from tokenflow.hooks.registry import Registry

TRAP = f"""
    import sys
    sys.modules["sprung"] = sys.modules[__name__]
    {ACME.strip()}
"""


@pytest.mark.proves("G")
@pytest.mark.parametrize(
    "environ",
    [{DISABLE: "1"}, {DISABLE: "web, 1"}, {ALLOW: ""}, {ALLOW: "other"}, {ALLOW: "acme-tokens==1.3"}],
    ids=lambda environ: "".join(f"{name[10:]}={value}" for name, value in environ.items()),
)
def test_what_is_not_allowed_is_never_imported(site: Site, environ: dict[str, str]) -> None:
    """Not by a listing, a look-up, a check of a spec, nor by news: it is listed as left alone."""
    site.plugin("acme", TRAP)
    registry = Registry.installed(environ=environ)

    assert [(one.name, one.status) for one in registry.listing() if one.name == "acme"] == [
        ("acme", "disabled")
    ]
    with pytest.raises(UnknownCapability, match="the plugin `acme` is disabled"):
        registry.acquirer("acme.api_key")
    assert registry.observers([])
    assert "acme" not in {one.plugin for one in manifest.offered(environ)}
    assert not {"sprung", "tokenflow_acme"} & sys.modules.keys()


@pytest.mark.proves("G")
@pytest.mark.parametrize("allow", ["acme-tokens", "other, acme-tokens==1.2"])
def test_what_is_allowed_is_found(site: Site, allow: str) -> None:
    """By its distribution, in any version or in one; tokenflow's own are always there."""
    site.plugin("acme")
    registry = Registry.installed(environ={ALLOW: allow})

    assert registry.acquirer("acme.api_key").name == "acme.api_key"
    assert registry.store("sqlite").name == "sqlite"
    assert "acme" in {one.plugin for one in manifest.offered({ALLOW: allow})}


@pytest.mark.proves("G")
def test_a_namesake_that_is_not_allowed_takes_nobody_s_place(site: Site) -> None:
    """A foreign `sqlite` beside the house's own is left out, and the house's own works."""
    site.plugin("sqlite", TRAP)
    registry = Registry.installed(environ={ALLOW: "acme-tokens"})

    assert registry.store("sqlite").name == "sqlite"
    assert "sprung" not in sys.modules


HOSTILE = {
    "raises at import": "raise BaseException('no')",
    "exits at import": "raise SystemExit(3)",
    "closes the generator": "raise GeneratorExit",
    "recurses at import": "def f(): f()\nf()",
    "recurses in a hook": ("@hookimpl\ndef tokenflow_commands():\n    return tokenflow_commands()"),
    "raises in a hook": "@hookimpl\ndef tokenflow_commands():\n    raise BaseException('no')",
    "raises while it yields": "@hookimpl\ndef tokenflow_commands():\n    yield 1 / 0",
    "yields for ever what is none": (
        "import itertools\n@hookimpl\ndef tokenflow_commands():\n    yield from itertools.count()"
    ),
    "yields itself": "@hookimpl\ndef tokenflow_commands():\n    yield hookimpl",
    "returns a number": "@hookimpl\ndef tokenflow_commands():\n    return 7",
    "registers twice": (
        "@hookimpl\ndef tokenflow_commands():\n    yield from 2 * [Command(name='broken.x', flow=None)]"
    ),
    "a name that is a list": (
        "@hookimpl\ndef tokenflow_commands():\n    yield Command(name=['broken'], flow=None)"
    ),
}


@pytest.mark.proves("G")
@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_plugin_is_broken_and_the_others_work(site: Site, source: str) -> None:
    """Whatever it does when it is imported or asked, it is listed with a reason, and its neighbour serves."""
    site.plugin("broken", f"from tokenflow import Command, hookimpl\n{source}\n")
    site.plugin("acme")
    registry = Registry.installed()

    assert line(registry, "broken").status == "broken"
    assert line(registry, "broken").why
    assert registry.acquirer("acme.api_key").name == "acme.api_key"
    assert registry.store("sqlite").name == "sqlite"


@pytest.mark.proves("G")
def test_a_plugin_that_forks_while_it_is_imported_leaves_one_program(site: Site) -> None:
    """The child ends where it began, and the parent has the plugin."""
    forking = "import os\nchild = os.fork()\nif child == 0:\n    os._exit(0)\nos.waitpid(child, 0)\n"
    site.plugin("acme", forking + dedent(ACME))
    pid = os.getpid()

    assert Registry.installed().acquirer("acme.api_key").name == "acme.api_key"
    assert os.getpid() == pid


@pytest.mark.proves("G", "R20")
def test_an_observer_cannot_change_what_others_are_told() -> None:
    """Events come as a tuple, and each listener is called by itself: the next one hears all the same."""
    spiteful = """
        from tokenflow import hookimpl

        @hookimpl
        def tokenflow_observe(events):
            events.clear()
    """
    heard: list[object] = []
    good = plugin(
        "good", "from tokenflow import hookimpl\n@hookimpl\ndef tokenflow_observe(events): put(events)\n"
    )
    vars(good)["put"] = heard.extend
    registry = Registry.of(plugin("spiteful", spiteful), good)

    assert not registry.observers(("one", "two"))
    assert heard == ["one", "two"]
