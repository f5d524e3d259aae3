"""Totals by the hour: each ended run counts once, however often one counts, and none that may be uncommitted."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.auth import get_user_model
from django.db.models import Q
from django.utils import timezone

from executions.dashboard import reading, totals, waiting, workers
from executions.models import NodeTotal, RunTotal, TotalsMark, WorkerSeen
from tests.building import build
from tests.executions.rows import job, run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

NOW = timezone.now()
EARLIER = NOW - timedelta(minutes=5)


def count() -> int:
    """Begins where nobody has begun yet."""
    return totals.count_up(seconds=5) or totals.count_up(seconds=5)


def boss():
    return get_user_model()(is_superuser=True, is_active=True, pk=1)


def ended(status: int = 1, at=EARLIER, seconds: float | None = 2.0, workflow=None, **columns):
    started = None if seconds is None else at - timedelta(seconds=seconds)
    return run(workflow, status=status, ended_at=at, started_at=started, **columns)


def test_each_run_counts_once():
    ended()
    ended(-2)
    ended(-3, seconds=None)
    assert count() == 3
    assert totals.count_up(seconds=5) == 0
    ended()
    assert totals.count_up(seconds=5) == 1
    assert sorted(RunTotal.objects.values_list("key", "status", "number")) == [
        ("", -3, 1), ("", -2, 1), ("", 1, 2), ("gone", -3, 1), ("gone", -2, 1), ("gone", 1, 2),
    ]  # fmt: skip


def test_what_ended_at_one_moment_is_counted_across_chunks(monkeypatch):
    monkeypatch.setattr(totals, "CHUNK", 2)
    for _ in range(5):
        ended()
    assert count() == 5
    assert RunTotal.objects.get(key="gone").number == RunTotal.objects.get(key=totals.ALL).number == 5


def test_what_may_still_be_uncommitted_waits_and_shows_all_the_same():
    now = timezone.now()
    ended(at=now)
    assert count() == 0
    assert not RunTotal.objects.exists()
    shown = reading.ended(boss(), now, 24)
    assert (shown.whole.number, shown.hours[-1].statuses[1], shown.behind) == (1, 1, None)


def test_totals_and_what_is_not_counted_yet_are_one(monkeypatch):
    ended(at=NOW - timedelta(hours=3))
    count()
    ended(-1, at=NOW)
    shown = reading.ended(boss(), NOW, 24)
    assert [(hour.statuses[1], hour.statuses[-1]) for hour in shown.hours if hour.number] == [(1, 0), (0, 1)]
    assert shown.whole.median == pytest.approx(2.0, rel=0.2)
    monkeypatch.setattr(reading, "LIVE", 1)
    ended(at=NOW)
    assert reading.ended(boss(), NOW, 24).behind is not None


def test_hours_long_past_are_forgotten():
    ended()
    count()
    RunTotal.objects.update(hour=NOW - totals.KEPT - timedelta(hours=1))
    totals.forget()
    assert not RunTotal.objects.exists()
    assert TotalsMark.objects.exists()


def test_nodes_by_mean_time_and_by_failures():
    workflow = build([("calculation", {}), ("delay", {}), ("create", {})])
    execution = ended(workflow=workflow)
    for number, key, status, seconds in ((1, "n1", 1, 4), (2, "n2", 1, 999), (3, "n3", -2, 1), (4, "n3", 1, 2)):
        begun = EARLIER - timedelta(seconds=seconds)
        job(execution, number, node_key=key, status=status, started_at=begun, ended_at=EARLIER)
    count()
    slow, failing = reading.nodes(boss(), NOW, 24)
    assert [(each.title, each.kind, each.mean) for each in slow] == [
        ("calculation", "calculation", 4.0), ("create", "create", 1.5),
    ]  # fmt: skip
    assert [(each.title, each.workflow, each.jobs, each.failed, each.share) for each in failing] == [
        ("create", "A test", 2, 1, 50.0)
    ]


def test_of_a_long_run_only_the_first_jobs_count(monkeypatch):
    monkeypatch.setattr(totals, "JOBS", 2)
    execution = ended()
    for number in range(1, 5):
        job(execution, number)
    count()
    assert NodeTotal.objects.get().jobs == 2


@pytest.mark.parametrize(("rule", "number", "nodes"), [("nothing", 0, 0), ("everything", 2, 1)])
def test_totals_are_those_of_workflows_one_may_see(settings, rule, number, nodes):
    workflow = build([("calculation", {})])
    job(ended(workflow=workflow))
    count()
    ended(workflow=workflow)
    ended()
    run(workflow, status=None)
    settings.SLUICE = {**settings.SLUICE, "VISIBLE": f"tests.executions.dashboard.test_totals.{rule}"}
    user = get_user_model()(is_active=True, pk=1)
    assert reading.ended(user, NOW, 24).whole.number == number
    assert len(reading.nodes(user, NOW, 24)[0]) == nodes
    assert reading.unended(user) == (nodes, 0)


def nothing(user):
    return Q(pk=None)


def everything(user):
    return Q(pk__gt=0)


def test_queues_tell_what_is_due_and_since_when(monkeypatch, django_assert_num_queries):
    old, late = NOW - timedelta(minutes=9), NOW - timedelta(minutes=2)
    run(status=0, due_at=late, queue="b")
    run(status=None, due_at=old, solo=True, queue="b")
    run(status=0, due_at=NOW + timedelta(days=1), queue="a")
    job(run(status=0, due_at=None), status=0, wait="performer", queue="b", due_at=late)
    with django_assert_num_queries(2):
        found = waiting.queues()
    assert [(queue.name, queue.runs, queue.calls, queue.more) for queue in found] == [
        ("a", 0, 0, False), ("b", 2, 1, False),
    ]  # fmt: skip
    assert found[1].oldest == old
    monkeypatch.setattr(waiting, "COUNTED", 1)
    run(status=0, due_at=late, queue="b")
    assert [(queue.runs, queue.more) for queue in waiting.queues()] == [(0, False), (2, True)]


def test_a_worker_says_that_it_lives_now_and_then(monkeypatch, django_assert_num_queries):
    clock = SimpleNamespace(now=1_000.0)
    monkeypatch.setattr(workers.time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(workers, "_last", {})
    workers.beat()
    row = WorkerSeen.objects.get()
    with django_assert_num_queries(0):
        workers.beat()
    clock.now += workers.EVERY + 1
    # So long ago by the database's clock too: on SQLite it counts whole milliseconds.
    WorkerSeen.objects.update(seen_at=row.seen_at - timedelta(seconds=workers.EVERY))
    with django_assert_num_queries(1):
        workers.beat()
    again = WorkerSeen.objects.get()
    assert (again.name, again.since) == (row.name, row.since)
    assert again.seen_at >= row.seen_at
    workers.leave()
    assert not WorkerSeen.objects.exists()
