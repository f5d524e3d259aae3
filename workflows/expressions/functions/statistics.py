"""Sums, means and the like over any mix of numbers and lists; null and "" are passed over."""

import math
from collections.abc import Callable
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
    return product(numbers_in(values, "product"))


def product(values: list[Number]) -> Any:
    if not all(type(value) is int for value in values):
        try:
            return finite(math.prod(map(float, values)))
        except OverflowError:
            return None
    if 0 in values:
        return 0
    result: Any = 1
    for value in values:
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
    return quantile(sorted(numbers_in(values, "median")), 0.5)


@function("MODE", "MODE.SNGL", "MODESNGL", dialect="formula.js")
def _mode(*values: Any) -> Any:
    counts: dict[Number, int] = {}
    for value in numbers_in(values, "mode"):
        counts[value] = counts.get(value, 0) + 1
    return max(counts, key=lambda value: counts[value]) if counts else None


def _kind(values: tuple[Any, ...]) -> tuple[tuple[Any, ...], int]:
    """The values without math.js's word for how to divide, and by how many fewer than there are."""
    fewer = {"unbiased": 1, "uncorrected": 0, "biased": -1}
    known = len(values) > 1 and isinstance(values[-1], str) and values[-1] in fewer
    return (values[:-1], fewer[values[-1]]) if known else (values, 1)


@function("variance", "VAR", "VAR.S", "VARS")
def _variance(*values: Any) -> Any:
    found, fewer = _kind(values)
    return spread(numbers_in(found, "variance"), fewer)


@function("VARP", "VAR.P")
def _variance_of_all(*values: Any) -> Any:
    return spread(numbers_in(values, "VARP"), 0)


@function("std", "STDEV", "STDEV.S", "STDEVS")
def _deviation(*values: Any) -> Any:
    rest, fewer = _kind(values)
    found = spread(numbers_in(rest, "std"), fewer)
    return None if found is None else math.sqrt(found)


@function("STDEVP", "STDEV.P")
def _deviation_of_all(*values: Any) -> Any:
    found = spread(numbers_in(values, "STDEVP"), 0)
    return None if found is None else math.sqrt(found)


def spread(values: list[Number], fewer: int) -> Any:
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
    return _kth(sorted(numbers_in([values], "LARGE"), reverse=True), whole(k, "LARGE()"))


@function("SMALL")
def _small(values: Any, k: Any) -> Any:
    return _kth(sorted(numbers_in([values], "SMALL")), whole(k, "SMALL()"))


def _kth(values: list[Number], k: int) -> Any:
    return values[k - 1] if 1 <= k <= len(values) else None


@function("percentile", "quantileSeq", "PERCENTILE.INC", "PERCENTILEINC")
def _percentile(values: Any, share: Any) -> Any:
    found = number(share, "percentile()")
    if not 0 <= found <= 1:
        raise ExpressionError(_("percentile() needs a share between 0 and 1."))
    return quantile(sorted(numbers_in([values], "percentile")), found)


def quantile(values: list[Number], share: float) -> Any:
    if not values:
        return None
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return finite(values[low] + (values[high] - values[low]) * (place - low))


@function("RANK", "RANK.EQ", "RANKEQ")
def _rank(value: Any, values: Any, ascending: Any = False) -> Any:
    found = number(value, "RANK()")
    others = numbers_in([values], "RANK")
    if found not in others:
        return None
    return 1 + sum(other < found if ascending else other > found for other in others)


def _by_dimension(call: Callable[..., Any]) -> Callable[..., Any]:
    """math.js's second argument of a matrix: 1 is column by column, 2 row by row."""

    def of_dimension(*values: Any) -> Any:
        if len(values) != 2 or type(values[1]) is not int or not isinstance(values[0], list) or not values[0]:
            return call(*values)
        rows, dimension = values
        if not isinstance(rows[0], list) or dimension not in (1, 2):
            return call(*values)
        lines = zip(*(items(row, "mean") for row in rows), strict=True) if dimension == 1 else rows
        return [call(list(line)) for line in lines]

    return of_dimension


for _names, _call in (
    (("sum",), _sum),
    (("mean", "average"), _mean),
    (("max",), _max),
    (("min",), _min),
    (("std",), _deviation),
    (("variance",), _variance),
):
    function(*_names, dialect="math.js")(_by_dimension(_call))
