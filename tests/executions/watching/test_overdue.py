"""Runs that take long set off who watches for it: once, by a tick or by their end, whatever the clock does."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from executions import clock, operations
from executions.dispatcher import start
from executions.drain import drain_all
from executions.models import EventKey, Execution, RunWatch
from executions.watching import overdue
from tests.building import build
from tests.executions.watching.watched import WAIT, told, watch
from workflows import versions
from workflows.models import Workflow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]


def waiting(workflow, count=1):
    runs = [start(workflow, {}) for _ in range(count)]
    drain_all()
    return runs


def later(seconds):
    """So much time passes, of all that happened."""
    ago = timedelta(seconds=seconds)
    Execution.objects.filter(ended_at=None).update(started_at=F("started_at") - ago)
    RunWatch.objects.update(since=F("since") - ago, settled_at=F("settled_at") - ago)


def titles(watching):
    return sorted(each["execution"]["title"] for each in told(watching))


def test_a_run_that_takes_long_is_told_of_once():
    watching = watch(mode="longer", seconds=60)
    [run] = waiting(build([WAIT], title="Slow"))
    clock.tick()
    later(40)
    clock.tick()
    assert told(watching) == []
    later(21)
    for _ in range(3):
        clock.tick()
        later(100)
    [context] = told(watching)
    assert (context["event"], context["execution"]["id"], context["execution"]["status"]) == ("longer", run.pk, 0)
    assert (context["execution"]["ended_at"], context["node"], context["error"]) == (None, None, None)
    assert 61 <= context["execution"]["duration"] < 90
    # Neither its end nor, after the watch has moved on, any tick tells of it again.
    operations.cancel(run.pk)
    later(10_000)
    clock.tick()
    assert len(told(watching)) == 1


@pytest.mark.parametrize("chosen", [True, False])
def test_only_chosen_workflows_count_and_never_its_own_runs(chosen):
    slow, other = build([WAIT], title="Slow"), build([WAIT], title="Other")
    watching = watch(mode="longer", seconds=60, workflows=[slow.key] if chosen else [], steps=[WAIT])
    waiting(slow)
    waiting(other)
    later(61)
    clock.tick()
    drain_all()
    later(1000)
    clock.tick()
    clock.tick()
    assert titles(watching) == (["Slow"] if chosen else ["Other", "Slow"])


def test_what_ran_too_long_before_anybody_watched_is_not_told_of():
    [old] = waiting(build([WAIT], title="Old"))
    later(100)
    [young] = waiting(build([WAIT], title="Young"))
    watching = watch(mode="longer", seconds=60)
    later(61)
    clock.tick()
    assert titles(watching) == ["Young"]
    operations.cancel(old.pk)
    operations.cancel(young.pk)
    assert titles(watching) == ["Young"]


def test_more_than_a_batch_is_told_of_in_its_ticks(monkeypatch):
    monkeypatch.setattr(overdue, "BATCH", 3)
    watching = watch(mode="longer", seconds=60)
    waiting(build([WAIT]), 10)
    # All at one moment: no start is passed over for its neighbours' sake.
    Execution.objects.update(started_at=Now())
    later(61)
    clock.tick()
    assert len(told(watching)) == 10


def test_a_start_that_was_committed_late_is_still_told_of():
    watching = watch(mode="longer", seconds=60)
    waiting(build([WAIT], title="First"))
    later(100)
    clock.tick()
    [late] = waiting(build([WAIT], title="Late"))
    Execution.objects.filter(pk=late.pk).update(started_at=F("started_at") - timedelta(seconds=110))
    clock.tick()
    assert titles(watching) == ["First", "Late"]


def test_a_clock_that_was_set_back_tells_of_nothing_twice_and_of_all_that_comes():
    watching = watch(mode="longer", seconds=60)
    waiting(build([WAIT], title="First"))
    later(100)
    clock.tick()
    # An hour back: all that was written lies ahead.
    later(-3600)
    clock.tick()
    waiting(build([WAIT], title="Second"))
    later(61)
    clock.tick()
    assert titles(watching) == ["First", "Second"]
    later(3600)
    clock.tick()
    assert titles(watching) == ["First", "Second"]


def test_a_run_longer_than_events_are_remembered_is_not_told_of_again_at_its_end():
    watching = watch(mode="longer", seconds=60)
    [run] = waiting(build([WAIT]))
    later(61)
    clock.tick()
    later(86_400 * 40)
    EventKey.objects.all().delete()
    operations.cancel(run.pk)
    clock.tick()
    assert len(told(watching)) == 1


def test_a_tick_with_nothing_due_is_one_statement():
    watch(mode="longer", seconds=60)
    waiting(build([WAIT]), 3)
    clock.tick()
    with connection.execute_wrapper(lambda execute, *rest: seen.append(rest[0]) or execute(*rest)):
        seen: list[str] = []
        clock.tick()
    assert len(seen) == 1


def test_the_watches_follow_the_definitions():
    one, two = build([WAIT]), build([WAIT])
    watching = watch(mode="longer", seconds=60, workflows=[one.key, two.key])
    assert sorted(RunWatch.objects.values_list("watched", "seconds")) == sorted([(one.key, 60), (two.key, 60)])
    RunWatch.objects.update(settled_at=F("settled_at") + timedelta(seconds=7))
    before = dict(RunWatch.objects.values_list("watched", "settled_at"))
    Workflow.objects.filter(pk=watching.pk).update(config={"mode": "longer", "seconds": 60, "workflows": [one.key]})
    overdue.reconcile()
    assert dict(RunWatch.objects.values_list("watched", "settled_at")) == {one.key: before[one.key]}
    Workflow.objects.filter(pk=watching.pk).update(config={"mode": "longer", "seconds": 90})
    overdue.reconcile()
    assert list(RunWatch.objects.values_list("watched", "seconds")) == [("", 90)]
    versions.disable(Workflow.objects.get(pk=watching.pk))
    assert not RunWatch.objects.exists()


def test_a_disabled_one_is_told_of_nothing_even_if_nobody_noticed():
    watching = watch(mode="longer", seconds=60)
    waiting(build([WAIT]))
    later(61)
    Workflow.objects.filter(pk=watching.pk).update(enabled=False)
    clock.tick()
    assert (told(watching), RunWatch.objects.count()) == ([], 0)
