"""A schedule under its lock: which of its times shall fire now, and that they fire once and within its limit."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from executions.dispatcher import begin_new
from executions.models import Schedule
from workflows.jsonable import iso
from workflows.triggers.base import Event, Listener
from workflows.triggers.schedule import Plan
from workflows.triggers.schedule_times import Course

#: Fires of one transaction.
BATCH = 200
#: A time is missed if nothing was at work when it came, and it came longer ago than this.
GRACE = timedelta(seconds=10)


class Pulse:
    """Since when this process looks at schedules, second by second, without a break or a jump of the clock."""

    def __init__(self) -> None:
        self._since = self._last = _monotonic()
        self._offset: float | None = None

    def beat(self) -> None:
        now = _monotonic()
        if now - self._last > GRACE.total_seconds():
            self._since = now
        self._last = now

    def missed_before(self, now: datetime) -> datetime:
        """Times up to this one came while nothing was at work."""
        known, self._offset = self._offset, now.timestamp() - _monotonic()
        if known is not None and abs(self._offset - known) > GRACE.total_seconds():
            # The database's clock was set: what it passed over was not waited for.
            self._since = _monotonic()
        return now - max(GRACE, timedelta(seconds=_monotonic() - self._since))


def _monotonic() -> float:
    """Goes on while a machine sleeps, where the system has such a clock."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


pulse = Pulse()


@dataclass
class Taken:
    """A schedule under its lock: what fires goes through here, so that its limit holds."""

    row: Schedule
    plan: Plan
    listener: Listener
    now: datetime
    missed_before: datetime
    fired: int = field(default=0)

    @property
    def left(self) -> int:
        """How many fires its limit leaves."""
        limit = self.plan.config.limit
        return BATCH * BATCH if limit is None else max(0, limit - self.row.fired)

    def due(self, course: Course, after: datetime) -> Iterator[datetime]:
        """The times of a course that shall fire now: those missed by the workflow's policy, then the others."""
        border = min(max(after, self.missed_before), self.now)
        missed: Iterator[datetime] = iter(())
        if self.plan.config.missed == "fire_all":
            missed = course.between(after, border)
        elif self.plan.config.missed == "fire_once":
            missed = iter(filter(None, [course.last(after, border)]))
        return chain(missed, course.between(border, self.now))

    def fire(self, wanted: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Writes the runs of events, (event key, context), that have none, as far as the limit goes."""
        rest = [Event(self.listener, context, event_key=key) for key, context in dict(wanted).items()]
        while rest and self.left:
            # Those that were known leave room for as many others.
            some, rest = rest[: self.left], rest[self.left :]
            begun = begin_new(some)
            self.row.fired += begun
            self.fired += begun


def event_key(key: str, moment: datetime, row: str | None = None) -> str:
    """What tells one fire from any other."""
    return ":".join(filter(None, ("schedule", key, iso(moment), row)))
