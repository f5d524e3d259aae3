"""Workers that die at a bulk operation: every run is dealt with, and each is told of exactly once."""

import threading
import time
from collections import Counter

import pytest
from django.db import connection, transaction

from executions import bulk
from executions.models import BulkOperation, Execution, Job
from executions.store import intake
from tests.building import build
from tests.faults import checker
from tests.people import boss
from workflows.models import HistoryEntry, Workflow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

RUNS, CHUNK = 120, 30
WAIT = ("delay", {"duration": 1, "unit": 3_600_000})


def queued(count: int = RUNS) -> Workflow:
    workflow = build([WAIT])
    runs = [
        Execution(workflow=workflow, key=workflow.key, title=workflow.title, version=1, type="manual", queue="sluice")
        for _ in range(count)
    ]
    intake.insert_queued(connection, runs)
    return workflow


def finish(seconds: float = 30.0) -> None:
    """Works as a healthy worker does when the tick wakes it, until no operation is left."""
    until = time.monotonic() + seconds
    while BulkOperation.objects.filter(ended_at=None).exists():
        bulk.work("sluice")
        assert time.monotonic() < until, list(BulkOperation.objects.values())
        time.sleep(0.02)


def check_canceled_once(operation: BulkOperation, runs: int = RUNS) -> None:
    operation.refresh_from_db()
    assert (operation.state, operation.done, operation.refused, operation.failed) == ("done", runs, 0, 0)
    assert Execution.objects.filter(status=-3, reason="manual_cancel").count() == runs
    told = Counter(HistoryEntry.objects.filter(bulk=operation.pk).values_list("execution", flat=True))
    assert set(told.values()) == {1}
    assert len(told) == runs
    assert checker.faults() == []


@pytest.fixture(autouse=True)
def _back_soon(monkeypatch):
    monkeypatch.setattr(bulk, "LEASE", 0.2)


@pytest.fixture
def victim(spawn):
    """Answers its exit code (-9: it died)."""

    def run(**options) -> int:
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        return spawn("tests.faults.bulk_victim", "--chunk", CHUNK, *arguments).wait(timeout=60)

    return run


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("commit", [1, 2, RUNS // CHUNK])
def test_a_kill_at_a_commit_loses_and_doubles_nothing(victim, side, commit):
    queued()
    operation = bulk.start("cancel", all=True, by=boss())
    assert victim(side=side, commit=commit) == -9
    operation.refresh_from_db()
    assert operation.done == (commit if side == "after" else commit - 1) * CHUNK
    finish()
    check_canceled_once(operation)


@pytest.mark.parametrize(("run", "runs"), [(1, 60), (17, 60), (CHUNK + 7, 300)])
def test_a_kill_in_the_middle_of_a_chunk_undoes_that_chunk(victim, run, runs):
    queued(runs)
    operation = bulk.start("cancel", all=True, by=boss())
    assert victim(run=run) == -9
    operation.refresh_from_db()
    assert operation.done == run // CHUNK * CHUNK
    assert Execution.objects.filter(status=-3).count() == operation.done
    finish()
    check_canceled_once(operation, runs)


def test_a_killed_rerun_reruns_each_once(victim):
    queued(RUNS)
    Execution.objects.update(status=1, ended_at="2026-01-01T00:00:00Z", started_at="2026-01-01T00:00:00Z", due_at=None)
    operation = bulk.start("rerun", all=True)
    assert victim(run=CHUNK + 5) == -9
    finish()
    operation.refresh_from_db()
    assert (operation.state, operation.done) == ("done", RUNS)
    again = Counter(Execution.objects.filter(rerun_of__isnull=False).values_list("rerun_of", flat=True))
    assert (len(again), set(again.values())) == (RUNS, {1})


def test_many_workers_at_once_do_it_once(threads, monkeypatch):
    monkeypatch.setattr(bulk, "CHUNK", 20)
    queued()
    operation = bulk.start("cancel", all=True)
    assert [error for error in threads(*[finish] * 4) if error is not None] == []
    check_canceled_once(operation)


@pytest.mark.postgres
@pytest.mark.mariadb
@pytest.mark.parametrize(("held", "refused"), [(2.6, 0), (60.0, 1)], ids=["for a moment", "for too long"])
def test_a_run_that_a_worker_holds_is_tried_again(threads, monkeypatch, held, refused):
    monkeypatch.setattr(bulk, "MOST_TRIES", 3)
    monkeypatch.setattr(bulk, "AGAIN", 0.1)
    queued(5)
    third = Execution.objects.order_by("pk")[2]
    operation = bulk.start("cancel", all=True)
    holding = threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Execution.objects.select_for_update().get(pk=third.pk)
            holding.set()
            until = time.monotonic() + held
            while time.monotonic() < until and BulkOperation.objects.filter(ended_at=None).exists():
                time.sleep(0.05)

    def cancel() -> None:
        assert holding.wait(20)
        finish()

    assert [error for error in threads(hold, cancel) if error is not None] == []
    operation.refresh_from_db()
    assert (operation.state, operation.done, operation.refused) == ("done", 5 - refused, refused)
    assert [pk for pk, _why in operation.refusals] == [third.pk] * refused
    assert Execution.objects.filter(status=-3).count() == 5 - refused


@pytest.mark.workers
def test_a_killed_celery_worker_and_the_tick_of_the_next_one(tmp_path):
    from tests.northwind.workers import Worker, empty_redis

    runs = 1_500
    empty_redis()
    queued(runs)
    operation = bulk.start("pause", all=True, by=boss())
    first = Worker("first@bulk", tmp_path / "first.log")
    second = None
    try:
        first.wait_until_ready()
        _until(lambda: BulkOperation.objects.get().done > 0, first)
        first.kill()
        operation.refresh_from_db()
        assert operation.state == "running", "It was to die half-way."
        second = Worker("second@bulk", tmp_path / "second.log")
        _until(lambda: BulkOperation.objects.get().ended_at is not None, second)
    finally:
        for worker in (first, second):
            if worker is not None:
                worker.stop()
        empty_redis()
    operation.refresh_from_db()
    assert (operation.state, operation.done + operation.refused) == ("done", runs)
    told = Counter(HistoryEntry.objects.filter(bulk=operation.pk).values_list("execution", flat=True))
    assert (len(told), set(told.values())) == (operation.done, {1})
    assert Execution.objects.filter(paused_at__isnull=False).count() == operation.done
    assert not Job.objects.exclude(status__in=[0]).exists()


def _until(done, worker, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert worker.process.poll() is None, worker.log.read_text()
        assert time.monotonic() < until, worker.log.read_text()
        time.sleep(0.01)
