"""Waiting for a run's end: looked for in ever longer strides, with no transaction and no connection held between."""

import time

from executions.models import Execution
from executions.store import session

#: Seconds between two looks, at first and at last.
FIRST, LAST = 0.05, 1.0
_GROWS = 1.5


def wait_for_end(execution_id: int, seconds: float) -> bool:
    """Whether a run that had not ended has, or is gone, within so many seconds."""
    until, pause = time.monotonic() + seconds, FIRST
    while True:
        left, db = until - time.monotonic(), session.connection()
        if left <= 0:
            return False
        if not db.in_atomic_block and pause >= LAST / 2:
            # Who waits for long leaves the connection to others; the next look makes one.
            db.close()
        time.sleep(min(pause, left))
        pause = min(pause * _GROWS, LAST)
        rows = Execution.objects.using(session.alias()).filter(pk=execution_id)
        ended = rows.values_list("ended_at", flat=True).first()
        if ended is not None or not rows.exists():
            return True


def wait_for_begun(execution_id: int, seconds: float) -> bool:
    """The same of a run that this call began: in a transaction of the host's nobody else sees it, so nobody ends it."""
    return not session.connection().in_atomic_block and wait_for_end(execution_id, seconds)
