"""Sync runs: inside the caller's call. Their rows stand on a second connection, so history outlives a rollback."""

import logging
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from executions.models import Execution
from executions.processor import LeaveSegment, Processor
from executions.queued import queued
from executions.relatives import failure_of
from executions.run import Run
from executions.runclock import CarriedClock
from executions.statuses import ExecutionStatus, Reason
from executions.store import attributes, claims, eventkeys, intake, journal, session, sql
from executions.store.side import close_side, on_side
from workflows.answering import Answer
from workflows.conf import conf
from workflows.errors import SluiceError
from workflows.graph import Graph, load_graph
from workflows.instructions.base import ChildRequest, Outcome, Wait
from workflows.jsonable import jsonable
from workflows.models import Workflow
from workflows.statuses import JobStatus
from workflows.triggers.base import Event

logger = logging.getLogger("sluice.sync")

#: Seconds between two looks whether somebody else ended a run that is with its caller.
LOOK_SECONDS = 1.0

_INSERT = (
    "workflow_id", "key", "title", "version", "type", "event_key", "name", "context", "status",
    "manually", "tags", "stack",
    "parent_execution_id", "parent_job", "attempt", "due_at", "turn", "agenda", "solo", "queue", "priority", "crashes",
    "created_by_id", "created_at", "started_at", "expires_at", "updated_at",
)  # fmt: skip


def run(event: Event, execution: Execution) -> Run | Execution | None:
    """Runs to the end or first wait, in the caller's transaction; None where its event's first run is purged."""
    ended = _run(event, execution)
    if event.answer is not None and ended is not None:
        event.answer.status = ended.status
    return ended


def _run(event: Event, execution: Execution) -> Run | Execution | None:
    if event.event_key is not None:
        pair = (execution.key, event.event_key)
        known = eventkeys.remember([pair])
        if pair in known:
            return known[pair]
    try:
        graph = load_graph(execution.workflow_id or 0)
    except SluiceError as error:
        if execution.manually:
            raise
        return _stillborn(execution, error)
    return _walk(graph, execution, answer=event.answer)


def _walk(graph: Graph, execution: Execution, *, called: bool = False, answer: Answer | None = None) -> Run:
    now = session.database_now()
    with _history() as db:
        if not graph.frozen:
            _freeze(db, graph, now)
        running = _insert(db, execution, graph, now)
    running.answer = answer
    if called:
        # The parent stands above in this very call; only the row names its job, for an end that comes later.
        running.parent_job = None
    processor = Processor(
        running,
        CarriedClock(now),
        savepoint=session.checking_savepoint,
        transient=session.transient,
        inline=True,
        ended_outside=_Look(running),
        call_child=partial(call_child, running),
    )
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


def call_child(run: Run, request: ChildRequest, number: int) -> Outcome | None:
    """A step's child, in the same call; None for an asynchronous one.

    One that waits is told of by workers, once this run has left the call too.
    """
    graph = load_graph(request.workflow_id)
    if not graph.sync:
        return None
    execution = queued(
        graph,
        graph.options,
        jsonable(request.context),
        stack=run.ancestry,
        solo=True,
        created_by_id=run.created_by_id,
        parent_execution_id=run.id,
        parent_job=number,
    )
    child = _walk(graph, execution, called=True)
    if not child.ended:
        return Outcome(JobStatus.PENDING, wait=Wait.OUTSIDE)
    if child.status == JobStatus.RESOLVED:
        return Outcome(result=child.output)
    return failure_of(child.id, child.status or JobStatus.ERROR, child.reason, child.error, child.output)


def _stillborn(execution: Execution, error: SluiceError) -> Execution:
    """The run of a version that nobody here can read: the save that set it off must not fail for that."""
    execution.status = JobStatus.ERROR
    execution.error = str(error)
    with _history() as db:
        intake.insert_queued(db, [execution])
    return execution


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
    pk = execution.pk = sql.insert_one(db, Execution, _INSERT, row)
    attributes.insert(db, [execution])
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
        text = run.env.masked(f"{type(failed).__name__}: {failed}".replace("\x00", ""))
        run.end(JobStatus.ERROR, processor.clock.now(), error=text)
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
    lock = "" if db.vendor == "sqlite" else " FOR UPDATE"
    return _turn(db, run, lock)[0] == run.turn


def _turn(db: BaseDatabaseWrapper, run: Run, lock: str = "") -> tuple[int | None, str | None]:
    """(turn, reason) of the run's row; (None, None) where it was deleted."""
    table = db.ops.quote_name(Execution._meta.db_table)
    with db.cursor() as cursor:
        cursor.execute(f"SELECT turn, reason FROM {table} WHERE id = %s{lock}", [run.id])
        return cursor.fetchone() or (None, None)


class _Look:
    """Why somebody else ended the run meanwhile, if anybody did; between its moves the row is read once a second."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._next = time.monotonic() + LOOK_SECONDS

    def __call__(self) -> str | None:
        now = time.monotonic()
        if now < self._next:
            return None
        self._next = now + LOOK_SECONDS
        try:
            with nullcontext(session.connection()) if session.vendor() == "sqlite" else on_side() as db:
                turn, reason = _turn(db, self._run)
        except DatabaseError:
            # Whoever writes the end finds out.
            return None
        return None if turn == self._run.turn else reason or Reason.CANCELED
