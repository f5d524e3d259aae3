"""Lists and objects. Names from JavaScript count from 0, names from Excel from 1."""

import math
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError
from workflows.expressions.functions.common import flat, items, sort_key, whole
from workflows.expressions.functions.registry import Meter, function
from workflows.expressions.operators import OPERATIONS, number, shown
from workflows.expressions.paths import step
from workflows.expressions.text import to_text
from workflows.expressions.values import contains, equal, number_or_none, place_of, truthy


@function("length", "LEN", shallow=True)
def _length(value: Any) -> int:
    if isinstance(value, list | tuple | Mapping):
        return len(value)
    return len(to_text(value))


@function("COUNT", dialect="formula.js")
def _count_numbers(*values: Any) -> int:
    found = (value for value in flat(values) if not isinstance(value, str | bool))
    return sum(number_or_none(value) is not None for value in found)


@function("COUNTA")
def _count_filled(*values: Any) -> int:
    return sum(value is not None and value != "" for value in flat(values))


@function("COUNTBLANK")
def _count_blank(*values: Any) -> int:
    return sum(value is None or value == "" for value in flat(values))


@function("first", shallow=True)
def _first(values: Any) -> Any:
    return _at(values, 0)


@function("last", shallow=True)
def _last(values: Any) -> Any:
    return _at(values, -1)


@function("at", shallow=True)
def _at_index(values: Any, index: Any) -> Any:
    return _at(values, whole(index, "at()"))


def _at(values: Any, index: int) -> Any:
    found = values if isinstance(values, str) else items(values, "at")
    return found[index] if -len(found) <= index < len(found) else None


@function("slice", shallow=True)
def _slice(values: Any, start: Any, end: Any = None) -> Any:
    found = values if isinstance(values, str) else items(values, "slice")
    return found[whole(start, "slice()") : None if end is None else whole(end, "slice()")]


@function("take", shallow=True)
def _take(values: Any, count: Any) -> Any:
    return items(values, "take")[: max(whole(count, "take()"), 0)]


@function("reverse", shallow=True)
def _reverse(values: Any) -> Any:
    return values[::-1] if isinstance(values, str) else items(values, "reverse")[::-1]


@function("sort", weight=4)
def _sort(meter: Meter, values: Any, order: Any = "asc") -> list[Any]:
    found = items(values, "sort")
    meter.charge(len(found) * 2)
    return sorted(found, key=sort_key, reverse=_descending(order))


@function("sortBy", weight=4)
def _sort_by(meter: Meter, values: Any, key: Any, order: Any = "asc") -> list[Any]:
    found, name = items(values, "sortBy"), to_text(key)
    meter.charge(len(found) * 2)
    return sorted(found, key=lambda item: sort_key(step(item, name)), reverse=_descending(order))


def _descending(order: Any) -> bool:
    return order == -1 or to_text(order).lower() == "desc"


@function("unique", weight=4)
def _unique(meter: Meter, values: Any) -> list[Any]:
    meter.items(len(items(values, "unique")))
    found: dict[Any, Any] = {}
    for value in items(values, "unique"):
        found.setdefault(sort_key(value), value)
    return list(found.values())


@function("flatten")
def _flatten(values: Any) -> list[Any]:
    return list(flat(items(values, "flatten")))


@function("compact", shallow=True)
def _compact(values: Any) -> list[Any]:
    return [value for value in items(values, "compact") if value is not None and value != ""]


@function("append", shallow=True)
def _append(values: Any, *more: Any) -> list[Any]:
    return [*items(values, "append"), *more]


@function("union", "setUnion", weight=4)
def _union(meter: Meter, a: Any, b: Any) -> list[Any]:
    return _unique(meter, [*items(a, "union"), *items(b, "union")])


@function("intersection", "setIntersect", weight=4)
def _intersection(meter: Meter, a: Any, b: Any) -> list[Any]:
    others = {sort_key(value) for value in items(b, "intersection")}
    return [value for value in _unique(meter, a) if sort_key(value) in others]


