"""A drain: claims what is due on one queue for a while, then wakes the next one if more is due."""

import time
from datetime import datetime

from executions import wakeup
from executions.segments import run_batch, run_solo
from executions.store import claims, holdings, session
from workflows.conf import conf

#: Seconds a drain works on one class before it looks again whose head is older.
LOOK_AGAIN_SECONDS = 0.2
#: A note of so few runs may stand after their commit: it accuses nobody, as they have moved on, and is soon read.
SMALL_NOTE = 10


def drain(queue: str, *, seconds: float | None = None) -> int:
    """Runs what is due, for at most `seconds` (DRAIN_SECONDS); answers how many claimed runs it worked on."""
    until = time.monotonic() + (conf().DRAIN_SECONDS if seconds is None else seconds)
    work = _Work(queue)
    marked = True
    with session.bounded_session():
        while True:
            heads = claims.heads(queue)
            # The class whose head is older goes first. What is due may all be held by others: then this drain is over.
            worked = any(work.on(solo, until) for solo in sorted(heads, key=lambda each: heads[each]))
            if not worked and not marked:
                break
            if marked:
                # Cleared before the last look, not before the first: who came by in between finds the mark and sends
                # nothing, but is seen by that look.
                wakeup.clear_mark(queue)
                marked = False
            if time.monotonic() >= until:
                wakeup.send(queue, whatever_the_mark=True)
                break
    if work.most_at_once > SMALL_NOTE:
        holdings.clear()
    return work.done


class _Work:
    """One drain's work: where it last was in each class, and how much it has done."""

    def __init__(self, queue: str) -> None:
        self.queue = queue
        self.done = 0
        self.most_at_once = 0
        self._since: dict[bool, datetime | None] = {}
        self._asked_for_help = False

    def on(self, solo: bool, until: float) -> int:
        """Works on one class until it is empty or it is time to look at the other one; answers how many runs."""
        again = min(until, time.monotonic() + LOOK_AGAIN_SECONDS)
        before, claims_made = self.done, 0
        step = run_solo if solo else run_batch
        while True:
            worked = step(self.queue, since=self._since.get(solo))
            self.done += worked.claimed
            self.most_at_once = max(self.most_at_once, worked.claimed)
            if worked.last_due is not None:
                self._since[solo] = worked.last_due
            if not worked.claimed:
                # Rows committed late carry an older time: the last claim of a class looks from the very start.
                if self._since.pop(solo, None) is None:
                    break
                continue
            claims_made += 1
            if not self._asked_for_help and (claims_made > 1 or worked.claimed >= conf().BATCH):
                # There is more than one claim's worth: another slot may help.
                self._asked_for_help = True
                wakeup.send(self.queue, whatever_the_mark=True)
            if time.monotonic() >= again or (not solo and worked.claimed < conf().BATCH):
                break
        return self.done - before


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
