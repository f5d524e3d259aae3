"""Dates and times, in Django's current time zone. A day without a time stays one."""

import calendar
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from workflows import timing
from workflows.expressions.errors import ExpressionError
from workflows.expressions.functions.common import items, whole
from workflows.expressions.functions.registry import Meter, function
from workflows.expressions.functions.zones import is_day, like, local, read
from workflows.expressions.operators import number
from workflows.expressions.text import to_text
from workflows.expressions.values import aware, moment

_SECONDS = {"millisecond": 0.001, "second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_SHORT = {"ms": "millisecond", "s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "y": "year"}
_UNITS = {**_SHORT, "M": "month", "Q": "quarter"}


def unit_of(value: Any) -> str:
    """`day`, `days`, `D` ... as one of the eight units. Raises `ExpressionError` for anything else."""
    text = to_text(value)
    name = _UNITS.get(text) or _SHORT.get(text.lower()) or text.lower().removesuffix("s")
    if name not in _SECONDS and name not in _MONTHS:
        raise ExpressionError(
            _("%(unit)r is no unit; choose one of %(units)s.")
            % {"unit": text[:20], "units": ", ".join([*_SECONDS, *_MONTHS])}
        )
    return name


def add(when: datetime, amount: Any, unit: str) -> datetime:
    """Months keep the day where the month has it; days keep the time of day when clocks change."""
    try:
        if unit in _MONTHS:
            return _add_months(when, whole(amount, "dateAdd()") * _MONTHS[unit])
        count = number(amount, "dateAdd()")
        if unit in ("day", "week"):
            return when + timedelta(seconds=count * _SECONDS[unit])
        return local(when.astimezone(UTC) + timedelta(seconds=count * _SECONDS[unit]))
    except (OverflowError, ValueError):
        raise ExpressionError(_("The date would lie outside the years 1 to 9999.")) from None


