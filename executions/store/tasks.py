"""Tasks of people, written in the commit of the jobs that ask for them and of those that are decided."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from executions.models import Task, TaskType
from executions.run import Run
from executions.runjob import RunTask
from executions.store import sql
from workflows.jsonable import jsonable
from workflows.statuses import JobStatus

_COLUMNS = (
    "type", "user_id", "execution_id", "job", "node_id", "node_key", "key", "title", "status", "result", "meta",
    "round", "order", "decided_at", "created_at", "updated_at",
)  # fmt: skip


def insert(writes: sql.Writes, runs: Sequence[Run], now: datetime) -> None:
    """New tasks of these runs; nothing is sent where there are none."""
    writes.insert(Task, _COLUMNS, [_row(writes.db, run, task, now) for run in runs for task in run.tasks.values()])


def _row(db: BaseDatabaseWrapper, run: Run, task: RunTask, now: datetime) -> tuple[Any, ...]:
    request, job = task.request, task.job
    user = Task._meta.get_field("user").get_db_prep_save(request.user_id, db)
    return (
        str(request.type), user, run.id, job.number, job.node_id, job.node_key, run.key, fitting_title(request.title),
        task.status, sql.as_json(jsonable(request.result)), sql.as_json(jsonable(request.meta)), request.round,
        request.order, task.decided_at, now, now,
    )  # fmt: skip


def fitting_title(text: str) -> str:
    """The title as the column holds it, in one line."""
    line = " ".join(str(jsonable(text)).split())
    return line if len(line) <= 255 else line[:254] + "…"


def close(db: BaseDatabaseWrapper, runs: Sequence[Run], now: datetime) -> None:
    """Ends what is pending of jobs that were decided. Sent before any insert: a job asked anew keeps its new tasks."""
    decided = [(run.id, sorted(run.answered)) for run in runs if run.answered]
    if not decided:
        return
    table = db.ops.quote_name(Task._meta.db_table)
    of_jobs = " OR ".join(f"(execution_id = %s AND job IN ({', '.join(['%s'] * len(jobs))}))" for _, jobs in decided)
    moment = db.ops.adapt_datetimefield_value(now)
    with db.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET status = %s, decided_at = %s, updated_at = %s"
            f" WHERE status = %s AND type <> %s AND ({of_jobs})",
            [int(JobStatus.ABORTED), moment, moment, int(JobStatus.PENDING), str(TaskType.CC)]
            + [value for execution_id, jobs in decided for value in (execution_id, *jobs)],
        )
