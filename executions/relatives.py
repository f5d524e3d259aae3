"""What an ended run has to tell (parent, children, lane), one a transaction; engine.md, "Relatives"."""

from contextlib import suppress
from enum import Enum
from typing import Any

from django.utils.translation import gettext as _

from executions import ending, lanes
from executions.models import Execution
from executions.processor import Processor
from executions.run import Run
from executions.runclock import CarriedClock
from executions.runjob import RunJob
from executions.statuses import ExecutionStatus, Reason
from executions.store import claims, journal, purge, session
from workflows.errors import SluiceError
from workflows.graph import load_graph
from workflows.instructions.base import Outcome, Wait
from workflows.statuses import JobStatus

#: How soon a relative is tried again whose row somebody else holds.
AGAIN_SECONDS = 0.1


def tell(run: Run, clock: CarriedClock) -> None:
    """Does the first move of an ended run; nobody waits for a second run's row while holding one."""
    if not run.agenda:
        journal.write([run], clock.now())
        return
    move = run.agenda[0]
    if move[0] == "delete":
        purge.delete_runs([run.id])
        return
    told = _TELLERS[move[1]](run, clock)
    if told is Told.BUSY:
        journal.postpone(run, clock.now(), AGAIN_SECONDS)
        return
    if told is Told.ALL:
        run.agenda.popleft()
    run.changed = True
    journal.write([run], clock.now())


class Told(Enum):
    """How a call of a teller went."""

    ALL = "all of them"
    ONE = "one, and there may be more"
    BUSY = "somebody holds the relative's row"


def _tell_parent(run: Run, clock: CarriedClock) -> Told:
    assert run.parent_execution_id is not None
    assert run.parent_job is not None
    claimed = claims.claim_one(run.parent_execution_id)
    if not claimed.runs:
        held = Execution.objects.using(session.alias()).filter(pk=run.parent_execution_id).exists()
        return Told.BUSY if held else Told.ALL
    parent = claimed.runs[0]
    if parent.ended:
        return Told.ALL
    if parent.agenda and parent.agenda[0][0] == "caller":
        # A sync run whose call goes on: its job is written when that first waits or ends.
        return Told.BUSY
    claims.load_jobs([parent])
    job = parent.known.get(run.parent_job)
    if job is None or job.wait != Wait.OUTSIDE or not _is_latest_child(run, job):
        return Told.ALL
    try:
        parent.graph = load_graph(parent.workflow_id)
    except SluiceError as error:
        parent.end(JobStatus.ERROR, clock.now(), error=str(error))
    else:
        processor = Processor(parent, clock, savepoint=session.savepoint, transient=session.transient)
        processor.complete(job, _outcome(run))
    ending.write(parent, clock, run)
    return Told.ALL


def give_up_parent(run: Run, clock: CarriedClock, error: str) -> bool:
    """Ends a parent in ERROR that could not be written when told of this child; False where somebody holds it."""
    claimed = claims.claim_one(run.parent_execution_id or 0)
    for parent in claimed.runs:
        if not parent.ended:
            claims.load_jobs([parent])
            with suppress(SluiceError):
                parent.graph = load_graph(parent.workflow_id)
            text = parent.env.masked(error)
            parent.end(JobStatus.ERROR, clock.now(), reason=Reason.WRITE_FAILED, error=text)
            ending.write(parent, clock, run)
    return bool(claimed.runs)


def _is_latest_child(run: Run, job: RunJob) -> bool:
    """Whether the job waits for this child, and not for the one that a later attempt started."""
    if job.attempt == 1:
        return True
    children = Execution.objects.using(session.alias()).filter(parent_execution_id=run.parent_execution_id)
    return not children.filter(parent_job=job.number, id__gt=run.id).exists()


def _outcome(run: Run) -> Outcome:
    """What the parent's job becomes: the child's output, or its failure."""
    output, error = Execution.objects.using(session.alias()).filter(pk=run.id).values_list("output", "error").get()
    assert run.status is not None
    if run.status == JobStatus.RESOLVED:
        return Outcome(result=output)
    return failure_of(run.id, run.status, run.reason, error, output)


def failure_of(child_id: int, status: int, reason: str | None, error: str | None, output: Any) -> Outcome:
    """What a job becomes whose child failed; a child that had no time left is its job's own time-out."""
    why = error or (Reason(reason).label if reason else ExecutionStatus(status).label)
    message = _("Execution %(id)s, which this step called, failed: %(why)s") % {"id": child_id, "why": why}
    result = {"message": message, "executionId": child_id, "output": output}
    return Outcome(status=status, result=result, timed_out=reason == Reason.TIMEOUT)


def _tell_children(run: Run, clock: CarriedClock) -> Told:
    children = Execution.objects.using(session.alias()).filter(parent_execution_id=run.id, ended_at=None)
    child_id = children.order_by("id").values_list("id", flat=True).first()
    if child_id is None:
        return Told.ALL
    return Told.ONE if ending.abort(child_id, clock, Reason.PARENT, by=run) else Told.BUSY


def _tell_lane(run: Run, clock: CarriedClock) -> Told:
    return Told.ALL if lanes.tell(run) else Told.BUSY


_TELLERS = {"parent": _tell_parent, "children": _tell_children, "lane": _tell_lane}
