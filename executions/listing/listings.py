"""How the pages of a list of runs are found: what is given decides in which order, and by which index.

- A range of created, started or ended lists by that time, the latest first; a prefix by name or event key; a range of
  a search attribute by its value, the greatest first. Only in such an order does an index give the first rows of a
  range without reading all of it.
- Everything else lists the newest first, and several values of a filter are looked up one by one.
"""

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, TypeVar

from django.db.models import DurationField, ExpressionWrapper, F, Model, Q, QuerySet
from django.utils.translation import gettext as _

from executions.listing.guarding import check_marked
from executions.listing.searching import AttributeFilter, PathFilter, TextSearchFilter, column_of
from executions.models import Attribute, Execution, Job
from executions.statuses import ExecutionStatus
from workflows.errors import Invalid
from workflows.listing.pages import Kind, Listing, Order, as_id
from workflows.models import Node, Workflow

if TYPE_CHECKING:
    from executions.listing.filtersets import ExecutionFilter

M = TypeVar("M", bound=Model)

#: How long an ended run took.
TOOK = ExpressionWrapper(F("ended_at") - F("started_at"), output_field=DurationField())

#: What `order` may name: (column, what its values are). Runs without a value are left out.
ORDERS: dict[str, tuple[str | None, Kind]] = {
    "id": (None, "number"),
    "created": ("created_at", "time"),
    "started": ("started_at", "time"),
    "ended": ("ended_at", "time"),
    "updated": ("updated_at", "time"),
    "duration": ("took", "seconds"),
    "name": ("name", "text"),
}

#: The times that have an index.
_TIMES = ("created", "started", "ended")
#: Filters of one column each, which an index holds together with the id.
_SINGLE = {
    "status": "status", "key": "key", "workflow": "workflow_id", "type": "type", "name": "name",
    "event_key": "event_key", "parent": "parent_execution_id", "rerun_of": "rerun_of_id", "created_by": "created_by_id",
    "parked": "parked",
}  # fmt: skip
#: Tags, attributes and paths of one list: each is a subquery or a column of its own, and no planner takes hundreds.
_MOST_FURTHER = 20
#: Combinations of values that are looked up one by one; more are left to the database.
_MOST_BRANCHES = 200


def of(filters: "ExecutionFilter") -> Listing:
    """Raises `Invalid` for an order or a search that needs a narrower list."""
    _check_narrow(filters)
    check_marked(filters)
    order = _order(filters)
    if order is None:
        return _by_attribute_range(filters)
    if order.column is not None:
        # The range of an index is read in its order; what else is given is looked at on the way.
        return Listing(_with_value(filters.narrowed().filter(_keys_of_versions(filters)), order.column), order)
    if order.descending:
        marks = [name for name in filters.given if name == "tags" or isinstance(filters.filters[name], AttributeFilter)]
        exact = [name for name in marks if name == "tags" or not filters.filters[name].operator]
        if exact:
            return _by_attribute(filters, exact[0], order)
        if "waiting_at" in filters.given:
            return _by_job(filters, order)
    return _by_columns(filters, order)


def after(text: str) -> str | None:
    """The least text above all that begin with this one, by code point; None where there is none."""
    for end in range(len(text) - 1, -1, -1):
        point = ord(text[end]) + 1
        if point <= 0x10FFFF:
            # Between these two lie the surrogates, which are no letters.
            return text[:end] + chr(0xE000 if point == 0xD800 else point)
    return None


def waiting_at(node: str) -> QuerySet[Job]:
    """The pending jobs of a node, by its id or key."""
    found = Job.objects.filter(status=0)
    if (pk := as_id(node)) is not None:
        key = Node.objects.filter(pk=pk).values_list("key", flat=True).first()
        if key is not None:
            return found.filter(node_key=key, node=pk)
    return found.filter(node_key=node)


