"""What an ended run has to tell: its parent, its children, its lane; one of them a transaction (engine.md,
"Relatives").
"""

from django.utils.translation import gettext as _

from executions import lanes
from executions.models import Execution
from executions.processor import Processor
from executions.run import CarriedClock, Run
from executions.statuses import Parked, Reason
from executions.store import claims, journal, purge, session
from workflows.graph import load_graph
from workflows.instructions.base import Outcome
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
    if not _TELLERS[move[1]](run, clock):
        journal.postpone(run, clock.now(), AGAIN_SECONDS)
        return
    run.agenda.popleft()
    run.changed = True
    journal.write([run], clock.now())


def _tell_parent(run: Run, clock: CarriedClock) -> bool:
    assert run.parent_execution_id is not None
    assert run.parent_job is not None
    claimed = claims.claim_one(run.parent_execution_id)
    if not claimed.runs:
        return not Execution.objects.using(session.alias()).filter(pk=run.parent_execution_id).exists()
    parent = claimed.runs[0]
    if parent.ended:
        return True
    parent.graph = load_graph(parent.workflow_id)
    claims.load_jobs([parent])
    try:
        job = parent.job(run.parent_job)
    except KeyError:
        return True
    if not job.pending:
        return True
    processor = Processor(parent, clock, savepoint=session.savepoint, transient=session.transient)
    processor.complete(job, _outcome(run))
    journal.write([parent], clock.now())
    return True


def _outcome(run: Run) -> Outcome:
    """What the parent's job becomes: the child's output, or its failure."""
    output, error = Execution.objects.using(session.alias()).filter(pk=run.id).values_list("output", "error").get()
    assert run.status is not None
    if run.status == JobStatus.RESOLVED:
        return Outcome(result=output)
    message = error or run.reason or _("The called workflow failed.")
    return Outcome(status=run.status, result={"message": message, "executionId": run.id, "output": output})


def _tell_children(run: Run, clock: CarriedClock) -> bool:
    children = Execution.objects.using(session.alias()).filter(parent_execution_id=run.id, ended_at=None)
    child_id = children.order_by("id").values_list("id", flat=True).first()
    if child_id is None:
        return True
    claimed = claims.claim_one(child_id)
    if claimed.runs and not claimed.runs[0].ended:
        child = claimed.runs[0]
        child.graph = load_graph(child.workflow_id)
        claims.load_jobs([child])
        child.end(JobStatus.ABORTED, clock.now(), reason=Reason.PARENT)
        journal.write([child], clock.now())
    # One a transaction: the next one, if there is one, has its turn right after.
    return False


def _tell_lane(run: Run, clock: CarriedClock) -> bool:
    assert run.lane is not None
    next_id = lanes.members(run.lane).filter(paused_at=None).values_list("id", flat=True).first()
    if next_id is None:
        return True
    claimed = claims.claim_one(next_id)
    if not claimed.runs:
        return False
    following = claimed.runs[0]
    if following.parked == Parked.LANE:
        following.parked = None
        journal.write([following], clock.now())
    return True


_TELLERS = {"parent": _tell_parent, "children": _tell_children, "lane": _tell_lane}
