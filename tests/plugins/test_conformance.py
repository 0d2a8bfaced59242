"""Every guest of the house passes the kit that guests from outside are given."""

import importlib
from types import ModuleType

import pytest

import tokenflow_android
import tokenflow_facebook
import tokenflow_ios
import tokenflow_javascript
import tokenflow_keyring
import tokenflow_oauth2
import tokenflow_server
import tokenflow_sqlite
import tokenflow_web
from tokenflow import Acquirer, Flow, Grant, Order, hookimpl
from tokenflow.testing.plugins import plugin_conformance

TestAndroid = plugin_conformance(tokenflow_android)
TestFacebook = plugin_conformance(tokenflow_facebook)
TestIos = plugin_conformance(tokenflow_ios)
TestJavascript = plugin_conformance(tokenflow_javascript)
TestKeyring = plugin_conformance(tokenflow_keyring)
TestOauth2 = plugin_conformance(tokenflow_oauth2)
TestServer = plugin_conformance(tokenflow_server)
TestSqlite = plugin_conformance(tokenflow_sqlite)
TestWeb = plugin_conformance(tokenflow_web)


def _eager(order: Order) -> Flow[Grant]:
    raise AssertionError("it runs when it is called")


def _lazy(order: Order) -> Flow[Grant]:
    yield from ()
    return Grant(access_token=None)


def _plugin(*records: Acquirer) -> ModuleType:
    module = ModuleType("tokenflow_planted")

    def tokenflow_acquirers() -> tuple[Acquirer, ...]:
        return records

    module.tokenflow_acquirers = hookimpl(tokenflow_acquirers)  # type: ignore[attr-defined]
    return module


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (Acquirer(name="foreign.thing", flow=_lazy), "test_its_names_begin_with_its_own"),
        (Acquirer(name="planted.thing", flow=_eager), "test_its_flows_are_generators"),
        (Acquirer(name="planted.thing", flow=_lazy, api=99), "test_it_speaks_this_api"),
    ],
)
def test_the_kit_finds_what_is_wrong(record: Acquirer, sentence: str) -> None:
    """A foreign name, an eager flow and a record of a later API each fail the sentence about it."""
    kit = plugin_conformance(_plugin(record))()
    with pytest.raises(AssertionError):
        getattr(kit, sentence)()


def test_the_kit_passes_a_plugin_in_order() -> None:
    """The same plugin with its mistakes mended passes those sentences."""
    kit = plugin_conformance(_plugin(Acquirer(name="planted.thing", flow=_lazy)))()
    for sentence in (
        "its_names_begin_with_its_own",
        "its_flows_are_generators",
        "it_speaks_this_api",
        "it_is_active",
    ):
        getattr(kit, f"test_{sentence}")()


def test_the_kit_sees_through_the_door() -> None:
    """A module that imports a room behind the front door is named."""
    from tokenflow.testing import plugins

    found = list(plugins._behind_the_door("import tokenflow\nfrom tokenflow.core import tokens\n"))
    assert found == ["tokenflow.core"]
    assert importlib.import_module("tokenflow_web") is tokenflow_web
