"""The path after the prefix: which resource, which action, of which row (spec nocobase-http 1.1)."""

from dataclasses import dataclass
from urllib.parse import unquote

#: Method -> action, of a collection and of one row in it.
_OF_ALL = {"GET": "list", "HEAD": "list", "POST": "create", "DELETE": "destroy"}
_OF_ONE = {"GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "update", "DELETE": "destroy"}
#: The parent's key that means any parent.
ANY_PARENT = "_"


@dataclass(frozen=True)
class Target:
    """What a path names. `action` None leaves it to the method."""

    resource: str
    action: str | None = None
    pk: str | None = None
    parent: str | None = None
    parent_pk: str | None = None

    @property
    def name(self) -> str:
        """As resources are registered: "workflows.nodes" of a parent."""
        return f"{self.parent}.{self.resource}" if self.parent else self.resource

    def action_for(self, method: str) -> str | None:
        """The action, by the method where the path names none; None where the method means nothing here."""
        if self.action is not None:
            return self.action
        if self.pk is None:
            return _OF_ALL.get(method)
        # Only inside a parent may a new row's place be named.
        return "create" if method == "POST" and self.parent else _OF_ONE.get(method)


def parse(path: str) -> Target | None:
    """None for what is none of the grammar's forms."""
    parts = path.removesuffix("/").split("/")
    if len(parts) > 4 and parts[1] == parts[3]:
        # The client writes the key at each dot: "shop.Customer.orders" of 3 is shop/3/Customer/3/orders.
        parts = [f"{parts[0]}.{parts[2]}", *parts[3:]]
    if not 1 <= len(parts) <= 4 or not all(parts):
        return None
    named = [index for index, part in enumerate(parts) if ":" in part]
    # Keys may hold colons; what names an action is a resource.
    place = next((index for index in named if index in (0, 2)), None)
    if place is None:
        return _plain(parts)
    resource, _colon, action = parts[place].partition(":")
    if not resource or not action or len(parts) > place + 2:
        return None
    pk = parts[place + 1] if len(parts) > place + 1 else None
    if place == 0:
        return Target(resource, action, pk)
    return _inside(parts, resource, action, pk)


def _plain(parts: list[str]) -> Target:
    if len(parts) < 3:
        return Target(parts[0], None, parts[1] if len(parts) > 1 else None)
    return _inside(parts, parts[2], None, parts[3] if len(parts) > 3 else None)


def _inside(parts: list[str], resource: str, action: str | None, pk: str | None) -> Target:
    if parts[1] == ANY_PARENT and action in ("list", "get"):
        return Target(resource, action, pk)
    # The client encodes it once more than the path.
    return Target(resource, action, pk, parts[0], unquote(parts[1]))
