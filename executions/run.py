"""One run in memory: what a claim loaded, what the processor changed, what the journal has to write."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from executions.runjob import ChildRun, RunJob, RunTask
from executions.statuses import ExecutionStatus, Parked, Reason
from workflows import ambient
from workflows.answering import Answer
from workflows.env import Env
from workflows.instructions.base import TaskRequest, Wait
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.graph import Graph, GraphNode

#: A move of the agenda; engine.md, "Agenda". The first item is its kind, numbers are jobs of the run, ids are nodes.
Move = list[Any]

#: Waits whose time wakes the run itself; performers have an index of their own.
_RUN_WAITS = (Wait.TIMER, Wait.ATTEMPT, Wait.CALL, Wait.OUTSIDE)


class Reader(Protocol):
    """What a run asks its store for while it is worked on."""

    def jobs(self, run: "Run", numbers: set[int]) -> list[RunJob]: ...

    def latest(self, run: "Run", node_id: int) -> RunJob | None: ...

    def context(self, run: "Run") -> Any: ...


@dataclass(slots=True, eq=False)
class Run:
    """An execution under its row lock."""

    id: int
    workflow_id: int
    key: str
    status: int | None
    turn: int
    queue: str
    solo: bool
    agenda: deque[Move]
    reader: Reader
    graph: "Graph" = None  # type: ignore[assignment]  # set by the segment before anything reads it
    reason: str | None = None
    error: str | None = None
    output: Any = None
    output_set: bool = False
    #: The JSON text of the output, where it was made already.
    output_text: str | None = None
    stack: list[list[int]] = field(default_factory=list)
    parent_execution_id: int | None = None
    parent_job: int | None = None
    lane: str | None = None
    parked: str | None = None
    #: Of a deferred one that its claim put off: until when.
    deferred_to: datetime | None = None
    paused_at: datetime | None = None
    priority: int = 0
    crashes: int = 0
    sync: bool = False
    due_at: datetime | None = None
    started_at: datetime | None = None
    expires_at: datetime | None = None
    ended_at: datetime | None = None
    #: It ended here, not before it was claimed.
    ends: bool = False
    created_by_id: int | None = None
    #: Begun by this claim: counted, and all of its jobs are known.
    begun: bool = False
    known: dict[int, RunJob] = field(default_factory=dict)
    #: Numbers of the jobs that are pending, as far as this run knows: all of them once loaded.
    pending: set[int] = field(default_factory=set)
    latest_of: dict[int, RunJob | None] = field(default_factory=dict)
    last_number: int = 0
    #: True when `known` holds every job there is.
    complete: bool = False
    children: list[ChildRun] = field(default_factory=list)
    #: New tasks, by (job number, user, round).
    tasks: dict[tuple[int, Any, int], RunTask] = field(default_factory=dict)
    #: Numbers of the jobs whose pending tasks the journal closes.
    answered: set[int] = field(default_factory=set)
    #: What is told to the request that waits for the run; None where nobody does.
    answer: Answer | None = None
    #: Something of the row itself is to be written.
    changed: bool = False
    wrote_host: bool = False
    _env: Env | None = None
    _context: Any = None
    _context_loaded: bool = False

    @property
    def context(self) -> Any:
        if not self._context_loaded:
            self._context = self.reader.context(self)
            self._context_loaded = True
        return self._context

    @property
    def env(self) -> Env:
        """`$env`: the secrets that its version names, and what masks them in all that is kept."""
        if self._env is None:
            self._env = Env(self.graph.env_names if self.graph is not None else frozenset())
        return self._env

    @env.setter
    def env(self, env: Env) -> None:
        self._env = env

    @property
    def ancestry(self) -> ambient.Stack:
        """What runs that this one sets off know as their ancestors: this one last."""
        return (*((entry[0], entry[1]) for entry in self.stack), (self.id, self.workflow_id))

    @property
    def ended(self) -> bool:
        return self.ended_at is not None

    def job(self, number: int) -> RunJob:
        """Raises KeyError for a number that the run has not."""
        job = self.known.get(number)
        if job is None:
            for loaded in self.reader.jobs(self, {number}):
                self.learn(loaded)
            job = self.known[number]
        return job

    def decided_above(self, parent: int | None, node: "GraphNode") -> bool:
        """Whether a job up the chain of parents is decided, so that nothing below moves; `node` stands under `parent`.

        What stands in an error branch runs because the job above it has ended.
        """
        while parent is not None:
            job = self.job(parent)
            above = self.graph.nodes[job.node_id]
            if not job.pending and above.instruction.decides and not node.in_error_branch:
                return True
            parent, node = job.parent, above
        return False

    def learn(self, job: RunJob) -> None:
        """Takes up a job as the store has it."""
        if job.number in self.known:
            return
        self.known[job.number] = job
        if job.pending:
            self.pending.add(job.number)

    def latest(self, node_id: int) -> RunJob | None:
        """The job of this node with the highest number, or None."""
        if node_id in self.latest_of:
            return self.latest_of[node_id]
        job = None if self.complete else self.reader.latest(self, node_id)
        if job is not None:
            job = self.known.setdefault(job.number, job)
        self.latest_of[node_id] = job
        return job

    def add_job(self, node_id: int, node_key: str, parent: int | None, upstream: int | None, now: datetime) -> RunJob:
        self.last_number += 1
        job = RunJob(self.last_number, node_id, node_key, JobStatus.PENDING)
        job.parent = parent
        job.upstream = upstream
        job.started_at = now
        self.known[job.number] = job
        self.pending.add(job.number)
        self.latest_of[node_id] = job
        return job

    def close_job(self, job: RunJob, status: int, now: datetime) -> None:
        """The job has ended; nobody waits for it any more."""
        job.status = status
        job.ended_at = now
        job.wait = None
        job.due_at = None
        job.changed = True
        self.pending.discard(job.number)
        self.close_tasks(job, now)

    def give_tasks(self, job: RunJob, requests: Iterable[TaskRequest]) -> None:
        """Asks people; the same person once in a round."""
        for request in requests:
            key = (job.number, request.user_id, request.round)
            self.tasks.setdefault(key, RunTask(request, job, int(request.status)))
            self.changed = True

    def close_tasks(self, job: RunJob, now: datetime) -> None:
        """Nobody needs to answer any more what this job asked."""
        if self.graph is not None and job.node_id not in self.graph.asking:
            return
        if job.id is not None:
            self.answered.add(job.number)
        for task in self.tasks.values():
            # Copies are for information, whatever becomes of their job.
            if task.job is job and task.status == JobStatus.PENDING and task.request.type != "cc":
                task.status = JobStatus.ABORTED
                task.decided_at = now

    def reopen_job(self, job: RunJob) -> None:
        job.status = JobStatus.PENDING
        job.ended_at = None
        job.changed = True
        self.pending.add(job.number)

    def begin(self, now: datetime) -> None:
        """The run leaves the queue; its time-out counts from here."""
        self.status = ExecutionStatus.STARTED
        self.started_at = now
        self.begun = True
        self.changed = True
        if self.graph.options.timeout:
            own = now + timedelta(milliseconds=self.graph.options.timeout)
            # A child has the deadline of its parent's job already.
            self.expires_at = min(own, self.expires_at or own)

    def end(self, status: int, now: datetime, *, reason: str | None = None, error: str | None = None) -> None:
        """Ends the run, once; what is left to tell goes on its agenda. Aborting ends the jobs that wait, too."""
        assert self.ended_at is None, "A run ends once."
        self.status = status
        self.reason = reason
        self.error = error
        self.ended_at = now
        self.ends = True
        self.paused_at = None
        self.parked = None
        self.changed = True
        for number in sorted(self.pending):
            job = self.known[number]
            if status == JobStatus.ABORTED:
                self.close_job(job, JobStatus.ABORTED, now)
            elif job.wait is not None and job.wait != Wait.BRANCH:
                job.sleep()
            self.close_tasks(job, now)
        self.agenda.clear()
        if self.parent_execution_id is not None and self.parent_job is not None and reason != Reason.PARENT:
            self.agenda.append(["tell", "parent"])
        if status == JobStatus.ABORTED and self.started_at is not None:
            self.agenda.append(["tell", "children"])
        if self.lane is not None:
            self.agenda.append(["tell", "lane"])
        if self.graph is not None and status in self.graph.options.delete_execution_on_status:
            self.agenda.append(["delete"])
        if self.agenda:
            # No batch may hold teller and told at once.
            self.solo = True

    def next_due(self, now: datetime) -> datetime | None:
        """When a worker must next look at this run: the one formula (engine.md, "due_at")."""
        if self.ended_at is not None:
            return now if self.agenda else None
        if self.deferred_to is not None and self.parked == Parked.DEFERRED and self.paused_at is None:
            return min(self.deferred_to, self.expires_at or self.deferred_to)
        if self.paused_at is not None or self.parked is not None:
            return self.expires_at
        if self.status is None or self.agenda:
            return now - timedelta(seconds=self.priority)
        times = [self.expires_at] if self.expires_at else []
        times += [
            job.due_at
            for job in (self.known[number] for number in self.pending)
            if job.due_at is not None and job.wait in _RUN_WAITS
        ]
        return min(times, default=None)
