"""A new row (spec 5.4)."""

from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import Field

from workflows.coercion import coerce
from workflows.collections import ModelType, load, parse_appends, to_json
from workflows.errors import check_all
from workflows.instructions.base import Outcome
from workflows.instructions.data import (
    AppendParams,
    DataConfig,
    DataInstruction,
    ValueParams,
    check_appends,
    check_values,
    has_template,
)
from workflows.shapes import Shape, of_row


class CreateParams(ValueParams, AppendParams):
    pass


class CreateConfig(DataConfig):
    params: CreateParams = Field(default_factory=CreateParams)


class Create(DataInstruction[CreateConfig]):
    type = "create"
    title = _("Create a row")
    description = _("Saves a new row; workflows that listen to its model are set off. The result is the row.")
    Config = CreateConfig
    # Whether a lost call wrote its row nobody knows, and a second one would double it.
    on_lost = "error"

    def written_models(self, config: CreateConfig) -> list[tuple[str, str]]:
        return [(config.collection, "add")]

    def check_params(self, config: CreateConfig, model: ModelType) -> None:
        check_all(
            lambda: check_values(model, config.params.values),
            lambda: check_appends(model, config.params.appends),
        )

    def remarks(self, config: CreateConfig) -> list[tuple[str, str]]:
        values = config.params.values
        if missing := _missing(config.model, values):
            sentence = gettext("%s must have a value, and none is given; add it unless the model finds it itself.")
            return [("params.values", sentence % ", ".join(missing))]
        return [] if values else [("params.values", gettext("There are no values; the row will have defaults alone."))]

    def result_shape(self, config: CreateConfig) -> Shape:
        return of_row(config.model, parse_appends(config.model, config.params.appends))

    def act(self, config: CreateConfig, params: dict[str, Any]) -> Outcome:
        model = config.model
        values = coerce(model, params["values"], path="params.values")
        instance = model(**values.fields)
        # A key that is taken is an error; without this the row that has it would be overwritten.
        instance.save(using=config.alias, force_insert=True)
        for name, keys in values.many.items():
            getattr(instance, name).set(keys)
        appends = parse_appends(model, config.params.appends, path="params.appends")
        if appends:
            instance = load(model._base_manager.using(config.alias), appends).get(pk=instance.pk)
        return Outcome(result=to_json(instance, appends))


def _missing(model: ModelType, values: dict[str, Any]) -> list[str]:
    """The columns that can't be null and have neither value nor default."""
    if any(has_template(name) for name in values):
        return []
    return [
        field.name
        for field in model._meta.concrete_fields
        if field.editable and not (field.null or field.primary_key or field.has_default() or field.has_db_default())
        if field.get_default() is None and not {field.name, field.attname} & values.keys()
    ]
