"""Workers and ticks that die while they tell of a run's end or of a long run: it is told of once, or not at all yet."""

from datetime import timedelta

import pytest
from django.db.models import F

from executions import clock, operations
from executions.dispatcher import start
from executions.drain import drain
from executions.models import EventKey, Execution, RunWatch
from tests.building import build
from tests.faults import ticker
from tests.faults.victim import die_at
from workflows.triggers import listening

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

WAIT = ("delay", {"duration": 1, "unit": 3_600_000})


def watch(**config):
    workflow = build([], type="execution", config=config)
    listening.refresh(force=True)
    return workflow


def told(watching):
    return sorted(run.context["execution"]["id"] for run in Execution.objects.filter(key=watching.key))


def _dies(side):
    die_at(side, 2)
    drain("sluice")


@pytest.mark.parametrize(("side", "done"), [("before", False), ("after", True)])
def test_a_worker_that_dies_at_the_commit_of_an_end_tells_of_it_with_the_end(fork, settle, side, done):
    watching, workflow = watch(), build([])
    runs = [start(workflow, {}).pk for _ in range(3)]
    # The first commit of a version's first runs freezes it.
    assert fork(lambda: _dies(side)).wait() == -9
    ended = sorted(Execution.objects.filter(pk__in=runs, ended_at__isnull=False).values_list("id", flat=True))
    assert told(watching) == ended
    assert bool(ended) is done
    settle()
    assert told(watching) == runs
    assert EventKey.objects.count() == 3


@pytest.mark.parametrize(("side", "done"), [("before", 0), ("after", 2)])
def test_a_tick_that_dies_at_its_commit_has_told_of_all_or_of_nothing(fork, work, side, done):
    watching, workflow = watch(mode="longer", seconds=60), build([WAIT])
    runs = [start(workflow, {}).pk for _ in range(2)]
    work()
    ago = timedelta(seconds=61)
    Execution.objects.update(started_at=F("started_at") - ago)
    RunWatch.objects.update(since=F("since") - ago, settled_at=F("settled_at") - ago)
    assert fork(lambda: ticker.dies(side)).wait() == -9
    assert len(told(watching)) == EventKey.objects.count() == done
    for _ in range(2):
        clock.tick()
    assert told(watching) == runs


def test_ticks_side_by_side_and_the_end_tell_of_a_long_run_once(threads, work):
    watching, workflow = watch(mode="longer", seconds=60), build([WAIT])
    runs = [start(workflow, {}).pk for _ in range(6)]
    work()
    ago = timedelta(seconds=61)
    Execution.objects.update(started_at=F("started_at") - ago)
    RunWatch.objects.update(since=F("since") - ago, settled_at=F("settled_at") - ago)
    ends = [lambda pk=pk: operations.cancel(pk) for pk in runs[:4]]
    for result in threads(clock.tick, clock.tick, *ends):
        assert not isinstance(result, Exception), result
    clock.tick()
    assert told(watching) == runs
