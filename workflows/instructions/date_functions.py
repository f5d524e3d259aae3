"""The functions of date calculations (spec 5.12): each takes a date or a number and its arguments by name.

Dates are aware and in a zone, that of the run until `changeTimezone` names another; all that goes by days, months or
the clock goes by that zone.
"""

import calendar
import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, get_args
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import gettext as _

from workflows.expressions import ExpressionError
from workflows.expressions.functions.dates import add, start_of, unit_of
from workflows.expressions.functions.formats import format_date
from workflows.expressions.functions.zones import local
from workflows.expressions.values import moment, number_or_none
from workflows.jsonable import iso

FunctionName = Literal[
    "add",
    "subtract",
    "diff",
    "get",
    "startOfTime",
    "endOfTime",
    "isLeapYear",
    "format",
    "transDuration",
    "toTimestamp",
    "tsToDate",
    "changeTimezone",
]
Arguments = Mapping[str, Any]

#: Milliseconds; a year counts 365 days, and a month is a twelfth of it.
_MILLISECONDS: Final[dict[str, float]] = {
    "millisecond": 1,
    "second": 1_000,
    "minute": 60_000,
    "hour": 3_600_000,
    "day": 86_400_000,
    "week": 604_800_000,
    "month": 365 * 86_400_000 / 12,
    "year": 365 * 86_400_000,
}
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class _Function:
    takes: Literal["date", "number"]
    call: Callable[[Any, Arguments], Any]
    #: Checks of arguments, by name: each raises `ExpressionError`.
    arguments: Mapping[str, Callable[[Any], Any]]
    #: Arguments that may be left out.
    optional: frozenset[str] = frozenset()


def apply(name: FunctionName, value: Any, arguments: Arguments) -> Any:
    """A date (aware), number, text or bool. Raises `ExpressionError` where value or arguments don't fit."""
    function = FUNCTIONS[name]
    is_date = isinstance(value, datetime)
    if function.takes == "date" and not is_date:
        raise ExpressionError(_("It works on a date, and the step before made none; use tsToDate."))
    if function.takes == "number" and (is_date or isinstance(value, bool | str)):
        raise ExpressionError(_("It works on a number, and the step before made none; use toTimestamp."))
    try:
        # So that what is read and added there goes by the date's own zone.
        with timezone.override(value.tzinfo) if is_date else nullcontext():
            return function.call(value, arguments)
    except (OverflowError, ValueError):
        raise ExpressionError(_("The result is too large a number, or no time between the years 1 and 9999.")) from None


def check_arguments(name: FunctionName, arguments: Arguments) -> dict[str, str]:
    """Sentences by argument, for those that hold no template and don't fit, or are missing."""
    function, errors = FUNCTIONS[name], {}
    for argument, check in function.arguments.items():
        given = arguments.get(argument)
        if (given is None and argument in function.optional) or (isinstance(given, str) and "{{" in given):
            continue
        try:
            check(given)
        except ExpressionError as error:
            errors[argument] = str(error)
    return errors


def stored(value: Any) -> Any:
    """As a job holds it: dates as ISO 8601 in UTC, whole numbers without a point. Raises `ExpressionError`."""
    if isinstance(value, datetime):
        try:
            return iso(value.astimezone(UTC))
        except OverflowError:
            raise ExpressionError(_("The date lies outside the years 1 to 9999.")) from None
    return _plain(value) if isinstance(value, float) else value


def _plain(value: float) -> int | float:
    return int(value) if value.is_integer() else value


def _number(value: Any) -> int | float:
    found = None if isinstance(value, bool) or value == "" else number_or_none(value)
    if found is None:
        raise ExpressionError(_("The number is missing or none; give one like 3 or -1.5."))
    return found


def _unit(value: Any) -> str:
    if not isinstance(value, str):
        raise ExpressionError(_("The unit is missing; choose year, quarter, month, week, day, hour, minute ..."))
    return unit_of(value)


def _length_unit(value: Any) -> str:
    unit = _unit(value)
    if unit not in _MILLISECONDS:
        raise ExpressionError(_("A duration has no quarters; choose months or another unit."))
    return unit


def _timestamp_unit(value: Any) -> str:
    unit = "second" if value is None else _unit(value)
    if unit not in ("second", "millisecond"):
        raise ExpressionError(_("A timestamp counts seconds or milliseconds; choose one of the two."))
    return unit


def _date(value: Any) -> datetime:
    when = moment(value)
    if when is None:
        raise ExpressionError(_("The date to compare with is none; give one like 2024-05-31 or 2024-05-31T08:00:00Z."))
    return local(when)


def _pattern(value: Any) -> str:
    if not isinstance(value, str):
        raise ExpressionError(_("The format is missing or no text; write one like YYYY-MM-DD HH:mm."))
    return value


def _zone(value: Any) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (KeyError, OSError, TypeError, ValueError):
        raise ExpressionError(_('There is no time zone %r here; choose one like "Europe/Berlin".') % value) from None


def _round(value: float, how: Any) -> float:
    """-1 down, 0 to the nearest, 1 up; anything else leaves it."""
    if isinstance(how, bool) or how == "" or not math.isfinite(value):
        return value
    number = number_or_none(how)
    if number == -1:
        return math.floor(value)
    if number == 0:
        return math.floor(value + 0.5)
    return math.ceil(value) if number == 1 else value


