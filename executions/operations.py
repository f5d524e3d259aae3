"""What people and programs do to runs: one function each, in one transaction under the run's lock.

Every one raises `NotFound` for an id that is none, `Refused` (naming the present status) where it does not fit, and
`Busy` where a worker holds the run for longer than two seconds. Each leaves an entry in the history, with its `reason`
(`Invalid`, field "reason", for one that can't be kept).
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import DatabaseError, transaction
from django.utils.translation import gettext as _

from executions import lanes, masking, wakeup
from executions.graphs import graph_of
from executions.models import Execution, Job
from executions.naming import subject_of, subject_of_run
from executions.processor import Processor
from executions.recording import Texts, too_large
from executions.reruns import continue_from, failed_node, new_attempt
from executions.run import Run
from executions.runclock import CarriedClock
from executions.statuses import ExecutionStatus, Parked, Reason
from executions.store import claims, journal, purge, session
from workflows import history
from workflows.actions import Action
from workflows.errors import Busy, Invalid, NotFound, Refused, SluiceError
from workflows.graph import load_graph
from workflows.instructions.base import Outcome, Wait
from workflows.jsonable import jsonable
from workflows.statuses import JobStatus
from workflows.triggers.approval import ApprovalTrigger

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
def held(execution_id: int, *, tell: bool = True) -> Iterator[tuple[Run, CarriedClock]]:
    """The run under its lock; what was done to it is written and its queue woken. For operations only.

    Raises `NotFound`, and `Busy` after two seconds.
    """
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


def _record(
    action: Action, run: Run, clock: CarriedClock, by: Any, reason: str | None, changes: Mapping[str, Any]
) -> None:
    """By the clock that the run's own rows are written with: its log tells both in their order."""
    history.record(action, subject_of_run(run.id), by=by, reason=reason, changes=changes, at=clock.now())


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


def refuse_without_graph(run: Run) -> None:
    if run.graph is None:
        raise Refused(
            _("The workflow of execution %s was deleted or can't be read here, so it can't go on; cancel it.") % run.id
        )


def _read(execution_id: int) -> Execution:
    return Execution.objects.using(session.alias()).get(pk=execution_id)


def _code(status: int | None) -> str:
    """A status as the history keeps it, whatever the reader's language."""
    return "queued" if status is None else ExecutionStatus(status).name.lower()


def cancel(execution_id: int, *, by: Any = None, reason: str | None = None) -> Execution:
    """Ends a queued, running or waiting run as ABORTED, reason manual_cancel, and with it what it waits for."""
    with held(execution_id) as (run, clock):
        _refuse_ended(run, _("canceled"))
        changes = {"status": [_code(run.status), _code(ExecutionStatus.ABORTED)]}
        run.end(JobStatus.ABORTED, clock.now(), reason=Reason.CANCELED)
        _record(Action.EXECUTION_CANCEL, run, clock, by, reason, changes)
    return _read(execution_id)


def pause(execution_id: int, *, by: Any = None, reason: str | None = None) -> Execution:
    """Stops a run between two steps until it is resumed; its time-out goes on counting."""
    with held(execution_id) as (run, clock):
        _refuse_ended(run, _("paused"))
        if run.paused_at is not None:
            raise Refused(_("Execution %s is paused already.") % execution_id)
        _refuse_in_call(run, _("paused"))
        run.paused_at = clock.now()
        # One that only waits for its lane, or for a moment, joins again when it is resumed.
        run.parked = None if run.parked in (Parked.LANE, Parked.DEFERRED) else run.parked
        run.changed = True
        if run.lane is not None and run.status is None:
            lanes.pass_over(run)
        changes = {"paused": [False, True]}
        _record(Action.EXECUTION_PAUSE, run, clock, by, reason, changes)
    return _read(execution_id)


