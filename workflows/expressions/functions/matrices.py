"""Matrices as lists of rows, after math.js, and a spreadsheet's functions for arrays."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions import mathoperators as operators
from workflows.expressions.errors import ExpressionError
from workflows.expressions.functions.common import flat, items, numbers_in, whole
from workflows.expressions.functions.registry import Meter, function
from workflows.expressions.functions.statistics import total
from workflows.expressions.mathoperators import rows_of, transposed
from workflows.expressions.operators import Operation, finite, number
from workflows.expressions.values import equal

_MOST_ROWS = 60


def _square(meter: Meter, value: Any, name: str) -> list[list[float]]:
    rows = rows_of(value, f"{name}()")
    if len(rows) != len(rows[0]):
        raise ExpressionError(_("%s() needs a square matrix.") % name)
    if len(rows) > _MOST_ROWS:
        raise ExpressionError(_("%(name)s() takes %(most)d rows at most.") % {"name": name, "most": _MOST_ROWS})
    meter.charge(len(rows) ** 3 // 3)
    return [[float(item) for item in row] for row in rows]


def _eliminated(rows: list[list[float]]) -> float:
    """Brings the left part of the rows to the identity, in place; the determinant, 0 where there is no inverse."""
    size, determinant = len(rows), 1.0
    for at in range(size):
        pivot = max(range(at, size), key=lambda row: abs(rows[row][at]))
        if abs(rows[pivot][at]) < 1e-14:
            return 0
        if pivot != at:
            rows[at], rows[pivot] = rows[pivot], rows[at]
            determinant = -determinant
        head = rows[at][at]
        determinant *= head
        rows[at] = [item / head for item in rows[at]]
        for row in range(size):
            factor = rows[row][at]
            if row != at and factor:
                rows[row] = [x - factor * y for x, y in zip(rows[row], rows[at], strict=True)]
    return determinant


@function("det", "MDETERM")
def _determinant(meter: Meter, matrix: Any) -> Any:
    return finite(_eliminated(_square(meter, matrix, "det")))


@function("inv", "MINVERSE")
def _inverse(meter: Meter, matrix: Any) -> Any:
    rows = _square(meter, matrix, "inv")
    meter.charge(len(rows) ** 3 // 3)
    for index, row in enumerate(rows):
        row.extend(float(index == column) for column in range(len(rows)))
    if not _eliminated(rows):
        raise ExpressionError(_("The matrix has no inverse."))
    return [row[len(rows) :] for row in rows]


@function("lusolve")
def _solved(meter: Meter, matrix: Any, right: Any) -> Any:
    """The x of matrix * x = right, as a column."""
    rows = _square(meter, matrix, "lusolve")
    values = numbers_in([right], "lusolve")
    if len(values) != len(rows):
        raise ExpressionError(_("lusolve() needs one value for each row."))
    for row, value in zip(rows, values, strict=True):
        row.append(float(value))
    if not _eliminated(rows):
        raise ExpressionError(_("The matrix has no inverse."))
    return [[row[-1]] for row in rows]


@function("trace")
def _trace(matrix: Any) -> Any:
    rows = rows_of(matrix, "trace()")
    if len(rows) != len(rows[0]):
        raise ExpressionError(_("%s() needs a square matrix.") % "trace")
    return total([row[index] for index, row in enumerate(rows)])


@function("matrix", shallow=True)
def _matrix(values: Any = None) -> list[Any]:
    return items(values, "matrix")


def _filled(meter: Meter, sizes: tuple[Any, ...], value: Any, name: str) -> Any:
    lengths = [whole(size, f"{name}()") for size in flat(sizes)]
    if not lengths or len(lengths) > 3 or any(length < 0 for length in lengths):
        raise ExpressionError(_("%s() takes one to three sizes.") % name)
    meter.items(math.prod(lengths) + math.prod(lengths[:-1]))
    made: Any = value
    for length in reversed(lengths):
        made = [made.copy() if isinstance(made, list) else made for _index in range(length)]
    return made if len(lengths) < 3 else [[row.copy() for row in level] for level in made]


@function("zeros")
def _zeros(meter: Meter, *sizes: Any) -> Any:
    return _filled(meter, sizes, 0, "zeros")


@function("ones")
def _ones(meter: Meter, *sizes: Any) -> Any:
    return _filled(meter, sizes, 1, "ones")


@function("identity", "MUNIT")
def _identity(meter: Meter, size: Any, columns: Any = None) -> Any:
    height = whole(size, "identity()")
    width = height if columns is None else whole(columns, "identity()")
    made = _filled(meter, (height, width), 0, "identity")
    for index in range(min(height, width)):
        made[index][index] = 1
    return made


@function("diag")
def _diagonal(meter: Meter, values: Any) -> Any:
    """A matrix with these on its diagonal, or the diagonal of a matrix."""
    found = items(values, "diag")
    if found and isinstance(found[0], list):
        return [row[index] for index, row in enumerate(found) if isinstance(row, list) and index < len(row)]
    made = _filled(meter, (len(found), len(found)), 0, "diag")
    for index, value in enumerate(found):
        made[index][index] = value
    return made


@function("size", shallow=True)
def _size(value: Any) -> list[int]:
    if isinstance(value, str):
        return [len(value)]
    sizes: list[int] = []
    while isinstance(value, list | tuple):
        sizes.append(len(value))
        value = value[0] if value else None
    return sizes


@function("ROWS", shallow=True)
def _rows(values: Any) -> int:
    return len(items(values, "ROWS"))


@function("COLUMNS", shallow=True)
def _columns(values: Any) -> int:
    found = items(values, "COLUMNS")
    return len(found[0]) if found and isinstance(found[0], list) else min(len(found), 1)


@function("row", shallow=True)
def _row(matrix: Any, index: Any) -> Any:
    found, place = items(matrix, "row"), whole(index, "row()")
    return [found[place - 1]] if 1 <= place <= len(found) else None


@function("column")
def _column(matrix: Any, index: Any) -> Any:
    place = whole(index, "column()")
    rows = [items(row, "column") for row in items(matrix, "column")]
    return [[row[place - 1] if 1 <= place <= len(row) else None] for row in rows]


@function("multiply")
def _multiply(meter: Meter, first: Any, *rest: Any) -> Any:
    for value in rest:
        meter.charge(operators.COSTS[operators.multiply](first, value))
        first = operators.multiply(first, value)
    return first


@function("MMULT")
def _matrix_product(meter: Meter, a: Any, b: Any) -> Any:
    return _multiply(meter, rows_of(a, "MMULT()"), rows_of(b, "MMULT()"))


def _counted(operation: Operation) -> Callable[..., Any]:
    def counted(meter: Meter, a: Any, b: Any) -> Any:
        meter.charge(operators.COSTS[operation](a, b))
        return operation(a, b)

    return counted


function("add")(_counted(operators.add))
function("subtract")(_counted(operators.subtract))
function("divide")(_counted(operators.divide))
function("dotMultiply")(_counted(operators.dot_multiply))
function("dotDivide")(_counted(operators.dot_divide))
function("dotPow")(_counted(operators.dot_power))


@function("unaryMinus")
def _negated(meter: Meter, x: Any) -> Any:
    return _multiply(meter, -1, x)


@function("unaryPlus")
def _unchanged(x: Any) -> Any:
    return number(x, "unaryPlus()")


@function("cross")
def _cross(a: Any, b: Any) -> list[Any]:
    x, y = numbers_in([a], "cross"), numbers_in([b], "cross")
    if len(x) != 3 or len(y) != 3:
        raise ExpressionError(_("cross() needs two lists of three numbers."))
    return [x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]]


@function("norm")
def _norm(values: Any, kind: Any = 2) -> Any:
    """The length of a vector; of kind 1 the sum, of "inf" the greatest of the absolute values."""
    found = [abs(value) for value in numbers_in([values], "norm")]
    if kind in ("inf", "Infinity"):
        return max(found, default=0)
    if kind == 1:
        return total(found)
    return finite(math.hypot(*found))


@function("distance")
def _distance(a: Any, b: Any) -> Any:
    x, y = numbers_in([a], "distance"), numbers_in([b], "distance")
    if len(x) != len(y):
        raise ExpressionError(_("distance() needs two points with as many coordinates each."))
    return finite(math.dist(x, y))


@function("kron")
def _kronecker(meter: Meter, a: Any, b: Any) -> Any:
    left, right = rows_of(a, "kron()"), rows_of(b, "kron()")
    meter.items(len(left) * len(right) * len(left[0]) * len(right[0]))
    return [[finite(x * y) for x in row for y in other] for row in left for other in right]


@function("cumsum")
def _running_totals(values: Any) -> list[Any]:
    made: list[Any] = []
    sum_so_far: Any = 0
    for value in numbers_in([values], "cumsum"):
        sum_so_far = finite(sum_so_far + value)
        if sum_so_far is None:
            raise ExpressionError(_("The sum is no finite number."))
        made.append(sum_so_far)
    return made


@function("diff")
def _differences(values: Any) -> list[Any]:
    found = numbers_in([values], "diff")
    return [finite(after - before) for before, after in pairwise(found)]


@function("reshape")
def _reshape(meter: Meter, values: Any, sizes: Any) -> Any:
    found = list(flat([items(values, "reshape")]))
    lengths = [whole(size, "reshape()") for size in items(sizes, "reshape")]
    if not 1 <= len(lengths) <= 4 or any(length < 1 for length in lengths) or math.prod(lengths) != len(found):
        raise ExpressionError(_("reshape() needs sizes whose product is the number of items."))
    meter.items(2 * len(found))
    for width in reversed(lengths[1:]):
        found = [found[at : at + width] for at in range(0, len(found), width)]
    return found


@function("squeeze", shallow=True)
def _squeeze(values: Any) -> Any:
    while isinstance(values, list) and len(values) == 1:
        values = values[0]
    return values


@function("HSTACK")
def _side_by_side(meter: Meter, first: Any, *rest: Any) -> Any:
    tables = [_table(value, "HSTACK") for value in (first, *rest)]
    height = max(len(table) for table in tables)
    widths = [max((len(row) for row in table), default=0) for table in tables]
    meter.items(height * sum(widths))
    padded = [
        [*table, *[[None] * width for _row in range(height - len(table))]]
        for table, width in zip(tables, widths, strict=True)
    ]
    return [[item for row in rows for item in row] for rows in zip(*padded, strict=True)]


@function("VSTACK")
def _one_below_the_other(meter: Meter, first: Any, *rest: Any) -> Any:
    rows = [row for value in (first, *rest) for row in _table(value, "VSTACK")]
    width = max((len(row) for row in rows), default=0)
    meter.items(width * len(rows))
    return [[*row, *[None] * (width - len(row))] for row in rows]


def _table(value: Any, name: str) -> list[list[Any]]:
    """Rows of a value: a plain list is one row."""
    found = items(value if isinstance(value, list | tuple) else [value], name)
    return [items(row, name) for row in found] if any(isinstance(row, list) for row in found) else [found]


@function("CHOOSEROWS")
def _chosen_rows(values: Any, *places: Any) -> Any:
    rows = items(values, "CHOOSEROWS")
    return [_place(rows, place, "CHOOSEROWS") for place in flat(places)]


@function("CHOOSECOLS")
def _chosen_columns(meter: Meter, values: Any, *places: Any) -> Any:
    rows, wanted = _table(values, "CHOOSECOLS"), list(flat(places))
    meter.items(len(rows) * len(wanted))
    return [[_place(row, place, "CHOOSECOLS") for place in wanted] for row in rows]


def _place(values: list[Any], place: Any, name: str) -> Any:
    """The item at a place counted from 1, from the end if negative."""
    index = whole(place, f"{name}()")
    if not 1 <= abs(index) <= len(values):
        raise ExpressionError(_("%(name)s() has places from 1 to %(most)d.") % {"name": name, "most": len(values)})
    return values[index - 1 if index > 0 else index]


@function("DROP", shallow=True)
def _without(values: Any, rows: Any, columns: Any = 0) -> Any:
    """Without so many rows (and columns) at the beginning; at the end where negative."""
    found = _cut(items(values, "DROP"), whole(rows, "DROP()"))
    wide = whole(columns, "DROP()")
    return [_cut(items(row, "DROP"), wide) for row in found] if wide else found


def _cut(values: list[Any], count: int) -> list[Any]:
    return values[count:] if count >= 0 else values[:count]


@function("EXPAND")
def _expanded(meter: Meter, values: Any, rows: Any, columns: Any = None, fill: Any = None) -> Any:
    table = _table(values, "EXPAND")
    height = whole(rows, "EXPAND()")
    width = max((len(row) for row in table), default=0) if columns is None else whole(columns, "EXPAND()")
    if height < len(table) or any(len(row) > width for row in table):
        raise ExpressionError(_("EXPAND() makes a table larger, not smaller."))
    meter.items(max(height, 1) * max(width, 1))
    missing = [[fill] * width for _row in range(height - len(table))]
    return [*([*row, *[fill] * (width - len(row))] for row in table), *missing]


@function("ctranspose")
def _transpose_too(matrix: Any) -> Any:
    return transposed(matrix)


@function("concat", dialect="math.js")
def _concat(meter: Meter, first: Any, *rest: Any) -> Any:
    """Texts make a text, lists a list, matrices are put side by side; a number at the end is the dimension."""
    if not isinstance(first, list | tuple):
        from workflows.expressions.functions.text import joined

        return joined(meter, flat((first, *rest)), "")
    *lists, last = (first, *rest)
    upright = not isinstance(last, list | tuple)
    if not upright:
        lists.append(last)
    meter.items(sum(len(items(value, "concat")) for value in lists))
    nested = all(value and isinstance(value[0], list) for value in lists)
    if nested and not (upright and whole(last, "concat()") == 1):
        return _side_by_side(meter, *lists)
    return [item for value in lists for item in value]


@function("count", dialect="math.js")
def _count(*values: Any) -> int:
    return sum(1 for value in flat(values)) if not (len(values) == 1 and isinstance(values[0], str)) else len(values[0])


@function("deepEqual")
def _deep_equal(a: Any, b: Any) -> bool:
    return equal(a, b)
