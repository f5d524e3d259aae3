"""What the operators of math.js do with lists and quantities; numbers never come this far."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions import quantities
from workflows.expressions.errors import ExpressionError
from workflows.expressions.operators import OPERATIONS, UNARY, Operation, finite, negate, number
from workflows.expressions.quantities import Quantity
from workflows.expressions.values import Number

_WIDE = frozenset({list, tuple, Quantity})


def _widened(plain: Operation, wide: Operation) -> Operation:
    def operation(a: Any, b: Any) -> Any:
        return wide(a, b) if type(a) in _WIDE or type(b) in _WIDE else plain(a, b)

    return operation


def item_by_item(operation: Operation, a: Any, b: Any, sign: str) -> Any:
    """Applied to each pair of items, or to each item and the one value on the other side."""
    if not isinstance(a, list | tuple):
        return [_again(operation, a, item, sign) for item in b]
    if not isinstance(b, list | tuple):
        return [_again(operation, item, b, sign) for item in a]
    if len(a) != len(b):
        raise ExpressionError(
            _("%(sign)s needs lists of one length, not of %(a)d and %(b)d items.")
            % {"sign": sign, "a": len(a), "b": len(b)}
        )
    return [_again(operation, x, y, sign) for x, y in zip(a, b, strict=True)]


def _again(operation: Operation, a: Any, b: Any, sign: str) -> Any:
    return item_by_item(operation, a, b, sign) if isinstance(a, list) or isinstance(b, list) else operation(a, b)


def _by_item(sign: str, plain: Operation, on_quantities: Operation) -> Operation:
    def wide(a: Any, b: Any) -> Any:
        if isinstance(a, list | tuple) or isinstance(b, list | tuple):
            return item_by_item(whole, a, b, sign)
        return on_quantities(a, b)

    whole = _widened(plain, wide)
    return whole


def _factor(value: Any, sign: str) -> Any:
    return value if isinstance(value, Quantity) else number(value, sign)


add = _by_item("+", OPERATIONS["+"], quantities.add)
subtract = _by_item("-", OPERATIONS["-"], lambda a, b: quantities.add(a, b, -1))
dot_multiply = _by_item(".*", OPERATIONS["*"], lambda a, b: _product(_factor(a, "*"), _factor(b, "*")))
dot_divide = _by_item("./", OPERATIONS["/"], lambda a, b: quantities.multiply(_factor(a, "/"), _factor(b, "/"), -1))
dot_power = _by_item("^", OPERATIONS["^"], lambda a, b: _raised(a, b))


def _product(a: Any, b: Any) -> Any:
    return quantities.multiply(a, b) if isinstance(a, Quantity) else quantities.multiply(b, a)


def _raised(a: Any, b: Any) -> Any:
    if not isinstance(a, Quantity):
        raise ExpressionError(_("A power is a plain number."))
    return quantities.raised(a, number(b, "^"))


def rows_of(value: Any, what: str) -> list[list[Number]]:
    """A list of lists of numbers, all of one length; a plain list is one row."""
    lists = isinstance(value, list | tuple) and all(isinstance(row, list | tuple) for row in value)
    rows = list(value) if lists else [value]
    found = [[number(item, what) for item in row] for row in rows if isinstance(row, list | tuple)]
    if not found or len(found) != len(rows) or len({len(row) for row in found}) != 1:
        raise ExpressionError(_("%s needs a matrix: rows of one length.") % what)
    return found


def _is_matrix(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], list | tuple)


def _multiply_lists(a: Any, b: Any) -> Any:
    if not isinstance(a, list | tuple) or not isinstance(b, list | tuple):
        return dot_multiply(a, b)
    left = rows_of(a, "*")
    right = rows_of(b, "*") if _is_matrix(b) else [[item] for item in rows_of(b, "*")[0]]
    if len(left[0]) != len(right):
        raise ExpressionError(
            _("* needs as many rows on the right as columns on the left, not %(rows)d and %(columns)d.")
            % {"rows": len(right), "columns": len(left[0])}
        )
    made = [[_dot(row, column) for column in zip(*right, strict=True)] for row in left]
    if not _is_matrix(b):
        made_column = [row[0] for row in made]
        return made_column if _is_matrix(a) else made_column[0]
    return made if _is_matrix(a) else made[0]


def _dot(a: Any, b: Any) -> Any:
    try:
        return finite(sum(x * y for x, y in zip(a, b, strict=True)))
    except OverflowError:
        return None


def _divide_lists(a: Any, b: Any) -> Any:
    if isinstance(b, list | tuple):
        raise ExpressionError(_("/ divides by a number; use ./ for each item, or * inv(matrix)."))
    return dot_divide(a, b)


def _matrix_power(a: Any, b: Any) -> Any:
    if not isinstance(a, list | tuple):
        return dot_power(a, b)
    times = number(b, "^")
    rows = rows_of(a, "^")
    if times != int(times) or not 0 <= times <= 100 or len(rows) != len(rows[0]):
        raise ExpressionError(_("^ raises a square matrix to a whole number from 0 to 100; use .^ for each item."))
    made: Any = [[int(row == column) for column in range(len(rows))] for row in range(len(rows))]
    for bit in f"{int(times):b}":
        made = _multiply_lists(made, made)
        if bit == "1":
            made = _multiply_lists(made, rows)
    return made


multiply = _widened(OPERATIONS["*"], _multiply_lists)
divide = _widened(OPERATIONS["/"], _divide_lists)
raise_to = _widened(OPERATIONS["^"], _matrix_power)


def negated(value: Any) -> Any:
    return multiply(-1, value) if type(value) in _WIDE else negate(value)


def transposed(value: Any) -> Any:
    if not _is_matrix(value):
        return value
    if len({len(row) if isinstance(row, list | tuple) else -1 for row in value}) != 1:
        raise ExpressionError(_("%s needs a matrix: rows of one length.") % "'")
    return [list(column) for column in zip(*value, strict=True)]


def plus_percent(sign: int) -> Operation:
    """`a + b%` is b hundredths of a more."""
    return lambda a, b: multiply(a, 1 + sign * number(b, "%") / 100)


OPERATIONS.update(
    {
        "m+": add,
        "m-": subtract,
        "m*": multiply,
        "m/": divide,
        "m^": raise_to,
        ".*": dot_multiply,
        "./": dot_divide,
        ".^": dot_power,
        "unsaid*": multiply,
        "m%": _by_item("%", OPERATIONS["%"], OPERATIONS["%"]),
        "+%": plus_percent(1),
        "-%": plus_percent(-1),
        "to": quantities.convert,
    }
)


UNARY.update({"m-": negated, "'": transposed})


def _size(value: Any) -> int:
    if not isinstance(value, list | tuple):
        return 0
    return len(value) * len(value[0]) if _is_matrix(value) else len(value)


def _pairs(a: Any, b: Any) -> int:
    return 2 * max(_size(a), _size(b))


def _multiplications(a: Any, b: Any) -> int:
    if not _is_matrix(a) or not isinstance(b, list | tuple):
        return _pairs(a, b)
    return _size(a) * (len(b[0]) if _is_matrix(b) else 1) // 2 + _pairs(a, b)


#: What operations cost on top of looking at their operands.
COSTS: dict[Operation, Callable[[Any, Any], int]] = {
    **dict.fromkeys((add, subtract, dot_multiply, dot_divide, dot_power, divide, OPERATIONS["m%"]), _pairs),
    multiply: _multiplications,
    raise_to: lambda a, b: 14 * _multiplications(a, a),
}
