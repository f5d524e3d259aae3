"""What is due: runs and performs taken under their row lock, and what they need to know of themselves."""

import json
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Max, Q

from executions.models import Execution, Job
from executions.run import Run
from executions.runclock import CarriedClock
from executions.runjob import RunJob
from executions.statuses import ExecutionStatus
from executions.store import sql
from executions.store.session import alias, as_time, bounds, connection
from workflows.statuses import JobStatus

_RUN_COLUMNS = (
    "id", "workflow_id", "key", "status", "turn", "queue", "solo", "agenda", "reason", "error", "stack",
    "parent_execution_id", "parent_job", "lane", "parked", "paused_at", "priority", "crashes", "due_at",
    "started_at", "expires_at", "ended_at", "created_by_id",
)  # fmt: skip
_JOB_COLUMNS = (
    "execution_id", "id", "number", "node_id", "node_key", "status", "result", "meta", "parent", "upstream", "input",
    "log", "wait", "queue", "due_at", "attempt", "attempts", "started_at", "ended_at",
)  # fmt: skip


@dataclass(slots=True)
class Claimed:
    """Runs under their lock, and the time of the database that took them."""

    runs: list[Run]
    clock: CarriedClock | None = None
    #: Whether anything is held back from starting, as of the claim.
    held: bool = False


class DatabaseReader:
    """What a run reads while it is worked on."""

    def jobs(self, run: Run, numbers: set[int]) -> list[RunJob]:
        return [job for _, job in _jobs(Q(execution_id=run.id, number__in=numbers))]

    def latest(self, run: Run, node_id: int) -> RunJob | None:
        newest = Job.objects.using(alias()).filter(execution_id=run.id, node_id=node_id).order_by("-number")
        row = newest.values_list(*_JOB_COLUMNS).first()
        return _job(row) if row is not None else None

    def context(self, run: Run) -> Any:
        text = run._context
        return None if text is None else json.loads(text)


reader = DatabaseReader()


def heads(queue: str) -> dict[bool, datetime]:
    """The earliest due time of each class (solo or not) that has something due."""
    db = connection()
    table = db.ops.quote_name(Execution._meta.db_table)
    now = sql.DUE_BY[db.vendor]
    head = f"(SELECT due_at FROM {table} WHERE queue = %s AND solo = %s AND due_at <= {now} ORDER BY due_at LIMIT 1)"
    with db.cursor() as cursor:
        cursor.execute(f"SELECT {head}, {head}", [queue, False, queue, True])
        row = cursor.fetchone()
    return {solo: as_time(due) for solo, due in zip((False, True), row, strict=True) if due is not None}


@lru_cache(maxsize=64)
def _select(vendor: str, lock: str, where: str, bounded: str) -> str:
    """The claim's text: written once, as compiling it takes longer than running it."""
    columns = ", ".join(f"`{name}`" if vendor == "mysql" else f'"{name}"' for name in _RUN_COLUMNS)
    context = "context::text" if vendor == "postgresql" else "context"
    # The moment of the claim, not of its transaction's start: it may have waited for the lock in between.
    now = "clock_timestamp()" if vendor == "postgresql" else sql.NOW[vendor]
    # With the claim, so that it costs no further one while nothing is held.
    held = "EXISTS (SELECT 1 FROM executions_hold WHERE active IS TRUE)"
    return f"SELECT {columns}, {context}, {held}, {now}, {bounded} FROM executions_execution WHERE {where}{lock}"


def _lock(db: BaseDatabaseWrapper, *, wait: bool) -> str:
    if db.vendor == "sqlite":
        return ""
    # Rows that only refer to this one (foreign keys) need not wait for it.
    strength = " FOR NO KEY UPDATE" if db.vendor == "postgresql" else " FOR UPDATE"
    return strength + ("" if wait else " SKIP LOCKED")


def _runs(where: str, parameters: Sequence[Any], *, wait: bool = False) -> Claimed:
    db = connection()
    with db.cursor() as cursor:
        # Who waits for a lock has bounded the transaction before.
        bounded = bounds() if db.vendor == "postgresql" and not wait else "NULL"
        cursor.execute(_select(db.vendor, _lock(db, wait=wait), where, bounded), parameters)
        rows = cursor.fetchall()
    if not rows:
        return Claimed([])
    as_value = _raw if db.vendor == "postgresql" else _converted
    return Claimed([_run(as_value(row)) for row in rows], CarriedClock(as_time(rows[0][-2])), bool(rows[0][-3]))


#: Columns that come as JSON text from a raw cursor, and those that come as naive times or text on SQLite and MariaDB.
_JSON_AT = tuple(_RUN_COLUMNS.index(name) for name in ("agenda", "stack"))
_TIME_AT = tuple(_RUN_COLUMNS.index(name) for name in ("paused_at", "due_at", "started_at", "expires_at", "ended_at"))
_SOLO_AT = _RUN_COLUMNS.index("solo")


def _raw(row: tuple[Any, ...]) -> Sequence[Any]:
    if row[_JSON_AT[0]] is None and row[_JSON_AT[1]] == "[]":
        return row
    values = list(row)
    for at in _JSON_AT:
        values[at] = json.loads(values[at]) if values[at] else None
    return values


def _converted(row: tuple[Any, ...]) -> Sequence[Any]:
    values = list(row)
    for at in _JSON_AT:
        values[at] = json.loads(values[at]) if values[at] else None
    for at in _TIME_AT:
        values[at] = as_time(values[at]) if values[at] is not None else None
    values[_SOLO_AT] = bool(values[_SOLO_AT])
    return values


