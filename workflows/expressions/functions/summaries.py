"""More of statistics: spreads, places in a sorted list, and what spreadsheets count texts and truth for."""

import math
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError
from workflows.expressions.functions.common import flat, items, numbers_in, whole
from workflows.expressions.functions.registry import Meter, function
from workflows.expressions.functions.statistics import average, product, quantile, spread, total
from workflows.expressions.operators import finite, number
from workflows.expressions.values import Number, number_or_none


@function("SUMSQ")
def _squares(*values: Any) -> Any:
    return total([finite(value * value) or 0 for value in numbers_in(values, "SUMSQ")])


@function("DEVSQ")
def _squared_distances(*values: Any) -> Any:
    found = numbers_in(values, "DEVSQ")
    middle = average(found)
    return None if middle is None else finite(math.fsum((value - middle) ** 2 for value in found))


@function("AVEDEV")
def _average_distance(*values: Any) -> Any:
    found = numbers_in(values, "AVEDEV")
    middle = average(found)
    return None if middle is None else average([abs(value - middle) for value in found])


@function("mad")
def _median_distance(*values: Any) -> Any:
    found = numbers_in(values, "mad")
    middle = quantile(sorted(found), 0.5)
    return None if middle is None else quantile(sorted(abs(value - middle) for value in found), 0.5)


@function("GEOMEAN")
def _geometric_mean(*values: Any) -> Any:
    found = numbers_in(values, "GEOMEAN")
    _above_zero(found, "GEOMEAN")
    return finite(math.exp(math.fsum(map(math.log, found)) / len(found)))


@function("HARMEAN")
def _harmonic_mean(*values: Any) -> Any:
    found = numbers_in(values, "HARMEAN")
    _above_zero(found, "HARMEAN")
    return finite(len(found) / math.fsum(1 / value for value in found))


def _above_zero(values: list[Number], name: str) -> None:
    if not values or min(values) <= 0:
        raise ExpressionError(_("%s() needs numbers above 0.") % name)


def _moments(values: tuple[Any, ...], name: str, least: int) -> tuple[int, list[float], float]:
    """How many, their distances from the mean, and the standard deviation of the sample."""
    found = numbers_in(values, name)
    deviation = spread(found, 1)
    if len(found) < least or not deviation:
        raise ExpressionError(
            _("%(name)s() needs at least %(least)d numbers that differ.") % {"name": name, "least": least}
        )
    middle = average(found)
    return len(found), [value - middle for value in found], math.sqrt(deviation)


@function("SKEW")
def _skewness(*values: Any) -> Any:
    count, distances, deviation = _moments(values, "SKEW", 3)
    cubes = math.fsum((each / deviation) ** 3 for each in distances)
    return finite(cubes * count / ((count - 1) * (count - 2)))


@function("SKEW.P", "SKEWP")
def _skewness_of_all(*values: Any) -> Any:
    count, distances, _deviation = _moments(values, "SKEW.P", 2)
    second, third = (math.fsum(each**power for each in distances) / count for power in (2, 3))
    return finite(third / second**1.5)


@function("KURT")
def _kurtosis(*values: Any) -> Any:
    n, distances, deviation = _moments(values, "KURT", 4)
    fourth = math.fsum((each / deviation) ** 4 for each in distances)
    scale = n * (n + 1) / ((n - 1) * (n - 2) * (n - 3))
    return finite(scale * fourth - 3 * (n - 1) ** 2 / ((n - 2) * (n - 3)))


@function("TRIMMEAN")
def _trimmed_mean(values: Any, share: Any) -> Any:
    found, part = sorted(numbers_in([values], "TRIMMEAN")), number(share, "TRIMMEAN()")
    if not 0 <= part < 1:
        raise ExpressionError(_("TRIMMEAN() needs a share from 0 to below 1."))
    cut = int(len(found) * part / 2)
    return average(found[cut : len(found) - cut])


@function("QUARTILE", "QUARTILE.INC", "QUARTILEINC")
def _quartile(values: Any, which: Any) -> Any:
    place = whole(which, "QUARTILE()")
    if not 0 <= place <= 4:
        raise ExpressionError(_("QUARTILE() has the quartiles 0 to 4."))
    return quantile(sorted(numbers_in([values], "QUARTILE")), place / 4)


@function("QUARTILE.EXC", "QUARTILEEXC")
def _quartile_without_ends(values: Any, which: Any) -> Any:
    return _percentile_without_ends(values, whole(which, "QUARTILE.EXC()") / 4)


@function("PERCENTILE.EXC", "PERCENTILEEXC")
def _percentile_without_ends(values: Any, share: Any) -> Any:
    found = sorted(numbers_in([values], "PERCENTILE.EXC"))
    place = number(share, "PERCENTILE.EXC()") * (len(found) + 1)
    if not found or not 1 <= place <= len(found):
        return None
    return quantile(found, (place - 1) / max(len(found) - 1, 1))


def _rank_share(values: Any, x: Any, digits: Any, *, ends: bool) -> Any:
    found, wanted = sorted(numbers_in([values], "PERCENTRANK")), number(x, "PERCENTRANK()")
    if not found or not found[0] <= wanted <= found[-1]:
        return None
    at = bisect_left(found, wanted)
    place = float(at)
    if found[at] != wanted:
        place = at - 1 + (wanted - found[at - 1]) / (found[at] - found[at - 1])
    if len(found) == 1:
        return 1 if ends else 0.5
    share = place / (len(found) - 1) if ends else (place + 1) / (len(found) + 1)
    scale = 10 ** max(min(whole(digits, "PERCENTRANK()"), 15), 1)
    return math.floor(share * scale + 1e-9) / scale


