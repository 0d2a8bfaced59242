"""What a node shows of a person, a page or an app, as far as the caller may see it."""

from tokenflow.sandbox.wire import Call
from tokenflow.sandbox.world import Page, Person, tasks_of

Node = dict[str, object]


def fields_of(call: Call) -> tuple[str, ...]:
    """Return the field names asked for, without arguments and sub-fields: `picture.width(9){url}`."""
    names: list[str] = []
    depth, name = 0, ""
    for letter in f"{call.get('fields') or ''},":
        if letter == "," and depth == 0:
            names.append(name)
            name = ""
            continue
        depth += (letter in "({") - (letter in ")}")
        name += letter
    bare = (each.strip().partition("{")[0].partition(".")[0].partition("(")[0] for each in names)
    return tuple(dict.fromkeys(each for each in bare if each))


def shown(node: Node, call: Call, usual: tuple[str, ...]) -> Node:
    """Return `id` and the fields asked for; what may not be seen or does not exist is simply absent."""
    wanted = fields_of(call) or usual
    return {name: node[name] for name in (*wanted, "id") if name in node}


def email_of(person: Person) -> str:
    """Return an address outside the reserved domains: some clients refuse those (sandbox.md)."""
    first = person.name.split(" ")[0].lower()
    local = first if first.isascii() and first.isalnum() else "user"
    return f"{local}_{person.id}@tfbnw.net"


def person_node(person: Person, scope: tuple[str, ...], *, base: str) -> Node:
    """Return what a token with *scope* may see of *person*."""
    first, _, last = person.name.partition(" ")
    node: Node = {"id": person.id, "name": person.name, "first_name": first, "last_name": last}
    picture = {"height": 50, "width": 50, "is_silhouette": True, "url": f"{base}/{person.id}/picture"}
    node["picture"] = {"data": picture}
    if "email" in scope:
        node["email"] = email_of(person)
    return node


def page_node(page: Page, perms: tuple[str, ...]) -> Node:
    """Return a page as one of its administrators, or anybody, sees it."""
    node: Node = {
        "category": page.category,
        "category_list": [{"id": str(1000 + len(page.category)), "name": page.category}],
        "name": page.name,
        "id": page.id,
    }
    if perms:
        node["tasks"] = list(tasks_of(perms))
        node["perms"] = list(perms)
    return node