def _run(row: Sequence[Any]) -> Run:
    (pk, workflow_id, key, status, turn, queue, solo, agenda, reason, error, stack,
     parent_execution_id, parent_job, lane,
     parked, paused_at, priority, crashes, due_at, started_at, expires_at, ended_at, created_by_id,
     context, _, _, _) = row  # fmt: skip
    run = Run(pk, workflow_id, key, status, turn, queue, solo, deque(agenda or ()), reader)
    run.reason = reason
    run.error = error
    run.stack = stack if isinstance(stack, list) else []
    run.parent_execution_id = parent_execution_id
    run.parent_job = parent_job
    run.lane = lane
    run.parked = parked
    run.paused_at = paused_at
    run.priority = priority
    run.crashes = crashes
    run.due_at = due_at
    run.started_at = started_at
    run.expires_at = expires_at
    run.ended_at = ended_at
    run.created_by_id = created_by_id
    run._context = context
    return run


def claim(
    queue: str, *, solo: bool, limit: int, since: datetime | None = None, ids: Sequence[int] | None = None
) -> Claimed:
    """Takes what is due of one class, oldest first, passing over what others hold. Inside a segment.

    `since` skips index entries that this drain has claimed already and that an old snapshot keeps alive.
    """
    db = connection()
    where = f"queue = %s AND solo = %s AND due_at <= {sql.DUE_BY[db.vendor]}"
    parameters: list[Any] = [queue, solo]
    if since is not None:
        where += " AND due_at >= %s"
        parameters.append(db.ops.adapt_datetimefield_value(since))
    if ids is not None:
        where += f" AND id IN ({', '.join(['%s'] * len(ids))})"
        parameters += ids
    return _runs(f"{where} ORDER BY due_at LIMIT {int(limit)}", parameters)


def peek(queue: str, *, solo: bool, limit: int) -> list[tuple[int, int]]:
    """(id, turn) of what is due, without a lock: SQLite notes them before its one writer claims them."""
    db = connection()
    due = f"queue = %s AND solo = %s AND due_at <= {sql.DUE_BY[db.vendor]} ORDER BY due_at LIMIT {int(limit)}"
    with db.cursor() as cursor:
        cursor.execute(f"SELECT id, turn FROM executions_execution WHERE {due}", [queue, solo])
        return [(execution_id, turn) for execution_id, turn in cursor.fetchall()]


def claim_one(execution_id: int, *, turn: int | None = None) -> Claimed:
    """Takes one run, at this turn if one is given; nothing where another holds it or has moved it on."""
    if turn is None:
        return _runs("id = %s", [execution_id])
    return _runs("id = %s AND turn = %s", [execution_id, turn])


def lock_one(execution_id: int) -> Claimed:
    """Takes one run for a person: waits for its lock, at most as long as the session allows."""
    return _runs("id = %s", [execution_id], wait=True)


def _job(row: tuple[Any, ...]) -> RunJob:
    (_, pk, number, node_id, node_key, status, result, meta, parent, upstream, input_, log, wait,
     queue, due_at, attempt,
     attempts, started_at, ended_at) = row  # fmt: skip
    return RunJob(
        number, node_id, node_key, status, result, meta, pk, parent, upstream, input_, log, wait,
        queue, due_at, attempt,
        attempts, started_at, ended_at, False,
    )  # fmt: skip


def _jobs(where: Q) -> list[tuple[int, RunJob]]:
    rows = Job.objects.using(alias()).filter(where).order_by("execution_id", "number").values_list(*_JOB_COLUMNS)
    return [(row[0], _job(row)) for row in rows]


def load_jobs(runs: Iterable[Run]) -> None:
    """What begun runs need to go on: pending jobs, those their moves name, the parents of both, the last number."""
    begun = {run.id: run for run in runs if run.status == ExecutionStatus.STARTED}
    if not begun:
        return
    for execution_id, job in _jobs(Q(execution_id__in=begun, status=JobStatus.PENDING)):
        begun[execution_id].learn(job)
    while missing := _missing(begun.values()):
        numbers = set().union(*missing.values())
        found = _jobs(Q(execution_id__in=list(missing), number__in=numbers))
        for execution_id, job in found:
            begun[execution_id].learn(job)
        if not found:
            break
    last = Job.objects.using(alias()).filter(execution_id__in=begun).values_list("execution_id").annotate(Max("number"))
    for execution_id, number in last:
        begun[execution_id].last_number = number


def _missing(runs: Iterable[Run]) -> dict[int, set[int]]:
    missing: dict[int, set[int]] = defaultdict(set)
    for run in runs:
        named = {job.parent for job in run.known.values()}
        for kind, *rest in run.agenda:
            if kind in ("run", "resume", "branch"):
                named.update(rest[1:] if kind == "run" else rest)
        named -= run.known.keys()
        named.discard(None)
        if named:
            missing[run.id] = {number for number in named if number is not None}
    return missing


def due_performs(queue: str, limit: int) -> list[tuple[int, int]]:
    """(execution id, job id) of EXTERNAL steps that may be performed, oldest first; without a lock."""
    db = connection()
    with db.cursor() as cursor:
        cursor.execute(
            "SELECT execution_id, id FROM executions_job WHERE wait = 'performer' AND due_at IS NOT NULL AND queue = %s"
            f" AND due_at <= {sql.DUE_BY[db.vendor]} ORDER BY due_at LIMIT {int(limit)}",
            [queue],
        )
        return [(execution_id, job_id) for execution_id, job_id in cursor.fetchall()]


def something_performable(queue: str) -> bool:
    return bool(due_performs(queue, 1))
