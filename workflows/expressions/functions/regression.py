"""How lists of numbers go together."""

import math
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError
from workflows.expressions.functions.common import numbers_in
from workflows.expressions.functions.registry import function
from workflows.expressions.operators import finite, number

Pairs = tuple[list[float], list[float]]


def _pairs(first: Any, second: Any, name: str) -> Pairs:
    x, y = numbers_in([first], name), numbers_in([second], name)
    if len(x) != len(y) or not x:
        raise ExpressionError(_("%s() needs two lists of one length.") % name)
    return [float(value) for value in x], [float(value) for value in y]


def _together(x: list[float], y: list[float]) -> float:
    """The sum of the products of the distances from the means."""
    middle_x, middle_y = math.fsum(x) / len(x), math.fsum(y) / len(y)
    return math.fsum((a - middle_x) * (b - middle_y) for a, b in zip(x, y, strict=True))


@function("corr", "CORREL", "PEARSON", weight=4)
def _correlation(x: Any, y: Any) -> Any:
    a, b = _pairs(x, y, "CORREL")
    return finite(_together(a, b) / math.sqrt(_together(a, a) * _together(b, b)))


@function("RSQ", weight=4)
def _determination(y: Any, x: Any) -> Any:
    return finite(_correlation(y, x) ** 2)


@function("COVARIANCE.P", "COVAR", "COVARIANCEP", weight=4)
def _covariance(x: Any, y: Any) -> Any:
    a, b = _pairs(x, y, "COVARIANCE.P")
    return finite(_together(a, b) / len(a))


@function("COVARIANCE.S", "COVARIANCES", weight=4)
def _covariance_of_sample(x: Any, y: Any) -> Any:
    a, b = _pairs(x, y, "COVARIANCE.S")
    return finite(_together(a, b) / (len(a) - 1))


def _line(y: Any, x: Any, name: str) -> tuple[float, float]:
    b, a = _pairs(y, x, name)
    slope = _together(a, b) / _together(a, a)
    return slope, math.fsum(b) / len(b) - slope * math.fsum(a) / len(a)


@function("SLOPE", weight=4)
def _slope(y: Any, x: Any) -> Any:
    return finite(_line(y, x, "SLOPE")[0])


@function("INTERCEPT", weight=4)
def _intercept(y: Any, x: Any) -> Any:
    return finite(_line(y, x, "INTERCEPT")[1])


@function("FORECAST", "FORECAST.LINEAR", weight=4)
def _forecast(x: Any, y: Any, known: Any) -> Any:
    slope, intercept = _line(y, known, "FORECAST")
    return finite(intercept + slope * number(x, "FORECAST()"))


@function("STEYX", weight=4)
def _standard_error(y: Any, x: Any) -> Any:
    b, a = _pairs(y, x, "STEYX")
    rest = _together(b, b) - _together(a, b) ** 2 / _together(a, a)
    return finite(math.sqrt(max(rest, 0) / (len(a) - 2)))


@function("LINEST", weight=4)
def _line_of(y: Any, x: Any = None) -> list[Any]:
    slope, intercept = _line(y, _counted(y) if x is None else x, "LINEST")
    return [finite(slope), finite(intercept)]


def _counted(values: Any) -> list[int]:
    return list(range(1, len(numbers_in([values], "LINEST")) + 1))


def _logs(values: Any, name: str) -> list[float]:
    return [math.log(value) for value in numbers_in([values], name)]


@function("LOGEST", weight=4)
def _curve_of(y: Any, x: Any = None) -> list[Any]:
    slope, intercept = _line(_logs(y, "LOGEST"), _counted(y) if x is None else x, "LOGEST")
    return [finite(math.exp(slope)), finite(math.exp(intercept))]


@function("TREND", weight=4)
def _trend(y: Any, x: Any = None, new: Any = None) -> list[Any]:
    known = _counted(y) if x is None else x
    slope, intercept = _line(y, known, "TREND")
    return [finite(intercept + slope * value) for value in numbers_in([known if new is None else new], "TREND")]


@function("GROWTH", weight=4)
def _growth(y: Any, x: Any = None, new: Any = None) -> list[Any]:
    known = _counted(y) if x is None else x
    slope, intercept = _line(_logs(y, "GROWTH"), known, "GROWTH")
    wanted = numbers_in([known if new is None else new], "GROWTH")
    return [finite(math.exp(intercept + slope * value)) for value in wanted]


@function("SUMX2MY2", weight=4)
def _difference_of_squares(x: Any, y: Any) -> Any:
    return finite(math.fsum(a * a - b * b for a, b in zip(*_pairs(x, y, "SUMX2MY2"), strict=True)))


@function("SUMX2PY2", weight=4)
def _sum_of_squares(x: Any, y: Any) -> Any:
    return finite(math.fsum(a * a + b * b for a, b in zip(*_pairs(x, y, "SUMX2PY2"), strict=True)))


@function("SUMXMY2", weight=4)
def _squares_of_differences(x: Any, y: Any) -> Any:
    return finite(math.fsum((a - b) ** 2 for a, b in zip(*_pairs(x, y, "SUMXMY2"), strict=True)))


@function("PROB", weight=4)
def _probability(values: Any, chances: Any, low: Any, high: Any = None) -> Any:
    found, shares = _pairs(values, chances, "PROB")
    if any(share < 0 for share in shares) or abs(math.fsum(shares) - 1) > 1e-9:
        raise ExpressionError(_("PROB() needs chances that add up to 1."))
    first = number(low, "PROB()")
    last = first if high is None else number(high, "PROB()")
    return math.fsum(share for value, share in zip(found, shares, strict=True) if first <= value <= last)
