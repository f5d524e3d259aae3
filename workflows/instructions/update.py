"""Changed rows (spec 5.5)."""

from collections.abc import Iterator
from typing import Any

from django.db import connections
from django.db.models import Model, QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import Field, field_validator

from workflows.coercion import Values, coerce, find_writable
from workflows.collections import ModelType
from workflows.errors import Invalid
from workflows.instructions.base import Outcome
from workflows.instructions.data import (
    DataConfig,
    DataInstruction,
    FilterParams,
    ValueParams,
    check_filter,
    check_values,
    has_template,
    matching,
)
from workflows.shapes import Shape

_BATCH = 500


class UpdateParams(FilterParams, ValueParams):
    #: Rows are loaded and saved one by one, and set workflows off; otherwise one statement changes them all, unseen.
    individual_hooks: bool = False

    @field_validator("individual_hooks", mode="before")
    @classmethod
    def _none_is_no(cls, value: object) -> object:
        return False if value is None else value


class UpdateConfig(DataConfig):
    params: UpdateParams = Field(default_factory=UpdateParams)


class Update(DataInstruction[UpdateConfig]):
    type = "update"
    title = _("Change rows")
    description = _("Changes the rows that meet a filter. The result is their number.")
    Config = UpdateConfig

    def written_models(self, config: UpdateConfig) -> list[tuple[str, str]]:
        return [(config.collection, "change")]

    def check_params(self, config: UpdateConfig, model: ModelType) -> None:
        params = config.params
        check_filter(model, params.filter, required=True)
        if not params.values:
            raise Invalid(gettext("Name at least one field to change."), field="params.values")
        for name in params.values:
            if not has_template(name):
                _check_changeable(model, name, params.individual_hooks)
        check_values(model, params.values)

    def result_shape(self, config: UpdateConfig) -> Shape:
        return Shape("number")

    def act(self, config: UpdateConfig, params: dict[str, Any]) -> Outcome:
        rows = matching(config, params["filter"], required=True)
        for name in params["values"]:
            _check_changeable(config.model, name, config.params.individual_hooks)
        values = coerce(config.model, params["values"], path="params.values")
        if not config.params.individual_hooks:
            return Outcome(result=rows.update(**values.fields) if values.fields else 0)
        changed = locked_rows(rows, config.alias)
        return Outcome(result=sum(_save(instance, values, config.alias) for instance in changed))


def _check_changeable(model: type[Model], name: str, one_by_one: bool) -> None:
    path = f"params.values.{name}"
    field = find_writable(model, name, path="params.values")
    if getattr(field, "primary_key", False):
        raise Invalid(gettext("A row's key can't be changed; create another row instead."), field=path)
    if field.many_to_many and not one_by_one:
        raise Invalid(
            gettext("%r is a relation to many; it can be changed only one by one (individualHooks).") % name, field=path
        )


def _save(instance: Model, values: Values, alias: str) -> int:
    for name, value in values.fields.items():
        setattr(instance, name, value)
    # The whole row: a model's own `save` may compute further columns.
    instance.save(using=alias)
    for name, keys in values.many.items():
        getattr(instance, name).set(keys)
    return 1


def locked_rows(rows: "QuerySet[Any]", alias: str) -> Iterator[Model]:
    """The rows in the order of their keys, a batch at a time, locked so that the save overwrites nobody's change."""
    features = connections[alias].features
    lock: dict[str, Any] = {"no_key": True} if features.has_select_for_no_key_update else {}
    if features.has_select_for_update_of:
        lock["of"] = ("self",)
    rows = rows.select_for_update(**lock).order_by("pk")
    batch = list(rows[:_BATCH])
    while batch:
        yield from batch
        batch = list(rows.filter(pk__gt=batch[-1].pk)[:_BATCH]) if len(batch) == _BATCH else []