def _add_months(when: datetime, months: int) -> datetime:
    year, month = divmod(when.year * 12 + when.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError
    last = calendar.monthrange(year, month + 1)[1]
    return when.replace(year=year, month=month + 1, day=min(when.day, last))


def start_of(when: datetime, unit: str) -> datetime:
    """Weeks begin on Monday."""
    if unit == "millisecond":
        return when
    if unit in ("year", "quarter", "month", "week", "day"):
        when = when.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "week":
        return when - timedelta(days=when.weekday())
    if unit in _MONTHS:
        month = {"year": 1, "quarter": (when.month - 1) // 3 * 3 + 1, "month": when.month}[unit]
        return when.replace(month=month, day=1)
    if unit == "hour":
        return when.replace(minute=0, second=0, microsecond=0)
    return when.replace(second=0, microsecond=0) if unit == "minute" else when.replace(microsecond=0)


@function("now")
def _now() -> datetime:
    return timing.now()


@function("today")
def _today() -> date:
    return timing.today()


@function("date", "toDate")
def _date(year: Any, month: Any = None, day: Any = 1) -> Any:
    """A value as a date and time, or a day made of its numbers; months and days may run over."""
    if month is None:
        when = moment(year)
        return None if when is None else like(local(when), year)
    first = datetime(1, 1, 1) if not 1 <= whole(year, "DATE()") <= 9999 else datetime(whole(year, "DATE()"), 1, 1)
    found = add(_add_months(first, whole(month, "DATE()") - 1), whole(day, "DATE()") - 1, "day")
    return found.date()


@function("datetime")
def _datetime(year: Any, month: Any, day: Any, hour: Any = 0, minute: Any = 0, second: Any = 0) -> datetime:
    parts = (whole(part, "datetime()") for part in (year, month, day, hour, minute, second))
    return aware(datetime(*parts))  # type: ignore[arg-type]


@function("DATEVALUE")
def _date_value(value: Any) -> date:
    return read(value, "DATEVALUE").date()


@function("timestamp")
def _timestamp(value: Any) -> int:
    """Milliseconds since 1970."""
    return round(read(value, "timestamp").timestamp() * 1000)


@function("fromTimestamp")
def _from_timestamp(value: Any) -> Any:
    when = moment(number(value, "fromTimestamp()"))
    return None if when is None else local(when)


def _part_of(name: str) -> Callable[[Any], int]:
    return lambda value: int(getattr(read(value, name), name))


for _name in ("year", "month", "day", "hour", "minute", "second"):
    function(_name)(_part_of(_name))


@function("quarter")
def _quarter(value: Any) -> int:
    return (read(value, "quarter").month + 2) // 3


@function("weekday")
def _weekday(value: Any, kind: Any = 1) -> int:
    """1 is Sunday; of kind 2, 1 is Monday; of kind 3, 0 is Monday."""
    day = read(value, "weekday").isoweekday()
    return {1: day % 7 + 1, 2: day, 3: day - 1}.get(whole(kind, "weekday()"), day % 7 + 1)


@function("isoWeek", "ISOWEEKNUM")
def _iso_week(value: Any) -> int:
    return read(value, "isoWeek").isocalendar().week


@function("WEEKNUM")
def _week_number(value: Any) -> int:
    """Weeks begin on Sunday, and the first one holds January 1st."""
    when = read(value, "WEEKNUM")
    sundays_first = (date(when.year, 1, 1).weekday() + 1) % 7
    return (when.timetuple().tm_yday - 1 + sundays_first) // 7 + 1


@function("dayOfYear")
def _day_of_year(value: Any) -> int:
    return read(value, "dayOfYear").timetuple().tm_yday


@function("daysInMonth")
def _days_in_month(value: Any) -> int:
    when = read(value, "daysInMonth")
    return calendar.monthrange(when.year, when.month)[1]


@function("isLeapYear")
def _is_leap_year(value: Any) -> bool:
    return calendar.isleap(whole(value, "isLeapYear()") if type(value) is int else read(value, "isLeapYear").year)


@function("dateAdd")
def _date_add(value: Any, amount: Any, unit: Any) -> Any:
    name = unit_of(unit)
    found = add(read(value, "dateAdd"), amount, name)
    return like(found, value) if name in _MONTHS or name in ("day", "week") else found


@function("dateSubtract")
def _date_subtract(value: Any, amount: Any, unit: Any) -> Any:
    return _date_add(value, -number(amount, "dateSubtract()"), unit)


def _adder(unit: str) -> Callable[[Any, Any], Any]:
    return lambda value, amount: _date_add(value, amount, unit)


for _name in ("Seconds", "Minutes", "Hours", "Days", "Weeks", "Months", "Quarters", "Years"):
    function(f"add{_name}")(_adder(_name))


@function("EDATE")
def _edate(value: Any, months: Any) -> date:
    return add(read(value, "EDATE"), months, "month").date()


@function("EOMONTH")
def _end_of_month(value: Any, months: Any = 0) -> date:
    when = add(read(value, "EOMONTH"), months, "month")
    return when.replace(day=calendar.monthrange(when.year, when.month)[1]).date()


@function("startOf")
def _start_of(value: Any, unit: Any) -> Any:
    return like(start_of(read(value, "startOf"), unit_of(unit)), value)


@function("endOf")
def _end_of(value: Any, unit: Any) -> Any:
    name = unit_of(unit)
    after = add(start_of(read(value, "endOf"), name), 1, name)
    return like(after - timedelta(milliseconds=1), value)


def _months_between(start: datetime, end: datetime) -> int:
    """Whole months, rounded towards 0."""
    if end < start:
        return -_months_between(end, start)
    months = (end.year - start.year) * 12 + end.month - start.month
    return months if (end.day, end.time()) >= (start.day, start.time()) else months - 1


@function("dateDiff")
def date_diff(start: Any, end: Any, unit: Any = "day") -> int:
    """Whole units from start to end."""
    first, last, name = read(start, "dateDiff"), read(end, "dateDiff"), unit_of(unit)
    if name in _MONTHS:
        return int(_months_between(first, last) / _MONTHS[name])
    if name in ("day", "week"):
        # By the calendar, so that a day of 23 hours is one.
        seconds = (last.replace(tzinfo=None) - first.replace(tzinfo=None)).total_seconds()
    else:
        seconds = (last - first).total_seconds()
    return int(seconds / _SECONDS[name])


@function("DATEDIF")
def _datedif(start: Any, end: Any, unit: Any) -> int:
    """Excel's units: Y, M, D, and MD, YM, YD that leave out what is larger."""
    first, last, name = read(start, "DATEDIF"), read(end, "DATEDIF"), to_text(unit).upper()
    if last < first:
        raise ExpressionError(_("DATEDIF() needs the earlier date first."))
    months = _months_between(first, last)
    if name == "MD":
        return (last.date() - _add_months(first, months).date()).days
    if name == "YD":
        return (last.date() - _add_months(first, months // 12 * 12).date()).days
    found = {"Y": months // 12, "M": months, "YM": months % 12, "D": (last.date() - first.date()).days}
    if name not in found:
        raise ExpressionError(_("DATEDIF() knows the units Y, M, D, MD, YM and YD."))
    return found[name]


@function("DAYS")
def _days(end: Any, start: Any) -> int:
    return (read(end, "DAYS").date() - read(start, "DAYS").date()).days


@function("isBefore")
def _is_before(a: Any, b: Any) -> bool:
    return read(a, "isBefore") < read(b, "isBefore")


@function("isAfter")
def _is_after(a: Any, b: Any) -> bool:
    return read(a, "isAfter") > read(b, "isAfter")


@function("NETWORKDAYS")
def _network_days(start: Any, end: Any, holidays: Any = None) -> int:
    """Days from Monday to Friday, both ends counted."""
    first, last = read(start, "NETWORKDAYS").date(), read(end, "NETWORKDAYS").date()
    if last < first:
        return -_network_days(end, start, holidays)
    free = {read(day, "NETWORKDAYS").date() for day in items(holidays, "NETWORKDAYS")}
    weeks, rest = divmod((last - first).days + 1, 7)
    count = weeks * 5 + sum((first.weekday() + day) % 7 < 5 for day in range(rest))
    return count - sum(first <= day <= last and day.weekday() < 5 for day in free)


@function("WORKDAY")
def _workday(meter: Meter, start: Any, days: Any, holidays: Any = None) -> date:
    """The day so many working days later (or earlier)."""
    day, left = read(start, "WORKDAY").date(), whole(days, "WORKDAY()")
    free = {read(item, "WORKDAY").date() for item in items(holidays, "WORKDAY")}
    forward = timedelta(days=1 if left > 0 else -1)
    meter.charge(min(abs(left), 10_000_000) * 2)
    left = abs(left)
    try:
        while left:
            day += forward
            left -= day.weekday() < 5 and day not in free
    except OverflowError:
        raise ExpressionError(_("The date would lie outside the years 1 to 9999.")) from None
    return day


__all__ = ["add", "date_diff", "is_day", "start_of", "unit_of"]
