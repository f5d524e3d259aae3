"""What time it is, and where days begin: for a run the clock and the zone it is worked on with, else the host's.

Two hosts disagree about the time; a run that moves between them must not. Its clock is the database's, carried on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, tzinfo
from typing import Protocol

from django.utils import timezone


class Clock(Protocol):
    def now(self) -> datetime: ...


#: The clock in force and the zone that was activated with it.
_kept: ContextVar[tuple[Clock, tzinfo] | None] = ContextVar("sluice_timing", default=None)


def now() -> datetime:
    """The present time, aware."""
    kept = _kept.get()
    return timezone.now() if kept is None else kept[0].now()


def today() -> date:
    """The present day in Django's current time zone."""
    return now().astimezone(timezone.get_current_timezone()).date()


def kept(clock: Clock, zone: tzinfo) -> bool:
    """Whether this clock and zone are in force already: asked first where `keeping` would cost more than the work."""
    mine = _kept.get()
    return mine is not None and mine[0] is clock and mine[1] is zone


@contextmanager
def keeping(clock: Clock, zone: tzinfo) -> Iterator[None]:
    """Inside, this clock tells the time and `zone` is Django's current one; before and after, whatever was."""
    token = _kept.set((clock, zone))
    try:
        with timezone.override(zone):
            yield
    finally:
        _kept.reset(token)
