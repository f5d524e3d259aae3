"""Model events: a row was created, changed or deleted (spec 4.1)."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast

from django.db.models import Exists, ForeignObjectRel, Model, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import Field, field_validator

from workflows import filters
from workflows.coercion import field_value
from workflows.collections import (
    Appends,
    find_relation,
    is_many,
    load,
    parse_appends,
    reference,
    resolve,
    to_json,
    usable,
    write_alias,
)
from workflows.errors import Invalid, check_all, refuse
from workflows.shapes import Shape, of_row
from workflows.triggers.base import Listener, Trigger, TriggerConfig
from workflows.triggers.fields import ManualField

if TYPE_CHECKING:
    from workflows.models import Workflow

CREATE, UPDATE, CREATE_OR_UPDATE, DELETE = 1, 2, 3, 4


class CollectionConfig(TriggerConfig):
    #: "app.Model" or "alias:app.Model"; None is not chosen yet, and listens to nothing.
    collection: str | None = None
    mode: Literal[1, 2, 3, 4] | None = None
    #: On a change only if one of these columns changed; empty is any change, even none.
    changed: list[str] = Field(default_factory=list)
    condition: dict[str, Any] | None = None
    appends: list[str] = Field(default_factory=list)
    #: Of a sync workflow: the write is undone unless the run succeeds.
    rollback_on_failure: bool = False

    @field_validator("changed", "appends", mode="before")
    @classmethod
    def _none_is_empty(cls, value: object) -> object:
        return [] if value is None else value

    @field_validator("rollback_on_failure", mode="before")
    @classmethod
    def _none_is_no(cls, value: object) -> object:
        return False if value is None else value

    @cached_property
    def model(self) -> type[Model]:
        return resolve(self.collection)

    @cached_property
    def alias(self) -> str:
        """The database whose rows are meant."""
        return write_alias(self.collection or "")

    @cached_property
    def tree(self) -> Appends:
        return parse_appends(self.model, self.appends)

    def fires_on(self, mode: int) -> bool:
        return self.mode == mode or (self.mode == CREATE_OR_UPDATE and mode in (CREATE, UPDATE))

    @cached_property
    def columns(self) -> frozenset[str]:
        """What `changed` compares; names of relations to many compare nothing, and so never change."""
        known = changeable(self.model)
        return frozenset(column for name in self.changed if (column := known.get(name)))

    @property
    def watches_changes(self) -> bool:
        return bool(self.changed) and self.fires_on(UPDATE)

    @cached_property
    def waits(self) -> bool:
        """Whether it asks for rows that are written after the row itself, because they point to it."""
        if _behind(self.model, self.tree):
            return True
        return not filters.is_empty(self.condition) and _asks_behind(
            self.model, filters.to_q(self.model, self.condition, path="condition", reach=usable)
        )

    def matches(self, pk: Any, using: str) -> bool:
        """Whether the row meets the condition; no query where there is none."""
        if filters.is_empty(self.condition):
            return True
        q = filters.to_q(self.model, self.condition, path="condition", reach=usable)
        return bool(self.model._base_manager.using(using).filter(pk=pk).filter(q).exists())

    def matching(self, keys: Sequence[Any], using: str) -> set[Any]:
        """Those of the rows that meet the condition, in one query, or none where there is no condition."""
        if filters.is_empty(self.condition):
            return set(keys)
        q = filters.to_q(self.model, self.condition, path="condition", reach=usable)
        return set(self.model._base_manager.using(using).filter(pk__in=keys).filter(q).values_list("pk", flat=True))

    def reload(self, pk: Any, using: str, tree: Appends) -> Model | None:
        """The row as it stands, with the relations of the tree."""
        return self.reload_all([pk], using, tree).get(pk)

    def reload_all(self, keys: Sequence[Any], using: str, tree: Appends) -> dict[Any, Model]:
        """The rows as they stand, by key, each with these relations: one query, and one for each relation to many."""
        found = load(self.model._base_manager.using(using).filter(pk__in=keys), tree)
        return {row.pk: row for row in found}


class CollectionTrigger(Trigger[CollectionConfig]):
    type = "collection"
    title = gettext_lazy("Model event")
    description = gettext_lazy("When a row of a model is created, changed or deleted.")
    Config = CollectionConfig

    def check(self, config: CollectionConfig, workflow: "Workflow | None" = None) -> None:
        model = _chosen(config)
        if config.changed and config.mode is not None and not config.fires_on(UPDATE):
            raise Invalid(_("Only a mode with changes (2 or 3) can name changed fields."), field="changed")
        if config.appends and config.mode == DELETE:
            raise Invalid(_("A deleted row's relations can't be loaded; leave them out."), field="appends")
        known = changeable(model)
        sentence = _("%(model)s has no field %(name)r; it has %(known)s.")
        said = {"model": reference(model), "known": ", ".join(sorted(known))}
        wrong = {
            f"changed.{i}": sentence % {**said, "name": name}
            for i, name in enumerate(config.changed)
            if name not in known
        }
        check_all(
            lambda: refuse(wrong),
            lambda: filters.to_q(model, config.condition, path="condition", reach=usable),
            lambda: parse_appends(model, config.appends),
        )

    def context_shape(self, config: CollectionConfig) -> Shape:
        return Shape("object", parts={"data": of_row(_chosen(config), config.tree)})

    def listen(self, listeners: Sequence[Listener]) -> None:
        from workflows.triggers import rows

        rows.watch(listeners)

    def manual_fields(self, config: CollectionConfig) -> list[ManualField]:
        model = _chosen(config)
        return [ManualField("data", "row", model._meta.verbose_name or "", True, model)]

    def validate_context(self, config: CollectionConfig, values: Any) -> dict[str, Any]:
        try:
            _named_row(config, values)
        except Invalid as error:
            return error.errors
        return {}

    def manual_context(self, config: CollectionConfig, values: Any) -> Any:
        """`values` is {"data": the row's key, or the row as an object}."""
        model, data, raw, pk = _named_row(config, values)
        given = isinstance(data, Mapping)
        if config.mode != DELETE and not config.matches(pk, config.alias):
            return None
        if given and not (config.appends and pk is not None):
            return {"data": dict(data)}
        row = config.reload(pk, config.alias, config.tree)
        if row is None:
            raise Invalid(_("There is no %(model)s %(key)r.") % {"model": reference(model), "key": raw}, field="data")
        return {"data": to_json(row, config.tree, model=model)}


def _named_row(config: CollectionConfig, values: Any) -> tuple[type[Model], Any, Any, Any]:
    """(its model, what was given, the key in it, the key as the model has it). Raises `Invalid` (field "data")."""
    if not isinstance(values, Mapping) or values.get("data") is None:
        raise Invalid(_("Name the row: its key, or the row as an object."), field="data")
    data, model = values["data"], _chosen(config)
    raw = data.get(model._meta.pk.name) if isinstance(data, Mapping) else data
    return model, data, raw, None if raw is None else field_value(model._meta.pk, raw, path="data")


def _chosen(config: CollectionConfig) -> type[Model]:
    if config.collection is None:
        raise Invalid(
            _('Choose the model whose rows are listened to: "collection" in the workflow\'s configuration.'),
            field="collection",
        )
    return config.model


def changeable(model: type[Model]) -> dict[str, str | None]:
    """What `changed` may name, each with the column that is compared: None for a relation to many."""
    names: dict[str, str | None] = {}
    for field in model._meta.get_fields():
        column = getattr(field, "attname", None) if field.concrete and not field.many_to_many else None
        names[field.name] = column
        if column is not None:
            names[column] = column
    return names


def _behind(model: type[Model], tree: Appends) -> bool:
    relations = ((find_relation(model, name), below) for name, below in tree.items())
    return any(
        relation is not None and (_later(relation) or _behind(cast(type[Model], relation.related_model), below))
        for relation, below in relations
    )


def _asks_behind(model: type[Model], q: Q) -> bool:
    """Whether a filter's condition needs relations to many, which it asks by EXISTS, or a reverse one to one."""
    for child in q.children:
        if isinstance(child, Q):
            found = _asks_behind(model, child)
        elif isinstance(child, tuple):
            found = _leads_behind(model, child[0])
        else:
            found = isinstance(child, Exists)
        if found:
            return True
    return False


def _leads_behind(model: type[Model], lookup: str) -> bool:
    for name in lookup.split("__"):
        relation = find_relation(model, name)
        if relation is None:
            return False
        if _later(relation):
            return True
        model = cast(type[Model], relation.related_model)
    return False


def _later(relation: Any) -> bool:
    return is_many(relation) or isinstance(relation, ForeignObjectRel)
