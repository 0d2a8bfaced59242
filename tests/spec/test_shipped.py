from pathlib import Path
from typing import Any

import pytest

from tests.spec.names import OFFERED
from tokenflow.core.compiling import meanings_of
from tokenflow.core.errors import IssuerRefused
from tokenflow.core.policies import meaning_among
from tokenflow.spec import Document, check, check_all, load, shipped
from tokenflow.spec.lint.idle import covers
from tokenflow.spec.schema import KINDS

ALL = [(kind, name) for kind in KINDS for name in shipped(kind)]
DOCUMENTS = {name: load(name) for _, name in ALL}
LIFECYCLES = shipped("Lifecycle")
STATES = {"requested", "refused", "issued", "extended", "non_expiring", "awaiting_refresh"} | {
    "signed_out",
    "suspended",
    "expired",
    "invalidated",
}


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_every_shipped_spec_is_clean(kind: str, name: str) -> None:
    """For itself and beside the others: no error, no warning, no note."""
    assert check(name, names=OFFERED) == []
    assert check_all([name], names=OFFERED) == {name: []}


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_a_shipped_spec_bears_the_name_of_its_file_and_the_kind_of_its_folder(kind: str, name: str) -> None:
    document = DOCUMENTS[name]
    assert (document.kind, document.name) == (kind, name)


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_a_shipped_spec_tells_editors_its_schema(kind: str, name: str) -> None:
    first = Path(DOCUMENTS[name].path).read_text("utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema=../../docs/schemas/{kind.lower()}.schema.json"
    assert (Path(DOCUMENTS[name].path).parent / first.partition("=")[2]).resolve().is_file()


def test_names_of_shipped_specs_are_unique_across_kinds() -> None:
    names = [name for _, name in ALL]
    assert len(names) == len(set(names))


def test_what_the_house_promises_is_shipped() -> None:
    assert set(LIFECYCLES) >= {
        "bearer",
        "facebook-app",
        "facebook-client",
        "facebook-page",
        "facebook-system-user",
        "facebook-user",
        "oauth2-app",
        "oauth2-rotating",
    }
    assert shipped("Issuer") == ("facebook", "google", "sandbox-oauth2", "slack", "spotify")
    assert shipped("Tokens") == ("sandbox-reports",)


@pytest.mark.parametrize("name", LIFECYCLES)
def test_states_have_the_names_of_the_house(name: str) -> None:
    assert set(DOCUMENTS[name].data["states"]) <= STATES


@pytest.mark.parametrize("name", [name for name in LIFECYCLES if name != "bearer"])
def test_a_lifecycle_names_a_shipped_issuer(name: str) -> None:
    assert DOCUMENTS[name].data["issuer"] in shipped("Issuer")


def lifecycles_naming(issuer: str) -> list[Document]:
    return [d for d in map(DOCUMENTS.__getitem__, LIFECYCLES) if d.data.get("issuer") == issuer]


@pytest.mark.parametrize("issuer", shipped("Issuer"))
def test_what_an_issuers_errors_raise_every_lifecycle_of_it_declares(issuer: str) -> None:
    raised = {rule.get("raise") for rule in DOCUMENTS[issuer].data["errors"]} - {None}
    for document in lifecycles_naming(issuer):
        missing = raised - set(document.data["events"])
        if "permissions" not in document.data.get("commands", {}):
            missing -= {"check_permissions"}  # who cannot ask is told the no, and that is all
        assert missing <= {"expire"} if document.name == "facebook-client" else missing == set()


@pytest.mark.parametrize("issuer", shipped("Issuer"))
def test_every_error_of_an_issuer_has_advice_for_a_person(issuer: str) -> None:
    assert all(rule.get("advice") for rule in DOCUMENTS[issuer].data["errors"])


@pytest.mark.parametrize("issuer", shipped("Issuer"))
def test_a_reason_that_an_issuer_gives_is_one_the_event_knows(issuer: str) -> None:
    known = DOCUMENTS["bearer"].data["events"]["invalidate"]["payload"]["reason"]["enum"]
    reasons = {rule.get("payload", {}).get("reason", "unknown") for rule in DOCUMENTS[issuer].data["errors"]}
    assert reasons <= set(known)


@pytest.mark.parametrize("issuer", shipped("Issuer"))
def test_no_error_rule_of_an_issuer_hides_a_later_one(issuer: str) -> None:
    rules = [rule["match"] for rule in DOCUMENTS[issuer].data["errors"]]
    for index, later in enumerate(rules):
        assert not [earlier for earlier in rules[:index] if covers(earlier, later)], later


@pytest.mark.parametrize(
    ("code", "subcode", "kind", "reason"),
    [
        (190, 463, "expired", None),
        (190, 460, "revoked", "password_changed"),
        (190, 458, "revoked", "app_removed"),
        (190, 459, "revoked", "user_checkpointed"),
        (190, 467, "revoked", "logged_out"),
        (190, 492, "revoked", "role_lost"),
        (102, 463, "expired", None),
        (190, None, "revoked", None),
        (1, None, "transient", None),
        (17, None, "rate_limited", None),
        (200, None, "reconsent", None),
        (299, None, "reconsent", None),
        (191, None, "configuration", None),
        (100, 36007, "permanent", None),
        (100, 36008, "configuration", None),
    ],
)
def test_facebooks_numbers_mean_what_facebook_documents(
    code: Any, subcode: int | None, kind: str, reason: str | None
) -> None:
    facts = {"code": code, "subcode": subcode}
    no = IssuerRefused("no", status=400, facts={name: one for name, one in facts.items() if one is not None})
    found = meaning_among(meanings_of(DOCUMENTS["facebook"].data), no)
    assert (found.kind, found.payload.get("reason")) == (kind, reason)


def test_a_lifecycle_and_its_issuer_name_the_same_secret_by_the_same_reference() -> None:
    for issuer in shipped("Issuer"):
        theirs = DOCUMENTS[issuer].data["secrets"]
        for document in lifecycles_naming(issuer):
            ours = document.data.get("secrets", {})
            assert all(ours[name]["from"] == theirs[name]["from"] for name in ours.keys() & theirs.keys())


def test_every_key_of_a_tokens_document_names_a_lifecycle_and_a_platform_of_it() -> None:
    for name in shipped("Tokens"):
        for kept in DOCUMENTS[name].data["tokens"].values():
            assert kept["acquire"] in DOCUMENTS[kept["lifecycle"]].data["acquire"]


@pytest.mark.parametrize("issuer", ["google", "slack", "spotify"])
def test_an_issuer_none_of_us_has_used_takes_less_than_fifty_lines(issuer: str) -> None:
    text = Path(DOCUMENTS[issuer].path).read_text("utf-8")
    assert len(text.splitlines()) < 50
    assert max(map(len, text.splitlines())) <= 120
    assert DOCUMENTS[issuer].data["metadata"]["docs"].startswith("https://")
