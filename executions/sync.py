"""Sync runs: inside the caller's call. Their rows stand on a second connection, so history outlives a rollback."""

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from executions.models import Execution
from executions.processor import LeaveSegment, Processor
from executions.run import CarriedClock, Run
from executions.statuses import ExecutionStatus
from executions.store import claims, eventkeys, journal, session, sql
from executions.store.side import close_side, on_side
from workflows.conf import conf
from workflows.graph import Graph, load_graph
from workflows.models import Workflow
from workflows.statuses import JobStatus
from workflows.triggers.base import Event

logger = logging.getLogger("sluice.sync")

_INSERT = (
    "workflow_id", "key", "title", "version", "type", "event_key", "name", "context", "status",
    "manually", "tags", "stack",
    "parent_execution_id", "parent_job", "attempt", "due_at", "turn", "agenda", "solo", "queue", "priority", "crashes",
    "created_by_id", "created_at", "started_at", "expires_at", "updated_at",
)  # fmt: skip


def run(event: Event, execution: Execution) -> Run | Execution | None:
    """Runs to the end or first wait, in the caller's transaction; None where its event's first run is purged."""
    if event.event_key is not None:
        pair = (execution.key, event.event_key)
        known = eventkeys.remember([pair])
        if pair in known:
            return known[pair]
    graph = load_graph(execution.workflow_id or 0)
    now = session.database_now()
    with _history() as db:
        if not graph.frozen:
            _freeze(db, graph, now)
        running = _insert(db, execution, graph, now)
    processor = Processor(running, CarriedClock(now), savepoint=_savepoint, transient=session.transient, inline=True)
    try:
        processor.advance()
    except LeaveSegment as error:
        # The caller's transaction is gone: the caller decides; the history says what happened.
        _finish(running, processor, failed=error.__cause__ or error)
        raise (error.__cause__ or error) from None
    except Exception as error:
        _finish(running, processor, failed=error)
        raise
    _finish(running, processor)
    return running


@contextmanager
def _savepoint(writes: bool) -> Iterator[None]:
    with transaction.atomic(using=session.alias()):
        yield


@contextmanager
def _history() -> Iterator[BaseDatabaseWrapper]:
    """One transaction on the connection that carries the run's own rows."""
    if session.vendor() == "sqlite":
        # Sync runs start after the commit there: the one connection is free.
        with transaction.atomic(using=session.alias()):
            yield session.connection()
        return
    with on_side() as db:
        db.set_autocommit(False)
        try:
            yield db
            db.commit()
        except BaseException:
            db.rollback()
            raise
        finally:
            if db.connection is not None:
                db.set_autocommit(True)


def _freeze(db: BaseDatabaseWrapper, graph: Graph, now: datetime) -> None:
    table = db.ops.quote_name(Workflow._meta.db_table)
    with db.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET frozen_at = %s WHERE id = %s AND frozen_at IS NULL",
            [db.ops.adapt_datetimefield_value(now), graph.workflow_id],
        )


def _insert(db: BaseDatabaseWrapper, execution: Execution, graph: Graph, now: datetime) -> Run:
    expires_at = now + timedelta(milliseconds=graph.options.timeout) if graph.options.timeout else None
    due_at = expires_at or now + timedelta(seconds=conf().SYNC_SECONDS)
    row = (
        execution.workflow_id, execution.key, execution.title, execution.version, execution.type, execution.event_key,
        execution.name, sql.as_json(execution.context), int(ExecutionStatus.STARTED), execution.manually,
        sql.as_json(execution.tags or []), sql.as_json(execution.stack), execution.parent_execution_id,
        execution.parent_job, 1, due_at, 0, sql.as_json([["caller"]]), True, execution.queue, execution.priority, 0,
        execution.created_by_id, now, now, expires_at, now,
    )  # fmt: skip
    pk = sql.insert_one(db, Execution, _INSERT, row)
    run = Run(pk, graph.workflow_id, graph.key, ExecutionStatus.STARTED, 0, execution.queue, True, deque(), _Reader())
    run.graph = graph
    run.stack = execution.stack
    run.parent_execution_id = execution.parent_execution_id
    run.parent_job = execution.parent_job
    run.priority = execution.priority
    run.started_at = now
    run.expires_at = expires_at
    run.created_by_id = execution.created_by_id
    run.begun = run.complete = True
    run._context = execution.context
    run._context_loaded = True
    if graph.head is None:
        run.end(JobStatus.RESOLVED, now)
    else:
        run.agenda.append(["run", graph.head.id, None, None])
    return run


class _Reader(claims.DatabaseReader):
    """A sync run knows all of itself."""

    def context(self, run: Run) -> Any:
        return run._context


def _finish(run: Run, processor: Processor, *, failed: BaseException | None = None) -> None:
    """Writes the jobs and the end, or the first wait, in one commit; from then on workers own the run."""
    if failed is not None and not run.ended:
        run.end(JobStatus.ERROR, processor.clock.now(), error=f"{type(failed).__name__}: {failed}".replace("\x00", ""))
    try:
        with _history() as db:
            if not _still_ours(db, run):
                logger.warning(
                    "Sync execution %s was ended while its caller still ran it; its results are dropped.", run.id
                )
                return
            journal.write([run], processor.clock.now(), db)
    except Exception:
        close_side()
        if failed is None:
            raise
        logger.exception("The end of sync execution %s could not be written.", run.id)


def _still_ours(db: BaseDatabaseWrapper, run: Run) -> bool:
    table = db.ops.quote_name(Execution._meta.db_table)
    lock = "" if db.vendor == "sqlite" else " FOR UPDATE"
    with db.cursor() as cursor:
        cursor.execute(f"SELECT turn FROM {table} WHERE id = %s{lock}", [run.id])
        row = cursor.fetchone()
    return row is not None and row[0] == run.turn
