"""The tick: what is due is found in one statement, whatever the number of queues and runs."""

import pytest
from django.db.models.functions import Now

from executions import clock
from executions.dispatcher import start
from executions.models import Execution, Job
from tests.building import build

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sent(monkeypatch):
    """The queues that were woken, instead of messages that nobody reads."""
    queues: list[str] = []
    monkeypatch.setattr(clock.wakeup, "send", lambda queue, **_: queues.append(queue))
    monkeypatch.setattr(clock.wakeup, "send_perform", lambda queue, **_: queues.append(f"{queue}-perform"))
    return queues


def test_nothing_due_costs_one_statement(sent, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert clock.tick() == []
    assert sent == []


def test_each_queue_with_something_due_is_woken(django_assert_num_queries, monkeypatch):
    ordinary, solo, waiting, performing = (start(build([]), {}) for _ in range(4))
    monkeypatch.setattr(clock.wakeup, "send", lambda queue, **_: None)
    monkeypatch.setattr(clock.wakeup, "send_perform", lambda queue, **_: None)
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
    with django_assert_num_queries(1):
        assert sorted(clock.tick()) == ["a", "b", "d-perform"]


def test_a_run_that_is_due_in_the_future_without_reason_is_made_due():
    from datetime import timedelta

    execution = start(build([]), {})
    Execution.objects.filter(pk=execution.pk).update(due_at=Now() + timedelta(hours=1))
    assert clock.repair_clock() == 1
    assert Execution.objects.filter(pk=execution.pk, due_at__lte=Now()).exists()
