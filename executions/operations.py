"""What people and programs do to runs: one function each, in one transaction under the run's lock.

Every one raises `NotFound` for an id that is none, `Refused` (naming the present status) where it does not fit, and
`Busy` where a
worker holds the run for longer than two seconds.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError
from django.utils.translation import gettext as _

from executions import wakeup
from executions.models import Execution, Job
from executions.processor import Processor
from executions.reruns import continue_from, new_attempt
from executions.run import CarriedClock, Run
from executions.statuses import ExecutionStatus, Parked, Reason
from executions.store import claims, journal, purge, session
from workflows.errors import Busy, Invalid, NotFound, Refused, SluiceError
from workflows.graph import load_graph
from workflows.instructions.base import Outcome, Wait
from workflows.statuses import JobStatus

logger = logging.getLogger("sluice.operations")

#: Runs deleted by one transaction.
DELETE_CHUNK = 200


@dataclass
class Deletion:
    """What a bulk delete did: how many runs went, and why the others did not."""

    deleted: int = 0
    refused: dict[int, str] = field(default_factory=dict)


def status_name(status: int | None) -> str:
    """The name people and messages use for a run's status."""
    return str(_("Queued")) if status is None else str(ExecutionStatus(status).label)


@contextmanager
def _held(execution_id: int, *, tell: bool = True) -> Iterator[tuple[Run, CarriedClock]]:
    """The run under its lock; what was done to it is written and its queue woken."""
    db = session.connection()
    try:
        with session.bounded_session(), session.people():
            claimed = claims.lock_one(_checked_id(execution_id))
            if not claimed.runs or claimed.clock is None:
                raise NotFound(_("There is no execution %s.") % execution_id, field="id")
            run, clock = claimed.runs[0], claimed.clock
            try:
                run.graph = load_graph(run.workflow_id)
            except SluiceError:
                logger.info("Execution %s has no graph any more.", run.id)
            claims.load_jobs([run])
            yield run, clock
            if run.changed:
                journal.write([run], clock.now())
                if tell:
                    wakeup.wake_on_commit(db, run.queue)
    except DatabaseError as error:
        if session.transient(error):
            raise Busy(_("A worker holds execution %s just now; try again in a moment.") % execution_id) from error
        raise


