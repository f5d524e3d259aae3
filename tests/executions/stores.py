"""Both stores, claims and journal of the database and their twin in memory, as one thing that tests talk to."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from executions.models import Execution, Job
from executions.run import Run
from executions.runjob import RunJob
from executions.store import claims, journal, session
from executions.store.memory import MemoryStore
from tests.executions import rows
from workflows.graph import Graph
from workflows.models import Workflow

#: The node of the jobs made here, unless a test says otherwise.
NODE = 5


def graph(**columns: Any) -> Graph:
    return Graph(Workflow(**{"pk": 999_999, "key": "gone", "title": "Gone", "type": "manual"} | columns), [])


class Database:
    """Functions of claims and journal; runs come in as rows."""

    segment = staticmethod(session.segment)
    heads = staticmethod(claims.heads)
    load_jobs = staticmethod(claims.load_jobs)
    write = staticmethod(journal.write)
    due_performs = staticmethod(claims.due_performs)
    now = staticmethod(session.database_now)

    def add(self, context: Any = None, **columns: Any) -> int:
        columns.setdefault("due_at", self.now())
        return rows.run(status=None, context=context, **columns).pk

    def claim(self, queue: str, **limits: Any) -> list[Run]:
        return claims.claim(queue, **limits).runs

    def claim_one(self, execution_id: int, **at: Any) -> list[Run]:
        return claims.claim_one(execution_id, **at).runs

    def read(self, execution_id: int) -> Any:
        """The row; its columns are called as the attributes of `Run`."""
        return Execution.objects.get(pk=execution_id)

    def all_jobs(self, execution_id: int) -> list[Any]:
        return list(Job.objects.filter(execution_id=execution_id).order_by("number"))


class Twin:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.now = self.store.clock.now

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def add(self, context: Any = None, **columns: Any) -> int:
        return self.store.add(graph(), context, **columns)

    def all_jobs(self, execution_id: int) -> list[Any]:
        return list(self.store.read(execution_id).known.values())


Store = Any

IN_MEMORY = pytest.param(Twin, id="memory", marks=pytest.mark.once)
BOTH = [
    IN_MEMORY,
    pytest.param(Database, id="database", marks=[pytest.mark.django_db(transaction=True), pytest.mark.engine]),
]
#: Databases whose rows can be locked one by one.
WITH_ROW_LOCKS = [
    IN_MEMORY,
    pytest.param(
        Database,
        id="database",
        marks=[pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.mariadb],
    ),
]


def ago(store: Store, seconds: float) -> datetime:
    return store.now() - timedelta(seconds=seconds)


def claimed(store: Store, queue: str = "sluice", *, solo: bool = False, limit: int = 100, **limits: Any) -> list[int]:
    with store.segment():
        return [run.id for run in store.claim(queue, solo=solo, limit=limit, **limits)]


def change(store: Store, execution_id: int, by: Callable[[Run, datetime], object]) -> datetime:
    """Claims the run, lets it be changed and writes it; answers the time it was written at."""
    with store.segment():
        [run] = store.claim_one(execution_id)
        store.load_jobs([run])
        now = store.now()
        by(run, now)
        store.write([run], now)
    return now


def begin(run: Run, now: datetime) -> None:
    run.status = 0
    run.started_at = now


def add_job(run: Run, now: datetime, *, node: int = NODE, parent: int | None = None, **columns: Any) -> RunJob:
    """A job of the run, ended unless its status says otherwise."""
    job = run.add_job(node, f"n{node}", parent, None, now)
    run.close_job(job, 1, now)
    for name, value in columns.items():
        setattr(job, name, value)
    if job.pending:
        run.pending.add(job.number)
    return job


def begun(store: Store, *jobs: dict[str, Any], agenda: list[Any] = [], **columns: Any) -> int:  # noqa: B006
    """A run that was begun and has these jobs."""
    execution_id = store.add(**columns)

    def with_jobs(run: Run, now: datetime) -> None:
        begin(run, now)
        run.agenda.extend(agenda)
        for job in jobs:
            add_job(run, now, **job)

    change(store, execution_id, with_jobs)
    return execution_id


def elsewhere(work: Callable[[], Any]) -> Any:
    """What it answers in another thread, and so over another connection."""

    def with_own_connection() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(with_own_connection).result(timeout=20)


PENDING = {"status": 0}
ENDED = {"status": 1}
