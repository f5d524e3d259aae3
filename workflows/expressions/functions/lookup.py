"""Looking up and counting by a condition, as spreadsheets do. Columns and rows count from 1."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError
from workflows.expressions.functions.common import flat, items, whole
from workflows.expressions.functions.registry import Meter, function
from workflows.expressions.functions.statistics import average, total
from workflows.expressions.functions.text import like
from workflows.expressions.operators import OPERATIONS, number
from workflows.expressions.paths import step
from workflows.expressions.text import to_text
from workflows.expressions.values import equal, number_or_none, truthy

_SIGNS = (("<>", "!="), ("<=", "<="), (">=", ">="), ("<", "<"), (">", ">"), ("=", "=="))


def criterion(meter: Meter, wanted: Any) -> Callable[[Any], bool]:
    """A test made of a criterion: a value, ">=5", "<>x", or a text with the wildcards * and ?."""
    if not isinstance(wanted, str):
        return lambda value: equal(value, wanted)
    for sign, name in _SIGNS:
        if wanted.startswith(sign):
            rest = wanted[len(sign) :]
            found = number_or_none(rest) if rest else None
            operand: Any = rest if found is None else found
            return lambda value: truthy(OPERATIONS[name](value, operand))
    if "*" in wanted or "?" in wanted:
        return lambda value: isinstance(value, str) and like(meter, value, wanted)
    return lambda value: equal(value, wanted)


@function("COUNTIF", weight=3)
def _count_if(meter: Meter, values: Any, wanted: Any) -> int:
    test = criterion(meter, wanted)
    return sum(test(value) for value in flat([values]))


@function("SUMIF", weight=3)
def _sum_if(meter: Meter, values: Any, wanted: Any, summed: Any = None) -> Any:
    return total(_chosen(meter, values if summed is None else summed, (values, wanted), "SUMIF"))


@function("AVERAGEIF", weight=3)
def _average_if(meter: Meter, values: Any, wanted: Any, averaged: Any = None) -> Any:
    return average(_chosen(meter, values if averaged is None else averaged, (values, wanted), "AVERAGEIF"))


@function("COUNTIFS", weight=3)
def _count_ifs(meter: Meter, values: Any, wanted: Any, *more: Any) -> int:
    return sum(_rows(meter, (values, wanted, *more)))


@function("SUMIFS", weight=3)
def _sum_ifs(meter: Meter, summed: Any, *pairs: Any) -> Any:
    return total(_chosen(meter, summed, pairs, "SUMIFS"))


@function("MAXIFS", weight=3)
def _max_ifs(meter: Meter, values: Any, *pairs: Any) -> Any:
    return max(_chosen(meter, values, pairs, "MAXIFS"), default=None)


@function("MINIFS", weight=3)
def _min_ifs(meter: Meter, values: Any, *pairs: Any) -> Any:
    return min(_chosen(meter, values, pairs, "MINIFS"), default=None)


def _rows(meter: Meter, pairs: tuple[Any, ...]) -> list[bool]:
    """Which rows meet every (list, criterion) pair."""
    if not pairs or len(pairs) % 2:
        raise ExpressionError(_("Lists and criteria come in pairs."))
    tests = [(list(flat([pairs[i]])), criterion(meter, pairs[i + 1])) for i in range(0, len(pairs), 2)]
    size = len(tests[0][0])
    if any(len(values) != size for values, _test in tests):
        raise ExpressionError(_("The lists must have one length."))
    meter.charge(size * len(tests))
    return [all(test(values[row]) for values, test in tests) for row in range(size)]


def _chosen(meter: Meter, values: Any, pairs: tuple[Any, ...], name: str) -> list[Any]:
    rows = _rows(meter, pairs)
    found = list(flat([values]))[: len(rows)]
    return [
        number(value, f"{name}()") for value, wanted in zip(found, rows, strict=False) if wanted and value is not None
    ]


@function("MATCH")
def _match(value: Any, values: Any, kind: Any = 0) -> int | None:
    """Exact (0), or the last that is not greater (1) or not less (-1), the list being sorted so."""
    found = items(values, "MATCH")
    if not kind:
        return next((index for index, item in enumerate(found, 1) if equal(item, value)), None)
    holds = OPERATIONS["<=" if number(kind, "MATCH()") > 0 else ">="]
    place = None
    for index, item in enumerate(found, 1):
        if not holds(item, value):
            break
        place = index
    return place


@function("INDEX", shallow=True)
def _index(values: Any, row: Any, column: Any = None) -> Any:
    found = _nth(values, row, "INDEX()")
    return found if column is None else _nth(found, column, "INDEX()")


@function("VLOOKUP")
def _vlookup(value: Any, table: Any, column: Any, approximate: Any = False) -> Any:
    """Finds the row by its first column; with `approximate` the last one that is not greater."""
    rows = [items(row, "VLOOKUP") for row in items(table, "VLOOKUP")]
    place = _match(value, [row[0] if row else None for row in rows], 1 if truthy(approximate) else 0)
    return None if place is None else _nth(rows[place - 1], column, "VLOOKUP()")


@function("HLOOKUP")
def _hlookup(value: Any, table: Any, row: Any, approximate: Any = False) -> Any:
    rows = [items(line, "HLOOKUP") for line in items(table, "HLOOKUP")]
    place = _match(value, rows[0] if rows else [], 1 if truthy(approximate) else 0)
    found = _nth(rows, row, "HLOOKUP()")
    return None if place is None else _nth(found, place, "HLOOKUP()")


@function("XLOOKUP")
def _xlookup(value: Any, values: Any, results: Any, fallback: Any = None) -> Any:
    place = _match(value, values)
    return fallback if place is None else _nth(results, place, "XLOOKUP()")


@function("findBy")
def _find_row(values: Any, key: Any, value: Any) -> Any:
    """The first object of the list whose key has the value."""
    name = to_text(key)
    return next((item for item in items(values, "findBy") if equal(step(item, name), value)), None)


def _nth(values: Any, index: Any, what: str) -> Any:
    found, place = items(values, what.removesuffix("()")), whole(index, what)
    return found[place - 1] if 1 <= place <= len(found) else None


@function("AVERAGEIFS", weight=3)
def _average_ifs(meter: Meter, averaged: Any, *pairs: Any) -> Any:
    return average(_chosen(meter, averaged, pairs, "AVERAGEIFS"))


@function("LOOKUP")
def _lookup(value: Any, values: Any, results: Any = None) -> Any:
    """The last that is not greater, in a sorted list."""
    place = _match(value, items(values, "LOOKUP"), 1)
    found = items(values if results is None else results, "LOOKUP")
    return None if place is None else _nth(found, place, "LOOKUP()")