def _checked_id(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**63:
        raise NotFound(_("There is no execution %s.") % value, field="id")
    return value


def _refuse_ended(run: Run, what: str) -> None:
    if run.ended:
        raise Refused(
            _("Execution %(id)s has ended (%(status)s) and can't be %(what)s.")
            % {"id": run.id, "status": status_name(run.status), "what": what}
        )


def _refuse_in_call(run: Run, what: str) -> None:
    """A sync run is its caller's until it ends or first waits; who writes it before takes its results away."""
    if run.agenda and run.agenda[0][0] == "caller":
        raise Refused(
            _("Execution %(id)s is running inside the call that started it and can't be %(what)s; cancel it instead.")
            % {"id": run.id, "what": what}
        )


def _read(execution_id: int) -> Execution:
    return Execution.objects.using(session.alias()).get(pk=execution_id)


def cancel(execution_id: int, *, by: Any = None) -> Execution:
    """Ends a queued, running or waiting run as ABORTED, reason manual_cancel, and with it what it waits for."""
    with _held(execution_id) as (run, clock):
        _refuse_ended(run, _("canceled"))
        run.end(JobStatus.ABORTED, clock.now(), reason=Reason.CANCELED)
    return _read(execution_id)


def pause(execution_id: int, *, by: Any = None) -> Execution:
    """Stops a run between two steps until it is resumed; its time-out goes on counting."""
    with _held(execution_id) as (run, clock):
        _refuse_ended(run, _("paused"))
        if run.paused_at is not None:
            raise Refused(_("Execution %s is paused already.") % execution_id)
        _refuse_in_call(run, _("paused"))
        run.paused_at = clock.now()
        # One that only waits for its lane joins it again when it is resumed.
        run.parked = None if run.parked == Parked.LANE else run.parked
        run.changed = True
        _tell_lane(run)
    return _read(execution_id)


def _tell_lane(run: Run) -> None:
    """A queued run that is paused lets the next of its lane pass."""
    if run.lane is None or run.status is not None:
        return
    waiting = Execution.objects.using(session.alias()).filter(lane=run.lane, parked=Parked.LANE, ended_at=None)
    # They look for themselves whether they may go, and park again if not.
    from django.db.models import F
    from django.db.models.functions import Now

    waiting.exclude(pk=run.id).update(parked=None, due_at=Now(), turn=F("turn") + 1, updated_at=Now())


def resume(execution_id: int, *, by: Any = None) -> Execution:
    """Lets a paused run go on; steps that came due meanwhile are due now."""
    with _held(execution_id) as (run, clock):
        _refuse_ended(run, _("resumed"))
        if run.paused_at is None:
            raise Refused(
                _("Execution %(id)s is not paused (%(status)s).") % {"id": run.id, "status": status_name(run.status)}
            )
        run.paused_at = None
        run.changed = True
        for job in (run.known[number] for number in run.pending):
            if job.wait == Wait.PERFORMER and job.due_at is None:
                job.due_at = clock.now()
                job.changed = True
    return _read(execution_id)


def complete_job(job_id: int, *, result: Any = None, status: int = JobStatus.RESOLVED, by: Any = None) -> Job:
    """Completes a job that waits (for a timer, a person, a call or another run) with this result; the run goes on."""
    return _finish_job(job_id, result, status)


def fail_job(job_id: int, *, result: Any = None, status: int = JobStatus.FAILED, by: Any = None) -> Job:
    """Fails a job that waits, with this result; the run goes on as after any failure, without further attempts."""
    if status >= 0:
        raise Invalid(_("A failure's status is negative."), field="status")
    return _finish_job(job_id, result, status)


def _finish_job(job_id: int, result: Any, status: int) -> Job:
    if status not in JobStatus.values or status == JobStatus.PENDING:
        raise Invalid(_("%s is no status that a job can end with.") % status, field="status")
    row = Job.objects.using(session.alias()).filter(pk=_checked_id(job_id)).only("execution_id", "number").first()
    if row is None or row.execution_id is None:
        raise NotFound(_("There is no job %s.") % job_id, field="id")
    with _held(row.execution_id) as (run, clock):
        _refuse_ended(run, _("changed"))
        job = run.job(row.number)
        if not job.pending:
            label = JobStatus(job.status).label
            raise Refused(_("Job %(id)s has ended already (%(status)s).") % {"id": job_id, "status": label})
        if job.wait == Wait.BRANCH:
            raise Refused(_("Job %s waits for its branch; complete the job inside it.") % job_id)
        processor = Processor(run, clock, savepoint=session.savepoint, transient=session.transient)
        processor.complete(job, Outcome(status=status, result=result), again=False)
    return Job.objects.using(session.alias()).get(pk=job_id)


def rerun(execution_id: int, *, node_id: int | None = None, by: Any = None) -> Execution:
    """Runs again from the head or from a node that has a job: a started run itself goes on from there, of an ended
    one a new run.

    Raises `Invalid` (field "node_id") for a node that has no job or whose loop or parallel is decided.
    """
    from executions.dispatcher import copy_of

    source = Execution.objects.using(session.alias()).filter(pk=_checked_id(execution_id)).first()
    if source is None:
        raise NotFound(_("There is no execution %s.") % execution_id, field="id")
    if source.ended_at is not None:
        return new_attempt(source, node_id, copy_of, by)
    with _held(execution_id) as (run, clock):
        _refuse_ended(run, _("continued"))
        if run.status is None:
            raise Refused(_("Execution %s is still queued; it has nothing to run again.") % execution_id)
        _refuse_in_call(run, _("continued"))
        continue_from(run, clock, node_id)
    return _read(execution_id)


def delete(execution_ids: Sequence[int], *, by: Any = None) -> Deletion:
    """Deletes ended and queued runs with all that hangs on them; running ones are refused, the rest still goes."""
    outcome = Deletion()
    ids = [_checked_id(each) for each in execution_ids]
    for begin in range(0, len(ids), DELETE_CHUNK):
        _delete_chunk(ids[begin : begin + DELETE_CHUNK], outcome)
    return outcome


def _delete_chunk(ids: Sequence[int], outcome: Deletion) -> None:
    with session.bounded_session(), session.people():
        rows = Execution.objects.using(session.alias()).filter(pk__in=ids)
        found = {row.pk: row for row in rows.only("id", "status")}
        features = session.connection().features
        free = rows.exclude(status=ExecutionStatus.STARTED)
        if features.has_select_for_update:
            free = free.select_for_update(skip_locked=True, no_key=features.has_select_for_no_key_update)
        columns = ("id", "status", "ended_at", "agenda", "lane", "parent_execution_id", "parent_job")
        going = [row for row in free.only(*columns) if row.status != ExecutionStatus.STARTED]
        telling = [row.pk for row in going if _is_waited_for(row)]
        outcome.deleted += purge.delete_runs([row.pk for row in going if row.pk not in telling])
    for execution_id in telling:
        _delete_when_told(execution_id, outcome)
    gone = {row.pk for row in going}
    for execution_id in ids:
        if execution_id in gone:
            continue
        if execution_id not in found:
            outcome.refused[execution_id] = _("There is no such execution.")
        elif found[execution_id].status == ExecutionStatus.STARTED:
            outcome.refused[execution_id] = _("It is running or waiting; cancel it first.")
        else:
            outcome.refused[execution_id] = _("A worker holds it just now; try again in a moment.")


def _is_waited_for(row: Execution) -> bool:
    """Whether others would wait for ever for a run that just vanished."""
    if row.ended_at is not None:
        return bool(row.agenda)
    return row.lane is not None or (row.parent_execution_id is not None and row.parent_job is not None)


def _delete_when_told(execution_id: int, outcome: Deletion) -> None:
    """Ends the run if it is still queued; its row goes when it has told its relatives, in a moment."""
    try:
        with _held(execution_id) as (run, clock):
            if run.status == ExecutionStatus.STARTED:
                outcome.refused[execution_id] = _("It is running or waiting; cancel it first.")
                return
            if not run.ended:
                run.end(JobStatus.ABORTED, clock.now(), reason=Reason.CANCELED)
            if ["delete"] not in run.agenda:
                run.agenda.append(["delete"])
            run.solo = run.changed = True
        outcome.deleted += 1
    except NotFound:
        outcome.deleted += 1
    except Busy as error:
        outcome.refused[execution_id] = str(error)
