"""The page where a person decides: a plain form that works without JavaScript."""

from collections.abc import Iterable
from html import escape
from itertools import chain, repeat

from tokenflow.sandbox.world import Person

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem}"
    "fieldset{border:1px solid #ccc;border-radius:.5rem;margin:1rem 0}label{display:block}"
    "button{font:inherit;padding:.5rem 1rem;margin-right:.5rem}"
)


def consent_page(*, title: str, app_name: str, people: Iterable[Person], scope: Iterable[str]) -> str:
    """Return the form: who you are, what to hold back, and the two buttons.

    It is sent to the address it came from, so the request's own parameters stay in the query. A scope is
    granted unless its box is ticked: a form sent with nothing but a person and a decision grants all.
    """
    boxes = "".join(
        f'<label><input type="checkbox" name="decline" value="{escape(each)}"> '
        f"hold back {escape(each)}</label>"
        for each in scope
    )
    return _page(
        title,
        f"<h1>{escape(title)}</h1><p><strong>{escape(app_name)}</strong> asks to act for you.</p>"
        '<form method="post">'
        + _persons(people)
        + (f"<fieldset><legend>It asks for</legend>{boxes}</fieldset>" if boxes else "")
        + '<button name="decision" value="approve">Approve</button>'
        '<button name="decision" value="deny">Deny</button></form>',
    )


def error_page(title: str, message: str, detail: str) -> str:
    """Return a page that says what is wrong; the browser is not sent anywhere."""
    return _page(title, f"<h1>{escape(title)}</h1><p>{escape(message)}</p><pre>{escape(detail)}</pre>")


def notice_page(title: str, message: str) -> str:
    """Return a page with one sentence."""
    return _page(title, f"<h1>{escape(title)}</h1><p>{escape(message)}</p>")


def device_page(people: Iterable[Person], user_code: str = "") -> str:
    """Return the form for a device's code; the address in its picture brings the code along."""
    return _page(
        "Connect a device",
        '<h1>Connect a device</h1><form method="post">'
        + _persons(people)
        + '<label>Code <input name="user_code" value="'
        + escape(user_code)
        + '" required></label>'
        '<p><button name="decision" value="approve">Approve</button>'
        '<button name="decision" value="deny">Deny</button></p></form>',
    )


def _persons(people: Iterable[Person]) -> str:
    choices = "".join(
        f'<label><input type="radio" name="person" value="{escape(each.id)}"{checked}> '
        f"{escape(each.name)} ({escape(each.id)})</label>"
        for checked, each in zip(chain((" checked",), repeat("")), people, strict=False)
    )
    return f"<fieldset><legend>Continue as</legend>{choices}</fieldset>"


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body>{body}</body></html>"
    )
