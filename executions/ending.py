"""Ending another run from inside a segment, under its own lock."""

from contextlib import suppress

from executions import wakeup
from executions.run import Run
from executions.runclock import CarriedClock
from executions.statuses import Reason
from executions.store import claims, journal, session
from workflows.errors import SluiceError
from workflows.graph import load_graph
from workflows.statuses import JobStatus


def abort(execution_id: int, clock: CarriedClock, reason: Reason, *, by: Run) -> bool:
    """Ends it ABORTED unless it has ended; False where somebody holds its row: nobody waits for a second one."""
    claimed = claims.claim_one(execution_id)
    if not claimed.runs:
        return False
    [other] = claimed.runs
    if not other.ended:
        claims.load_jobs([other])
        with suppress(SluiceError):
            other.graph = load_graph(other.workflow_id)
        other.end(JobStatus.ABORTED, clock.now(), reason=reason)
        write(other, clock, by)
    return True


def write(other: Run, clock: CarriedClock, by: Run) -> None:
    journal.write([other], clock.now())
    if other.queue != by.queue:
        # The workers of this run's queue are at work; those of another may be asleep.
        wakeup.wake_on_commit(session.connection(), other.queue)
