"""`$system`: what templates know of the world outside the run (spec 6.3)."""

import os
import secrets
import socket
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta, tzinfo
from functools import partial
from threading import Lock
from typing import Any

from django.utils import timezone

from workflows import timing

#: Seconds; the moment our ascending ids count from.
EPOCH = 1_605_024_000
_MACHINES = 64


class Lazy(Mapping[str, Any]):
    """A mapping whose values are made when they are asked for."""

    __slots__ = ("_makers",)

    def __init__(self, makers: Mapping[str, Callable[[], Any]]) -> None:
        self._makers = makers

    def __getitem__(self, key: str) -> Any:
        return self._makers[key]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def system_scope(*, now: datetime | None = None, tz: tzinfo | None = None) -> Mapping[str, Any]:
    """`now`, `instanceId`, `epoch`, `genSnowflakeId` and `dateRange.*`, each made when asked for.

    `now` stops the clock, and `tz` is where days begin; otherwise the run's clock (outside a run, the host's) and
    Django's current time zone.
    """

    def present() -> datetime:
        return now if now is not None else timing.now()

    def ranges() -> Mapping[str, Any]:
        return date_ranges(present().astimezone(tz or timezone.get_current_timezone()))

    return Lazy(
        {
            "now": present,
            "instanceId": instance_id,
            "epoch": lambda: EPOCH,
            "genSnowflakeId": new_snowflake,
            "dateRange": ranges,
        }
    )


def instance_id() -> int:
    """A number from 0 to 63 that this process keeps; it follows a fork."""
    return zlib.crc32(f"{socket.gethostname()}:{os.getpid()}".encode()) % _MACHINES


class _Snowflakes:
    """Ascending ids below 2^53: 31 bits of seconds, 6 of the process, 16 that count within the second."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = 0

    def __call__(self) -> int:
        # Counting from somewhere at random keeps apart two processes that share a number.
        start = (int(time.time()) - EPOCH) << 16 | secrets.randbelow(1 << 15)
        with self._lock:
            self._last = max(start, self._last + 1) if self._last >> 16 < start >> 16 else self._last + 1
            count = self._last
        return count >> 16 << 22 | instance_id() << 16 | count & 0xFFFF


new_snowflake = _Snowflakes()


def date_ranges(now: datetime) -> Mapping[str, Any]:
    """The 21 period tokens of spec 6.3 as date filters read them, e.g. "2024-05-06+00:00" or "2024Q2+00:00"."""
    offset = now.strftime("%z")
    offset = f"{offset[:3]}:{offset[3:5]}"
    today = now.date()
    makers: dict[str, Callable[[], Any]] = {}
    for name, token in (("Week", _week), ("Month", _month), ("Quarter", _quarter), ("Year", _year)):
        for prefix, shift in (("last", -1), ("this", 0), ("next", 1)):
            makers[prefix + name] = partial(_period, token, today, shift, offset)
    for name, shift in (("yesterday", -1), ("today", 0), ("tomorrow", 1)):
        makers[name] = partial(_period, _day, today, shift, offset)
    for days in (7, 30, 90):
        makers[f"last{days}Days"] = partial(_days, today, 1 - days, 1, offset)
        makers[f"next{days}Days"] = partial(_days, today, 1, days + 1, offset)
    return Lazy(makers)


def _period(token: Callable[[date, int], str], today: date, shift: int, offset: str) -> str:
    return token(today, shift) + offset


def _days(today: date, first: int, end: int, offset: str) -> list[str]:
    """From the first day to the end, which is not part of it."""
    return [_day(today, first), _day(today, end), "[)", offset]


def _day(today: date, shift: int) -> str:
    return (today + timedelta(days=shift)).isoformat()


def _week(today: date, shift: int) -> str:
    """Sunday weeks, as the small "w" says; the first one holds January 1st."""
    sunday = today - timedelta(days=(today.weekday() + 1) % 7) + timedelta(weeks=shift)
    year = (sunday + timedelta(days=6)).year
    first = date(year, 1, 1)
    first -= timedelta(days=(first.weekday() + 1) % 7)
    return f"{year}w{(sunday - first).days // 7 + 1:02d}"


def _month(today: date, shift: int) -> str:
    year, month = divmod(today.year * 12 + today.month - 1 + shift, 12)
    return f"{year}-{month + 1:02d}"


def _quarter(today: date, shift: int) -> str:
    year, quarter = divmod(today.year * 4 + (today.month - 1) // 3 + shift, 4)
    return f"{year}Q{quarter + 1}"


def _year(today: date, shift: int) -> str:
    return str(today.year + shift)
