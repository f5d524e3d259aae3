"""Answers to tasks: under the run's lock, by the person who was asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from executions import masking
from executions.inbox.reading import refuse_others
from executions.models import Task, TaskQuerySet
from executions.naming import subject_of_run
from executions.operations import held, refuse_without_graph, status_name
from executions.processor import Processor
from executions.run import Run
from executions.runclock import CarriedClock
from executions.runjob import RunJob
from executions.statuses import ExecutionStatus, Reason
from executions.store import session
from workflows import history
from workflows.actions import Action
from workflows.errors import NotFound, Refused
from workflows.graph import GraphNode
from workflows.instructions.base import Outcome, Step
from workflows.jsonable import jsonable
from workflows.statuses import JobStatus


@dataclass(slots=True)
class Answering:
    """A task whose answer is being taken: the run is locked, all of this is written in one transaction."""

    task: Task
    run: Run
    job: RunJob
    node: GraphNode
    clock: CarriedClock
    by: Any

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def step(self) -> Step:
        """What the node's templates see now."""
        return self._processor.step(self.job)

    @property
    def _processor(self) -> Processor:
        return Processor(self.run, self.clock, savepoint=session.savepoint, transient=session.transient)

    def siblings(self) -> TaskQuerySet:
        """All tasks of the job, this one too; of other rounds as well."""
        return Task.objects.using(session.alias()).filter(execution=self.run.id, job=self.job.number)

    def save(self, **columns: Any) -> None:
        """Changes these columns of the task; what is no longer pending is decided now."""
        columns["updated_at"] = now = self.now
        if columns.get("status", self.task.status) != JobStatus.PENDING:
            columns["decided_at"] = now
        for name, value in columns.items():
            setattr(self.task, name, value)
        # No others: its person may mark it read meanwhile.
        Task.objects.using(session.alias()).filter(pk=self.task.pk).update(**columns)

    def show(self, result: Any) -> None:
        """The pending job's result, as far as it has one."""
        self.job.result = self.run.env.masked(jsonable(result))
        self.job.changed = self.run.changed = True

    def complete(self, outcome: Outcome) -> None:
        """Ends the job; the run goes on, and what else is pending of the job's tasks is closed."""
        self._processor.complete(self.job, outcome, again=False)

    def record(self, action: Action, reason: str | None, changes: Mapping[str, Any]) -> None:
        """By the clock that the run's own rows are written with: its log tells both in their order."""
        title = f"{masking.kept(self.run.id, self.task.title) or self.node.key} #{self.task.pk}"
        of_run = subject_of_run(self.run.id)
        subject = replace(of_run, kind="task", id=self.task.pk, title=title, node_key=self.node.key)
        history.record(action, subject, by=self.by, reason=reason, changes=changes, at=self.now)

    def told(self) -> dict[str, Any]:
        """The answer as the history keeps it."""
        return history.changed({}, {"result": masking.kept(self.run.id, self.task.result, result_of=self.node.key)})


def answer(task_id: Any, by: Any, act: Callable[[Answering], None], *, types: tuple[str, ...]) -> Task:
    """Calls `act` with a pending task of a started run, its lock held, and commits what it did.

    Raises `NotFound`, `Forbidden` for somebody else's task, `Refused` where task, job or run have ended (a run whose
    time is over is ended by it), and `Busy` where a worker holds the run for longer than two seconds.
    """
    row = find(task_id, types)
    refuse_others(row, by)
    assert row.execution_id is not None
    with held(row.execution_id) as (run, clock):
        expired = not run.ended and run.expires_at is not None and clock.now() >= run.expires_at
        if expired:
            run.end(JobStatus.ABORTED, clock.now(), reason=Reason.TIMEOUT)
        else:
            act(_pending(row.pk, run, clock, by))
    if expired:
        raise Refused(_("Execution %s has timed out; its tasks are closed.") % row.execution_id)
    return Task.objects.using(session.alias()).get(pk=row.pk)


def find(task_id: Any, types: tuple[str, ...]) -> Task:
    """Raises `NotFound` for an id that no task of these types has."""
    known = not isinstance(task_id, bool) and isinstance(task_id, int) and 0 < task_id < 2**63
    row = Task.objects.using(session.alias()).filter(pk=task_id, type__in=types).first() if known else None
    if row is None:
        raise NotFound(_("There is no task %s.") % task_id, field="id")
    return row


def _pending(task_id: int, run: Run, clock: CarriedClock, by: Any) -> Answering:
    """Read under the lock: what was pending a moment ago may be decided."""
    task = Task.objects.using(session.alias()).get(pk=task_id)
    refuse_others(task, by)
    if run.status != ExecutionStatus.STARTED:
        raise Refused(
            _("Execution %(id)s has ended (%(status)s); there is nothing left to answer.")
            % {"id": run.id, "status": status_name(run.status)}
        )
    job = run.job(task.job)
    if task.status != JobStatus.PENDING or not job.pending:
        label = JobStatus(task.status if task.status != JobStatus.PENDING else job.status).label
        raise Refused(_("Task %(id)s has been decided already (%(status)s).") % {"id": task.pk, "status": label})
    refuse_without_graph(run)
    return Answering(task, run, job, run.graph.nodes[job.node_id], clock, by)
