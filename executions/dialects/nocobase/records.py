"""Rows as the client sees them: which columns they have under which names, what they bring along, and who sees them."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, cast

from django.db.models import Field, JSONField, Model, QuerySet
from django.utils.translation import gettext as _

from executions.dialects.nocobase.selection import Selection
from workflows.errors import Forbidden, Invalid
from workflows.jsonable import iso_milliseconds, jsonable

#: Related rows that one relation of one call may bring along.
MOST_RELATED = 10_000


@dataclass(frozen=True)
class Computed:
    """What is shown and is no column: it can be neither filtered nor sorted by."""

    show: Callable[[Any], Any]
    #: The columns that it is made of.
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Relation:
    """To other records: those whose column `there` is this one's column `here`. One query for all rows."""

    to: Callable[[], "type[Record]"]
    here: str
    there: str = "pk"
    many: bool = False
    #: The model's own name of it, where filters may follow it.
    field: str | None = None

    def record(self) -> "type[Record]":
        return self.to()

    def check_view(self, user: Any) -> None:
        """Raises `Forbidden` for who may not see what it leads to."""
        self.record()(user).check_view()

    def load(self, rows: Sequence[Any], selection: Selection, user: Any) -> Mapping[Any, Any]:
        """What each row is shown with, by the value of its column `here`."""
        values = {getattr(row, self.here) for row in rows} - {None}
        record = self.record()(user)
        if not values:
            return {}
        attribute = record.model._meta.pk.attname if self.there == "pk" else self.there
        rows_there = record.rows().using(rows[0]._state.db).filter(**{f"{attribute}__in": values})
        found = rows_there.order_by(*record.order)
        loaded = few(record.only(found, selection, attribute))
        shown = zip(loaded, record.show(loaded, selection), strict=True)
        if not self.many:
            return {getattr(row, attribute): each for row, each in shown}
        grouped: dict[Any, list[Any]] = defaultdict(list)
        for row, each in shown:
            grouped[getattr(row, attribute)].append(each)
        return grouped


def few(rows: "QuerySet[Any]") -> list[Any]:
    """What a relation brings along. Raises `Invalid` for too many."""
    loaded = list(rows[: MOST_RELATED + 1])
    if len(loaded) > MOST_RELATED:
        raise Invalid(_("There are more than %d of them; ask for fewer rows.") % MOST_RELATED, field="appends")
    return loaded


class Record:
    """The base; an instance is one person's view."""

    name: ClassVar[str]
    model: ClassVar[type[Model]]
    #: The client's name of a column -> the model's attribute.
    columns: Mapping[str, str]
    computed: Mapping[str, Computed] = {}
    relations: Mapping[str, Relation] = {}
    #: Columns that may hold values that are masked.
    masked: ClassVar[Collection[str]] = ()
    #: Columns that lead to rows which may be hidden: who may not see all of them asks for none.
    leading: ClassVar[Collection[str]] = ()
    #: What `decorate` looks at besides what is shown.
    always: ClassVar[Sequence[str]] = ()
    #: The permission to see it at all.
    view: ClassVar[str | None]
    #: In which it is brought along by others.
    order: ClassVar[Sequence[str]] = ("pk",)

    def __init__(self, user: Any) -> None:
        self.user = user

    @classmethod
    def names(cls) -> Iterable[str]:
        return (*cls.columns, *cls.computed)

    @classmethod
    def has(cls, name: str) -> bool:
        return name in cls.columns or name in cls.computed

    @classmethod
    def field_of(cls, name: str) -> "Field[Any, Any]":
        return cast("Field[Any, Any]", cls.model._meta.get_field(cls.columns[name]))

    @classmethod
    def sortable(cls, name: str) -> bool:
        return name in cls.columns and name not in cls.masked and not isinstance(cls.field_of(name), JSONField)

    def may_view(self) -> bool:
        return self.view is None or self.user.has_perm(self.view)

    def check_view(self) -> None:
        if not self.may_view():
            raise Forbidden(_("No permissions"))

    def rows(self) -> "QuerySet[Any]":
        """Those that this person may see."""
        return self.model._default_manager.all()

    def decorate(self, rows: Sequence[Any], names: Collection[str]) -> None:
        """Takes out of loaded rows what this person may not see, and adds what is not theirs; a few queries at most."""

    def only(self, rows: "QuerySet[Any]", selection: Selection, *more: str) -> "QuerySet[Any]":
        """With the columns that the selection needs, and no others."""
        attributes = {*more, *self.always}
        for name in selection.columns(type(self)):
            attributes.update((self.columns[name],) if name in self.columns else self.computed[name].needs)
        for name in selection.relations:
            attributes.update(self._columns & {self.relations[name].here})
        return rows.only(*(attributes - {"pk"} or {self.model._meta.pk.attname}))

    @property
    def _columns(self) -> set[str]:
        return {field.attname for field in self.model._meta.concrete_fields}

    def show(self, rows: Sequence[Any], selection: Selection) -> list[dict[str, Any]]:
        names = selection.columns(type(self))
        self.decorate(rows, names)
        shown = [{name: wire(self._value(row, name)) for name in names} for row in rows]
        for name, below in selection.relations.items():
            relation = self.relations[name]
            found = relation.load(rows, below, self.user)
            for row, each in zip(rows, shown, strict=True):
                each[name] = found.get(getattr(row, relation.here), [] if relation.many else None)
        return shown

    def _value(self, row: Any, name: str) -> Any:
        if name in self.columns:
            return getattr(row, self.columns[name])
        return self.computed[name].show(row)


def wire(value: Any) -> Any:
    """Moments in UTC with milliseconds, as there; all else as JSON has it."""
    return iso_milliseconds(value) if isinstance(value, datetime) else jsonable(value)
