"""The store's twin in memory: claims and journal without a database, for unit tests and the simulator.

Its time stands still until somebody moves it. Runs and jobs are copied in and out, values by way of JSON as in the
database, so what is not written is lost.
"""

import json
from collections import ChainMap, deque
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import RLock, local
from typing import Any

from django.db import IntegrityError

from executions.queued import queued
from executions.run import Run
from executions.runjob import RunJob, RunTask
from executions.statuses import ExecutionStatus
from executions.store import sql
from workflows.conf import conf
from workflows.graph import Graph
from workflows.instructions.base import Wait
from workflows.statuses import JobStatus

#: What a write takes over from the run besides its turn, due time, agenda and output.
_WRITTEN = (
    "status", "reason", "error", "solo", "parked", "paused_at", "crashes", "started_at", "expires_at", "ended_at",
)  # fmt: skip
#: What a child has from its start.
_OF_CHILD = (
    "stack", "parent_execution_id", "parent_job", "created_by_id", "lane", "solo", "status", "error", "expires_at",
)  # fmt: skip
#: Where the job numbers begin in the moves that name jobs.
_NUMBERS_FROM = {"run": 2, "resume": 1, "branch": 1}


class FakeClock:
    """A clock that only `move` and `jump` advance."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = self._now = start

    def now(self) -> datetime:
        return self._now

    def elapsed(self) -> float:
        """Seconds it was moved since it was made."""
        return (self._now - self._start).total_seconds()

    def move(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    def jump(self, to: datetime) -> None:
        """Goes to this time, never back."""
        self._now = max(self._now, to)


@dataclass(slots=True)
class _Row:
    """A run as it was written, never handed out itself; its jobs by number."""

    run: Run
    jobs: dict[int, RunJob] = field(default_factory=dict)
    tasks: dict[tuple[int, Any, int], RunTask] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Segment:
    """What a transaction wrote so far, and which rows it has locked."""

    written: dict[int, _Row] = field(default_factory=dict)
    locked: set[int] = field(default_factory=set)


class MemoryStore:
    """Runs, their jobs and row locks of one process; the reader of the runs it hands out.

    Claims and writes happen inside `segment()`. Threads see what others committed, and pass over what they have locked.
    """

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self._committed: dict[int, _Row] = {}
        self._locks: dict[int, _Segment] = {}
        self._ids = count(1)
        self._mutex = RLock()
        self._thread = local()

    @contextmanager
    def segment(self) -> Iterator[None]:
        """One transaction of this thread: an exception takes back all that was written in it; locks last to its end."""
        if self._segment is not None:
            raise RuntimeError("A segment is under way in this thread; end it before the next begins.")
        segment = self._thread.segment = _Segment()
        try:
            yield
            with self._mutex:
                self._committed.update(segment.written)
        finally:
            self._thread.segment = None
            with self._mutex:
                for execution_id in segment.locked:
                    del self._locks[execution_id]

    @property
    def _segment(self) -> _Segment | None:
        found: _Segment | None = getattr(self._thread, "segment", None)
        return found

    @property
    def _rows(self) -> MutableMapping[int, _Row]:
        """The rows as this thread sees them; what it sets is its segment's until that commits."""
        segment = self._segment
        return self._committed if segment is None else ChainMap(segment.written, self._committed)

    def _own_segment(self) -> _Segment:
        segment = self._segment
        if segment is None:
            raise RuntimeError("Claims and writes happen inside MemoryStore.segment().")
        return segment

    def add(self, graph: Graph, context: Any = None, **columns: Any) -> int:
        """Queues a run of this version and answers its id; `columns` override what its options say."""
        options = graph.options
        queue = options.queue or conf().QUEUE
        with self._mutex:
            execution_id = next(self._ids)
            run = Run(execution_id, graph.workflow_id, graph.key, None, 0, queue, graph.solo, deque(), self)
            run.priority = options.priority
            run._context = sql.as_json(context)
            for name, value in columns.items():
                setattr(run, name, value)
            if "due_at" not in columns:
                run.due_at = self.clock.now() - timedelta(seconds=run.priority)
            self._rows[execution_id] = _Row(run)
            return execution_id

    def heads(self, queue: str) -> dict[bool, datetime]:
        """The earliest due time of each class (solo or not) that has something due."""
        with self._mutex:
            found: dict[bool, datetime] = {}
            for due, run in reversed(self._due(queue)):
                found[run.solo] = due
            return found

    def _due(self, queue: str) -> list[tuple[datetime, Run]]:
        now = self.clock.now()
        runs = (row.run for row in self._rows.values())
        due = [(run.due_at, run) for run in runs if run.queue == queue and run.due_at is not None and run.due_at <= now]
        return sorted(due, key=lambda each: (each[0], each[1].id))

    def claim(self, queue: str, *, solo: bool, limit: int, since: datetime | None = None) -> list[Run]:
        """Takes what is due of one class, oldest first, passing over what others hold."""
        with self._mutex:
            due = [run for at, run in self._due(queue) if run.solo == solo and (since is None or at >= since)]
            return self._take([run for run in due if self._is_free(run.id)][:limit])

    def claim_one(self, execution_id: int, *, turn: int | None = None) -> list[Run]:
        """Takes one run, at this turn if one is given; nothing where another holds it or has moved it on."""
        with self._mutex:
            row = self._rows.get(execution_id)
            if row is None or not self._is_free(execution_id) or turn not in (None, row.run.turn):
                return []
            return self._take([row.run])

    def _is_free(self, execution_id: int) -> bool:
        return self._locks.get(execution_id) in (None, self._own_segment())

    def _take(self, runs: Sequence[Run]) -> list[Run]:
        segment = self._own_segment()
        for run in runs:
            self._locks[run.id] = segment
            segment.locked.add(run.id)
        return [_fresh(run) for run in runs]

    def due_performs(self, queue: str, limit: int) -> list[tuple[int, int]]:
        """(execution id, job id) of EXTERNAL steps that may be performed, oldest first; without a lock."""
        now = self.clock.now()
        with self._mutex:
            due = [
                (job.due_at, row.run.id, job.id)
                for row in self._rows.values()
                for job in row.jobs.values()
                if job.wait == Wait.PERFORMER and job.queue == queue and job.due_at is not None and job.due_at <= now
            ]
        return [(execution_id, job_id) for _, execution_id, job_id in sorted(due)[:limit] if job_id is not None]

    def load_jobs(self, runs: Iterable[Run]) -> None:
        """What begun runs need to go on: pending jobs, those their moves name, the parents of both, the last number."""
        with self._mutex:
            for run in runs:
                if run.status != ExecutionStatus.STARTED:
                    continue
                stored = self._rows[run.id].jobs
                wanted = {number for number, job in stored.items() if job.pending} | _named(run.agenda)
                while wanted:
                    job = stored.get(wanted.pop())
                    if job is not None and job.number not in run.known:
                        run.learn(_copied(job))
                        wanted.update(() if job.parent is None else (job.parent,))
                run.last_number = max(stored, default=0)

    def jobs(self, run: Run, numbers: set[int]) -> list[RunJob]:
        with self._mutex:
            stored = self._rows[run.id].jobs
            return [_copied(stored[number]) for number in sorted(numbers & stored.keys())]

    def latest(self, run: Run, node_id: int) -> RunJob | None:
        with self._mutex:
            jobs = [job for job in self._rows[run.id].jobs.values() if job.node_id == node_id]
            return _copied(max(jobs, key=lambda job: job.number)) if jobs else None

    def context(self, run: Run) -> Any:
        return None if run._context is None else json.loads(run._context)

    def read(self, execution_id: int) -> Run:
        """The run as it stands, with output and all jobs (`known`). Raises KeyError for an id that is none."""
        with self._mutex:
            row = self._rows[execution_id]
            run = _fresh(row.run)
            run.output = _stored(row.run.output)
            for number in sorted(row.jobs):
                run.learn(_copied(row.jobs[number]))
            run.complete = True
            return run

    def tasks(self, execution_id: int) -> list[RunTask]:
        """What a run's jobs ask of people, in the order of jobs and requests."""
        with self._mutex:
            return [replace(task) for task in self._rows[execution_id].tasks.values()]

    def write(self, runs: Sequence[Run], now: datetime) -> None:
        """Writes what these runs became, `turn` grown by one. Raises IntegrityError for a number that is taken."""
        self._own_segment()
        with self._mutex:
            for run in runs:
                before = self._rows[run.id]
                jobs, tasks = self._jobs_of(before.jobs, run), _tasks_of(before.tasks, run, now)
                self._rows[run.id] = _Row(_written(before.run, run, now), jobs, tasks)
                self._add_children(run, now)

    def _add_children(self, run: Run, now: datetime) -> None:
        for child in run.children:
            row = queued(
                child.graph, child.graph.options, child.context, stack=run.ancestry, solo=child.graph.solo,
                created_by_id=run.created_by_id, parent_execution_id=run.id, parent_job=child.job.number,
                expires_at=child.job.due_at,
            )  # fmt: skip
            columns = {name: getattr(row, name) for name in _OF_CHILD}
            if row.status is not None:
                columns.update(started_at=now, ended_at=now)
            columns["agenda"] = deque(row.agenda or ())
            columns["due_at"] = now if row.status is not None else now - timedelta(seconds=row.priority)
            self.add(child.graph, child.context, **columns)

    def _jobs_of(self, before: dict[int, RunJob], run: Run) -> dict[int, RunJob]:
        jobs = dict(before)
        for job in run.known.values():
            if job.id is None:
                if job.number in jobs:
                    raise IntegrityError(f"Run {run.id} has a job number {job.number} already.")
                jobs[job.number] = _copied(job, id=next(self._ids))
            elif job.changed:
                jobs[job.number] = _copied(job)
        return jobs


