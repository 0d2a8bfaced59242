"""A broken plugin stops nobody else, and says what is wrong with it and where."""

import logging
from importlib import import_module
from textwrap import dedent

import pytest

from tests.hooks.conftest import ACME, Site
from tests.hooks.test_finding import line
from tests.hooks.test_looking_up import EVERYTHING, plugin
from tokenflow import UnknownCapability
from tokenflow.hooks.registry import Registry


def why(source: str) -> str:
    """Return what the listing says is wrong with a plugin of *source*, beside one that is well."""
    registry = Registry.of(plugin("broken", source), plugin("acme", ACME))
    assert registry.acquirer("acme.api_key").name == "acme.api_key"
    found = line(registry, "broken")
    assert found.status == "broken"
    assert found.offers == ()
    return found.why


def with_hook(hook: str) -> str:
    """Return a plugin with one hook of that name."""
    return dedent(f"""
        from tokenflow import Command, Guard, hookimpl

        @hookimpl
        def {hook}():
            return []
    """)


def test_an_import_error_is_listed_with_type_message_file_and_line(site: Site) -> None:
    file = site.plugin("broken", "\n\nimport nothing_of_that_name")

    assert line(Registry.installed(), "broken").why == (
        f"ModuleNotFoundError: No module named 'nothing_of_that_name' ({file}:3)"
    )


def test_a_syntax_error_is_listed_with_its_own_line(site: Site) -> None:
    file = site.plugin("broken", "x = 1\nx ==== 2")

    assert line(Registry.installed(), "broken").why == f"SyntaxError: invalid syntax ({file}:2)"


def test_an_entry_point_that_leads_nowhere_is_listed(site: Site) -> None:
    site.distribution("broken-tokens", broken="tokenflow_not_there")

    assert "No module named 'tokenflow_not_there'" in line(Registry.installed(), "broken").why


@pytest.mark.proves("G")
def test_a_plugin_that_exits_when_imported_does_not_end_the_program(site: Site) -> None:
    file = site.plugin("broken", "import sys\nsys.exit('usage: broken')")

    assert line(Registry.installed(), "broken").why == f"SystemExit: usage: broken ({file}:2)"


def test_a_broken_file_is_listed_and_leaves_no_module_behind(site: Site) -> None:
    file = site.module("broken", "1 / 0")
    found = line(Registry.installed(plugins_dir=site.folder), "broken")

    assert (found.origin, found.why) == (str(file), f"ZeroDivisionError: division by zero ({file}:1)")


def test_an_interrupt_while_importing_is_the_person_s_and_the_plugin_may_be_asked_again(site: Site) -> None:
    site.module("patience", "lost = False")
    impatient = "import patience\nif not patience.lost:\n    raise KeyboardInterrupt\n"
    site.plugin("acme", impatient + dedent(ACME))
    registry = Registry.installed()

    with pytest.raises(KeyboardInterrupt):
        registry.acquirer("acme.api_key")
    vars(import_module("patience"))["lost"] = True
    assert registry.acquirer("acme.api_key").name == "acme.api_key"


@pytest.mark.proves("G")
def test_the_others_work_and_a_look_up_tells_of_the_broken_one(site: Site) -> None:
    site.plugin("broken", "1 / 0")
    site.plugin("acme")
    registry = Registry.installed()

    assert registry.acquirer("acme.api_key").name == "acme.api_key"
    with pytest.raises(UnknownCapability, match="the plugin `broken` is broken: ZeroDivisionError"):
        registry.command("broken.extend")


def test_a_name_nobody_offers_is_answered_with_who_could_not_be_asked(site: Site) -> None:
    site.plugin("broken", "1 / 0")

    with pytest.raises(UnknownCapability, match=r"\(disabled or broken, and not asked: absent, broken\)"):
        Registry.installed(disabled=["absent"]).store("drawer")


def test_a_broken_plugin_is_warned_of_once(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.plugin("broken", "1 / 0")
    registry = Registry.installed()
    registry.listing()
    registry.listing()

    warned = [record for record in caplog.records if "plugin broken is broken" in record.getMessage()]
    assert [record.levelno for record in warned] == [logging.WARNING]


def test_a_misspelt_hook_is_named_with_the_nearest() -> None:
    assert why(dedent(EVERYTHING) + with_hook("tokenflow_aquirers")) == (
        "unknown hook tokenflow_aquirers; did you mean tokenflow_acquirers?"
    )


def test_a_hook_like_no_other_is_named_alone() -> None:
    assert why(with_hook("zzz")) == "unknown hook zzz"


def test_an_optional_hook_of_a_newer_tokenflow_is_no_mistake() -> None:
    source = with_hook("tokenflow_ciphers").replace("@hookimpl", "@hookimpl(optionalhook=True)")

    assert line(Registry.of(plugin("acme", source)), "acme").status == "active"


def test_a_hook_with_an_argument_that_is_not_there_is_broken() -> None:
    source = with_hook("tokenflow_guards").replace("():", "(engine):")

    assert "Argument(s) {'engine'} are declared in the hookimpl but can not be found" in why(source)


def test_a_hook_that_fails_is_broken() -> None:
    assert why(
        with_hook("tokenflow_guards").replace("return []", "raise RuntimeError('no\\nway')")
    ).startswith("RuntimeError: no way (<string>:")


@pytest.mark.proves("G")
@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("['acme.api_key']", "tokenflow_commands yields str; it yields Command or CodeExchange"),
        (
            "[Guard(name='g', check=None)]",
            "tokenflow_commands yields Guard; it yields Command or CodeExchange",
        ),
        ("[Command(name=7, flow=None)]", "tokenflow_commands yields a Command whose name is no text"),
        (
            "Command(name='c', flow=None)",
            "tokenflow_commands returns Command; it yields Command or CodeExchange",
        ),
        ("2 * [Command(name='c', flow=None)]", "tokenflow_commands yields the command `c` twice"),
    ],
)
def test_a_hook_that_yields_anything_else_is_broken(returned: str, said: str) -> None:
    assert why(with_hook("tokenflow_commands").replace("return []", f"return {returned}")) == said


def test_a_record_for_a_newer_api_is_broken_and_the_rest_of_its_plugin_works() -> None:
    newer = """
        from tokenflow import Command, hookimpl

        @hookimpl
        def tokenflow_commands():
            yield Command(name="acme.extend", flow=None)
            yield Command(name="acme.dance", flow=None, api=2)
    """
    registry = Registry.of(plugin("acme", newer))

    assert registry.command("acme.extend").name == "acme.extend"
    assert line(registry, "acme").offers == ("command acme.extend",)
    assert line(registry, "acme.dance").why == "needs plugin API 2, this is 1"
    with pytest.raises(UnknownCapability, match=r"`acme\.dance`: it needs plugin API 2, this is 1") as caught:
        registry.command("acme.dance")
    assert caught.value.mend == "upgrade tokenflow-engine"