def _add(value: datetime, arguments: Arguments, sign: int = 1) -> datetime:
    amount, unit = sign * _number(arguments.get("number")), _unit(arguments.get("unit"))
    if unit in _MONTHS and amount != int(amount):
        raise ExpressionError(_("Months, quarters and years are added whole; give a whole number, or a smaller unit."))
    return add(value, amount, unit)


def _subtract(value: datetime, arguments: Arguments) -> datetime:
    return _add(value, arguments, -1)


def _diff(value: datetime, arguments: Arguments) -> float:
    """The date less the argument, in units; parts of months by the length of the month they lie in."""
    other, unit = _date(arguments.get("date")), _unit(arguments.get("unit"))
    if unit in _MONTHS:
        found = _months_between(other, value) / _MONTHS[unit]
    elif unit in ("day", "week"):
        # By the calendar, so that a day of 23 hours is one.
        length = value.replace(tzinfo=None) - other.replace(tzinfo=None)
        found = length / timedelta(milliseconds=_MILLISECONDS[unit])
    else:
        found = (value - other) / timedelta(milliseconds=_MILLISECONDS[unit])
    return _round(abs(found) if arguments.get("isAbs") is True else found, arguments.get("round"))


def _months_between(start: datetime, end: datetime) -> float:
    if end < start:
        return -_months_between(end, start)
    whole = (end.year - start.year) * 12 + end.month - start.month
    if add(start, whole, "month") > end:
        whole -= 1
    anchor = add(start, whole, "month")
    try:
        return whole + (end - anchor) / (add(start, whole + 1, "month") - anchor)
    except ExpressionError:
        # The month after lies beyond the calendar's end.
        return float(whole)


def _get(value: datetime, arguments: Arguments) -> int:
    """Of week the day of the week, 0 being Sunday; of day that of the month. Milliseconds for what is no unit."""
    try:
        unit = _unit(arguments.get("unit"))
    except ExpressionError:
        unit = "millisecond"
    if unit == "quarter":
        return (value.month + 2) // 3
    if unit == "week":
        return value.isoweekday() % 7
    return value.microsecond // 1000 if unit == "millisecond" else int(getattr(value, unit))


def _start(value: datetime, arguments: Arguments) -> datetime:
    return start_of(value, _unit(arguments.get("unit")))


def _end(value: datetime, arguments: Arguments) -> datetime:
    """The last millisecond of it."""
    unit = _unit(arguments.get("unit"))
    if unit == "millisecond":
        return value
    first = start_of(value, unit)
    try:
        return add(first, 1, unit) - timedelta(milliseconds=1)
    except ExpressionError:
        # Of the calendar's last year, month or day.
        return datetime.max.replace(microsecond=999_000, tzinfo=value.tzinfo)


def _is_leap_year(value: datetime, arguments: Arguments) -> bool:
    return calendar.isleap(value.year)


def _format(value: datetime, arguments: Arguments) -> str:
    return format_date(value, _pattern(arguments.get("format")))


def _trans_duration(value: float, arguments: Arguments) -> float:
    before, after = _length_unit(arguments.get("unitBefore")), _length_unit(arguments.get("unitAfter"))
    return _round(value * _MILLISECONDS[before] / _MILLISECONDS[after], arguments.get("round"))


def _to_timestamp(value: datetime, arguments: Arguments) -> int:
    unit = _timestamp_unit(arguments.get("unit"))
    return (value - _EPOCH) // timedelta(seconds=1 if unit == "second" else 0.001)


def _ts_to_date(value: float, arguments: Arguments) -> datetime:
    when = moment(value * (1000 if _timestamp_unit(arguments.get("unit")) == "second" else 1))
    if when is None:
        raise ExpressionError(_("The number is no time between the years 1 and 9999; check its unit."))
    return local(when)


def _change_timezone(value: datetime, arguments: Arguments) -> datetime:
    return value.astimezone(_zone(arguments.get("timezone")))


_UNIT: Final = {"unit": _unit}
FUNCTIONS: Final[dict[str, _Function]] = {
    "add": _Function("date", _add, {"number": _number, **_UNIT}),
    "subtract": _Function("date", _subtract, {"number": _number, **_UNIT}),
    "diff": _Function("date", _diff, {"date": _date, **_UNIT}),
    "get": _Function("date", _get, {}),
    "startOfTime": _Function("date", _start, _UNIT),
    "endOfTime": _Function("date", _end, _UNIT),
    "isLeapYear": _Function("date", _is_leap_year, {}),
    "format": _Function("date", _format, {"format": _pattern}),
    "transDuration": _Function("number", _trans_duration, {"unitBefore": _length_unit, "unitAfter": _length_unit}),
    "toTimestamp": _Function("date", _to_timestamp, {"unit": _timestamp_unit}, frozenset({"unit"})),
    "tsToDate": _Function("number", _ts_to_date, {"unit": _timestamp_unit}, frozenset({"unit"})),
    "changeTimezone": _Function("date", _change_timezone, {"timezone": _zone}),
}
assert FUNCTIONS.keys() == set(get_args(FunctionName)), "Each function has its name in the schema."