def resume(execution_id: int, *, by: Any = None, reason: str | None = None) -> Execution:
    """Lets a paused run go on; steps that came due meanwhile are due now."""
    with held(execution_id) as (run, clock):
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
        changes = {"paused": [True, False]}
        _record(Action.EXECUTION_RESUME, run, clock, by, reason, changes)
    return _read(execution_id)


def complete_job(
    job_id: int, *, result: Any = None, status: int = JobStatus.RESOLVED, by: Any = None, reason: str | None = None
) -> Job:
    """Completes a job that waits (for a timer, a person, a call or another run) with this result; the run goes on."""
    return _finish_job(Action.JOB_COMPLETE, job_id, result, status, by, reason)


def fail_job(
    job_id: int, *, result: Any = None, status: int = JobStatus.FAILED, by: Any = None, reason: str | None = None
) -> Job:
    """Fails a job that waits, with this result; the run goes on as after any failure, without further attempts."""
    if status >= 0:
        raise Invalid(_("A failure's status is negative."), field="status")
    return _finish_job(Action.JOB_FAIL, job_id, result, status, by, reason)


def _finish_job(action: Action, job_id: int, result: Any, status: int, by: Any, reason: str | None) -> Job:
    if status not in JobStatus.values or status == JobStatus.PENDING:
        raise Invalid(_("%s is no status that a job can end with.") % status, field="status")
    result = jsonable(result)
    size = Texts().excess(result)
    if size is not None:
        raise Invalid(too_large(size), field="result")
    row = Job.objects.using(session.alias()).filter(pk=_checked_id(job_id)).only("execution_id", "number").first()
    if row is None or row.execution_id is None:
        raise NotFound(_("There is no job %s.") % job_id, field="id")
    with held(row.execution_id) as (run, clock):
        _refuse_ended(run, _("changed"))
        job = run.job(row.number)
        if not job.pending:
            label = JobStatus(job.status).label
            raise Refused(_("Job %(id)s has ended already (%(status)s).") % {"id": job_id, "status": label})
        if job.wait == Wait.BRANCH:
            raise Refused(_("Job %s waits for its branch; complete the job inside it.") % job_id)
        refuse_without_graph(run)
        processor = Processor(run, clock, savepoint=session.savepoint, transient=session.transient)
        processor.complete(job, Outcome(status=status, result=result), again=False)
        of_run = subject_of_run(run.id)
        subject = replace(of_run, kind="job", id=job_id, title=f"{of_run.title}: {job.node_key}", node_key=job.node_key)
        pending, done = JobStatus.PENDING.name.lower(), JobStatus(status).name.lower()
        kept = masking.kept(run.id, run.env.masked(result), result_of=job.node_key)
        changes = {"status": [pending, done], **history.changed({}, {"result": kept})}
        history.record(action, subject, by=by, reason=reason, changes=changes, at=clock.now())
    return Job.objects.using(session.alias()).get(pk=job_id)


def rerun(
    execution_id: int,
    *,
    node_id: int | None = None,
    failed: bool = False,
    overwrite: bool = False,
    by: Any = None,
    reason: str | None = None,
) -> Execution:
    """Runs again from the head, from a node that has a job or, `failed`, from the node whose failure ended the run: a
    started run itself goes on from there, of an ended one a new run. With `overwrite` the node's job in a started run
    begins a further attempt, and no job is added for it.

    Raises `Invalid` (field "node_id") for a node that has no job, whose loop or parallel is decided or whose
    transaction was kept, and (field "failed") where no node's failure ended the run. A node inside a transaction that
    was taken back means all of that.
    """
    from executions.dispatcher import copy_of

    source = Execution.objects.using(session.alias()).filter(pk=_checked_id(execution_id)).first()
    if source is None:
        raise NotFound(_("There is no execution %s.") % execution_id, field="id")
    if failed:
        node_id = _failed_node_id(source, node_id)
    changes = {} if node_id is None else {"node_id": [None, node_id]}
    if source.ended_at is not None:
        with transaction.atomic(using=session.alias()):
            again = new_attempt(source, node_id, copy_of, by)
            changes["execution"] = [source.pk, again.pk]
            history.record(Action.EXECUTION_RERUN, subject_of_run(source.pk), by=by, reason=reason, changes=changes)
        return again
    with held(execution_id) as (run, clock):
        _refuse_ended(run, _("continued"))
        if run.status is None:
            raise Refused(nothing_to_rerun(execution_id))
        _refuse_in_call(run, _("continued"))
        refuse_without_graph(run)
        continue_from(run, clock, node_id, overwrite=overwrite)
        _record(Action.EXECUTION_RERUN, run, clock, by, reason, changes)
    return _read(execution_id)


