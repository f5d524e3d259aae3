"""Which columns and relations an answer has: `fields`, `appends` and `except` (spec nocobase-http 1.2)."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from workflows.errors import Invalid

if TYPE_CHECKING:
    from executions.dialects.nocobase.call import Call
    from executions.dialects.nocobase.records import Record

_DEEPEST = 5
_MOST_RELATIONS = 50


@dataclass
class Selection:
    """What is shown of one record, and of those that it brings along."""

    #: All columns, or those that are `named`.
    all: bool = False
    named: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    relations: dict[str, "Selection"] = field(default_factory=dict)

    def columns(self, record: "type[Record]") -> list[str]:
        known = list(record.names())
        chosen = known if self.all else [name for name in known if name in self.named]
        return [name for name in chosen if name not in self.dropped]

    def size(self) -> int:
        """How many relations are followed, at any depth; each costs a query."""
        return sum(1 + below.size() for below in self.relations.values())

    def of(self, name: str) -> "Selection":
        return self.relations.setdefault(name, Selection())


def check_view(selection: Selection, record: "type[Record]", user: Any) -> None:
    """Raises `Forbidden` where a relation leads to what this person may not see."""
    for name, below in selection.relations.items():
        relation = record.relations[name]
        relation.check_view(user)
        if relation.record()(user).may_view():
            check_view(below, relation.record(), user)


def selection_of(call: "Call", record: "type[Record]") -> Selection:
    """Raises `Invalid` for a column that there is not; unknown relations and exceptions are passed over, as there."""
    root = Selection()
    for name in call.names("fields"):
        if not _add(root, record, name):
            known = ", ".join([*record.names(), *record.relations])
            raise Invalid(_("There is no column %(name)r; there are %(known)s.") % {
                "name": name[:80], "known": known,
            }, field="fields")  # fmt: skip
    selects = bool(root.named)
    root.all = not selects
    for name in call.names("appends"):
        _add(root, record, name, columns=False)
    if root.size() > _MOST_RELATIONS:
        raise Invalid(_("At most %d relations are brought along by one call.") % _MOST_RELATIONS, field="appends")
    for name in call.names("except"):
        _drop(root, record, name, own=not selects)
    return root


def _add(root: Selection, record: "type[Record]", dotted: str, *, columns: bool = True) -> bool:
    """Adds a column or a relation; answers whether there is one."""
    here, path = root, dotted.split(".")
    if len(path) > _DEEPEST:
        return False
    steps: list[tuple[str, type[Record]]] = []
    last = None
    for index, name in enumerate(path):
        relation = record.relations.get(name)
        if relation is not None:
            record = relation.record()
            steps.append((name, record))
        elif index == len(path) - 1 and record.has(name) and (columns or index):
            last = name
        else:
            return False
    for index, (name, _record) in enumerate(steps):
        here = here.of(name)
        # What is asked for whole, and what lies on the way to another relation.
        here.all = here.all or last is None or index < len(steps) - 1
    if last is not None:
        here.named.add(last)
    return True


def _drop(root: Selection, record: "type[Record]", dotted: str, *, own: bool) -> None:
    *relations, last = dotted.split(".")
    here = root
    for name in relations:
        if name not in here.relations:
            return
        here, record, own = here.relations[name], record.relations[name].record(), True
    if last in here.relations and last in record.relations:
        del here.relations[last]
    elif own and record.has(last):
        here.dropped.add(last)
