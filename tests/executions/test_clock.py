"""The tick: what is due is found in one statement, whatever the number of queues and runs."""

import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from celery import current_app
from django.db.models.functions import Now

from executions import bootstep, clock
from executions.dashboard import workers
from executions.dispatcher import start
from executions.models import Execution, Job, TotalsMark, WorkerSeen
from tests.building import build

pytestmark = pytest.mark.django_db(transaction=True)

QUEUES = ("sluice", "a", "b", "c", "d", "d-perform")


@pytest.fixture
def sent() -> Callable[[], dict[str, list[Any]]]:
    """The messages that lie in the broker, taken out of it: (task, arguments) by queue."""

    def read() -> dict[str, list[Any]]:
        with current_app.connection_for_read() as broker:
            return {name: found for name in QUEUES if (found := list(_messages(broker, name)))}

    # What others left there is not this test's.
    read()
    return read


def _messages(broker: Any, name: str) -> Any:
    with broker.SimpleQueue(name) as queue:
        while True:
            try:
                message = queue.get(block=False)
            except queue.Empty:
                return
            message.ack()
            arguments, *_ = message.payload
            yield message.headers["task"], arguments


def test_nothing_due_costs_one_statement(sent, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert clock.tick() == []
    assert sent() == {}


def test_each_queue_with_something_due_is_woken(sent, django_assert_num_queries):
    ordinary, solo, waiting, performing = (start(build([]), {}) for _ in range(4))
    for execution, columns in (
        (ordinary, {"queue": "a", "solo": False}),
        (solo, {"queue": "b", "solo": True}),
        (waiting, {"queue": "c", "due_at": None}),
        (performing, {"queue": "d", "due_at": None}),
    ):
        Execution.objects.filter(pk=execution.pk).update(**columns)
    Job.objects.create(
        execution=performing, number=1, node_key="n", status=0, wait="performer", queue="d", due_at=Now(),
        created_at=Now(), updated_at=Now(),
    )  # fmt: skip
    sent()
    with django_assert_num_queries(1):
        assert sorted(clock.tick()) == ["a", "b", "d-perform"]
    assert sent() == {
        "a": [("sluice.drain", ["a"])],
        "b": [("sluice.drain", ["b"])],
        "d-perform": [("sluice.perform", ["d"])],
    }


def test_what_is_due_is_woken_again_whoever_was_just_woken(sent):
    start(build([]), {})
    sent()
    for _ in range(2):
        assert clock.tick() == ["sluice"]
    assert sent() == {"sluice": [("sluice.drain", ["sluice"])] * 2}


@pytest.mark.parametrize("part", [0.0, 0.001, 0.5, 0.999])
def test_ticks_come_just_after_whole_seconds(monkeypatch, part):
    now = 1_800_000_000 + part
    monkeypatch.setattr(bootstep, "time", SimpleNamespace(time=lambda: now))
    until = now + bootstep._pause()
    assert 0 < until % 1 < 0.1
    assert 0 < until - now <= 1.1


@pytest.mark.parametrize(("slice", "again"), [(60.0, False), (0.0, True)])
def test_retention_that_is_not_done_in_its_slice_of_a_tick_goes_on_in_the_next(monkeypatch, slice, again):
    monkeypatch.setattr(clock, "RETENTION_SLICE", slice)
    housekeeping = clock.Housekeeping()
    housekeeping._next_retention = 0.0
    housekeeping.run()
    assert (housekeeping._next_retention <= time.monotonic()) is again


@pytest.mark.parametrize(("slice", "again"), [(60.0, False), (0.0, True)])
def test_counting_that_is_not_done_in_its_slice_of_a_tick_goes_on_in_the_next(monkeypatch, slice, again):
    monkeypatch.setattr(clock, "TOTALS_SLICE", slice)
    housekeeping = clock.Housekeeping()
    housekeeping._next_totals = 0.0
    housekeeping.run()
    assert TotalsMark.objects.exists()
    assert (housekeeping._next_totals <= time.monotonic()) is again


def test_a_worker_that_ticks_is_seen_until_it_stops(monkeypatch):
    monkeypatch.setattr(workers, "_last", {})
    ticker = bootstep.Ticker()
    ticker._tick(clock.Housekeeping())
    assert [row.name for row in WorkerSeen.objects.all()] == [workers.name()]
    ticker._leave()
    assert not WorkerSeen.objects.exists()


def test_a_run_that_is_due_in_the_future_without_reason_is_made_due():
    execution = start(build([]), {})
    Execution.objects.filter(pk=execution.pk).update(due_at=Now() + timedelta(hours=1))
    assert clock.repair_clock() == 1
    assert Execution.objects.filter(pk=execution.pk, due_at__lte=Now()).exists()


def test_a_process_is_forked_between_two_ticks_never_in_the_midst_of_one(monkeypatch):
    """A slot would find locked for good what the ticker's thread holds."""
    at_work, ended = threading.Event(), threading.Event()

    def tick(self: Any, housekeeping: Any) -> None:
        at_work.set()
        time.sleep(0.5)
        ended.set()

    monkeypatch.setattr(bootstep.Ticker, "_tick", tick)
    monkeypatch.setattr(bootstep.Ticker, "_leave", lambda self: None)
    ticker = bootstep.Ticker()
    ticker.start()
    try:
        for _ in range(2):
            assert at_work.wait(10)
            child = os.fork()
            if child == 0:
                os._exit(0 if ended.is_set() else 1)
            assert os.waitpid(child, 0)[1] == 0
            at_work.clear()
            ended.clear()
    finally:
        ticker.stop()
