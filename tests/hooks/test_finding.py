"""Where plugins come from, and when they are imported."""

import json
import sys
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from threading import Barrier, Thread

import pytest

from tests.hooks.conftest import ACME, Site
from tokenflow import PluginError, UnknownCapability
from tokenflow.hooks.registry import PluginLine, Registry

NEVER = "raise AssertionError('this plugin must not be imported')"


def line(registry: Registry, name: str) -> PluginLine:
    """Return the listing's line of one plugin."""
    (found,) = [it for it in registry.listing() if it.name == name]
    return found


def test_an_installed_plugin_is_found_by_the_name_of_what_it_offers(site: Site) -> None:
    site.plugin("acme")

    assert Registry.installed().acquirer("acme.api_key").name == "acme.api_key"


def test_a_listing_says_which_distribution_a_plugin_came_with(site: Site) -> None:
    site.plugin("acme")

    assert line(Registry.installed(), "acme") == PluginLine(
        name="acme", origin="acme-tokens 1.2", status="active", offers=("acquirer acme.api_key",)
    )


@pytest.mark.proves("G")
def test_making_a_registry_imports_no_plugin(site: Site) -> None:
    site.plugin("acme", NEVER)

    Registry.installed()

    assert "tokenflow_acme" not in sys.modules


def test_a_look_up_imports_the_plugin_of_that_name_and_no_other(site: Site) -> None:
    site.plugin("acme")
    site.plugin("other", NEVER)

    Registry.installed().acquirer("acme.api_key")

    assert "tokenflow_acme" in sys.modules
    assert "tokenflow_other" not in sys.modules


def test_a_name_its_namesake_does_not_offer_is_looked_for_in_all_plugins(site: Site) -> None:
    site.distribution("umbrella", umbrella="tokenflow_umbrella")
    site.module("tokenflow_umbrella")

    assert Registry.installed().acquirer("acme.api_key").name == "acme.api_key"


def test_an_entry_point_may_name_an_object_in_a_module(site: Site) -> None:
    site.distribution("acme-tokens", acme="acme_module:Plugin")
    site.module(
        "acme_module",
        """
        from tokenflow import Guard, hookimpl

        class Plugin:
            @staticmethod
            @hookimpl
            def tokenflow_guards():
                return [Guard(name="acme_paid", check=lambda view, argument: True)]
        """,
    )

    assert "acme_paid" in Registry.installed().guards()


@pytest.mark.proves("G")
def test_a_disabled_plugin_is_never_imported(site: Site) -> None:
    site.plugin("acme", NEVER)
    registry = Registry.installed(disabled=["acme"])

    registry.names()
    registry.observers(())

    assert line(registry, "acme").status == "disabled"
    assert "tokenflow_acme" not in sys.modules


def test_the_error_for_a_disabled_plugin_says_so_and_how_to_enable_it(site: Site) -> None:
    site.plugin("acme", NEVER)
    registry = Registry.installed(environ={"TOKENFLOW_DISABLE_PLUGINS": "else, acme,"})

    with pytest.raises(UnknownCapability, match="the plugin `acme` is disabled") as caught:
        registry.acquirer("acme.api_key")
    assert caught.value.mend == "TOKENFLOW_DISABLE_PLUGINS names it; take it out there"


def test_the_environment_disables_plugins_when_a_registry_is_made(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.plugin("acme", NEVER)
    monkeypatch.setenv("TOKENFLOW_DISABLE_PLUGINS", "acme")

    assert line(Registry.installed(), "acme").status == "disabled"


def test_disabling_what_is_not_installed_shows_in_the_listing() -> None:
    assert line(Registry.installed(disabled=["acmee"]), "acmee").origin == "not installed"


def test_only_builtin_leaves_foreign_plugins_alone(site: Site) -> None:
    site.plugin("acme", NEVER)
    registry = Registry.installed(only_builtin=True)

    assert line(registry, "acme").why == "this run asked for built-in plugins only"
    assert line(registry, "web").status == "active"


def test_only_builtin_takes_the_house_s_plugin_where_a_foreign_one_has_its_name(site: Site) -> None:
    site.distribution("impostor", web="tokenflow_impostor")
    site.module("tokenflow_impostor", NEVER)

    assert line(Registry.installed(only_builtin=True), "web").origin.startswith("tokenflow-engine ")


def test_two_distributions_with_one_plugin_name_are_both_left_out_and_named(site: Site) -> None:
    for maker in ("first", "second"):
        site.distribution(f"{maker}-tokens", acme=f"tokenflow_{maker}")
        site.module(f"tokenflow_{maker}", NEVER)
    found = line(Registry.installed(), "acme")

    assert found.status == "broken"
    assert found.why == (
        "2 plugins are called `acme` (first-tokens 1.2 and second-tokens 1.2); uninstall or rename one"
    )


def test_a_file_in_the_plugins_folder_is_a_plugin(site: Site) -> None:
    file = site.module("acme")
    registry = Registry.installed(plugins_dir=site.folder)

    assert registry.acquirer("acme.api_key").name == "acme.api_key"
    assert line(registry, "acme").origin == str(file)


def test_a_plugin_file_hides_no_module_of_its_name(site: Site) -> None:
    site.module("json")
    Registry.installed(plugins_dir=site.folder).acquirer("acme.api_key")

    assert sys.modules["json"] is json


def test_a_file_whose_name_begins_with_an_underscore_is_no_plugin(site: Site) -> None:
    site.module("_helper", NEVER)

    assert not [it for it in Registry.installed(plugins_dir=site.folder).listing() if "helper" in it.name]


def test_a_disabled_file_is_never_run(site: Site) -> None:
    site.module("acme", NEVER)

    assert line(Registry.installed(["acme"], site.folder), "acme").status == "disabled"


def test_a_plugins_folder_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="is not a folder"):
        Registry.installed(plugins_dir=tmp_path / "nowhere")


def test_eight_threads_that_ask_at_once_import_a_plugin_once(site: Site) -> None:
    site.module("tally", "calls = []")
    site.plugin("acme", f"import tally\ntally.calls.append(1)\n{dedent(ACME)}")
    registry, together, found = Registry.installed(), Barrier(8), []

    def ask() -> None:
        together.wait()
        found.append(registry.acquirer("acme.api_key"))

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sys.modules["tally"].calls == [1]
    assert len(found) == 8
    assert all(it is found[0] for it in found)


def test_a_plugin_may_ask_for_another_while_it_is_imported(site: Site) -> None:
    site.plugin("acme")
    site.plugin("nosy", "import asked\nasked.registry.names()")
    site.module("asked")
    registry = vars(import_module("asked"))["registry"] = Registry.installed()

    assert line(registry, "nosy").status == "active"
    assert line(registry, "acme").status == "active"