def _tasks_of(before: dict[tuple[int, Any, int], RunTask], run: Run, now: datetime) -> dict[Any, RunTask]:
    tasks = {key: replace(task) for key, task in before.items()}
    for (number, _, _), task in tasks.items():
        if number in run.answered and task.status == JobStatus.PENDING and task.request.type != "cc":
            task.status, task.decided_at = JobStatus.ABORTED, now
    for key, task in run.tasks.items():
        if key in tasks:
            raise IntegrityError(f"Run {run.id} has a task {key} already.")
        tasks[key] = replace(task)
    return tasks


def _stored(value: Any) -> Any:
    """A value as it comes back from a JSON column."""
    text = sql.as_json(value)
    return None if text is None else json.loads(text)


def _fresh(run: Run) -> Run:
    """A run as a claim hands it out: its columns, without what the last one made of it."""
    return replace(
        run, agenda=deque(_stored(list(run.agenda))), stack=_stored(run.stack), output=None,
        known={}, pending=set(), latest_of={}, children=[], tasks={}, answered=set(),
    )  # fmt: skip


def _written(before: Run, run: Run, now: datetime) -> Run:
    columns = {name: getattr(run, name) for name in _WRITTEN}
    columns["status"] = None if run.status is None else int(run.status)
    output = _stored(run.output) if run.output_set else before.output
    agenda = deque(_stored(list(run.agenda)))
    return replace(before, **columns, turn=run.turn + 1, due_at=run.next_due(now), agenda=agenda, output=output)


def _copied(job: RunJob, **columns: Any) -> RunJob:
    values = {name: _stored(getattr(job, name)) for name in ("result", "meta", "input", "attempts")}
    return replace(job, status=int(job.status), changed=False, **values, **columns)


def _named(agenda: Iterable[Sequence[Any]]) -> set[int]:
    """The numbers of the jobs that these moves name."""
    numbers = (number for move in agenda if move[0] in _NUMBERS_FROM for number in move[_NUMBERS_FROM[move[0]] :])
    return {number for number in numbers if number is not None}
