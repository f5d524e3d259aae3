"""When a schedule fires: pure reckoning with times, to the second (spec 4.2). Nothing here looks at a clock.

Clocks that change: a pattern of set times of day (any that leaves out some hour) fires for a local time that is skipped
at the first instant after the gap, and for one that comes twice at its first coming only. A pattern of every hour goes
by elapsed time, as cron's does: it is never silent for an hour, and fires in both hours that bear one name.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from cronsim import CronSim, CronSimError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows.errors import Invalid

SECOND = timedelta(seconds=1)
#: Nobody means a longer one.
LONGEST_PATTERN = 200
_REASONS = {
    "second": gettext_lazy("the second"),
    "minute": gettext_lazy("the minute"),
    "hour": gettext_lazy("the hour"),
    "day-of-month": gettext_lazy("the day of the month"),
    "month": gettext_lazy("the month"),
    "day-of-week": gettext_lazy("the day of the week"),
}


class Cron:
    """A pattern of five fields (minute, hour, day of month, month, day of week) or of six, seconds first."""

    def __init__(self, pattern: str, zone: tzinfo) -> None:
        """Raises `Invalid` for what is no pattern, and for one that no date fits."""
        self.pattern = pattern.replace("?", "*")
        self.zone = zone
        try:
            if len(pattern) > LONGEST_PATTERN:
                raise CronSimError("too long")
            probe = CronSim(self.pattern, datetime(2000, 1, 1))
        except (CronSimError, ValueError) as error:
            raise Invalid(
                _(
                    '"%(pattern)s" is no cron pattern; look at %(reason)s. Write minute, hour, day of month, month and'
                    ' day of week, with seconds before them if need be, as in "0 9 * * MON-FRI".'
                )
                % {"pattern": pattern[:LONGEST_PATTERN], "reason": _reason(error)}
            ) from None
        #: What its fields say, for who puts them in words.
        self.parsed = probe
        #: Whether it goes by elapsed time.
        self.hourly = len(probe.hours) == 24
        if next(probe, None) is None:
            raise Invalid(
                _('The cron pattern "%s" never fires; choose a day that its months have.') % pattern[:LONGEST_PATTERN]
            )

    def after(self, moment: datetime) -> datetime | None:
        """The first time it fires after this one; None where there is none within fifty years."""
        try:
            return self._elapsed(moment) if self.hourly else self._at_set_times(moment)
        except (OverflowError, ValueError):
            # The calendar's end.
            return None

    def _at_set_times(self, moment: datetime) -> datetime | None:
        for wall in self._walls(_wall(moment, self.zone)):
            instant = first_instant(wall, self.zone)
            # Not so in the second of two hours that bear one name: its times have come once already.
            if instant > moment:
                return instant
        return None

    def _elapsed(self, moment: datetime) -> datetime | None:
        """Between two changes of the clocks local time is elapsed time, so each such stretch is looked at by itself."""
        known, included = moment, False
        while True:
            offset = _offset(known, self.zone)
            wall = _wall(known, self.zone)
            found = next(self._walls(wall - SECOND if included else wall), None)
            if found is None:
                return None
            instant = (found - offset).replace(tzinfo=UTC)
            if _offset(instant, self.zone) == offset:
                return instant
            known, included = _change(known, instant, self.zone), True

    def _walls(self, wall: datetime) -> Iterator[datetime]:
        return iter(CronSim(self.pattern, wall))


def _reason(error: Exception) -> Any:
    """What cronsim finds wrong, by the field it names."""
    return _REASONS.get(str(error).removeprefix("Bad "), gettext_lazy("how many fields there are"))


def first_instant(wall: datetime, zone: tzinfo) -> datetime:
    """The moment of a local time: the first of two, or the first after the gap for one that the clocks skip."""
    early, late = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (1, 0))
    if early < late:
        # In a gap `fold` names the offset after it, which is the earlier moment; both lie around the change.
        return _change(early, late, zone)
    return late


def _change(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The first instant, to the second, of another offset than that of `before`."""
    offset = _offset(before, zone)
    while after - before > SECOND:
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0) if middle.replace(microsecond=0) > before else middle
        before, after = (middle, after) if _offset(middle, zone) == offset else (before, middle)
    return after.replace(microsecond=0)


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def _wall(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, microsecond=0, fold=0)


@dataclass(frozen=True)
class Course:
    """All times at which one thing fires: first at its start, then by its repeat, up to its end, which is included."""

    #: Aware, in UTC, to the second; as is `end`.
    start: datetime
    repeat: Cron | timedelta | None = None
    end: datetime | None = None

    def after(self, moment: datetime) -> datetime | None:
        """The first time after this one; None where nothing follows."""
        found = self.start if moment < self.start else self._repeated(moment)
        return None if found is None or (self.end is not None and found > self.end) else found

    def between(self, after: datetime, upto: datetime) -> Iterator[datetime]:
        """The times after the one up to the other, in order."""
        found = self.after(after)
        while found is not None and found <= upto:
            yield found
            found = self.after(found)

    def last(self, after: datetime, upto: datetime) -> datetime | None:
        """The last of them, without walking through all where there are many."""
        found, step = None, timedelta(minutes=1)
        # Backwards in ever longer strides: what is missed may be a week of seconds.
        reach = upto
        while found is None and reach > after:
            reach = max(upto - step, after)
            step *= 4
            found = next(iter(deque(self.between(reach, upto), maxlen=1)), None)
        return found

    def _repeated(self, moment: datetime) -> datetime | None:
        if self.repeat is None:
            return None
        if isinstance(self.repeat, Cron):
            return self.repeat.after(moment)
        try:
            return self.start + ((moment - self.start) // self.repeat + 1) * self.repeat
        except OverflowError:
            return None


def to_second(moment: datetime) -> datetime:
    """In UTC, what is less than a second left off."""
    return moment.astimezone(UTC).replace(microsecond=0)
