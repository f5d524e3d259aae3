"""The time a run is worked on with."""

from datetime import datetime, timedelta
from time import monotonic
from typing import Protocol


class Clock(Protocol):
    """The database's time, carried on without asking it again."""

    def now(self) -> datetime: ...

    def elapsed(self) -> float:
        """Seconds since the clock was read."""
        ...


class CarriedClock:
    """The time a claim read, carried on by the worker's monotonic clock: a jump of the host's clock moves nothing."""

    __slots__ = ("_read", "_since")

    def __init__(self, read: datetime) -> None:
        self._read = read
        self._since = monotonic()

    def now(self) -> datetime:
        # By position, which takes half as long: every step asks.
        return self._read + timedelta(0, monotonic() - self._since)

    def elapsed(self) -> float:
        return monotonic() - self._since
