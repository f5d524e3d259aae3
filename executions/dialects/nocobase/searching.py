"""Filters and sorts in the client's names -> conditions and orders of a queryset (spec nocobase-http 2, 1.2)."""

from datetime import tzinfo
from typing import Any

from django.db.models import F, Model, Q
from django.utils.translation import gettext as _

from executions.dialects.nocobase.call import Call
from executions.dialects.nocobase.records import Record
from executions.dialects.nocobase.variables import Filler
from workflows import jsoninput, sensitivity
from workflows.collections import reference
from workflows.errors import Invalid
from workflows.filters import to_q
from workflows.models import Node, Workflow
from workflows.visibility import narrowed

#: Names of primary keys that filters write themselves.
_KEYS = frozenset(("pk",))


class Searcher:
    """What one person may ask of one kind of record."""

    def __init__(self, record: Record, tz: tzinfo) -> None:
        self.record = record
        self.user = record.user
        self.tz = tz
        self.asked_masked: set[str] = set()
        self.known: dict[type[Model], type[Record]] = {}
        self._learn(type(record))

    def condition(self, filter: Any, path: str = "filter") -> Q:
        """Raises `Invalid` naming what is wrong."""
        found = to_q(
            self.record.model, filter, path=path, tz=self.tz, reach=self.reach, rename=self.rename, label=self.label
        )
        if self.asked_masked:
            check_masked(self.user, self.asked_masked)
        return found

    def order(self, names: list[str]) -> list[Any]:
        """Nulls last, and the key behind all. Raises `Invalid`."""
        found: list[Any] = []
        columns = set()
        for name in names:
            path, nullable = self._sorted(name.removeprefix("-"))
            columns.add(path)
            down = name.startswith("-")
            if not nullable:
                # An index is read in its own order.
                found.append(f"-{path}" if down else path)
            else:
                found.append(F(path).desc(nulls_last=True) if down else F(path).asc(nulls_last=True))
        key = self.record.model._meta.pk.attname
        return found if {key, "pk"} & columns else [*found, key]

    def _sorted(self, dotted: str) -> tuple[str, bool]:
        *relations, last = dotted.split(".")
        record, prefix, nullable = type(self.record), "", False
        for name in relations:
            relation = record.relations.get(name)
            if relation is None or relation.many or relation.field is None:
                raise self._unsorted(dotted)
            self._learn(relation.record())
            if not self.reach(relation.record().model):
                raise self._unsorted(dotted)
            prefix, nullable, record = f"{prefix}{relation.field}__", True, relation.record()
        if not record.sortable(last) or (last in record.leading and narrowed(self.user)):
            raise self._unsorted(dotted)
        return f"{prefix}{record.columns[last]}", nullable or record.field_of(last).null

    def _unsorted(self, name: str) -> Invalid:
        known = ", ".join(each for each in self.record.columns if self.record.sortable(each))
        return Invalid(
            _("Rows can't be sorted by %(name)r; by %(known)s they can.") % {"name": name[:80], "known": known},
            field="sort",
        )

    def reach(self, model: type[Model]) -> bool:
        """Whether conditions may be about related rows of this model."""
        record = self.known.get(model)
        if record is None or not record(self.user).may_view():
            return False
        # A run is seen with one version of its workflow; its own may be hidden.
        inside = self.record.model in (Workflow, Node)
        return inside or model not in (Workflow, Node) or not narrowed(self.user)

    def rename(self, model: type[Model], name: str) -> str:
        record = self.known.get(model)
        if record is None or name in _KEYS:
            return name
        hidden = record.leading if narrowed(self.user) else ()
        if name in record.columns and name not in hidden:
            if name in record.masked:
                self.asked_masked.add(name)
            return record.columns[name]
        relation = record.relations.get(name)
        if relation is not None and relation.field is not None:
            self._learn(relation.record())
            return relation.field
        followed = [each for each, known in record.relations.items() if known.field is not None]
        raise Invalid(
            _("There is no column %(name)r to filter by; there are %(known)s.")
            % {
                "name": name[:80],
                "known": ", ".join([*(each for each in record.columns if each not in hidden), *followed]),
            },
            field="filter",
        )

    def label(self, model: type[Model], name: str) -> tuple[str, str]:
        record = self.known.get(model)
        return name, record.name if record is not None else reference(model)

    def _learn(self, record: type[Record]) -> None:
        self.known[record.model] = record


def check_masked(user: Any, names: set[str]) -> None:
    """Raises `Invalid` where an answer could tell what is masked to who may not see it; one query at most."""
    if user.has_perm(sensitivity.PERMISSION):
        return
    if sensitivity.field_names() or Workflow.objects.filter(options__has_key="sensitive").exists():
        raise Invalid(
            _("%(names)s may hold values that are masked; to ask for them you need the permission %(permission)s.")
            % {"names": ", ".join(sorted(names)), "permission": sensitivity.PERMISSION},
            field="filter",
        )


def _range(raw: Any, path: str) -> Any:
    """A range that stands beside the filter; None where it is none, as there.

    `createdAt[$gte]=a` in double quotes on a command line comes as `createdAt[]=a`: a shell takes `$gte` for a name. So
    one moment is where the range begins, and two are both its ends.
    """
    if isinstance(raw, str) and raw[:1] == "{":
        raw = jsoninput.loads(raw, path)
    if isinstance(raw, list) and len(raw) in (1, 2):
        return {"$dateNotBefore": raw[0]} if len(raw) == 1 else {"$dateBetween": raw}
    return raw if isinstance(raw, dict) else None


def search(record: Record, call: Call, *, ranges: tuple[str, ...] = ()) -> Q:
    """What `filter` says and, of `ranges`, what stands beside it as a parameter of its own."""
    searcher, filler = Searcher(record, call.tz), Filler(call)
    found = searcher.condition(filler.fill(call.filter, "filter"))
    for name in ranges:
        beside = _range(call.params.get(name), f"query.{name}")
        if beside is not None:
            found &= searcher.condition({name: filler.fill(beside, name)}, "query")
    return found