def _check_narrow(filters: "ExecutionFilter") -> None:
    given = filters.given
    tags = given.get("tags", ())
    further = ["tags"] * len(tags) + [name for name in given if "." in name]
    if len(further) > _MOST_FURTHER:
        raise Invalid(_("At most %d of these at once; leave some out.") % _MOST_FURTHER, field=further[-1])
    one = any(len(given.get(name, ())) == 1 for name in ("workflow", "key", "id"))
    if one or any(f"{time}_{end}" in given for time in _TIMES for end in ("since", "until")):
        return
    wide = [
        name
        for name, value in given.items()
        if isinstance(filters.filters[name], PathFilter | TextSearchFilter)
        or (name == "order" and value.removeprefix("-") != "id")
    ]
    if wide:
        sentence = _("Give one workflow or key too, or a range such as created_since: all runs are too many for this.")
        raise Invalid(sentence, field=wide[0], errors=dict.fromkeys(wide, sentence))


def _order(filters: "ExecutionFilter") -> Order | None:
    """The order that was asked for or, of a range, its own; None: that of a search attribute."""
    given = filters.given
    if asked := given.get("order"):
        return _ordered(asked)
    for time in _TIMES:
        if f"{time}_since" in given or f"{time}_until" in given:
            return _ordered(f"-{time}")
    if "name_prefix" in given:
        return _ordered("name")
    if "event_key_prefix" in given:
        return Order("event_key", "event_key", "text")
    marks = [filters.filters[name] for name in given if name == "tags" or name.startswith("attr.")]
    if marks and all(isinstance(each, AttributeFilter) and each.operator for each in marks):
        return None
    return Order()


def _ordered(name: str) -> Order:
    column, kind = ORDERS[name.removeprefix("-")]
    return Order(name, column, kind)


def _with_value(rows: QuerySet[Execution], column: str) -> QuerySet[Execution]:
    if column == "took":
        return rows.filter(ended_at__isnull=False, started_at__isnull=False).annotate(took=TOOK)
    return rows.filter(**{f"{column}__isnull": False})


def _by_columns(filters: "ExecutionFilter", order: Order) -> Listing:
    """Newest first by the columns' own indexes."""
    columns = {name: list(values) for name, values in filters.given.items() if name in _SINGLE}
    if "running_min" in filters.given and "status" not in columns:
        # These are few among all that have ended, and their status has an index.
        columns["status"] = [ExecutionStatus.STARTED.value]
    if "title" in filters.given:
        keys = filters.title_keys
        columns["key"] = [key for key in columns["key"] if key in keys] if "key" in columns else keys
    without = [*columns, "title"]
    alternatives = _alternatives(columns)
    number = 1
    for each in alternatives:
        number *= len(each)
    if number > _MOST_BRANCHES:
        return Listing(filters.narrowed(), order)
    rows = filters.narrowed(without=without)
    branches = [_all(each) for each in product(*alternatives)]
    return Listing(rows if branches else rows.none(), order, branches=branches)


def _all(conditions: Sequence[Q]) -> Q:
    found = Q()
    for each in conditions:
        found &= each
    return found


def _alternatives(columns: dict[str, list[Any]]) -> list[list[Q]]:
    """For each filter, the conditions of which a row meets one."""
    inside = "key" in columns or "workflow" in columns
    known = _known(columns) if inside and ("type" in columns or ("workflow" in columns and len(columns) > 1)) else {}
    if "type" in columns and inside:
        _drop_type(columns, known)
    return [[_one(name, value, known) for value in values] for name, values in columns.items()]


def _known(columns: dict[str, list[Any]]) -> dict[Any, tuple[str, str]]:
    """(key, type) of the workflows that are meant, by id and by key."""
    meant = Q(key__in=columns.get("key", ())) | Q(pk__in=columns.get("workflow", ()))
    found: dict[Any, tuple[str, str]] = {}
    for pk, key, kind in Workflow.objects.filter(meant).order_by().values_list("pk", "key", "type"):
        found[pk] = found[key] = (key, kind)
    return found


