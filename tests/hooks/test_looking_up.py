"""Names are looked up, never ordered; what is missing is explained."""

from collections.abc import Callable
from textwrap import dedent
from types import ModuleType

import pytest

from tokenflow import DuplicateCapability, KeyOrder, Specimen, UnknownCapability
from tokenflow.hooks.registry import KINDS, PluginLine, Registry

EVERYTHING = """
    from tokenflow import (
        Acquirer, Callback, CodeExchange, Command, Deriver, Description, Format, Guard, KeyService, Secret,
        SecretSource, StoreBackend, hookimpl
    )

    def flow(order):
        yield

    @hookimpl
    def tokenflow_acquirers():
        yield Acquirer(name="acme.api_key", flow=flow)

    @hookimpl
    def tokenflow_callbacks():
        yield Callback(name="acme.gone", flow=flow)

    @hookimpl
    def tokenflow_commands():
        yield Command(name="acme.extend", flow=flow)
        yield CodeExchange(name="acme.code", flow=flow)

    @hookimpl
    def tokenflow_derivers():
        yield Deriver(name="acme.children", flow=flow)

    @hookimpl
    def tokenflow_formats():
        yield Format(
            name="acme.jar",
            recognise=lambda found: found.data.startswith(b"jar"),
            describe=lambda found: Description(what="a jar"),
        )

    @hookimpl
    def tokenflow_guards():
        yield Guard(name="acme_paid", check=lambda view, argument: argument == "paid")

    @hookimpl
    def tokenflow_key_services():
        yield KeyService(name="safe", wrap=lambda order: order.content, unwrap=lambda order: order.content)

    @hookimpl
    def tokenflow_secrets():
        yield SecretSource(name="vault", read=Secret)

    @hookimpl
    def tokenflow_stores():
        yield StoreBackend(name="drawer", open=lambda order: order.path)
"""


def plugin(name: str, source: str = EVERYTHING) -> ModuleType:
    """Make a module of *source*."""
    module = ModuleType(f"tokenflow_{name}")
    exec(dedent(source), module.__dict__)
    return module


@pytest.fixture
def registry() -> Registry:
    """Return a registry of one plugin that offers one of everything."""
    return Registry.of(plugin("acme"))


def test_each_kind_is_found_by_its_name(registry: Registry) -> None:
    assert registry.acquirer("acme.api_key").name == "acme.api_key"
    assert registry.command("acme.extend").name == "acme.extend"
    assert registry.code_exchange("acme.code").name == "acme.code"
    assert registry.deriver("acme.children").name == "acme.children"
    assert registry.store("drawer").name == "drawer"


def test_guards_are_a_mapping_of_checks(registry: Registry) -> None:
    checks = registry.guards()

    assert list(checks) == ["acme_paid"]
    assert checks["acme_paid"](None, "paid")  # type: ignore[arg-type]


def test_secret_sources_are_a_mapping_by_scheme(registry: Registry) -> None:
    assert registry.secret_sources()["vault"].read("x").reveal() == "x"


def test_key_services_are_a_mapping_by_scheme(registry: Registry) -> None:
    order = KeyOrder(item="one", content=b"key", store="s")

    assert registry.key_services()["safe"].wrap(order) == b"key"
    assert "key'" not in repr(order)


def test_formats_are_a_mapping_by_name(registry: Registry) -> None:
    """What explains a file is found among all plugins: nobody names it beforehand."""
    jar = Specimen(data=b"jar of tokens", now=0)
    assert registry.formats()["acme.jar"].recognise(jar)
    assert registry.formats()["acme.jar"].describe(jar).what == "a jar"


def test_names_lists_every_kind(registry: Registry) -> None:
    assert registry.names() == {
        "acquirer": {"acme.api_key"},
        "callback": {"acme.gone"},
        "command": {"acme.extend"},
        "code_exchange": {"acme.code"},
        "deriver": {"acme.children"},
        "format": {"acme.jar"},
        "guard": {"acme_paid"},
        "key_service": {"safe"},
        "secret_source": {"vault"},
        "store": {"drawer"},
    }


def test_names_of_nothing_still_lists_every_kind() -> None:
    assert Registry.of().names() == {kind: frozenset() for kind in KINDS.values()}


def test_a_listing_says_what_a_plugin_offers(registry: Registry) -> None:
    (line,) = registry.listing()

    assert line == PluginLine(
        name="acme",
        origin="given",
        status="active",
        offers=(
            "acquirer acme.api_key",
            "callback acme.gone",
            "code_exchange acme.code",
            "command acme.extend",
            "deriver acme.children",
            "format acme.jar",
            "guard acme_paid",
            "key_service safe",
            "secret_source vault",
            "store drawer",
        ),
    )


def test_a_misspelt_name_is_answered_with_the_nearest(registry: Registry) -> None:
    with pytest.raises(UnknownCapability, match=r"no plugin offers the acquirer `acme\.apikey`") as caught:
        registry.acquirer("acme.apikey")
    assert caught.value.mend == "did you mean `acme.api_key`?"


def test_a_name_near_to_none_is_answered_with_what_there_is(registry: Registry) -> None:
    with pytest.raises(UnknownCapability) as caught:
        registry.code_exchange("zzz")
    assert caught.value.mend == "there is: acme.code"


def test_without_any_plugin_there_is_none() -> None:
    with pytest.raises(UnknownCapability) as caught:
        Registry.of().store("sqlite")
    assert caught.value.mend == "there is: none"


@pytest.mark.parametrize(
    ("look_up", "said"),
    [
        (lambda registry: registry.acquirer("drawer"), "acquirer `drawer`: `drawer` is a store"),
        (lambda registry: registry.store("acme.api_key"), "`acme.api_key` is an acquirer"),
        (lambda registry: registry.command("acme.code"), "`acme.code` is a code exchange"),
    ],
)
def test_a_name_of_another_kind_is_said_to_be_one(
    registry: Registry, look_up: Callable[[Registry], object], said: str
) -> None:
    with pytest.raises(UnknownCapability, match=said):
        look_up(registry)


def test_a_name_two_plugins_offer_belongs_to_neither() -> None:
    both = Registry.of(plugin("acme"), plugin("other"))

    with pytest.raises(DuplicateCapability, match="offered by the plugins `acme` and `other`") as caught:
        both.store("drawer")
    assert caught.value.mend == "disable all but one: TOKENFLOW_DISABLE_PLUGINS=other"


def test_the_order_of_plugins_changes_nothing() -> None:
    for plugins in ([plugin("acme"), plugin("other")], [plugin("other"), plugin("acme")]):
        with pytest.raises(DuplicateCapability, match="`acme` and `other`"):
            Registry.of(*plugins).guards()


def test_a_listing_names_the_other_owner_of_a_shared_name() -> None:
    guard = """
        from tokenflow import Guard, hookimpl

        @hookimpl
        def tokenflow_guards():
            yield Guard(name="paid", check=lambda view, argument: True)
    """
    first, second = Registry.of(plugin("acme", guard), plugin("other", guard)).listing()

    assert (first.status, first.why) == ("active", "guard paid is offered by other too")
    assert (second.status, second.why) == ("active", "guard paid is offered by acme too")


def test_two_modules_of_one_name_are_both_left_out() -> None:
    (line,) = Registry.of(plugin("acme"), plugin("acme")).listing()

    assert line.status == "broken"
