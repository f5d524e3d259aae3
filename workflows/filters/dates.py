"""The operands of date operators: periods, instants, pairs and relative ranges -> half-open ranges (spec http 2.2)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Any

from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _

from workflows import timing
from workflows.errors import Invalid

_OFFSET = r"(?P<offset>[+-]\d\d:?\d\d)?"
_YEAR = re.compile(rf"(?P<year>\d{{4}}){_OFFSET}$")
_QUARTER = re.compile(rf"(?P<year>\d{{4}})[Qq](?P<quarter>[1-4]){_OFFSET}$")
_WEEK = re.compile(rf"(?P<year>\d{{4}})(?P<kind>[Ww])(?P<week>\d\d){_OFFSET}$")
_MOMENT = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)(?:-(?P<day>\d\d)(?:[ T](?P<hour>\d\d)(?::(?P<minute>\d\d)"
    rf"(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{{1,6}}))?)?)?)?)?{_OFFSET}$"
)
_PAIR = re.compile(r"(?P<open>[\[(])(?P<start>[^,]*),(?P<end>[^,]*)(?P<close>[\])])\s*(?P<offset>[+-]\d\d:?\d\d)?$")
_MOST_UNITS = 100_000


@dataclass(frozen=True, slots=True)
class Range:
    """`start <= x < end`; an instant has no length: `start == end`. Naive where the column has no zone."""

    start: datetime
    end: datetime

    @property
    def instant(self) -> bool:
        return self.start == self.end


def parse_range(raw: Any, *, zone: tzinfo | None, path: str, now: datetime | None = None) -> Range:
    """The range an operand means. `zone` None ignores zones: the column has none.

    Raises `Invalid` naming `path` for what can't be read.
    """
    try:
        return _Reader(zone, now or timing.now()).read(raw)
    except (ValueError, OverflowError, TypeError, KeyError) as error:
        raise Invalid(
            _("%(value)r is no date, period or range; write 2024, 2024Q1, 2024-01-02, an instant or a pair of these.")
            % {"value": raw if not isinstance(raw, str) else raw[:80]},
            field=path,
        ) from error


def local(moment: datetime, zone: tzinfo | None) -> datetime:
    """The moment as a column in this zone compares it: aware, or naive where the column has no zone."""
    if zone is None:
        return moment.replace(tzinfo=None)
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment


class _Reader:
    def __init__(self, zone: tzinfo | None, now: datetime) -> None:
        self.zone = zone
        self.now = now

    def read(self, raw: Any) -> Range:
        if isinstance(raw, Mapping):
            return self.relative(raw)
        if isinstance(raw, list | tuple):
            return self.pair(raw)
        if isinstance(raw, str) and raw[:1] in "[(" and raw:
            found = _PAIR.match(raw.strip())
            if found is None:
                raise ValueError(raw)
            return self.pair([found["start"], found["end"], found["open"] + found["close"], found["offset"]])
        return self.single(raw)

    def single(self, raw: Any) -> Range:
        if isinstance(raw, datetime):
            moment = local(raw, self.zone)
            return Range(moment, moment)
        if isinstance(raw, date):
            return self.span(datetime.combine(raw, time()), None, _days(1))
        text = str(raw).strip() if isinstance(raw, str | int) and not isinstance(raw, bool) else ""
        if text.endswith(("Z", "z")):
            moment = local(datetime.fromisoformat(text.upper()), self.zone)
            return Range(moment, moment)
        for pattern, read in ((_YEAR, _year), (_QUARTER, _quarter), (_WEEK, _week), (_MOMENT, _moment)):
            found = pattern.match(text)
            if found is not None:
                start, step = read(found)
                return self.span(start, found["offset"], step)
        raise ValueError(raw)

    def pair(self, raw: Any) -> Range:
        """[start, end], and optionally the brackets and the offset of both."""
        brackets = (raw[2] if len(raw) > 2 else "") or "[]"
        zone = _zone(raw[3]) if len(raw) > 3 and raw[3] else None
        if zone is not None and self.zone is not None:
            return _Reader(zone, self.now).pair([*raw[:2], brackets])
        if len(raw) < 2:
            raise ValueError(raw)
        first, second = self.single(raw[0]), self.single(raw[1])
        start = first.end if brackets[0] == "(" else first.start
        end = second.start if brackets[-1] == ")" else second.end
        # An empty range is not an instant.
        return Range(start, end) if start < end else Range(start, start - timedelta(microseconds=1))

    def relative(self, raw: Mapping[str, Any]) -> Range:
        kind = str(raw["type"])
        if kind in ("past", "next"):
            unit, number = str(raw["unit"]), int(raw["number"])
            if not 0 < number <= _MOST_UNITS:
                raise ValueError(number)
            begin, step = _UNITS[unit]
            present = begin(self.today())
            first, last = (-number, 0) if kind == "past" else (1, number + 1)
            return Range(self.place(step(present, first), None), self.place(step(present, last), None))
        shift, unit = _RELATIVE[kind]
        begin, step = _UNITS[unit]
        start = step(begin(self.today()), shift)
        return self.span(start, None, step)

    def today(self) -> datetime:
        here = self.now.astimezone(self.zone or get_current_timezone())
        return datetime(here.year, here.month, here.day)

    def span(self, start: datetime, offset: str | None, step: "Step") -> Range:
        return Range(self.place(start, offset), self.place(step(start, 1), offset))

    def place(self, moment: datetime, offset: str | None) -> datetime:
        zone = self.zone
        if zone is not None and offset:
            zone = _zone(offset)
        return local(moment, zone)


#: (moment, n) -> the moment n units later.
Step = Callable[[datetime, int], datetime]


def _zone(offset: str) -> tzinfo:
    found = re.fullmatch(r"([+-])(\d\d):?(\d\d)", offset)
    if found is None:
        raise ValueError(offset)
    shift = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-shift if found[1] == "-" else shift)


def _days(length: int) -> Step:
    return lambda moment, n: moment + timedelta(days=length * n)


def _months(length: int) -> Step:
    def step(moment: datetime, n: int) -> datetime:
        months = moment.year * 12 + moment.month - 1 + length * n
        return moment.replace(year=months // 12, month=months % 12 + 1)

    return step


def _of(**length: float) -> Step:
    return lambda moment, n: moment + timedelta(**length) * n


def _year(found: re.Match[str]) -> tuple[datetime, Step]:
    return datetime(int(found["year"]), 1, 1), _months(12)


def _quarter(found: re.Match[str]) -> tuple[datetime, Step]:
    return datetime(int(found["year"]), int(found["quarter"]) * 3 - 2, 1), _months(3)


def _week(found: re.Match[str]) -> tuple[datetime, Step]:
    year, week = int(found["year"]), int(found["week"])
    if found["kind"] == "W":
        return datetime.combine(date.fromisocalendar(year, week, 1), time()), _days(7)
    if not 1 <= week <= 53:
        raise ValueError(week)
    first = datetime(year, 1, 1)
    # Weeks that begin on Sunday; the first is the one that holds January 1.
    return first - timedelta(days=first.isoweekday() % 7) + timedelta(weeks=week - 1), _days(7)


def _moment(found: re.Match[str]) -> tuple[datetime, Step]:
    parts = [int(found[name]) for name in ("year", "month", "day", "hour", "minute", "second") if found[name]]
    if len(parts) == 2:
        return datetime(parts[0], parts[1], 1), _months(1)
    steps: tuple[Step, ...] = (_days(1), _of(hours=1), _of(minutes=1), _of(seconds=1))
    start, step = datetime(*parts), steps[len(parts) - 3]  # type: ignore[arg-type]
    if found["fraction"]:
        digits = found["fraction"]
        start = start.replace(microsecond=int(digits.ljust(6, "0")))
        step = _of(milliseconds=1) if len(digits) <= 3 else _of(microseconds=1)
    return start, step


_UNITS: dict[str, tuple[Callable[[datetime], datetime], Step]] = {
    "day": (lambda day: day, _days(1)),
    "week": (lambda day: day - timedelta(days=day.weekday()), _days(7)),
    "month": (lambda day: day.replace(day=1), _months(1)),
    "quarter": (lambda day: day.replace(day=1, month=(day.month - 1) // 3 * 3 + 1), _months(3)),
    "year": (lambda day: day.replace(day=1, month=1), _months(12)),
}

_RELATIVE = {
    "today": (0, "day"),
    "yesterday": (-1, "day"),
    "tomorrow": (1, "day"),
    **{
        f"{word}{unit.capitalize()}": (shift, unit)
        for word, shift in (("this", 0), ("last", -1), ("next", 1))
        for unit in ("week", "month", "quarter", "year")
    },
}
