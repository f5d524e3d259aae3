"""Years of 360 days, times of day, weekends of one's own."""

import calendar
from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError
from workflows.expressions.functions.common import flat, whole
from workflows.expressions.functions.registry import Meter, function
from workflows.expressions.functions.zones import read
from workflows.expressions.text import to_text
from workflows.expressions.values import truthy

_DAY = 86_400


def _days_360(first: date, last: date, european: bool) -> int:
    start, end = first.day, last.day
    if european:
        start, end = min(start, 30), min(end, 30)
    else:
        if _ends_february(first):
            start = 30
            if _ends_february(last):
                end = 30
        start = min(start, 30)
        if end == 31 and start == 30:
            end = 30
    return (last.year - first.year) * 360 + (last.month - first.month) * 30 + end - start


def _ends_february(day: date) -> bool:
    return day.month == 2 and day.day == calendar.monthrange(day.year, 2)[1]


@function("DAYS360")
def _days_of_banks(start: Any, end: Any, european: Any = False) -> int:
    """Days in a year of twelve months of 30 days."""
    first, last = read(start, "DAYS360").date(), read(end, "DAYS360").date()
    begin, finish = first.day, last.day
    if truthy(european):
        return _days_360(first, last, True)
    if begin == 31 or _ends_february(first):
        begin = 30
    if finish == 31 and begin == 30:
        finish = 30
    months = (last.year - first.year) * 12 + last.month - first.month
    return months * 30 + (31 if finish == 31 else finish) - begin


@function("YEARFRAC")
def _year_fraction(start: Any, end: Any, basis: Any = 0) -> float:
    """0: months of 30 days, 1: actual, 2: actual of 360, 3: actual of 365, 4: months of 30 days, European."""
    first, last = sorted((read(start, "YEARFRAC").date(), read(end, "YEARFRAC").date()))
    kind, days = whole(basis, "YEARFRAC()"), (last - first).days
    if kind in (0, 4):
        return _days_360(first, last, kind == 4) / 360
    if kind in (2, 3):
        return days / (360 if kind == 2 else 365)
    if kind != 1:
        raise ExpressionError(_("YEARFRAC() has the bases 0 to 4."))
    return days / _average_year(first, last)


def _average_year(first: date, last: date) -> float:
    if (last.year - first.year, last.month, last.day) <= (1, first.month, first.day) or first.year == last.year:
        leap = any(
            calendar.isleap(year) and first <= date(year, 2, 29) <= last for year in range(first.year, last.year + 1)
        )
        return 366 if leap or (first.year == last.year and calendar.isleap(first.year)) else 365
    years = last.year - first.year + 1
    return (date(last.year, 12, 31) - date(first.year, 1, 1)).days / years + 1 / years


@function("TIME")
def _time(hour: Any, minute: Any, second: Any) -> float:
    """A time of day as a share of the day."""
    seconds = whole(hour, "TIME()") * 3600 + whole(minute, "TIME()") * 60 + whole(second, "TIME()")
    if seconds < 0:
        raise ExpressionError(_("TIME() needs a time from 0:00 on."))
    return seconds % _DAY / _DAY


@function("TIMEVALUE")
def _time_value(value: Any) -> float:
    """The time of day in a date or text, as a share of the day."""
    text = to_text(value).strip()
    when = read(f"2000-01-01T{text.rjust(5, '0')}" if ":" in text[:3] else value, "TIMEVALUE")
    return (when.hour * 3600 + when.minute * 60 + when.second) / _DAY


def _weekend(value: Any) -> frozenset[int]:
    """Days off, Monday as 0: of a number as in spreadsheets, or of seven marks "0000011"."""
    if isinstance(value, str):
        if len(value) != 7 or not set(value) <= {"0", "1"} or value == "1111111":
            raise ExpressionError(_('A weekend is a number, or seven marks from Monday on: "0000011".'))
        return frozenset(day for day, mark in enumerate(value) if mark == "1")
    kind = 1 if value is None else whole(value, "WORKDAY.INTL()")
    if 1 <= kind <= 7:
        return frozenset({(kind + 4) % 7, (kind + 5) % 7})
    if 11 <= kind <= 17:
        return frozenset({(kind - 12) % 7})
    raise ExpressionError(_('A weekend is a number, or seven marks from Monday on: "0000011".'))


@function("NETWORKDAYS.INTL", "NETWORKDAYSINTL")
def _working_days(start: Any, end: Any, weekend: Any = None, holidays: Any = None) -> int:
    first, last = read(start, "NETWORKDAYS.INTL").date(), read(end, "NETWORKDAYS.INTL").date()
    if last < first:
        return -_working_days(end, start, weekend, holidays)
    off = _weekend(weekend)
    weeks, rest = divmod((last - first).days + 1, 7)
    count = weeks * (7 - len(off)) + sum((first.weekday() + day) % 7 not in off for day in range(rest))
    free = {read(day, "NETWORKDAYS.INTL").date() for day in flat([holidays]) if day is not None}
    return count - sum(first <= day <= last and day.weekday() not in off for day in free)


@function("WORKDAY.INTL", "WORKDAYINTL")
def _working_day(meter: Meter, start: Any, days: Any, weekend: Any = None, holidays: Any = None) -> date:
    day, count = read(start, "WORKDAY.INTL").date(), whole(days, "WORKDAY.INTL()")
    off = _weekend(weekend)
    free = {read(item, "WORKDAY.INTL").date() for item in flat([holidays]) if item is not None}
    forward = timedelta(days=1 if count > 0 else -1)
    meter.charge(min(abs(count), 10_000_000) * 2)
    try:
        for _step in range(abs(count)):
            day += forward
            while day.weekday() in off or day in free:
                day += forward
    except OverflowError:
        raise ExpressionError(_("The date would lie outside the years 1 to 9999.")) from None
    return day
