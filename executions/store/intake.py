"""Queued runs come in: one INSERT, its times taken from the database's clock."""

from collections.abc import Sequence

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from executions.models import Execution
from executions.store import attributes, sql

_COLUMNS = (
    "workflow_id", "key", "title", "version", "type", "name", "event_key", "context", "status",
    "error", "manually", "tags",
    "stack", "parent_execution_id", "parent_job", "rerun_of_id", "attempt", "turn", "solo", "lane", "queue", "priority",
    "crashes", "created_by_id", "agenda", "expires_at",
)  # fmt: skip
_JSON = {"context", "tags", "stack", "agenda"}


def insert_queued(db: BaseDatabaseWrapper, executions: Sequence[Execution]) -> None:
    """Inserts runs due now, less their head start, and sets their ids. One that has failed is born ended."""
    if not executions:
        return
    now = sql.NOW[db.vendor]
    if db.get_autocommit() and any(True for execution in executions for _ in attributes.of(execution)):
        # A run and what it is found by come together or not at all.
        with transaction.atomic(using=db.alias):
            insert_queued(db, executions)
        return
    due = _due(db, now)
    rows, values = [], []
    for execution in executions:
        marks = ", ".join(["%s"] * len(_COLUMNS))
        born_ended = execution.status is not None
        # One that is born ended is due only where it has somebody to tell.
        times = f"{now if execution.agenda else 'NULL'}, {now}, {now}" if born_ended else due
        rows.append(f"({marks}, {now}, {now}, {times})")
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
        if execution.status is not None:
            execution.started_at = execution.ended_at = moment
        execution._state.adding = False
        execution._state.db = db.alias
    attributes.insert(db, executions)


def _due(db: BaseDatabaseWrapper, now: str) -> str:
    if db.vendor == "postgresql":
        return f"{now} - %s * interval '1 second', NULL, NULL"
    if db.vendor == "mysql":
        return f"{now} - INTERVAL %s SECOND, NULL, NULL"
    return sql.SQLITE_NOW.format(", '-' || %s || ' seconds'") + ", NULL, NULL"