def _failed_node_id(source: Execution, node_id: int | None) -> int:
    if node_id is not None:
        raise Invalid(_("Name a node or ask for the failed one, not both."), field="failed")
    node = failed_node(source, graph_of(source))
    if node is None:
        raise Invalid(
            _("No node's failure ended execution %s; name the node, or run it from the start.") % source.pk,
            field="failed",
        )
    return node.id


def nothing_to_rerun(execution_id: int) -> str:
    return _("Execution %s is still queued; it has nothing to run again.") % execution_id


def delete(execution_ids: Sequence[int], *, by: Any = None, reason: str | None = None) -> Deletion:
    """Deletes ended and queued runs with all that hangs on them; running ones are refused, the rest still goes.

    The history of a deleted run stays.
    """
    history.checked_reason(reason)
    outcome = Deletion()
    ids = [_checked_id(each) for each in execution_ids]
    for begin in range(0, len(ids), DELETE_CHUNK):
        _delete_chunk(ids[begin : begin + DELETE_CHUNK], outcome, by, reason)
    return outcome


def _delete_chunk(ids: Sequence[int], outcome: Deletion, by: Any, reason: str | None) -> None:
    with session.bounded_session(), session.people():
        rows = Execution.objects.using(session.alias()).filter(pk__in=ids)
        found = {row.pk: row for row in rows.only("id", "status")}
        free = session.unheld(rows.exclude(status=ExecutionStatus.STARTED))
        columns = (
            "id", "title", "key", "type", "status", "ended_at", "agenda", "lane", "parent_execution_id", "parent_job",
        )  # fmt: skip
        going = [row for row in free.only(*columns) if row.status != ExecutionStatus.STARTED]
        telling = [row.pk for row in going if _is_waited_for(row)]
        outcome.deleted += purge.delete_runs([row.pk for row in going if row.pk not in telling])
        _record_deleted([row for row in going if row.pk not in telling], by, reason)
    for execution_id in telling:
        _delete_when_told(execution_id, outcome, by, reason)
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


def _record_deleted(rows: Sequence[Execution], by: Any, reason: str | None) -> None:
    with history.gathering() as entries:
        for row in sorted(rows, key=lambda each: each.pk):
            changes = {"status": [_code(row.status), None]}
            history.record(Action.EXECUTION_DELETE, subject_of(row), by=by, reason=reason, changes=changes)
    history.add(entries)


def _is_waited_for(row: Execution) -> bool:
    """Whether others would wait for ever for a run that just vanished."""
    if row.ended_at is not None:
        return bool(row.agenda)
    if row.type == ApprovalTrigger.type:
        # It is somebody's application, which is told.
        return True
    return row.lane is not None or (row.parent_execution_id is not None and row.parent_job is not None)


def _delete_when_told(execution_id: int, outcome: Deletion, by: Any, reason: str | None) -> None:
    """Ends the run if it is still queued; its row goes when it has told its relatives, in a moment."""
    try:
        with held(execution_id) as (run, clock):
            if run.status == ExecutionStatus.STARTED:
                outcome.refused[execution_id] = _("It is running or waiting; cancel it first.")
                return
            changes = {"status": [_code(run.status), None]}
            _record(Action.EXECUTION_DELETE, run, clock, by, reason, changes)
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
