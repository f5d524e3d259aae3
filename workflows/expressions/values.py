"""How values of different kinds meet: truth, numbers, dates and the loose comparison (spec 6.6)."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from workflows.expressions.quantities import Quantity, order

Number = int | float

_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)
_EXACT = 1 << 53
_TOLERANCE = 1e-12
_PLAIN = frozenset({int, str, bool, type(None)})
_SIMPLE = _PLAIN | {float}


def truthy(value: Any) -> bool:
    """Whether the value counts as true: all but null, false, 0, NaN and "" (lists and objects do, as in JavaScript)."""
    if value is True or value is False:
        return bool(value)
    if isinstance(value, list | tuple | Mapping):
        return True
    if isinstance(value, Decimal):
        return bool(value) and not value.is_nan()
    return bool(value) and value == value


def number_or_none(value: Any) -> Number | None:
    """The number a value stands for, or None: numbers, true and false, numeric text ("" is 0), decimals."""
    kind = type(value)
    if kind is int:
        return value  # type: ignore[no-any-return]
    if kind is float:
        return value if math.isfinite(value) else None
    if kind is bool:
        return int(value)
    if isinstance(value, str):
        return parse_number(value)
    if isinstance(value, Decimal):
        if not value.is_finite() or value.adjusted() > 300:
            return None
        return int(value) if value == value.to_integral_value() else float(value)
    return None


def parse_number(text: str) -> Number | None:
    try:
        number = float(text)
    except ValueError:
        return None if text.strip() else 0
    text = text.strip()
    # Python reads more than people mean: 1_000, digits of other scripts, words.
    if not _NUMBER.fullmatch(text):
        return None
    if not math.isfinite(number):
        return None
    if number.is_integer() and abs(number) < _EXACT:
        return int(number)
    return int(text) if text.lstrip("+-").isdigit() else number


def moment(value: Any) -> datetime | None:
    """The point in time a value stands for: dates, ISO 8601 text, milliseconds since 1970; None for anything else.

    Texts and dates without an offset are read in Django's current time zone.
    """
    if isinstance(value, datetime):
        return aware(value)
    if isinstance(value, date):
        return aware(datetime(value.year, value.month, value.day))
    if isinstance(value, str):
        return _parse_moment(value.strip())
    if type(value) in (int, float) and math.isfinite(value) and abs(value) <= 253_402_300_799_999:
        try:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=value)
        except OverflowError:
            return None
    return None


def _parse_moment(text: str) -> datetime | None:
    if not 8 <= len(text) <= 40:
        return None
    try:
        found = parse_datetime(text)
        if found is None:
            day = parse_date(text)
            found = datetime(day.year, day.month, day.day) if day else None
        return aware(found) if found else None
    except (ValueError, OverflowError):
        return None


def aware(value: datetime) -> datetime:
    return value if value.tzinfo is not None else value.replace(tzinfo=timezone.get_current_timezone())


def equal(a: Any, b: Any) -> bool:
    """1 = "1", 0 = false; null is equal to null only; dates by their point in time; lists and objects by content."""
    if a is None or b is None:
        return a is b
    kind, other = type(a), type(b)
    if kind is str and other is str:
        return bool(a == b)
    if isinstance(a, date) or isinstance(b, date):
        x, y = _moments(a, b)
        return x is not None and y is not None and x == y
    if _is_container(a) or _is_container(b):
        return _same_content(a, b)
    if kind is Quantity or other is Quantity:
        return order(a, b) == 0
    left, right = number_or_none(a), number_or_none(b)
    if left is None or right is None:
        # Two that are no numbers are never equal; a signaling NaN may not even be compared.
        return kind is other and not isinstance(a, float | Decimal) and bool(a == b)
    return left == right or _close(left, right)


def compare(a: Any, b: Any) -> int | None:
    """Negative, 0 or positive as a is less than, equal to or greater than b; None where neither order makes sense.

    Two texts compare as text, anything else as numbers; null has no order.
    """
    if a is None or b is None:
        return None
    if type(a) is str and type(b) is str:
        return (a > b) - (a < b)
    if isinstance(a, date) or isinstance(b, date):
        x, y = _moments(a, b)
        return None if x is None or y is None else (x > y) - (x < y)
    if isinstance(a, Quantity) or isinstance(b, Quantity):
        return order(a, b)
    left, right = number_or_none(a), number_or_none(b)
    if left is None or right is None:
        return None
    return 0 if _close(left, right) else (left > right) - (left < right)


def strictly_equal(a: Any, b: Any) -> bool:
    """As `equal`, but a text is never a number and true never 1."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, str) is not isinstance(b, str):
        return False
    return equal(a, b)


