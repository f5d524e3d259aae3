"""Numbers."""

import math
import random
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, ROUND_UP, Context, Decimal
from functools import reduce
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError
from workflows.expressions.functions.common import each, items, whole
from workflows.expressions.functions.registry import function
from workflows.expressions.operators import finite, number, power
from workflows.expressions.quantities import Quantity, convert, raised
from workflows.expressions.values import Number, number_or_none, truthy

_PRECISE = Context(prec=700)
_MOST_DIGITS = 300
_MOST_FACTORIAL = 170


def round_to(value: Any, digits: Any, rounding: str) -> Number:
    """Rounded in decimal, as people do: 1.005 to two digits is 1.01."""
    found, places = number(value, "round()"), whole(digits, "round()")
    if abs(places) > _MOST_DIGITS:
        raise ExpressionError(_("Numbers are rounded to %d digits at most.") % _MOST_DIGITS)
    if isinstance(found, int) and places >= 0:
        return found
    unit = Decimal(1).scaleb(-places)
    exact = Decimal(repr(found) if isinstance(found, float) else found)
    result = exact.quantize(unit, rounding=rounding, context=_PRECISE)
    return int(result) if result == result.to_integral_value() else float(result)


def _rounder(rounding: str) -> Callable[..., Any]:
    def rounded(x: Any, digits: Any = 0) -> Any:
        return round_to(x, digits, rounding)

    return each(rounded)


function("round")(_rounder(ROUND_HALF_UP))
function("fix", "trunc")(_rounder(ROUND_DOWN))
function("ROUNDUP")(_rounder(ROUND_UP))
function("ROUNDDOWN")(_rounder(ROUND_DOWN))
function("ceil")(_rounder(ROUND_CEILING))
function("floor", dialect="math.js")(_rounder(ROUND_FLOOR))
function("INT")(lambda x: round_to(x, 0, ROUND_FLOOR))


def _to_multiple(rounding: str) -> Callable[..., Any]:
    def to_multiple(x: Any, significance: Any = 1) -> Any:
        return multiple_of(x, significance, rounding)

    return to_multiple


def multiple_of(x: Any, significance: Any, rounding: str) -> Any:
    """The multiple of the step that the rounding leads to; 0 for a step of 0."""
    unit = abs(number(significance, "CEILING()"))
    if not unit:
        return 0
    exact = Decimal(repr(number(x, "CEILING()"))) / Decimal(repr(unit))
    steps = exact.quantize(Decimal(1), rounding=rounding, context=_PRECISE)
    return finite(_plain(steps * Decimal(repr(unit))))


def _plain(value: Decimal) -> Number:
    return int(value) if value == value.to_integral_value() else float(value)


function("CEILING", "CEILING.PRECISE", "ISO.CEILING", "CEILINGPRECISE")(_to_multiple(ROUND_CEILING))
function("FLOOR", dialect="formula.js")(_to_multiple(ROUND_FLOOR))
function("FLOOR.PRECISE", "FLOORPRECISE")(_to_multiple(ROUND_FLOOR))
function("MROUND")(_to_multiple(ROUND_HALF_UP))


@function("CEILING.MATH", "CEILINGMATH")
def _ceiling_either_way(x: Any, significance: Any = 1, away: Any = 0) -> Any:
    """Upwards; negative numbers away from 0 if the last argument says so."""
    down = truthy(away) and number(x, "CEILING.MATH()") < 0
    return multiple_of(x, significance, ROUND_FLOOR if down else ROUND_CEILING)


@function("FLOOR.MATH", "FLOORMATH")
def _floor_either_way(x: Any, significance: Any = 1, towards: Any = 0) -> Any:
    """Downwards; negative numbers towards 0 if the last argument says so."""
    up = truthy(towards) and number(x, "FLOOR.MATH()") < 0
    return multiple_of(x, significance, ROUND_CEILING if up else ROUND_FLOOR)


@function("abs")
@each
def _abs(x: Any) -> Any:
    return abs(number(x, "abs()"))


@function("sign")
@each
def _sign(x: Any) -> int:
    found = number(x, "sign()")
    return (found > 0) - (found < 0)


@function("mod")
def _mod(x: Any, y: Any) -> Any:
    divisor = number(y, "mod()")
    return finite(number(x, "mod()") % divisor) if divisor else None


@function("QUOTIENT")
def _quotient(x: Any, y: Any) -> Any:
    divisor = number(y, "QUOTIENT()")
    return math.trunc(number(x, "QUOTIENT()") / divisor) if divisor else None


@function("pow", "POWER")
def _pow(x: Any, y: Any) -> Any:
    if isinstance(x, Quantity):
        return raised(x, number(y, "pow()"))
    try:
        return power(number(x, "pow()"), number(y, "pow()"))
    except ArithmeticError:
        return None


@function("sqrt")
def _sqrt(x: Any) -> Any:
    if isinstance(x, Quantity):
        return raised(x, 0.5)
    found = number(x, "sqrt()")
    return math.sqrt(found) if found >= 0 else None


@function("cbrt")
def _cbrt(x: Any) -> Any:
    return math.cbrt(number(x, "cbrt()"))


@function("square")
@each
def _square(x: Any) -> Any:
    return power(number(x, "square()"), 2)


@function("cube")
@each
def _cube(x: Any) -> Any:
    return power(number(x, "cube()"), 3)


