"""The functions behind the distributions: incomplete gamma and beta, and their inverses by halving."""

import math
from collections.abc import Callable

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError

_ROUNDS = 300
_SMALL = 1e-300
_ENOUGH = 1e-15


def lower_gamma(shape: float, x: float) -> float:
    """The regularised lower incomplete gamma function P(shape, x)."""
    if x <= 0:
        return 0
    scale = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    if x < shape + 1:
        term = part = 1 / shape
        for step in range(1, _ROUNDS * 10):
            term *= x / (shape + step)
            part += term
            if abs(term) < abs(part) * _ENOUGH:
                break
        return part * scale
    return 1 - scale * _gamma_fraction(shape, x)


def _gamma_fraction(shape: float, x: float) -> float:
    # Lentz's way of evaluating a continued fraction.
    below = x + 1 - shape
    c, d = 1 / _SMALL, 1 / below
    found = d
    for step in range(1, _ROUNDS):
        numerator = -step * (step - shape)
        below += 2
        d = 1 / (numerator * d + below or _SMALL)
        c = below + numerator / c or _SMALL
        found *= c * d
        if abs(c * d - 1) < _ENOUGH:
            break
    return found


def beta_share(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b)."""
    if x <= 0 or x >= 1:
        return 0 if x <= 0 else 1
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(x, a, b) / a
    return 1 - front * _beta_fraction(1 - x, b, a) / b


def _beta_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or _SMALL)
    found = d
    for step in range(1, _ROUNDS):
        for numerator in (
            step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step)),
            -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1)),
        ):
            d = 1 / (1 + numerator * d or _SMALL)
            c = 1 + numerator / c or _SMALL
            found *= c * d
        if abs(c * d - 1) < _ENOUGH:
            break
    return found


def inverse(share: Callable[[float], float], wanted: float, low: float, high: float) -> float:
    """The x whose share is the wanted one; `share` grows. An unbounded end is looked for by doubling."""
    while math.isinf(high):
        high = max(1.0, 2 * low) if low > 0 else 1.0
        while share(high) < wanted and high < 1e300:
            low, high = high, high * 2
    for _step in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if share(middle) < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def need(holds: bool, name: str) -> None:
    """Raises `ExpressionError` for parameters that no distribution has."""
    if not holds:
        raise ExpressionError(_("%s() has no value for these parameters.") % name)
