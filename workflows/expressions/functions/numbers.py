"""Numbers."""

import math
import random
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, ROUND_UP, Context, Decimal
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError
from workflows.expressions.functions.common import whole
from workflows.expressions.functions.registry import function
from workflows.expressions.operators import finite, number, power
from workflows.expressions.values import Number, number_or_none

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

    return rounded


function("round")(_rounder(ROUND_HALF_UP))
function("fix", "trunc")(_rounder(ROUND_DOWN))
function("ROUNDUP")(_rounder(ROUND_UP))
function("ROUNDDOWN")(_rounder(ROUND_DOWN))
function("ceil")(_rounder(ROUND_CEILING))
function("floor", dialect="math.js")(_rounder(ROUND_FLOOR))
function("INT")(lambda x: round_to(x, 0, ROUND_FLOOR))


def _to_multiple(rounding: str) -> Callable[..., Any]:
    def to_multiple(x: Any, significance: Any = 1) -> Any:
        unit = abs(number(significance, "CEILING()"))
        if not unit:
            return 0
        exact = Decimal(repr(number(x, "CEILING()"))) / Decimal(repr(unit))
        steps = exact.quantize(Decimal(1), rounding=rounding, context=_PRECISE)
        return finite(_plain(steps * Decimal(repr(unit))))

    return to_multiple


def _plain(value: Decimal) -> Number:
    return int(value) if value == value.to_integral_value() else float(value)


function("CEILING")(_to_multiple(ROUND_CEILING))
function("FLOOR", dialect="formula.js")(_to_multiple(ROUND_FLOOR))
function("MROUND")(_to_multiple(ROUND_HALF_UP))


@function("abs")
def _abs(x: Any) -> Any:
    return abs(number(x, "abs()"))


@function("sign")
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
    try:
        return power(number(x, "pow()"), number(y, "pow()"))
    except ArithmeticError:
        return None


@function("sqrt")
def _sqrt(x: Any) -> Any:
    found = number(x, "sqrt()")
    return math.sqrt(found) if found >= 0 else None


@function("cbrt")
def _cbrt(x: Any) -> Any:
    return math.cbrt(number(x, "cbrt()"))


@function("square")
def _square(x: Any) -> Any:
    return power(number(x, "square()"), 2)


@function("cube")
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
def _hypot(x: Any, y: Any) -> Any:
    return finite(math.hypot(number(x, "hypot()"), number(y, "hypot()")))


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
def _number(x: Any) -> Any:
    """Thousands separators and a percent sign are understood, as Excel does."""
    if isinstance(x, str):
        text = x.strip().replace(",", "")
        if text.endswith("%"):
            found = number_or_none(text[:-1])
            return None if found is None else found / 100
        return number_or_none(text) if text else None
    return number_or_none(x)


@function("random", "RAND")
def _random() -> float:
    return random.random()  # noqa: S311


@function("randomInt", "RANDBETWEEN")
def _random_int(least: Any, most: Any) -> int:
    low, high = whole(least, "randomInt()"), whole(most, "randomInt()")
    return random.randint(min(low, high), max(low, high))  # noqa: S311


def _real(calculate: Callable[[float], float], name: str) -> Callable[..., Any]:
    def real(x: Any) -> Any:
        try:
            return finite(calculate(number(x, f"{name}()")))
        except (ArithmeticError, ValueError):
            return None

    return real


for _name in ("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "degrees", "radians"):
    function(_name)(_real(getattr(math, _name), _name))


@function("atan2")
def _atan2(y: Any, x: Any) -> float:
    return math.atan2(number(y, "atan2()"), number(x, "atan2()"))


@function("PI")
def _pi() -> float:
    return math.pi


def _bitwise(calculate: Callable[[int, int], int], name: str) -> Callable[..., Any]:
    return lambda x, y: finite(calculate(whole(x, f"{name}()"), whole(y, f"{name}()")))


function("bitAnd")(_bitwise(lambda x, y: x & y, "bitAnd"))
function("bitOr")(_bitwise(lambda x, y: x | y, "bitOr"))
function("bitXor")(_bitwise(lambda x, y: x ^ y, "bitXor"))
