"""Sums, means and the like over any mix of numbers and lists; null and "" are passed over."""

import math
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError
from workflows.expressions.functions.common import flat, items, numbers_in, whole
from workflows.expressions.functions.registry import function
from workflows.expressions.operators import finite, number, shown
from workflows.expressions.values import Number, compare, number_or_none


def total(values: list[Number]) -> Any:
    if all(type(value) is int for value in values):
        return finite(sum(values))
    try:
        return finite(math.fsum(values))
    except (OverflowError, ValueError):
        return None


def average(values: list[Number]) -> Any:
    found = total(values)
    return finite(found / len(values)) if values and found is not None else None


@function("sum")
def _sum(*values: Any) -> Any:
    return total(numbers_in(values, "sum"))


@function("product", "prod")
def _product(*values: Any) -> Any:
    result: Any = 1
    for value in numbers_in(values, "product"):
        result = finite(result * value)
        if result is None:
            return None
    return result


@function("SUMPRODUCT", "dot")
def _sum_product(first: Any, *rest: Any) -> Any:
    columns = [
        [number(value or 0, "SUMPRODUCT()") for value in flat(items(column, "SUMPRODUCT"))] for column in (first, *rest)
    ]
    if len({len(column) for column in columns}) > 1:
        raise ExpressionError(_("SUMPRODUCT() needs lists of one length."))
    return total([finite(math.prod(row)) or 0 for row in zip(*columns, strict=True)])


@function("mean", "average")
def _mean(*values: Any) -> Any:
    return average(numbers_in(values, "mean"))


@function("median")
def _median(*values: Any) -> Any:
    return _quantile(sorted(numbers_in(values, "median")), 0.5)


@function("mode")
def _mode(*values: Any) -> Any:
    counts: dict[Number, int] = {}
    for value in numbers_in(values, "mode"):
        counts[value] = counts.get(value, 0) + 1
    return max(counts, key=lambda value: counts[value]) if counts else None


@function("variance", "VAR", "VAR.S")
def _variance(*values: Any) -> Any:
    return _spread(numbers_in(values, "variance"), 1)


@function("VARP", "VAR.P")
def _variance_of_all(*values: Any) -> Any:
    return _spread(numbers_in(values, "VARP"), 0)


@function("std", "STDEV", "STDEV.S")
def _deviation(*values: Any) -> Any:
    found = _spread(numbers_in(values, "std"), 1)
    return None if found is None else math.sqrt(found)


@function("STDEVP", "STDEV.P")
def _deviation_of_all(*values: Any) -> Any:
    found = _spread(numbers_in(values, "STDEVP"), 0)
    return None if found is None else math.sqrt(found)


def _spread(values: list[Number], fewer: int) -> Any:
    middle = average(values)
    if middle is None or len(values) <= fewer:
        return None
    return finite(math.fsum((value - middle) ** 2 for value in values) / (len(values) - fewer))


@function("max")
def _max(*values: Any) -> Any:
    return _extreme(values, 1, "max")


@function("min")
def _min(*values: Any) -> Any:
    return _extreme(values, -1, "min")


def _extreme(values: Any, sign: int, name: str) -> Any:
    """Of numbers, or of dates; null and "" are passed over."""
    best: Any = None
    for item in flat(values):
        if item is None or item == "":
            continue
        found = number_or_none(item)
        value = item if found is None else found
        order = 1 if best is None else compare(value, best)
        if order is None:
            raise ExpressionError(
                _("%(name)s() can't compare %(a)s with %(b)s.") % {"name": name, "a": shown(value), "b": shown(best)}
            )
        if best is None or order * sign > 0:
            best = value
    return best


@function("LARGE")
def _large(values: Any, k: Any) -> Any:
    return _kth(sorted(numbers_in(items(values, "LARGE"), "LARGE"), reverse=True), whole(k, "LARGE()"))


@function("SMALL")
def _small(values: Any, k: Any) -> Any:
    return _kth(sorted(numbers_in(items(values, "SMALL"), "SMALL")), whole(k, "SMALL()"))


def _kth(values: list[Number], k: int) -> Any:
    return values[k - 1] if 1 <= k <= len(values) else None


@function("percentile", "quantileSeq")
def _percentile(values: Any, share: Any) -> Any:
    found = number(share, "percentile()")
    if not 0 <= found <= 1:
        raise ExpressionError(_("percentile() needs a share between 0 and 1."))
    return _quantile(sorted(numbers_in(items(values, "percentile"), "percentile")), found)


def _quantile(values: list[Number], share: float) -> Any:
    if not values:
        return None
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return finite(values[low] + (values[high] - values[low]) * (place - low))


@function("RANK")
def _rank(value: Any, values: Any, ascending: Any = False) -> Any:
    found = number(value, "RANK()")
    others = numbers_in(items(values, "RANK"), "RANK")
    if found not in others:
        return None
    return 1 + sum(other < found if ascending else other > found for other in others)
