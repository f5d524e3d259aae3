"""A number computed over rows (spec 5.10)."""

from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any, Literal, cast

from django.db.models import (
    Avg,
    Count,
    DecimalField,
    FloatField,
    IntegerField,
    Max,
    Min,
    Model,
    QuerySet,
    Sum,
)
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import field_validator, model_validator

from workflows.coercion import field_value
from workflows.collections import ModelType, find_relation, reference, resolve, usable
from workflows.errors import Invalid
from workflows.filters import inverse_lookup, order_column
from workflows.instructions.base import NodeConfig, Outcome
from workflows.instructions.data import DataConfig, DataInstruction, FilterParams, check_filter, matching
from workflows.shapes import Shape

_FUNCTIONS: dict[str, Any] = {"count": Count, "sum": Sum, "avg": Avg, "min": Min, "max": Max}
_NUMBERS = (IntegerField, FloatField, DecimalField)
_MOST_DECIMALS = 14


class Association(NodeConfig):
    """A list of one row: the rows that `name` of the row `associated_key` of `associated_collection` leads to."""

    associated_collection: str
    name: str
    associated_key: Any


class AggregateParams(FilterParams):
    field: str
    distinct: bool = False

    @field_validator("distinct", mode="before")
    @classmethod
    def _none_is_no(cls, value: object) -> object:
        return False if value is None else value


class AggregateConfig(DataConfig):
    aggregator: Literal["count", "sum", "avg", "min", "max"]
    params: AggregateParams
    associated: bool = False
    association: Association | None = None
    precision: int | None = 2

    @field_validator("associated", mode="before")
    @classmethod
    def _none_is_no(cls, value: object) -> object:
        return False if value is None else value

    @model_validator(mode="before")
    @classmethod
    def _unused(cls, raw: Any) -> Any:
        # An editor leaves an empty association behind when the list of a row is switched off again.
        return {**raw, "association": None} if isinstance(raw, dict) and not raw.get("associated") else raw

    def templated(self) -> dict[str, Any]:
        key = {"associatedKey": self.association.associated_key} if self.association else {}
        return {**super().templated(), **key}


class Aggregate(DataInstruction[AggregateConfig]):
    type = "aggregate"
    writes = False
    testable = True
    title = _("Aggregate rows")
    description = _("Counts, adds up, averages or finds the extreme of a column. The result is a number.")
    Config = AggregateConfig

    def check_params(self, config: AggregateConfig, model: ModelType) -> None:
        _column(config)
        check_filter(model, config.params.filter)
        if config.associated:
            _link(config)

    def result_shape(self, config: AggregateConfig) -> Shape:
        return Shape("number")

    def act(self, config: AggregateConfig, params: dict[str, Any]) -> Outcome:
        rows, column = matching(config, params["filter"]), _column(config)
        if config.associated:
            rows = _of_one_row(rows, config, params["associatedKey"])
        function = _FUNCTIONS[config.aggregator]
        options: dict[str, Any] = {"distinct": True} if config.params.distinct and function.allow_distinct else {}
        if function is Avg:
            options["output_field"] = FloatField()
        value = rows.aggregate(result=function(column, **options))["result"]
        return Outcome(result=_rounded(value, 2 if config.precision is None else config.precision))


def _column(config: AggregateConfig) -> str:
    path = "params.field"
    column = order_column(config.model, config.params.field, path=path, reach=usable)
    if config.aggregator in ("sum", "avg") and not isinstance(_field_of(config.model, column), _NUMBERS):
        raise Invalid(gettext("%r holds no numbers.") % config.params.field, field=path)
    return column


def _field_of(model: type[Model], column: str) -> Any:
    *relations, last = column.split("__")
    for name in relations:
        model = cast(type[Model], model._meta.get_field(name).related_model)
    return model._meta.get_field(last)


def _link(config: AggregateConfig) -> tuple[type[Model], tuple[str, str]]:
    """The model whose list is meant, and how its rows are found: (lookup on the list's rows, column of the one row)."""
    association = config.association
    if association is None:
        raise Invalid(gettext("Name the list: its model, its name and the row it belongs to."), field="association")
    try:
        model = resolve(association.associated_collection)
    except Invalid as error:
        raise Invalid(error.message, field="association.associatedCollection") from None
    relation = find_relation(model, association.name)
    link = None if relation is None else inverse_lookup(relation)
    if relation is None or link is None or relation.related_model is not config.model:
        raise Invalid(
            gettext("%(model)s has no list %(name)r of %(other)s.")
            % {"model": reference(model), "name": association.name, "other": reference(config.model)},
            field="association.name",
        )
    return model, link


def _of_one_row(rows: "QuerySet[Any]", config: AggregateConfig, key: Any) -> "QuerySet[Any]":
    model, (lookup, column) = _link(config)
    field = model._meta.pk if column == "pk" else cast(Any, model._meta.get_field(column))
    value = field_value(field, key, path="association.associatedKey")
    return rows.none() if value is None else rows.filter(**{lookup: value})


def _rounded(value: Any, precision: int) -> Any:
    """Null is 0; what is no number (the latest date) stays as it is."""
    if value is None:
        return 0
    if not isinstance(value, int | float | Decimal):
        return value
    with localcontext(prec=100):
        number = Decimal(str(value))
        places = min(max(precision, 0), _MOST_DECIMALS)
        return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP) if number.is_finite() else None
