"""math.js's names for comparisons, and its sets."""

from typing import Any

from workflows.expressions.functions.common import items, sort_key
from workflows.expressions.functions.registry import Meter, function
from workflows.expressions.operators import OPERATIONS, number
from workflows.expressions.text import to_text
from workflows.expressions.values import Number, compare, equal, number_or_none, truthy

function("larger")(lambda a, b: OPERATIONS[">"](a, b))
function("largerEq")(lambda a, b: OPERATIONS[">="](a, b))
function("smaller")(lambda a, b: OPERATIONS["<"](a, b))
function("smallerEq")(lambda a, b: OPERATIONS["<="](a, b))


@function("compare")
def _compare(a: Any, b: Any) -> int | None:
    order = compare(a, b)
    return None if order is None else (order > 0) - (order < 0)


@function("compareText")
def _compare_text(a: Any, b: Any) -> int:
    left, right = to_text(a), to_text(b)
    return (left > right) - (left < right)


@function("compareNatural", weight=4)
def _compare_any(a: Any, b: Any) -> int:
    left, right = sort_key(a), sort_key(b)
    return (left > right) - (left < right)


@function("equalText")
def _equal_text(a: Any, b: Any) -> bool:
    return to_text(a) == to_text(b)


@function("isZero")
def _is_zero(x: Any) -> bool:
    return number(x, "isZero()") == 0


@function("isPositive")
def _is_positive(x: Any) -> bool:
    return number(x, "isPositive()") > 0


@function("isNegative")
def _is_negative(x: Any) -> bool:
    return number(x, "isNegative()") < 0


@function("isFinite", "hasNumericValue")
def _is_finite(x: Any) -> bool:
    return number_or_none(x) is not None and x != ""


@function("isNaN")
def _is_nan(x: Any) -> bool:
    """Whether no number can be made of it: NaN and infinity are null here."""
    return x is None or number_or_none(x) is None


def _distinct(values: Any, name: str) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for value in items(values, name):
        found.setdefault(sort_key(value), value)
    return found


@function("setSymDifference", weight=4)
def _only_in_one(a: Any, b: Any) -> list[Any]:
    left, right = _distinct(a, "setSymDifference"), _distinct(b, "setSymDifference")
    both = left.keys() & right.keys()
    return [value for found in (left, right) for key, value in found.items() if key not in both]


@function("setIsSubset", weight=4)
def _is_subset(a: Any, b: Any) -> bool:
    return _distinct(a, "setIsSubset").keys() <= _distinct(b, "setIsSubset").keys()


@function("setSize", weight=4)
def _set_size(values: Any, unique: Any = False) -> int:
    return len(_distinct(values, "setSize") if truthy(unique) else items(values, "setSize"))


@function("setMultiplicity", weight=4)
def _multiplicity(value: Any, values: Any) -> int:
    return sum(equal(item, value) for item in items(values, "setMultiplicity"))


@function("setCartesian")
def _pairs(meter: Meter, a: Any, b: Any) -> list[Any]:
    left, right = items(a, "setCartesian"), items(b, "setCartesian")
    meter.items(2 * len(left) * len(right))
    return [[x, y] for x in left for y in right]


@function("setPowerset", weight=4)
def _powerset(meter: Meter, values: Any) -> list[Any]:
    found = list(_distinct(values, "setPowerset").values())
    meter.items(min(1 << min(len(found), 30), 1 << 30) * max(len(found), 1))
    sets = [[item for at, item in enumerate(found) if mask >> at & 1] for mask in range(1 << len(found))]
    return sorted(sets, key=len)


@function("N")
def _as_number(value: Any) -> Number:
    """Numbers stay, true is 1, all else is 0."""
    found = None if isinstance(value, str) else number_or_none(value)
    return 0 if found is None else found


@function("T")
def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else ""


@function("NA")
def _not_available() -> None:
    return None
