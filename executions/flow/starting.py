"""Whether a queued run may start: asked by its claim, under its lock, before anything of it runs."""

from executions import lanes
from executions.flow.covering import Holds
from executions.run import Run
from executions.runclock import CarriedClock
from executions.statuses import Parked, Reason
from executions.store import journal, places
from workflows.statuses import JobStatus

_BY_PEOPLE = (Parked.HOLD, Parked.DISABLED)


def kept_back(run: Run, clock: CarriedClock, holds: Holds | None) -> bool:
    """Whether a hold parks it now; the caller writes it, with others."""
    if holds is None or run.parked in _BY_PEOPLE or _expired(run, clock) or (why := holds.why(run)) is None:
        return False
    run.parked = why
    if run.lane is not None:
        # Who is kept back is passed over, as who is paused.
        lanes.pass_over(run)
    return True


def may_start(run: Run, clock: CarriedClock) -> bool:
    """If not, it was parked, put off or ended, in this transaction."""
    if run.parked in _BY_PEOPLE or _expired(run, clock):
        # Left as it is, but for its time-out, which ends it whatever it waits for.
        return True
    # Its moment has come, if there was one.
    run.parked = None
    if run.graph.options.debounce is not None and places.newer_event(run.id):
        run.end(JobStatus.ABORTED, clock.now(), reason=Reason.DEBOUNCED)
        journal.write([run], clock.now())
        return False
    return run.lane is None or lanes.may_go(run, clock)


def _expired(run: Run, clock: CarriedClock) -> bool:
    return run.expires_at is not None and clock.now() >= run.expires_at