def _close(a: Number, b: Number) -> bool:
    # 0.1 + 0.2 is 0.3 to everybody but a processor.
    if type(a) is int and type(b) is int:
        return a == b
    try:
        return math.isclose(a, b, rel_tol=_TOLERANCE)
    except OverflowError:
        return False


def _moments(a: Any, b: Any) -> tuple[datetime | None, datetime | None]:
    return moment(a), moment(b)


def _is_container(value: Any) -> bool:
    return isinstance(value, list | tuple | Mapping)


def _same_content(a: Any, b: Any) -> bool:
    """Compares item by item, loosely, without recursion."""
    stack = [(a, b)]
    while stack:
        x, y = stack.pop()
        if isinstance(x, list | tuple) and isinstance(y, list | tuple):
            if len(x) != len(y):
                return False
            pairs = zip(x, y, strict=True)
        elif isinstance(x, Mapping) and isinstance(y, Mapping):
            if x.keys() != y.keys():
                return False
            pairs = zip(x.values(), (y[key] for key in x), strict=True)
        else:
            return False
        for left, right in pairs:
            # Most items are equal as they are, and what is unequal of one of these kinds stays so.
            if type(left) is type(right) and type(left) in _SIMPLE and left == right:
                continue
            if type(left) is type(right) and type(left) in _PLAIN:
                return False
            if _is_container(left) and _is_container(right):
                stack.append((left, right))
            elif not equal(left, right):
                return False
    return True


def place_of(items: Sequence[Any], wanted: Any) -> int | None:
    """The index of the first equal item."""
    kind = type(wanted)
    plain = kind in _PLAIN
    for index, item in enumerate(items):
        if plain and type(item) is kind:
            if item == wanted:
                return index
        elif equal(item, wanted):
            return index
    return None


def contains(whole: Any, part: Any) -> bool:
    """Whether a list has an equal item, or a text the part's text."""
    if isinstance(whole, list | tuple):
        return place_of(whole, part) is not None
    if isinstance(whole, Mapping):
        return isinstance(part, str) and part in whole
    return whole is not None and part is not None and _plain(part) in _plain(whole)


def starts_with(whole: Any, part: Any) -> bool:
    return whole is not None and part is not None and _plain(whole).startswith(_plain(part))


def ends_with(whole: Any, part: Any) -> bool:
    return whole is not None and part is not None and _plain(whole).endswith(_plain(part))


def _plain(value: Any) -> str:
    from workflows.expressions.text import to_text

    return to_text(value)


def rounded(value: Any) -> Any:
    """The value with its numbers, also those in lists, rounded to 9 decimals; what is no finite number is null.

    A quantity becomes text, for JSON has none.
    """
    kind = type(value)
    if kind is bool or kind is str or kind is int or value is None:
        return value
    if kind is float:
        return _rounded_float(value)
    if kind is list:
        # Nearly all lists are of such items alone, and stay as they are.
        kinds = set(map(type, value))
        if kinds <= _PLAIN:
            return value
        return list(map(_rounded_float if kinds == {float} else rounded, value))
    if kind is Quantity:
        return str(value)
    return value


def _rounded_float(value: float) -> int | float | None:
    if value != value or value in (float("inf"), float("-inf")):
        return None
    short = round(value, 9)
    return int(short) if short.is_integer() and abs(short) < 1 << 53 else short
