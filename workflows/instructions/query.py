"""Rows read (spec 5.7)."""

from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from django.db.models import F, Model, QuerySet
from django.db.models.expressions import OrderBy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import Field, WithJsonSchema, field_validator

from workflows.collections import ModelType, load, parse_appends, to_json, usable
from workflows.errors import Invalid, check_all
from workflows.filters import order_column
from workflows.instructions.base import NodeConfig, Outcome
from workflows.instructions.data import (
    AppendParams,
    DataConfig,
    DataInstruction,
    FilterParams,
    check_appends,
    check_filter,
    has_template,
    matching,
)
from workflows.shapes import Shape, of_row
from workflows.statuses import JobStatus

DEFAULT_PAGE_SIZE = 20
MOST_ROWS = 10_000


#: A number, or a template of one.
Number = Annotated[Any, WithJsonSchema({"type": ["integer", "string", "null"]})]


class Sort(NodeConfig):
    field: str | None = None
    direction: str | None = "asc"

    @field_validator("direction")
    @classmethod
    def _known(cls, value: str | None) -> str:
        direction = (value or "asc").lower()
        if direction not in ("asc", "desc"):
            raise ValueError(gettext("Choose asc or desc."))
        return direction


class QueryParams(FilterParams, AppendParams):
    #: In this order; the key comes last by itself.
    sort: list[Sort] = Field(default_factory=list)
    page: Number = 1
    page_size: Number = DEFAULT_PAGE_SIZE

    @field_validator("sort", mode="before")
    @classmethod
    def _no_sort(cls, value: object) -> object:
        return [] if value is None else value


class QueryConfig(DataConfig):
    params: QueryParams = Field(default_factory=QueryParams)
    #: A list of rows; otherwise the first, or null.
    multiple: bool = False
    fail_on_empty: bool = False

    @field_validator("multiple", "fail_on_empty", mode="before")
    @classmethod
    def _none_is_no(cls, value: object) -> object:
        return False if value is None else value


class Query(DataInstruction[QueryConfig]):
    type = "query"
    writes = False
    testable = True
    title = _("Query rows")
    description = _("Reads the rows that meet a filter: a list of them, or the first.")
    Config = QueryConfig

    def check_params(self, config: QueryConfig, model: ModelType) -> None:
        params = config.params
        numbers = {"page": params.page, "pageSize": params.page_size}
        check_all(
            lambda: check_filter(model, params.filter),
            lambda: check_appends(model, params.appends),
            lambda: _order(model, params.sort),
            *(partial(_number, value, 1, name) for name, value in numbers.items() if not has_template(value)),
        )

    def result_shape(self, config: QueryConfig) -> Shape:
        row = of_row(config.model, parse_appends(config.model, config.params.appends))
        return replace(row, kind="list") if config.multiple else row

    def act(self, config: QueryConfig, params: dict[str, Any]) -> Outcome:
        model = config.model
        appends = parse_appends(model, config.params.appends, path="params.appends")
        rows = load(matching(config, params["filter"]), appends).order_by(*_order(model, config.params.sort))
        found = [to_json(row, appends) for row in _slice(rows, params, config.multiple)]
        result = found if config.multiple else next(iter(found), None)
        failed = config.fail_on_empty and not found
        return Outcome(JobStatus.FAILED if failed else JobStatus.RESOLVED, result)


def _order(model: type[Model], sort: list[Sort]) -> list[Any]:
    """Nulls come last in both directions, and the key at the end makes the order whole."""
    order: list[Any] = []
    for index, item in enumerate(sort):
        if item.field:
            column = order_column(model, item.field, path=f"params.sort.{index}.field", reach=usable)
            order.append(OrderBy(F(column), descending=item.direction == "desc", nulls_last=_nullable(model, column)))
    return [*order, "pk"]


def _nullable(model: type[Model], column: str) -> bool | None:
    # Asked for only where there may be nulls: an index serves the plain order.
    return True if "__" in column or model._meta.get_field(column).null else None


def _slice(rows: "QuerySet[Any]", params: dict[str, Any], multiple: bool) -> "QuerySet[Any]":
    size = min(_number(params["pageSize"], DEFAULT_PAGE_SIZE, "pageSize"), MOST_ROWS)
    start = (_number(params["page"], 1, "page") - 1) * size
    return rows[start : start + (size if multiple else 1)]


def _number(value: Any, default: int, name: str) -> int:
    """Nothing and what is below 1 is the default."""
    if value is None or value == "":
        return default
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        raise Invalid(gettext("%r is no whole number.") % (value,), field=f"params.{name}") from None
    return min(number, 1 << 40) if number > 0 else default