@function("difference", "setDifference", weight=4)
def _difference(meter: Meter, a: Any, b: Any) -> list[Any]:
    others = {sort_key(value) for value in items(b, "difference")}
    return [value for value in _unique(meter, a) if sort_key(value) not in others]


@function("range")
def _range(meter: Meter, start: Any, end: Any, increment: Any = 1) -> list[Any]:
    """The end is part of it if a step comes to it."""
    first, last, by = (number(value, "range()") for value in (start, end, increment))
    if not by:
        raise ExpressionError(_("range() needs a step other than 0."))
    # A hair more, so that 0:0.1:1 ends with 1.
    count = max(math.floor((last - first) / by + 1e-9) + 1, 0)
    meter.items(count)
    return [first + index * by for index in range(count)]


@function("SEQUENCE")
def _sequence(meter: Meter, count: Any, start: Any = 1, increment: Any = 1) -> list[Any]:
    size = max(whole(count, "SEQUENCE()"), 0)
    first, by = number(start, "SEQUENCE()"), number(increment, "SEQUENCE()")
    meter.items(size)
    return [first + index * by for index in range(size)]


@function("indexOf")
def _index_of(values: Any, part: Any) -> int:
    if isinstance(values, str):
        return values.find(to_text(part))
    place = place_of(items(values, "indexOf"), part)
    return -1 if place is None else place


@function("isIn")
def _is_in(value: Any, *candidates: Any) -> bool:
    """Whether it is one of these, or in one of these lists."""
    return any(contains(item, value) if isinstance(item, list) else equal(item, value) for item in candidates)


@function("chunk")
def _chunk(values: Any, size: Any) -> list[Any]:
    found, width = items(values, "chunk"), whole(size, "chunk()")
    if width < 1:
        raise ExpressionError(_("chunk() needs a size of at least 1."))
    return [found[index : index + width] for index in range(0, len(found), width)]


@function("transpose")
def _transpose(meter: Meter, values: Any) -> list[Any]:
    rows = [items(row, "transpose") for row in items(values, "transpose")]
    meter.items(2 * max(map(len, rows), default=0))
    return [list(column) for column in zip(*rows, strict=True)]


@function("pluck")
def _pluck(values: Any, key: Any) -> list[Any]:
    name = to_text(key)
    return [step(item, name) for item in items(values, "pluck")]


@function("where")
def _where(values: Any, key: Any, operator: Any, value: Any = None) -> list[Any]:
    """`where(rows, key, value)`, or `where(rows, key, operator, value)`."""
    name, sign = to_text(key), operator if isinstance(operator, str) else ""
    if value is None:
        return [item for item in items(values, "where") if equal(step(item, name), operator)]
    if sign not in _SIGNS:
        raise ExpressionError(_("where() knows the operators %s.") % " ".join(sorted(_SIGNS)))
    operation = OPERATIONS[_SIGNS[sign]]
    return [item for item in items(values, "where") if truthy(operation(step(item, name), value))]


_SIGNS = {"=": "==", "<>": "!=", **{sign: sign for sign in ("==", "!=", "<", "<=", ">", ">=")}}


@function("keys", shallow=True)
def _keys(value: Any) -> list[str]:
    return [str(key) for key in _object(value, "keys")]


@function("values", shallow=True)
def _values(value: Any) -> list[Any]:
    return list(_object(value, "values").values())


@function("get", shallow=True)
def _get(meter: Meter, value: Any, path: Any, default: Any = None) -> Any:
    if not isinstance(path, str | int):
        raise ExpressionError(_("get() needs a path like customer.name."))
    for segment in str(path)[:1000].split("."):
        value = step(value, segment, meter)
    return default if value is None else value


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    if value is None:
        return {}
    raise ExpressionError(_("%(name)s() needs an object, not %(value)s.") % {"name": name, "value": shown(value)})
