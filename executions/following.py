"""A run's log sent on while it grows, for readers that stay."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.db.models import Q, QuerySet

from executions import logs
from executions.graphs import graph_of
from executions.masking import hide_jobs, hide_runs
from executions.models import Execution, Job

#: Seconds after which a reader is sent away; it may come again with `since`.
FOLLOWED = 600.0
#: Seconds between two looks at the run's row.
LOOK = 0.5
#: Seconds of silence after which an empty line tells that the connection lives.
BEAT = 15.0
#: Jobs read at once.
CHUNK = 500


class Follower:
    """What one reader was told already. A look costs one row, unless the run's `turn` has moved since the last."""

    def __init__(self, execution: Execution, wanted: logs.Wanted) -> None:
        self.id = execution.pk
        self.wanted = wanted
        #: As the reader may know it.
        self.parent = execution.parent_execution_id
        self.names = logs.titles(graph_of(execution))
        self.turn = -1
        #: The last job read.
        self.last = 0
        #: Lines told of the run itself, and of each job that may yet write more.
        self.told: set[tuple[str, object]] = set()
        self.open: dict[int, set[tuple[str, object]]] = {}
        #: Where the look under way stands among the jobs.
        self.at = 0
        #: More is there to read at once.
        self.more = True
        self.ended = False

    def poll(self) -> bytes:
        """The new lines as JSON, one each."""
        run = Execution.objects.filter(pk=self.id).only(*logs.RUN_COLUMNS).first()
        if run is None:
            self.more, self.ended = False, True
            return b""
        if run.turn == self.turn and not self.more:
            return b""
        run.parent_execution_id = self.parent
        hide_runs([run])
        jobs = list(self._jobs()[:CHUNK])
        hide_jobs(jobs)
        self.more = len(jobs) == CHUNK
        self.at = jobs[-1].number if self.more else 0
        self.turn = run.turn
        lines = self._of_run(logs.before_jobs(run))
        for job in jobs:
            lines += self._of_job(job)
        if not self.more:
            self.ended = run.ended_at is not None
            lines += self._of_run(logs.after_jobs(run))
            lines += self._of_run(logs.of_history(self.id))
        lines.sort(key=lambda line: line.at)
        rows = logs.shown(filter(self.wanted.takes, lines), self.id)
        return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)

    def _jobs(self) -> QuerySet[Job]:
        fresh = Q(number__gt=self.last)
        if self.open:
            fresh |= Q(number__in=list(self.open))
        jobs = _matching(Job.objects.filter(execution=self.id, number__gt=self.at), self.wanted)
        return jobs.filter(fresh).only("execution", *logs.JOB_COLUMNS).order_by("number")

    def _of_run(self, lines: Iterator[logs.Line] | list[logs.Line]) -> list[logs.Line]:
        if self.wanted.jobs_only:
            return []
        new = [line for line in lines if line.identity not in self.told]
        self.told.update(line.identity for line in new)
        return new

    def _of_job(self, job: Job) -> list[logs.Line]:
        told = self.open.pop(job.number, set())
        lines = [line for line in logs.of_job(job, self.names) if line.identity not in told]
        if job.ended_at is None:
            self.open[job.number] = told | {line.identity for line in lines}
        self.last = max(self.last, job.number)
        return lines


def _matching(jobs: QuerySet[Job], wanted: logs.Wanted) -> QuerySet[Job]:
    """Those of the nodes asked for, and written since: no line is younger than its job's last write."""
    if wanted.since is not None:
        jobs = jobs.filter(updated_at__gte=wanted.since)
    if wanted.node_ids:
        jobs = jobs.filter(node__in=wanted.node_ids)
    return jobs.filter(node_key__in=wanted.node_keys) if wanted.node_keys else jobs


class _Pace:
    """When to end, to rest, and to give a sign of life."""

    def __init__(self, follower: Follower, follow: bool) -> None:
        self.follower = follower
        self.until = time.monotonic() + FOLLOWED if follow else None
        self.spoke = -BEAT

    def said(self, lines: bytes) -> bytes:
        """What to send: the lines, or an empty one where a reader has heard nothing for long."""
        now = time.monotonic()
        if not lines and (self.until is None or now - self.spoke < BEAT):
            return b""
        self.spoke = now
        return lines or b"\n"

    @property
    def over(self) -> bool:
        if self.until is None:
            return not self.follower.more
        return self.follower.ended or time.monotonic() >= self.until


def stream(follower: Follower, *, follow: bool) -> Iterator[bytes]:
    """The log to its present end; with `follow` until the run has ended, ten minutes at most."""
    pace = _Pace(follower, follow)
    while True:
        if text := pace.said(follower.poll()):
            yield text
        if pace.over:
            return
        if not follower.more:
            time.sleep(LOOK)


async def astream(follower: Follower, *, follow: bool) -> AsyncIterator[bytes]:
    """The same on an event loop, which rests between looks without a thread."""
    pace = _Pace(follower, follow)
    while True:
        if text := pace.said(await sync_to_async(follower.poll)()):
            yield text
        if pace.over:
            return
        if not follower.more:
            await asyncio.sleep(LOOK)
