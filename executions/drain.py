"""A drain: claims what is due on one queue for a while, then wakes the next one if more is due."""

import time
from datetime import datetime

from executions import wakeup
from executions.segments import run_batch, run_solo
from executions.store import claims, session
from workflows.conf import conf

#: Seconds a drain works on one class before it looks again whose head is older.
LOOK_AGAIN_SECONDS = 0.2


def drain(queue: str, *, seconds: float | None = None) -> int:
    """Runs what is due, for at most `seconds` (DRAIN_SECONDS); answers how many claims' runs it worked on."""
    until = time.monotonic() + (conf().DRAIN_SECONDS if seconds is None else seconds)
    worked = 0
    wakeup.clear_mark(queue)
    with session.bounded_session():
        since: dict[bool, datetime | None] = {}
        while heads := claims.heads(queue):
            # The class whose head is older goes first; within a drain it starts from where it last was.
            solo = min(heads, key=lambda each: heads[each])
            worked += _work(queue, solo, since, until)
            if time.monotonic() >= until:
                wakeup.send(queue, whatever_the_mark=True)
                break
    if claims.something_performable(queue):
        wakeup.send_perform(queue)
    return worked


def _work(queue: str, solo: bool, since: dict[bool, datetime | None], until: float) -> int:
    """Works on one class until it is empty or it is time to look at the other one."""
    again = min(until, time.monotonic() + LOOK_AGAIN_SECONDS)
    worked = 0
    step = run_solo if solo else run_batch
    while True:
        done = step(queue, since=since.get(solo))
        worked += done.claimed
        if done.last_due is not None:
            since[solo] = done.last_due
        if not done.claimed:
            # Rows committed late carry an older time: the next claim of this class looks from the very start.
            since.pop(solo, None)
            return worked
        if time.monotonic() >= again:
            return worked


def drain_all(queue: str | None = None, *, seconds: float = 30.0) -> int:
    """Drains and performs until nothing is due; for tests, commands and `executions.testing`."""
    from executions.performers import perform

    name = queue or conf().QUEUE
    until = time.monotonic() + seconds
    total = 0
    while time.monotonic() < until:
        worked = drain(name) + perform(name)
        if not worked and not claims.heads(name):
            return total
        total += worked
    raise TimeoutError(f"Queue {name} was not drained within {seconds} s.")