@function("nthRoot")
def _nth_root(x: Any, root: Any = 2) -> Any:
    base, degree = number(x, "nthRoot()"), number(root, "nthRoot()")
    if not degree:
        return None
    if base < 0:
        return -(abs(base) ** (1 / degree)) if degree % 2 == 1 else None
    return finite(base ** (1 / degree))


@function("exp")
def _exp(x: Any) -> Any:
    try:
        return math.exp(number(x, "exp()"))
    except OverflowError:
        return None


def _logarithm(x: Any, base: Any) -> Any:
    found, of = number(x, "log()"), number(base, "log()")
    if found <= 0 or of <= 0 or of == 1:
        return None
    # These two are exact for powers of their base.
    if of == 10:
        return math.log10(found)
    return math.log2(found) if of == 2 else math.log(found) / math.log(of)


@function("log", dialect="math.js")
def _log(x: Any, base: Any = math.e) -> Any:
    return _logarithm(x, base)


@function("LOG", dialect="formula.js")
def _log_of_ten(x: Any, base: Any = 10) -> Any:
    return _logarithm(x, base)


@function("ln")
def _ln(x: Any) -> Any:
    return _logarithm(x, math.e)


@function("log10")
def _log10(x: Any) -> Any:
    return _logarithm(x, 10)


@function("log2")
def _log2(x: Any) -> Any:
    return _logarithm(x, 2)


@function("gcd")
def _gcd(first: Any, *rest: Any) -> int:
    return math.gcd(*(whole(value, "gcd()") for value in (first, *rest)))


@function("lcm")
def _lcm(first: Any, *rest: Any) -> Any:
    result = 1
    for value in (first, *rest):
        result = math.lcm(result, whole(value, "lcm()"))
        if finite(result) is None:
            return None
    return result


@function("factorial", "FACT")
def _factorial(n: Any) -> Any:
    count = number(n, "factorial()")
    if count < 0 or count != int(count):
        raise ExpressionError(_("factorial() needs a whole number of at least 0."))
    return math.factorial(int(count)) if count <= _MOST_FACTORIAL else None


@function("combinations", "COMBIN")
def _combinations(n: Any, k: Any) -> Any:
    total, chosen = whole(n, "combinations()"), whole(k, "combinations()")
    if not 0 <= chosen <= total or min(chosen, total - chosen) > 1000:
        return None
    return finite(math.comb(total, chosen))


@function("permutations", "PERMUT")
def _permutations(n: Any, k: Any) -> Any:
    total, chosen = whole(n, "permutations()"), whole(k, "permutations()")
    return finite(math.perm(total, chosen)) if 0 <= chosen <= min(total, 1000) else None


@function("hypot")
def _hypot(x: Any, y: Any, *more: Any) -> Any:
    return finite(math.hypot(*(number(value, "hypot()") for value in (x, y, *more))))


@function("clamp")
def _clamp(x: Any, least: Any, most: Any) -> Any:
    return max(number(least, "clamp()"), min(number(most, "clamp()"), number(x, "clamp()")))


@function("isInteger")
def _is_integer(x: Any) -> bool:
    found = None if isinstance(x, str | bool) else number_or_none(x)
    return found is not None and float(found).is_integer()


@function("isEven")
def _is_even(x: Any) -> bool:
    return number(x, "isEven()") % 2 == 0


@function("isOdd")
def _is_odd(x: Any) -> bool:
    return number(x, "isOdd()") % 2 == 1


@function("number", "VALUE", "toNumber")
def _number(x: Any, unit: Any = None) -> Any:
    """Thousands separators and a percent sign are understood, as Excel does; of a quantity the amount in the unit."""
    if isinstance(x, Quantity):
        return x.amount if unit is None else convert(x, unit).amount
    if isinstance(x, str):
        text = x.strip().replace(",", "")
        if text.endswith("%"):
            found = number_or_none(text[:-1])
            return None if found is None else found / 100
        return number_or_none(text) if text else None
    return number_or_none(x)


@function("random", "RAND")
def _random(least: Any = 0, most: Any = 1) -> Any:
    low, high = number(least, "random()"), number(most, "random()")
    return finite(low + (high - low) * random.random())  # noqa: S311


@function("randomInt")
def _random_int(least: Any, most: Any) -> int:
    """The end is not part of it, as in math.js."""
    low, high = whole(least, "randomInt()"), whole(most, "randomInt()")
    return random.randrange(low, max(high, low + 1))  # noqa: S311


@function("RANDBETWEEN")
def _random_between(least: Any, most: Any) -> int:
    low, high = whole(least, "RANDBETWEEN()"), whole(most, "RANDBETWEEN()")
    return random.randint(min(low, high), max(low, high))  # noqa: S311


@function("pickRandom")
def _picked(values: Any) -> Any:
    found = items(values, "pickRandom")
    return random.choice(found) if found else None  # noqa: S311


def _bitwise(calculate: Callable[[int, int], int], name: str) -> Callable[..., Any]:
    def bitwise(x: Any, y: Any, *more: Any) -> Any:
        return finite(reduce(calculate, (whole(value, f"{name}()") for value in (x, y, *more))))

    return bitwise


function("bitAnd")(_bitwise(lambda x, y: x & y, "bitAnd"))
function("bitOr")(_bitwise(lambda x, y: x | y, "bitOr"))
function("bitXor")(_bitwise(lambda x, y: x ^ y, "bitXor"))
