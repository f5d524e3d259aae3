"""Queued runs come in: one INSERT, its times taken from the database's clock."""

from collections.abc import Sequence

from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from executions.models import Execution
from executions.store import sql

_COLUMNS = (
    "workflow_id", "key", "title", "version", "type", "name", "event_key", "context", "status",
    "error", "manually", "tags",
    "stack", "parent_execution_id", "parent_job", "rerun_of_id", "attempt", "turn", "solo", "lane", "queue", "priority",
    "crashes", "created_by_id",
)  # fmt: skip
_JSON = {"context", "tags", "stack"}


def insert_queued(db: BaseDatabaseWrapper, executions: Sequence[Execution]) -> None:
    """Inserts runs due now, less their head start, and sets their ids. One that has failed is born ended."""
    if not executions:
        return
    now = sql.NOW[db.vendor]
    times = {False: _due(db, now), True: f"NULL, {now}, {now}"}
    rows, values = [], []
    for execution in executions:
        marks = ", ".join(["%s"] * len(_COLUMNS))
        born_ended = execution.status is not None
        rows.append(f"({marks}, {now}, {now}, {times[born_ended]})")
        values += [
            sql.as_json(getattr(execution, name)) if name in _JSON else getattr(execution, name) for name in _COLUMNS
        ]
        if not born_ended:
            values.append(execution.priority)
    names = ", ".join(
        db.ops.quote_name(name) for name in (*_COLUMNS, "created_at", "updated_at", "due_at", "started_at", "ended_at")
    )
    ids = sql.insert_returning(db, Execution, names, rows, values)
    moment = timezone.now()
    for execution, pk in zip(executions, ids, strict=True):
        execution.pk = pk
        # What the database wrote, near enough for who looks at this object; the row has its clock's time.
        execution.created_at = execution.updated_at = moment
        execution._state.adding = False
        execution._state.db = db.alias


def _due(db: BaseDatabaseWrapper, now: str) -> str:
    if db.vendor == "postgresql":
        return f"{now} - %s * interval '1 second', NULL, NULL"
    if db.vendor == "mysql":
        return f"{now} - INTERVAL %s SECOND, NULL, NULL"
    return sql.SQLITE_NOW.format(", '-' || %s || ' seconds'") + ", NULL, NULL"
