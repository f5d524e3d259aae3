"""Clocks that tick as a worker's main process does, but without the guard that lets one of them work: clocks side by
side race at every tick."""

import time
from contextlib import suppress
from datetime import datetime, timedelta
from queue import Empty, Queue

from django.utils import timezone

from executions import clock, wakeup
from executions.bootstep import Ticker
from executions.drain import drain
from executions.schedules import firing
from tests.faults.victim import die_at


def ticks(seconds: float, *, skew: float = 0) -> None:
    """`skew`: this host's own clock, as Django reads it, jumps so many seconds back and forth, at every look."""
    if skew:
        _skew(skew)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        clock.tick()
        time.sleep(0.05)


def dies(side: str) -> None:
    """Kills itself (SIGKILL) right before or right after the first commit; the tick itself reads outside of one."""
    die_at(side, 1)
    firing.SECONDS = 60.0
    ticks(30)


def _skew(seconds: float) -> None:
    plain, looks = timezone.now, [0]

    def now() -> datetime:
        looks[0] += 1
        return plain() + timedelta(seconds=seconds if looks[0] % 2 else -seconds)

    timezone.now = now


def works(seconds: float, *, skew: float = 0) -> None:
    """A worker: the timer of its main process, and a slot that drains whenever that wakes it; no broker in between."""
    woken: Queue[str] = Queue()
    wakeup._publish = lambda task, queue, *, to: woken.put(queue)  # type: ignore[assignment]
    if skew:
        _skew(skew)
    Ticker().start()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(Empty):
            drain(woken.get(timeout=0.1))
