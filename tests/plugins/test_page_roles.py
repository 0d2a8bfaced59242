"""What a page token may do: the table of the shipped spec, and the guard that reads nothing else."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenflow import View
from tokenflow.spec import load
from tokenflow_facebook.perms import lacks_perm

PERMS = ("ADMINISTER", "EDIT_PROFILE", "CREATE_CONTENT", "MODERATE_CONTENT", "CREATE_ADS", "BASIC_ADMIN")
TASKS = ("MANAGE", "CREATE_CONTENT", "MODERATE", "MESSAGING", "ADVERTISE", "ANALYZE")
SUCCESSORS = ("pages_manage_ads", "pages_manage_metadata", "pages_read_engagement", "pages_read_user_content")
ROLES = {  # facebook.md, section 8: how many of the lower perms and tasks each has
    "Manager": (6, 6, {"Admin", "full control"}),
    "Content Creator": (5, 5, {"Editor", "partial control"}),
    "Moderator": (3, 4, {"task access"}),
    "Advertiser": (2, 2, {"task access"}),
    "Insights Analyst": (1, 1, {"Analyst", "task access"}),
}


@cache
def table() -> Mapping[str, Any]:
    (rule,) = load("facebook-page").data["rules"]
    (guard,) = rule["deny_when"]
    found: Mapping[str, Any] = guard["guard.facebook_lacks_perm"]
    return found


def lacks(needs: Any, **held: Any) -> bool:
    return lacks_perm(View(token=held, request={"needs": needs}), table())


def tail(words: tuple[str, ...], count: int) -> list[str]:
    return list(words[len(words) - count :])


def test_the_spec_holds_the_roles_of_2012_under_all_their_names() -> None:
    """Five roles, each with the perms and tasks of the one table there is, strictly nested."""
    found = {role["names"][0]: role for role in table()["roles"]}
    assert list(found) == list(ROLES)
    for name, (perms, tasks, others) in ROLES.items():
        role = found[name]
        assert set(role["names"]) == {name} | others
        assert sorted(role["perms"]) == sorted(tail(PERMS, perms))
        assert sorted(role["tasks"]) == sorted(tail(TASKS, tasks))
    assert list(table()["perms"]) == list(PERMS)
    assert all(perm["allows"] for perm in table()["perms"].values())


@pytest.mark.parametrize("name", ROLES)
def test_a_role_allows_the_same_in_the_old_words_and_in_the_new(name: str) -> None:
    """Held as perms or as tasks, and asked for as a perm, a task or a role; only EDIT_PROFILE has no task."""
    perms, tasks, others = ROLES[name]
    for held in ({"perms": tail(PERMS, perms)}, {"tasks": tail(TASKS, tasks)}):
        for word in (*tail(PERMS, perms), *tail(TASKS, tasks), name, *others):
            alone = word == "EDIT_PROFILE" and "tasks" in held and name == "Content Creator"
            assert lacks(word, **held) is alone, (word, held)
        for word in {*PERMS, *TASKS} - {*tail(PERMS, perms), *tail(TASKS, tasks)}:
            assert lacks(word, **held), (word, held)
        for other, (more, _, _) in ROLES.items():
            assert lacks(other, **held) is (more > perms)


@pytest.mark.parametrize(
    ("held", "needs", "refused"),
    [
        ({"tasks": ["CREATE_CONTENT"]}, "EDIT_PROFILE", True),
        ({"tasks": ["MODERATE"]}, "MODERATE_CONTENT", False),
        ({"tasks": ["MESSAGING"]}, "MODERATE_CONTENT", True),
        ({"perms": ["NEW_PERM"]}, "NEW_PERM", False),
        ({"tasks": ["CASHIER_ROLE", "PROFILE_PLUS_MANAGE"]}, ["CASHIER_ROLE", "PROFILE_PLUS_MANAGE"], False),
        ({"tasks": list(TASKS)}, "CASHIER_ROLE", True),
        ({}, "ANALYZE", True),
        ({"perms": None, "tasks": None}, "ANALYZE", True),
        ({}, None, False),
        ({}, [], False),
        ({"scope": ["manage_pages"]}, [*SUCCESSORS, "pages_show_list"], False),
        ({"scope": [*SUCCESSORS, "pages_show_list"]}, "manage_pages", False),
        ({"scope": ["pages_show_list"]}, "manage_pages", True),
        ({"scope": ["publish_pages"]}, ["pages_manage_posts", "pages_manage_engagement"], False),
        ({"scope": ["pages_manage_posts"]}, "publish_pages", True),
        ({"scope": ["pages_messaging"]}, "read_page_mailboxes", False),
        ({"scope": ["read_page_mailboxes"]}, "pages_messaging", False),
        ({"scope": ["manage_pages"]}, "pages_manage_posts", True),
        ({"scope": ["manage_pages"], "perms": ["BASIC_ADMIN"]}, ["ANALYZE", "pages_read_engagement"], False),
    ],
)
def test_a_need_is_met_in_either_vocabulary(held: dict[str, Any], needs: Any, refused: bool) -> None:
    """Perms and tasks, old permissions and new; a word of no table has to be in a list literally."""
    assert lacks(needs, **held) is refused


def test_without_a_table_only_the_word_itself_counts() -> None:
    """Nothing of Facebook's table is in Python."""
    view = View(token={"perms": ["ADMINISTER"], "tasks": ["ANALYZE"]}, request={"needs": "MANAGE"})
    assert lacks_perm(view, None)
    assert lacks_perm(view, {})
    assert not lacks_perm(view, {"perms": {"ADMINISTER": {"tasks": ["MANAGE"]}}})
    assert not lacks_perm(view, {"needs": ["ADMINISTER", "ANALYZE"]})


WORDS = st.lists(st.sampled_from([*PERMS, *TASKS, "NEW_PERM", "PROFILE_PLUS_X"]), unique=True)


@settings(max_examples=60)
@given(perms=WORDS, tasks=WORDS, more=WORDS, needs=WORDS)
def test_whoever_holds_more_lacks_no_more(
    perms: list[str], tasks: list[str], more: list[str], needs: list[str]
) -> None:
    """What is held is never lacked, more is never less, and each need is judged by itself."""
    assert not lacks(perms + tasks, perms=perms, tasks=tasks)
    if not lacks(needs, perms=perms, tasks=tasks):
        assert not lacks(needs, perms=perms + more, tasks=tasks)
        assert not lacks(needs, perms=perms, tasks=tasks + more)
    assert lacks(needs, perms=perms, tasks=tasks) is any(
        lacks(need, perms=perms, tasks=tasks) for need in needs
    )
