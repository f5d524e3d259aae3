"""Clocks side by side, clocks that die in mid-fire, hosts whose clocks jump: each time fires once, and soon."""

import time
from collections import Counter
from datetime import datetime, timedelta

import pytest
from django.db.models import F

from config.shop.models import Customer, Order
from executions.models import EventKey, Execution, Schedule
from executions.schedules.keeping import plan_of, this_second
from workflows import versions
from workflows.jsonable import iso

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

SECOND = timedelta(seconds=1)


@pytest.fixture
def clocks(spawn, tmp_path):
    """Starts so many, waits until they tick, and answers how to stop them."""

    def begin(count, *arguments):
        files = [tmp_path / str(number) for number in range(count)]
        started = [spawn("tests.faults.ticker", "--seconds", 120, "--ready", file, *arguments) for file in files]
        until = time.monotonic() + 60
        while not all(file.exists() for file in files):
            assert time.monotonic() < until
            time.sleep(0.05)

        def stop():
            for each in started:
                assert each.poll() is None
                each.kill()
                each.wait()

        return stop

    return begin


def enable(starts=1, **config):
    config = {"startsOn": iso(this_second() + timedelta(seconds=starts)), **config}
    return versions.create_workflow(type="schedule", title="w", config=config, enabled=True)


def by_rows(**config):
    config = {"mode": 1, "collection": "shop.Order", "startsOn": {"field": "placed_at"}, **config}
    return versions.create_workflow(type="schedule", title="w", config=config, enabled=True)


def dates(workflow):
    runs = Execution.objects.filter(key=workflow.key).order_by("id")
    return [datetime.fromisoformat(run.context["date"]) for run in runs]


def all_times(workflow, upto):
    course = plan_of(workflow).course
    return list(course.between(course.start - SECOND, upto))


@pytest.mark.parametrize("skew", [0, 3600], ids=["", "hosts-clocks-jump"])
def test_clocks_side_by_side_fire_each_time_once_and_within_a_second_and_a_half(clocks, skew):
    stop = clocks(3, "--skew", skew)
    workflows = [enable(1, repeat=1000), enable(1, repeat="*/2 * * * * *"), enable(1)]
    time.sleep(6)
    stop()
    settled = this_second()
    for workflow in workflows:
        found = dates(workflow)
        assert len(found) == len(set(found))
        # No time is left out, up to the last one before the clocks stopped.
        assert sorted(found) == all_times(workflow, max(found))
        assert workflow is workflows[2] or settled - max(found) < timedelta(seconds=4)
    late = [
        (run.created_at - datetime.fromisoformat(run.context["date"])).total_seconds()
        for run in Execution.objects.all()
    ]
    assert 0 <= min(late) <= max(late) <= 1.5, sorted(late)
    assert Counter(Schedule.objects.values_list("fired", flat=True)) == Counter(len(dates(each)) for each in workflows)


def test_limits_hold_with_clocks_side_by_side(clocks):
    stop = clocks(3)
    workflow = enable(1, repeat=1000, limit=3)
    time.sleep(6)
    stop()
    assert len(dates(workflow)) == 3
    assert Schedule.objects.get().fired == 3


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("mode", ["set-times", "rows"])
def test_a_clock_killed_in_mid_fire_leaves_nothing_or_all(spawn, side, mode):
    if mode == "rows":
        ann = Customer.objects.create(name="Ann")
        Order.objects.bulk_create([Order(customer=ann, placed_at=this_second()) for _ in range(5)])
        workflow, expected = by_rows(), 5
        back = timedelta(seconds=5)
        Schedule.objects.update(since=F("since") - back, settled_at=F("settled_at") - back)
    else:
        workflow, expected = enable(0), 1
    time.sleep(1.1)
    killed = spawn("tests.faults.ticker", "--side", side, "--commit", 1)
    assert killed.wait(timeout=60) == -9
    done = expected if side == "after" else 0
    assert (Execution.objects.count(), EventKey.objects.count(), Schedule.objects.get().fired) == (done,) * 3
    assert spawn("tests.faults.ticker", "--seconds", 1).wait(timeout=60) == 0
    assert len(dates(workflow)) == expected
    assert Schedule.objects.get().fired == expected


def test_rows_saved_while_clocks_race_fire_once_each(clocks):
    stop = clocks(2)
    workflow = by_rows()
    ann = Customer.objects.create(name="Ann")
    rows, until = [], time.monotonic() + 4
    while time.monotonic() < until:
        rows.append(Order.objects.create(customer=ann, placed_at=this_second() + timedelta(milliseconds=500)).pk)
        time.sleep(0.1)
    time.sleep(2)
    stop()
    found = Counter(run.context["data"]["id"] for run in Execution.objects.filter(key=workflow.key))
    assert found == Counter(rows)
