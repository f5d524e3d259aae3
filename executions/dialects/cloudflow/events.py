"""A run's history as numbered events, made of its jobs when it is read.

An event keeps its number while the run goes on: they stand in the order of their times, and each time is one that the
row keeps, so what comes later stands behind what was there. Of what happened at one moment, the older job's comes
first.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from django.db.models.fields.json import KeyTransform

from executions.graphs import graph_of
from executions.logs import moment_of
from executions.models import Execution, Job
from executions.statuses import ExecutionStatus, Reason
from workflows.errors import SluiceError
from workflows.graph import Graph, GraphNode
from workflows.instructions.base import Effect

_COLUMNS = ("number", "node_id", "node_key", "parent", "upstream", "status", "created_at", "started_at", "ended_at")
#: What is told with an event: which value of its job or run.
_SHOWS = {
    "ExecutionStarted": "input", "ExecutionSucceeded": "output", "ExecutionFailed": "output",
    "ExecutionTimedOut": "output", "StepEntered": "input", "StepSucceeded": "output", "StepFailed": "error",
}  # fmt: skip


class Event(NamedTuple):
    number: int
    #: That of the event with which its step was entered; a branch is entered just before its first step.
    entered: int
    at: datetime
    #: The number of its job, 0 for what is the run's.
    job: int
    step: str
    type: str
    #: "input", "output", "error" or "".
    shows: str


class _Job(NamedTuple):
    number: int
    node_id: int | None
    node_key: str
    parent: int | None
    upstream: int | None
    status: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    #: When its first attempt began, where there were several.
    first_start: str | None


class _Moment(NamedTuple):
    """The events of a job's begin, or of its end."""

    at: datetime
    job: int
    #: 0 begins, 1 ends.
    phase: int
    types: tuple[str, ...]


class _Kind(NamedTuple):
    """What matters of a node."""

    title: str
    #: A call, whose job begins anew when a performer takes it over.
    external: bool = False
    #: Waits for a report from outside.
    waits: bool = False
    #: "Branch" or "Iteration", what one of its branches is called; "" for kinds that are decided before theirs runs.
    branch: str = ""

    @property
    def is_task(self) -> bool:
        return self.external or self.waits


class History:
    """All events of a run; the number of each is its place, from 1."""

    def __init__(self, run: Execution) -> None:
        graph = graph_of(run)
        first_start = KeyTransform("start", KeyTransform("0", "attempts"))
        rows = Job.objects.filter(execution=run.pk).order_by("number").annotate(first_start=first_start)
        self.jobs = {row[0]: _Job(*row) for row in rows.values_list(*_COLUMNS, "first_start")}
        self.kinds = {job.node_id: _kind(graph, job) for job in self.jobs.values()}
        #: Branches, or rounds, begun under each job: their first jobs follow the very job they run under.
        self.heads = Counter(job.parent for job in self.jobs.values() if job.parent == job.upstream)
        inner = sorted(moment for job in self.jobs.values() for moment in self._of_job(job))
        self.moments = [*_begin(run), *inner, *_end(run)]
        #: How many events there are up to the end of each moment.
        self.ends = list(accumulate(len(moment.types) for moment in self.moments))

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def page(self, behind: int, limit: int) -> list[Event]:
        """The events behind this number."""
        found: list[Event] = []
        for index in range(bisect_right(self.ends, behind), len(self.moments)):
            found += (event for event in self._at(index) if event.number > behind)
            if len(found) >= limit:
                break
        return found[:limit]

    def last_of(self, number: int) -> int:
        """The number of the last event of a job; 0 where there is none."""
        return max(
            (end for end, moment in zip(self.ends, self.moments, strict=True) if moment.job == number), default=0
        )

    def _at(self, index: int) -> Iterator[Event]:
        moment = self.moments[index]
        step = self._kind(self.jobs[moment.job]).title if moment.job else ""
        entered = self._entered.get(moment.job, 1)
        for number, name in enumerate(moment.types, self.ends[index] - len(moment.types) + 1):
            yield Event(number, min(entered, number), moment.at, moment.job, step, name, _SHOWS.get(name, ""))

    @cached_property
    def _entered(self) -> dict[int, int]:
        return {
            moment.job: end - len(moment.types) + moment.types.index("StepEntered") + 1
            for end, moment in zip(self.ends, self.moments, strict=True)
            if moment.job and moment.phase == 0
        }

    def _of_job(self, job: _Job) -> Iterator[_Moment]:
        kind = self._kind(job)
        entered = _entered_at(job, kind)
        yield _Moment(entered, job.number, 0, (*self._branch(job), *_begins(kind)))
        if job.ended_at is not None:
            exits = (f"{kind.branch}Exited",) * self.heads[job.number] if kind.branch else ()
            # A clock set back never lets a step end before it began.
            yield _Moment(max(job.ended_at, entered), job.number, 1, (*exits, *_ends(kind, job.status < 0)))

    def _kind(self, job: _Job) -> _Kind:
        return self.kinds[job.node_id]

    def _branch(self, job: _Job) -> tuple[str, ...]:
        above = self.jobs.get(job.parent or 0)
        if above is None or job.upstream != job.parent:
            return ()
        name = self._kind(above).branch
        return (f"{name}Entered",) if name else ()


def _kind(graph: Graph | None, job: _Job) -> _Kind:
    node = None if graph is None or job.node_id is None else graph.nodes.get(job.node_id)
    if node is None:
        return _Kind(job.node_key)
    title = node.title or node.key
    try:
        instruction = node.instruction
        tells = instruction.branching and instruction.decides
        branch = ("Iteration" if instruction.repeats else "Branch") if tells else ""
        return _Kind(title, _effect(node) is Effect.EXTERNAL, instruction.waits_outside, branch)
    except SluiceError:
        # Of a kind that nobody here knows any more.
        return _Kind(title)


def _effect(node: GraphNode) -> Effect:
    try:
        return node.effect
    except (SluiceError, ValueError):
        return Effect.PURE


def _entered_at(job: _Job, kind: _Kind) -> datetime:
    """A time that stays: what a performer takes over later, and what is tried again, begins anew in its row."""
    if kind.external:
        return job.created_at
    begun = moment_of(job.first_start) if job.first_start else job.started_at
    return job.created_at if begun is None else min(begun, job.created_at)


def _begins(kind: _Kind) -> Sequence[str]:
    task = ("TaskScheduled", "TaskStarted") if kind.is_task else ()
    return ("StepEntered", "StepStarted", *task, *(("TaskSubmitted",) if kind.waits else ()))


def _ends(kind: _Kind, failed: bool) -> Sequence[str]:
    how = "Failed" if failed else "Succeeded"
    return (*((f"Task{how}",) if kind.is_task else ()), f"Step{how}", "StepExited")


def _begin(run: Execution) -> Iterator[_Moment]:
    if run.started_at is not None or run.ended_at is not None:
        yield _Moment(run.started_at or run.created_at, 0, 0, ("ExecutionStarted",))


def _end(run: Execution) -> Iterator[_Moment]:
    if run.ended_at is not None:
        yield _Moment(run.ended_at, 0, 1, (_end_type(run),))


def _end_type(run: Execution) -> str:
    if run.status == ExecutionStatus.RESOLVED:
        return "ExecutionSucceeded"
    if run.reason == Reason.TIMEOUT:
        return "ExecutionTimedOut"
    stopped = run.status in (ExecutionStatus.ABORTED, ExecutionStatus.CANCELED)
    return "ExecutionStopped" if stopped else "ExecutionFailed"
