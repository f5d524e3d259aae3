"""Queued runs come in: one INSERT, its times taken from the database's clock."""

from collections.abc import Sequence

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from executions.models import Execution
from executions.store import attributes, ends, sql

_COLUMNS = (
    "workflow_id", "key", "title", "version", "type", "name", "event_key", "context", "status",
    "error", "manually", "tags",
    "stack", "parent_execution_id", "parent_job", "rerun_of_id", "attempt", "turn", "solo", "lane", "queue", "priority",
    "crashes", "created_by_id", "agenda", "expires_at",
)  # fmt: skip
#: Of runs that a debounce keeps back; written where one of the rows has them.
_FLOW_COLUMNS = ("parked", "debounce_key")
_JSON = {"context", "tags", "stack", "agenda"}


def insert_queued(db: BaseDatabaseWrapper, executions: Sequence[Execution]) -> None:
    """Inserts runs due now, less their head start or after their delay, and sets their ids. One that has failed is born
    ended."""
    if not executions:
        return
    now = sql.NOW[db.vendor]
    ended = [execution for execution in executions if execution.status is not None]
    more = ends.watched() and bool(ended)
    if db.get_autocommit() and (more or any(True for execution in executions for _ in attributes.of(execution))):
        # A run, what it is found by and what it sets off come together or not at all.
        with transaction.atomic(using=db.alias):
            insert_queued(db, executions)
        return
    rows, values = [], []
    flows = any(execution.debounce_key is not None for execution in executions)
    columns = (*_COLUMNS, *_FLOW_COLUMNS) if flows else _COLUMNS
    for execution in executions:
        marks = ", ".join(["%s"] * len(columns))
        born_ended = execution.status is not None
        # One that is born ended is due only where it has somebody to tell.
        times = f"{now if execution.agenda else 'NULL'}, {now}, {now}" if born_ended else _due(db, execution)
        rows.append(f"({marks}, {now}, {now}, {times})")
        values += [
            sql.as_json(getattr(execution, name)) if name in _JSON else getattr(execution, name) for name in columns
        ]
        if not born_ended:
            # Whoever must wait has no head start.
            values.append(-execution.delay or execution.priority)
    names = ", ".join(
        db.ops.quote_name(name) for name in (*columns, "created_at", "updated_at", "due_at", "started_at", "ended_at")
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
    ends.tell(db, ended)


def _due(db: BaseDatabaseWrapper, execution: Execution) -> str:
    if db.vendor == "postgresql":
        # A delay counts from here, not from where the transaction began.
        now = "clock_timestamp()" if execution.delay else sql.NOW[db.vendor]
        return f"{now} - %s * interval '1 second', NULL, NULL"
    if db.vendor == "mysql":
        return f"{sql.NOW[db.vendor]} - INTERVAL %s SECOND, NULL, NULL"
    return sql.SQLITE_NOW.format(", (-%s) || ' seconds'") + ", NULL, NULL"
