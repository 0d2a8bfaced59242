"""A person's browser, without JavaScript: open the page a login leads to, fill its form, press a button."""

import ssl
from collections.abc import Sequence
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2
from attrs import define, field, frozen

#: Trusts nobody and takes no time to make: the sandbox speaks plain HTTP.
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

Attributes = dict[str, str | None]


@frozen
class Form:
    """The form of a page, as it was served."""

    action: str
    method: str
    #: (type, name, value, checked), buttons and inputs in the order of the page.
    controls: tuple[tuple[str, str, str, bool], ...]
    scripted: bool

    def values_of(self, name: str) -> list[str]:
        """Return what the controls of that name offer."""
        return [value for _, each, value, _ in self.controls if each == name]

    def filled(self, *, person: str, hold_back: Sequence[str], decision: str) -> list[tuple[str, str]]:
        """Return what a browser sends once the person chose, ticked and pressed."""
        assert person in self.values_of("person")
        assert set(hold_back) <= set(self.values_of("decline"))
        assert decision in self.values_of("decision")
        chosen = {("person", person), ("decision", decision), *(("decline", each) for each in hold_back)}
        return [(name, value) for _, name, value, _ in self.controls if (name, value) in chosen]


@define
class _Reader(HTMLParser):
    forms: list[Attributes] = field(factory=list)
    controls: list[tuple[str, str, str, bool]] = field(factory=list)
    scripted: bool = False

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.scripted |= tag == "script" or any(name.startswith("on") for name in named)
        if tag == "form":
            self.forms.append(named)
        elif tag in {"input", "button"}:
            kind = named.get("type") or ("submit" if tag == "button" else "text")
            self.controls.append(
                (kind, named.get("name") or "", named.get("value") or "", "checked" in named)
            )


def open_form(url: str) -> Form:
    """Open the page at *url* and return the one form on it."""
    page = httpx2.get(url, headers={"Accept": "text/html"}, verify=PLAIN, trust_env=False)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    reader = _Reader()
    reader.feed(page.text)
    reader.close()
    (form,) = reader.forms
    # A form without an action goes back to where it came from, query and all (HTML §4.10.22.3).
    action = urljoin(url, form.get("action") or url)
    return Form(action, (form.get("method") or "get").upper(), tuple(reader.controls), reader.scripted)


def decide(url: str, person: str, *, decision: str = "approve", hold_back: Sequence[str] = ()) -> str:
    """Take the decision by hand and return where the browser is sent; it is not followed."""
    form = open_form(url)
    assert (form.method, form.scripted) == ("POST", False)
    data: dict[str, list[str]] = {}
    for name, value in form.filled(person=person, hold_back=hold_back, decision=decision):
        data.setdefault(name, []).append(value)
    answer = httpx2.post(
        form.action, data=data, headers={"Accept": "text/html"}, verify=PLAIN, trust_env=False
    )
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"])


def answered(location: str) -> dict[str, str]:
    """Return what came back to the application, out of the query and the fragment."""
    parts = urlsplit(location)
    return dict(parse_qsl(f"{parts.query}&{parts.fragment}", keep_blank_values=True))
