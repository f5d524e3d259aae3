"""What was done, written in bulk: one insert and one update of jobs, one update of executions, for a whole batch."""

import os
from collections import Counter as Tally
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from executions import wakeup
from executions.models import Execution, Job
from executions.queued import queued
from executions.run import Run
from executions.runjob import RunJob
from executions.store import ends, intake, sql, tasks
from executions.store.session import connection
from workflows.instructions.base import Wait
from workflows.models import COUNTER_SLOTS, Counter

_JOB_INSERT = (
    "execution_id", "number", "node_id", "node_key", "parent", "upstream", "status", "input", "result", "meta", "log",
    "wait", "queue", "due_at", "attempt", "attempts", "started_at", "ended_at", "created_at", "updated_at",
)  # fmt: skip
_JOB_UPDATE = (
    "status", "input", "result", "meta", "log", "wait", "queue", "due_at", "attempt", "attempts",
    "started_at", "ended_at",
    "updated_at",
)  # fmt: skip
_RUN_UPDATE = (
    "status", "reason", "error", "due_at", "turn", "agenda", "solo", "parked", "paused_at", "crashes", "started_at",
    "expires_at", "ended_at", "updated_at",
)  # fmt: skip


def write(runs: Sequence[Run], now: datetime, db: BaseDatabaseWrapper | None = None) -> None:
    """Writes what these runs became, in the transaction under way. Each one's `turn` grows by one."""
    db = db or connection()
    new: list[tuple[Any, ...]] = []
    changed: list[tuple[Any, ...]] = []
    performable: set[str | None] = set()
    for run in runs:
        for job in run.known.values():
            if job.id is None:
                new.append(_new_job(run, job, now))
            elif job.changed:
                changed.append(_changed_job(job, now))
            if job.wait == Wait.PERFORMER and job.due_at is not None and job.due_at <= now:
                performable.add(job.queue)
    tasks.close(db, runs, now)
    writes = sql.Writes(db)
    writes.insert(Job, _JOB_INSERT, new)
    tasks.insert(writes, runs, now)
    writes.update(Job, _JOB_UPDATE, changed)
    # The output is often large and seldom set: it has an update of its own, so that rows without one keep theirs.
    with_output = [run for run in runs if run.output_set]
    without = [run for run in runs if not run.output_set]
    writes.update(Execution, _RUN_UPDATE, [_run_row(run, now) for run in without])
    rows = [(*_run_row(run, now), run.output_text or sql.as_json(run.output)) for run in with_output]
    writes.update(Execution, (*_RUN_UPDATE, "output"), rows)
    _count(writes, Tally((run.key, run.workflow_id) for run in runs if run.begun))
    writes.send()
    if ends.watched():
        ends.tell(db, [run for run in runs if run.ends])
    children = _child_rows(runs)
    intake.insert_queued(db, children)
    for woken in {child.queue for child in children}:
        wakeup.wake_on_commit(db, woken)
    for queue in performable - {None}:
        wakeup.wake_on_commit(db, str(queue), performers=True)


def _new_job(run: Run, job: RunJob, now: datetime) -> tuple[Any, ...]:
    as_json = sql.as_json
    return (
        run.id, job.number, job.node_id, job.node_key, job.parent, job.upstream, int(job.status), as_json(job.input),
        job.result_text or as_json(job.result), as_json(job.meta), job.log, job.wait, job.queue, job.due_at,
        job.attempt, as_json(job.attempts), job.started_at, job.ended_at, now, now,
    )  # fmt: skip


def _changed_job(job: RunJob, now: datetime) -> tuple[Any, ...]:
    as_json = sql.as_json
    return (
        job.id, int(job.status), as_json(job.input), job.result_text or as_json(job.result), as_json(job.meta),
        job.log, job.wait, job.queue,
        job.due_at, job.attempt, as_json(job.attempts), job.started_at, job.ended_at, now,
    )  # fmt: skip


def _run_row(run: Run, now: datetime) -> tuple[Any, ...]:
    status = None if run.status is None else int(run.status)
    agenda = sql.as_json(list(run.agenda)) if run.agenda else None
    return (
        run.id, status, run.reason, run.error, run.next_due(now), run.turn + 1, agenda, run.solo, run.parked,
        run.paused_at, run.crashes, run.started_at, run.expires_at, run.ended_at, now,
    )  # fmt: skip


def _child_rows(runs: Iterable[Run]) -> list[Execution]:
    """The runs that steps asked for; inserted in the commit of the jobs that wait for them."""
    return [
        queued(
            child.graph,
            child.graph.options,
            child.context,
            stack=parent.ancestry,
            solo=child.graph.solo,
            created_by_id=parent.created_by_id,
            parent_execution_id=parent.id,
            parent_job=child.job.number,
            # What its parent waits no longer for, nobody waits for.
            expires_at=child.job.due_at,
        )
        for parent in runs
        for child in parent.children
    ]


def postpone(run: Run, now: datetime, seconds: float) -> None:
    """Leaves the run as it is and due a little later; for who finds it busy or suspect."""
    sql.update(
        connection(),
        Execution,
        ("due_at", "turn", "solo", "crashes", "updated_at"),
        [(run.id, now + timedelta(seconds=seconds), run.turn + 1, run.solo, run.crashes, now)],
    )


def set_class(runs: Sequence[Run], now: datetime) -> None:
    """Corrects `solo` of runs that were claimed in the wrong class; they stay due."""
    sql.update(
        connection(), Execution, ("solo", "turn", "updated_at"), [(run.id, run.solo, run.turn + 1, now) for run in runs]
    )


def slot() -> int:
    """This worker's counter slot: neighbours differ, so they seldom wait for one another's row."""
    return os.getpid() % COUNTER_SLOTS


def _count(writes: sql.Writes, begun: "Tally[tuple[str, int]]") -> None:
    """Adds the runs begun to their versions' counters, in the order of their versions."""
    if not begun:
        return
    db = writes.db
    table = db.ops.quote_name(Counter._meta.db_table)
    rows = [
        (key, workflow_id, slot(), number)
        for (key, workflow_id), number in sorted(begun.items(), key=lambda item: item[0][1])
    ]
    quoted = ", ".join(db.ops.quote_name(column) for column in ("key", "workflow_id", "slot", "executed"))
    marks = ", ".join(["(%s, %s, %s, %s)"] * len(rows))
    add = (
        "ON DUPLICATE KEY UPDATE executed = executed + VALUES(executed)"
        if db.vendor == "mysql"
        else f"ON CONFLICT (workflow_id, slot) DO UPDATE SET executed = {table}.executed + excluded.executed"
    )
    writes.add(f"INSERT INTO {table} ({quoted}) VALUES {marks} {add}", [value for row in rows for value in row])