def _keys_of_versions(filters: "ExecutionFilter") -> Q:
    """What the runs of the versions that are given have in common besides: indexes begin with the workflow's key."""
    ids = filters.given.get("workflow", [])
    known = _known({"workflow": ids}) if ids else {}
    return Q(key__in={known[pk][0] for pk in ids}) if ids and all(pk in known for pk in ids) else Q()


def _drop_type(columns: dict[str, list[Any]], known: dict[Any, tuple[str, str]]) -> None:
    """A workflow keeps its trigger type: where its own is not asked for, none of its runs need be looked at."""
    for name in ("key", "workflow"):
        if name in columns:
            columns[name] = [
                value for value in columns[name] if value not in known or known[value][1] in columns["type"]
            ]
            if all(value in known for value in columns[name]):
                columns.pop("type", None)
                return


def _one(name: str, value: Any, known: dict[Any, tuple[str, str]]) -> Q:
    if value is None:
        return Q(**{f"{_SINGLE[name]}__isnull": True})
    found = Q(**{_SINGLE[name]: value})
    if name == "workflow" and value in known:
        # The index of a key and a status serves its versions too.
        found &= Q(key=known[value][0])
    return found


def _by_attribute(filters: "ExecutionFilter", name: str, order: Order) -> Listing:
    """Newest first by the table of tags and search attributes."""
    item, value = filters.filters[name], filters.given[name]
    rest = filters.narrowed(without=[name, "key"])
    first = value
    if name == "tags":
        first, others = value[0], value[1:]
        rest = item.filter(rest, others)
        rows, texts = item.rows(first), [Q()]
    else:
        rows, texts = Attribute.objects.filter(name=item.attribute), [Q(text=text) for text in item.texts(value)]
    keys = [Q(key=key) for key in filters.given.get("key", ())] or [_keys_of_versions(filters)]
    more = set(filters.given) - {name, "key", "order"} or (name == "tags" and len(value) > 1) or _hides(filters)
    return Listing(
        _within(rows, rest) if more else rows, order, "execution_id", [a & b for a, b in product(texts, keys)]
    )


def _by_attribute_range(filters: "ExecutionFilter") -> Listing:
    """By the value of the first attribute of which a range is given."""
    names = [name for name in filters.given if name.startswith("attr.")]
    first = filters.filters[names[0]].attribute
    own = [name for name in names if filters.filters[name].attribute == first]
    columns = {column_of(filters.given[name]) for name in own}
    rows: QuerySet[Attribute] = Attribute.objects.filter(name=first)
    for name in own:
        rows = rows.filter(filters.filters[name].condition(filters.given[name]))
    rows = rows.filter(_keys_of_versions(filters))
    if "key" in filters.given:
        rows = rows.filter(key__in=filters.given["key"])
    if set(filters.given) - {*own, "key"} or _hides(filters):
        rows = _within(rows, filters.narrowed(without=[*own, "key"]))
    column: Kind = "text" if columns == {"text"} else "number"
    return Listing(rows, Order(f"-attr.{first}", column, column), "execution_id")


def _by_job(filters: "ExecutionFilter", order: Order) -> Listing:
    """Newest first by the jobs that wait."""
    rows = waiting_at(filters.given["waiting_at"])
    if set(filters.given) - {"waiting_at", "order"} or _hides(filters):
        rows = _within(rows, filters.narrowed(without=["waiting_at"]))
    return Listing(rows, order, "execution_id", distinct=True)


def _hides(filters: "ExecutionFilter") -> bool:
    """Whether some runs are not to be found at all, as those that a person may not see."""
    return bool(filters.queryset.query.where)


def _within(rows: QuerySet[M], runs: QuerySet[Execution]) -> QuerySet[M]:
    return rows.filter(execution__in=runs.values("pk"))
