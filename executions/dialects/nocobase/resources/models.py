"""The host's models as collections: `shop.Order:list`, `:create`, `:trigger` (spec nocobase-http 1, nocobase-engine 4).

Each asks for the model's own permissions; workflows that listen to requests run around what is written.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar, cast

from django.conf import settings
from django.contrib.auth import get_permission_codename
from django.db import IntegrityError, router, transaction
from django.db.models import F, ManyToManyField, Model, ProtectedError, QuerySet, RestrictedError
from django.utils.translation import gettext as _

from executions.dialects.nocobase.call import Call
from executions.dialects.nocobase.records import Record, Relation, few
from executions.dialects.nocobase.resources.asking import asked_of
from executions.dialects.nocobase.resources.base import Action, Answer, Resource, action
from executions.dialects.nocobase.selection import Selection
from executions.dialects.nocobase.variables import Filler
from workflows.coercion import Values, coerce, writable
from workflows.collections import (
    find_relation,
    is_many,
    key_of,
    reference,
    relation_names,
    sensitive,
    shown_fields,
    usable,
)
from workflows.conf import conf
from workflows.errors import Invalid
from workflows.filters import inverse_lookup
from workflows.instructions.update import locked_rows
from workflows.requesting import core
from workflows.requesting.views import check_may_trigger

#: Under which a row of many to many knows the row it was loaded for.
_LINKED = "sluice_linked_to"
_MAIN = ("", "main", "default")


class _ManyToMany(Relation):
    """Through the table between; one query. `there` is what these rows are to those, as conditions name it."""

    def load(self, rows: Sequence[Any], selection: Selection, user: Any) -> Mapping[Any, Any]:
        record = self.record()(user)
        if not rows:
            return {}
        wanted = record.rows().using(rows[0]._state.db).filter(**{f"{self.there}__in": [row.pk for row in rows]})
        # The same join as that of the condition: a row for each link.
        linked = record.only(wanted.annotate(**{_LINKED: F(self.there)}).order_by(*record.order), selection)
        loaded = few(linked)
        grouped: dict[Any, list[Any]] = defaultdict(list)
        for row, shown in zip(loaded, record.show(loaded, selection), strict=True):
            grouped[getattr(row, _LINKED)].append(shown)
        return grouped


class ModelRecord(Record):
    """Columns by the names that rows have in contexts; what is sensitive is none of them."""


def record_of(model: type[Model]) -> type[ModelRecord]:
    return _record_of(model, tuple(conf().MODELS))


@lru_cache(maxsize=512)
def _record_of(model: type[Model], patterns: tuple[str, ...]) -> type[ModelRecord]:
    names = {
        "name": reference(model),
        "model": model,
        "columns": {key_of(field): field.attname for field in shown_fields(model)},
        "view": permission(model, "view"),
    }
    made: type[ModelRecord] = type(f"{model.__name__}Record", (ModelRecord,), names)
    found = {name: cast(Any, find_relation(model, name)) for name in relation_names(model)}
    made.relations = {name: _relation(each) for name, each in found.items() if _is_plain(each)}
    return made


def _is_plain(relation: Any) -> bool:
    """Generic relations are read by two columns."""
    return inverse_lookup(relation) is not None or (relation.concrete and not relation.many_to_many)


def _relation(found: Any) -> Relation:

    def related() -> type[Record]:
        return record_of(found.related_model)

    if found.many_to_many:
        [there, here] = inverse_lookup(found) or ("", "")
        return _ManyToMany(related, here, there, many=True, field=found.name)
    if is_many(found) or not found.concrete:
        return Relation(
            related, found.field.target_field.attname, found.field.attname, many=is_many(found), field=found.name
        )
    return Relation(related, found.attname, found.target_field.attname, field=found.name)


def permission(model: type[Model], what: str) -> str:
    return f"{model._meta.app_label}.{get_permission_codename(what, model._meta)}"


class Rows(Resource):
    """Rows of one model; the permissions of its actions are said by what they do to a row."""

    model: ClassVar[type[Model]]

    @classmethod
    def actions(cls) -> dict[str, Action]:
        return {
            name: replace(found, permission=permission(cls.model, str(found.permission)))
            for name, found in super().actions().items()
        }

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        source = call.request.headers.get("X-Data-Source", "")
        if source not in _MAIN and source not in settings.DATABASES:
            raise Invalid(_("There is no such data source."), field="X-Data-Source")
        self.alias = None if source in _MAIN else source
        self.writes_on = self.alias or router.db_for_write(self.model)

    def rows(self) -> "QuerySet[Any]":
        rows: QuerySet[Any] = super().rows()
        return rows.using(self.alias) if self.alias else rows

    @action("view", reads=True)
    def list(self) -> Answer:
        return self.listed()

    @action("view", reads=True)
    def get(self) -> Answer:
        return self.got()

    def given(self) -> dict[str, Any]:
        """The values of a new row."""
        return self.call.values

    @action("add")
    def create(self) -> Answer:
        values = self.given()
        written = self._written(values)
        with self._acting("create", values=values) as under_way:
            row = self.model(**written.fields)
            under_way.saved(self._saved(row, written, insert=True))
        return self._answer([row], one=True, messages=under_way.messages)

    @action("change", aimed=True)
    def update(self) -> Answer:
        values, rows = self.call.values, self.chosen()
        written = self._written(values)
        keys = [row.pk for row in rows]
        changed: Any = []
        with self._acting("update", key=self._keys(keys), values=values, filter=self._filter) as under_way:
            if rows and (written.fields or written.many):
                with transaction.atomic(using=self.writes_on):
                    locked = self.model._default_manager.using(self.writes_on).filter(pk__in=keys)
                    for row in locked_rows(locked, self.writes_on):
                        for name, value in written.fields.items():
                            setattr(row, name, value)
                        changed.append(self._saved(row, written))
                under_way.saved(*changed)
        return self._answer(changed or rows, messages=under_way.messages)

    @action("delete", aimed=True)
    def destroy(self) -> Answer:
        rows = self.chosen()
        keys = [row.pk for row in rows]
        with self._acting("destroy", key=self._keys(keys), filter=self._filter) as under_way:
            try:
                with transaction.atomic(using=self.writes_on):
                    for row in rows:
                        row.delete(using=self.writes_on)
            except (ProtectedError, RestrictedError) as error:
                raise Invalid(_("Other rows need it: %s") % error.args[0]) from error
        return Answer(len(rows), messages=under_way.messages)

    @action("view", throttle="execute")
    def trigger(self) -> Answer:
        """Runs the custom actions that `triggerWorkflows` names, for the rows of the keys or with the body alone."""
        asked = asked_of(self.call)
        check_may_trigger(self.user, self.model, asked.listed)
        rows = self.chosen() if self.call.aims else None
        answered = core.trigger(asked, self.model, rows, self.call.body, using=self.writes_on)
        return Answer({}, bare=True, messages=answered.messages)

    def _acting(self, name: str, **more: Any) -> Any:
        return core.acting(asked_of(self.call), self.model, name, using=self.writes_on, **more)

    @property
    def _filter(self) -> Any:
        """As workflows that come before see it."""
        return Filler(self.call).fill(self.call.filter, "filter")

    def _keys(self, keys: Any) -> Any:
        return keys[0] if len(keys) == 1 else keys

    def _written(self, values: Mapping[str, Any]) -> Values:
        """What may be written of it; unknown names are dropped, as there. Raises `Invalid` naming the value."""
        known = writable(self.model)
        return coerce(self.model, {name: value for name, value in values.items() if _may_write(known.get(name))})

    def _saved(self, row: Model, values: Values, *, insert: bool = False) -> Model:
        given = {field.name for field in row._meta.concrete_fields if field.attname in values.fields}
        others = set() if insert else {field.name for field in row._meta.concrete_fields} - given
        row.full_clean(exclude=others)
        try:
            with transaction.atomic(using=self.writes_on):
                # A key that is taken is an error; without this the row that has it would be overwritten.
                row.save(using=self.writes_on, force_insert=insert)
                for name, keys in values.many.items():
                    getattr(row, name).set(keys)
        except IntegrityError as error:
            raise Invalid(_("The row can't be kept: %s") % " ".join(str(error).split())[:300]) from error
        return row

    def _answer(self, rows: Any, *, one: bool = False, messages: Any = None) -> Answer:
        # As the database has them, computed columns included.
        found = self.model._default_manager.using(self.writes_on).filter(pk__in=[row.pk for row in rows])
        shown = self.shown([*found.order_by("pk")])
        return Answer((shown[0] if shown else None) if one else shown, messages=messages)


def _may_write(field: Any) -> bool:
    if field is None or (not field.many_to_many and sensitive(field)):
        return False
    return not isinstance(field, ManyToManyField) or usable(field.related_model)


def rows_of(model: type[Model]) -> type[Rows]:
    writing = {"update": permission(model, "change"), "destroy": permission(model, "delete")}
    names = {"name": reference(model), "model": model, "record": record_of(model), "writing": writing}
    return type(f"{model.__name__}Rows", (Rows,), names)
