"""Filters and logic trees as rows of (left, operator, right), where they are as flat as that; others stay JSON."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from workflows.collections import find_relation, is_many, key_of, relation_names, sensitive, shown_fields
from workflows.expressions.logic import calculators

Row = tuple[Any, str, Any]


class Rows(NamedTuple):
    """`join` is "and" or "or"; `plain` a filter that is one object without `$and`."""

    join: str
    rows: list[Row]
    plain: bool = True


#: Operators of filters that a row offers; others are shown where they are stored.
FILTER_OPERATORS: Mapping[str, Any] = {
    "$eq": _("is"),
    "$ne": _("is not"),
    "$gt": _("is greater than"),
    "$gte": _("is at least"),
    "$lt": _("is less than"),
    "$lte": _("is at most"),
    "$in": _("is one of"),
    "$notIn": _("is none of"),
    "$includes": _("contains"),
    "$notIncludes": _("does not contain"),
    "$empty": _("is empty"),
    "$notEmpty": _("is not empty"),
    "$dateOn": _("is on the day"),
    "$dateBefore": _("is before"),
    "$dateAfter": _("is after"),
}
_CALCULATORS: Mapping[str, Any] = {
    "equal": _("equals"),
    "notEqual": _("does not equal"),
    "gt": _("is greater than"),
    "gte": _("is at least"),
    "lt": _("is less than"),
    "lte": _("is at most"),
    "includes": _("contains"),
    "notIncludes": _("does not contain"),
    "startsWith": _("starts with"),
    "notStartsWith": _("does not start with"),
    "endsWith": _("ends with"),
    "notEndsWith": _("does not end with"),
}


def calculator_choices() -> list[tuple[str, Any]]:
    return [(name, _CALCULATORS.get(name, name)) for name in calculators()]


def column_choices(model: type[Model]) -> list[tuple[str, str]]:
    """The model's columns, and those of the models that its to-one relations lead to."""
    found = _columns(model, "", "")
    for name in relation_names(model):
        relation: Any = find_relation(model, name)
        if relation is not None and not is_many(relation):
            found += _columns(relation.related_model, f"{name}.", f"{relation.related_model._meta.verbose_name}: ")
    return found


def _columns(model: type[Model], prefix: str, title: str) -> list[tuple[str, str]]:
    return [
        (f"{prefix}{key_of(item)}", f"{title}{item.verbose_name}")
        for item in shown_fields(model)
        if not sensitive(item)
    ]


def rows_of_filter(value: Any) -> Rows | None:
    """None for what is no such rows."""
    if value is None or value == {}:
        return Rows("and", [])
    if not isinstance(value, Mapping):
        return None
    group = next(iter(value)) if len(value) == 1 else ""
    if group in ("$and", "$or") and isinstance(value[group], list):
        found = [_conditions(item, "") for item in value[group]]
        if any(item is None or len(item) != 1 for item in found):
            return None
        rows = Rows(group[1:], [item[0] for item in found if item], False)
    else:
        conditions = _conditions(value, "")
        if conditions is None:
            return None
        rows = Rows("and", conditions)
    return rows if to_filter(rows) == value else None


def _conditions(value: Any, prefix: str) -> list[Row] | None:
    if not isinstance(value, Mapping) or not value:
        return None
    found: list[Row] = []
    for key, below in value.items():
        if key.startswith("$"):
            if not prefix or key in ("$and", "$or", "$not"):
                return None
            found.append((prefix, key, below))
            continue
        inner = _conditions(below, f"{prefix}.{key}" if prefix else key)
        if inner is None:
            return None
        found += inner
    return found


def to_filter(rows: Rows) -> dict[str, Any]:
    """One object where no column comes twice, else a list of them."""
    merged: dict[str, Any] = {}
    if rows.join == "and" and rows.plain and all(_merge(merged, *row) for row in rows.rows):
        return merged
    alone: list[dict[str, Any]] = [{} for _row in rows.rows]
    for condition, row in zip(alone, rows.rows, strict=True):
        _merge(condition, *row)
    return {f"${rows.join}": alone} if alone else {}


def _merge(into: dict[str, Any], path: str, operator: str, value: Any) -> bool:
    """Whether there was room for it."""
    for key in path.split("."):
        into = into.setdefault(key, {})
    if operator in into:
        return False
    into[operator] = value
    return True


def rows_of_logic(value: Any) -> Rows | None:
    if value is None or value == {}:
        return Rows("and", [])
    group = value.get("group") if isinstance(value, Mapping) else None
    members = group.get("calculations") if isinstance(group, Mapping) else None
    if not isinstance(group, Mapping) or not isinstance(members, list):
        return None
    rows = Rows(str(group.get("type", "and")), [row for item in members if (row := _comparison(item)) is not None])
    return rows if to_logic(rows) == value else None


def _comparison(item: Any) -> Row | None:
    operands: Sequence[Any] = item.get("operands") or () if isinstance(item, Mapping) else ()
    if not isinstance(operands, list) or len(operands) != 2:
        return None
    return operands[0], str(item.get("calculator")), operands[1]


def to_logic(rows: Rows) -> dict[str, Any]:
    """Nothing at all without rows: what has no condition holds."""
    if not rows.rows:
        return {}
    members = [{"calculator": operator, "operands": [left, right]} for left, operator, right in rows.rows]
    return {"group": {"type": rows.join, "calculations": members}}