@function("PERCENTRANK", "PERCENTRANK.INC", "PERCENTRANKINC")
def _percent_rank(values: Any, x: Any, digits: Any = 3) -> Any:
    return _rank_share(values, x, digits, ends=True)


@function("PERCENTRANK.EXC", "PERCENTRANKEXC")
def _percent_rank_without_ends(values: Any, x: Any, digits: Any = 3) -> Any:
    return _rank_share(values, x, digits, ends=False)


@function("RANK.AVG", "RANKAVG")
def _average_rank(value: Any, values: Any, ascending: Any = False) -> Any:
    found, others = number(value, "RANK.AVG()"), numbers_in([values], "RANK.AVG")
    same = others.count(found)
    if not same:
        return None
    return sum(other < found if ascending else other > found for other in others) + (same + 1) / 2


@function("FREQUENCY")
def _frequency(meter: Meter, values: Any, bins: Any) -> list[int]:
    """How many lie up to each bound, and how many above the last."""
    bounds = sorted(numbers_in([bins], "FREQUENCY"))
    found = numbers_in([values], "FREQUENCY")
    meter.charge(len(found))
    counts = [0] * (len(bounds) + 1)
    for value in found:
        counts[bisect_left(bounds, value)] += 1
    return counts


@function("mode", dialect="math.js")
def _modes(*values: Any) -> list[Any]:
    return _most_often(values, "mode")


@function("MODE.MULT", "MODEMULT")
def _modes_too(*values: Any) -> list[Any]:
    return _most_often(values, "MODE.MULT")


def _most_often(values: Any, name: str) -> list[Any]:
    counts: dict[Number, int] = {}
    for value in numbers_in(values, name):
        counts[value] = counts.get(value, 0) + 1
    most = max(counts.values(), default=0)
    return [value for value, count in counts.items() if count == most]


def _with_truth(values: Any) -> list[Number]:
    """Texts count as 0, true as 1; null is passed over."""
    found = (value for value in flat(values) if value is not None)
    return [0 if isinstance(value, str) else number(value, "AVERAGEA()") for value in found]


function("AVERAGEA")(lambda *values: average(_with_truth(values)))
function("MAXA")(lambda *values: max(_with_truth(values), default=0))
function("MINA")(lambda *values: min(_with_truth(values), default=0))
function("VARA")(lambda *values: spread(_with_truth(values), 1))
function("VARPA")(lambda *values: spread(_with_truth(values), 0))
function("STDEVA")(lambda *values: _root(spread(_with_truth(values), 1)))
function("STDEVPA")(lambda *values: _root(spread(_with_truth(values), 0)))


def _root(value: Any) -> Any:
    return None if value is None else math.sqrt(value)


_SUBTOTALS: dict[int, Callable[[list[Number]], Any]] = {
    1: average,
    2: len,
    4: lambda values: max(values, default=0),
    5: lambda values: min(values, default=0),
    6: product,
    7: lambda values: _root(spread(values, 1)),
    8: lambda values: _root(spread(values, 0)),
    9: total,
    10: lambda values: spread(values, 1),
    11: lambda values: spread(values, 0),
}


@function("SUBTOTAL")
def _subtotal(kind: Any, *values: Any) -> Any:
    """1 average, 2 count, 3 filled, 4 max, 5 min, 6 product, 7 and 8 deviation, 9 sum, 10 and 11 variance."""
    which = whole(kind, "SUBTOTAL()") % 100
    found = [value for value in flat(values) if value is not None and value != ""]
    if which == 3:
        return len(found)
    if which not in _SUBTOTALS:
        raise ExpressionError(_("SUBTOTAL() has the kinds 1 to 11."))
    numbers = (None if isinstance(value, str | bool) else number_or_none(value) for value in found)
    return _SUBTOTALS[which]([value for value in numbers if value is not None])


@function("Z.TEST", "ZTEST")
def _z_test(values: Any, mean: Any, deviation: Any = None) -> Any:
    found = numbers_in([values], "Z.TEST")
    width = math.sqrt(spread(found, 1) or 0) if deviation is None else float(number(deviation, "Z.TEST()"))
    middle = average(found)
    if middle is None or not width:
        return None
    return math.erfc((middle - number(mean, "Z.TEST()")) / (width / math.sqrt(len(found))) / math.sqrt(2)) / 2


@function("CHISQ.TEST", "CHITEST")
def _chi_square_test(meter: Meter, actual: Any, expected: Any) -> Any:
    from workflows.expressions.functions.special import lower_gamma

    table = items(actual, "CHISQ.TEST")
    seen, awaited = numbers_in([actual], "CHISQ.TEST"), numbers_in([expected], "CHISQ.TEST")
    if len(seen) != len(awaited) or len(seen) < 2:
        raise ExpressionError(_("%s() needs two lists of one length.") % "CHISQ.TEST")
    meter.charge(1000)
    width = len(table[0]) if table and isinstance(table[0], list) else len(table)
    height = len(seen) // width
    freedom = (width - 1) * (height - 1) or max(width, height) - 1
    distance = math.fsum((a - b) ** 2 / b for a, b in zip(seen, awaited, strict=True))
    return 1 - lower_gamma(freedom / 2, distance / 2)
