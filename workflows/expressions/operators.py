"""What the operators do. None of them raises anything but `ExpressionError`."""

import math
from collections.abc import Callable
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError
from workflows.expressions.limits import INTEGER_BITS, TEXT_LIMIT
from workflows.expressions.quantities import Quantity, in_base
from workflows.expressions.text import to_text
from workflows.expressions.values import Number, compare, equal, number_or_none, strictly_equal, truthy

Operation = Callable[[Any, Any], Any]


def number(value: Any, what: str) -> Number:
    """The value as a number, null as 0. Raises `ExpressionError` saying what wanted one."""
    kind = type(value)
    if kind is int or kind is float:
        return value  # type: ignore[no-any-return]
    if value is None:
        return 0
    found = number_or_none(value)
    if found is not None:
        return found
    if isinstance(value, date):
        raise ExpressionError(_("%s needs numbers; use dateDiff() or addDays() with dates.") % what)
    if isinstance(value, Quantity) and not any(value.dimensions):
        return in_base(value)
    raise ExpressionError(_("%(what)s needs numbers, not %(value)s.") % {"what": what, "value": shown(value)})


def shown(value: Any) -> str:
    """A value as errors show it: short, on one line."""
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else f"{value[:40]}...")
    if isinstance(value, list | tuple):
        return _("a list")
    if isinstance(value, dict):
        return _("an object")
    return to_text(value)[:40] or "null"


def finite(value: Any) -> Any:
    """The number, or null for one that is none or too large (spec 6.5)."""
    if type(value) is int:
        return value if value.bit_length() <= INTEGER_BITS else None
    return value if math.isfinite(value) else None


def _arithmetic(sign: str, calculate: Callable[[Number, Number], Any]) -> Operation:
    def operation(a: Any, b: Any) -> Any:
        try:
            return finite(calculate(number(a, sign), number(b, sign)))
        except (ArithmeticError, ValueError):
            return None

    return operation


def _divide(a: Number, b: Number) -> Number:
    if type(a) is int and type(b) is int and b and a % b == 0:
        return a // b
    return a / b


def power(a: Number, b: Number) -> Number | None:
    """a to the b, or None where that is no finite real number; never a giant integer on the way."""
    if type(a) is int and type(b) is int and b >= 0:
        if a.bit_length() * b <= INTEGER_BITS:
            return int(a**b)
        if a in (0, 1, -1):
            return a if b % 2 else a * a
        return None if a.bit_length() > 1 and (a.bit_length() - 1) * b > INTEGER_BITS else finite(a**b)
    found = float(a) ** float(b)
    return None if isinstance(found, complex) else finite(found)


def _power(a: Any, b: Any) -> Any:
    try:
        return power(number(a, "^"), number(b, "^"))
    except (ArithmeticError, ValueError):
        return None


def _bits(sign: str, calculate: Callable[[int, int], int]) -> Operation:
    def operation(a: Any, b: Any) -> Any:
        left, right = number(a, sign), number(b, sign)
        if not all(isinstance(value, int) or math.isfinite(value) for value in (left, right)):
            return None
        return finite(calculate(int(left), int(right)))

    return operation


def _shift_left(a: int, b: int) -> int:
    if not 0 <= b <= INTEGER_BITS:
        raise ExpressionError(_("A number is shifted by 0 to %d bits.") % INTEGER_BITS)
    return a << b


def _shift_right(a: int, b: int) -> int:
    if b < 0:
        raise ExpressionError(_("A number is shifted by 0 to %d bits.") % INTEGER_BITS)
    return a >> b


def join(a: Any, b: Any) -> str:
    left, right = to_text(a), to_text(b)
    if len(left) + len(right) > TEXT_LIMIT:
        raise ExpressionError(_("The text would be longer than %d characters; make it shorter.") % TEXT_LIMIT)
    return left + right


def _plus(a: Any, b: Any) -> Any:
    if any(isinstance(value, str) and number_or_none(value) is None for value in (a, b)):
        raise ExpressionError(_("+ adds numbers; use concat() to join texts."))
    return _add(a, b)


def _plus_or_join(a: Any, b: Any) -> Any:
    """As in JavaScript: with a text on either side + joins."""
    return join(a, b) if isinstance(a, str) or isinstance(b, str) else _add(a, b)


_add = _arithmetic("+", lambda a, b: a + b)


def _less(a: Any, b: Any) -> bool:
    order = compare(a, b)
    return order is not None and order < 0


def _more(a: Any, b: Any) -> bool:
    order = compare(a, b)
    return order is not None and order > 0


def _at_most(a: Any, b: Any) -> bool:
    order = compare(a, b)
    return order <= 0 if order is not None else equal(a, b)


def _at_least(a: Any, b: Any) -> bool:
    order = compare(a, b)
    return order >= 0 if order is not None else equal(a, b)


OPERATIONS: dict[str, Operation] = {
    "+": _plus,
    "js+": _plus_or_join,
    "-": _arithmetic("-", lambda a, b: a - b),
    "*": _arithmetic("*", lambda a, b: a * b),
    "/": _arithmetic("/", _divide),
    "%": _arithmetic("%", lambda a, b: a % b),
    "mod": _arithmetic("mod", lambda a, b: a % b),
    "js%": _arithmetic("%", lambda a, b: math.fmod(a, b) if type(a) is float or type(b) is float else _remainder(a, b)),
    "^": _power,
    "&": join,
    "bit&": _bits("&", lambda a, b: a & b),
    "|": _bits("|", lambda a, b: a | b),
    "^|": _bits("^|", lambda a, b: a ^ b),
    "<<": _bits("<<", _shift_left),
    ">>": _bits(">>", _shift_right),
    ">>>": _bits(">>>", lambda a, b: _shift_right(a & 0xFFFFFFFF if a < 0 else a, b)),
    "xor": lambda a, b: truthy(a) is not truthy(b),
    "==": equal,
    "!=": lambda a, b: not equal(a, b),
    "===": strictly_equal,
    "!==": lambda a, b: not strictly_equal(a, b),
    "<": _less,
    "<=": _at_most,
    ">": _more,
    ">=": _at_least,
}


def _remainder(a: Number, b: Number) -> Number:
    """The sign of the left side, as in JavaScript."""
    rest = abs(a) % abs(b)
    return -rest if a < 0 else rest


def negate(value: Any) -> Any:
    return finite(-number(value, "-"))


def plus(value: Any) -> Any:
    return finite(+number(value, "+"))


def invert(value: Any) -> Any:
    return _bits("~", lambda a, b: ~a)(value, 0)


UNARY: dict[str, Callable[[Any], Any]] = {
    "-": negate,
    "+": plus,
    "~": invert,
    "not": lambda value: not truthy(value),
}
