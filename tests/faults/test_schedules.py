"""Clocks side by side, clocks that die in mid-fire, hosts whose clocks jump: each time fires once, and soon."""

import time
from collections import Counter
from datetime import datetime, timedelta

import pytest
from django.db.models import F

from config.shop.models import Customer, Order
from executions import clock
from executions.dispatcher import start
from executions.drain import drain
from executions.models import EventKey, Execution, Job, RunWatch, Schedule
from executions.schedules.keeping import plan_of, this_second
from tests.building import build
from tests.faults import ticker
from workflows import versions
from workflows.jsonable import iso

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

SECOND = timedelta(seconds=1)


def enable(starts=2, **config):
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


def test_clocks_side_by_side_on_hosts_whose_clocks_jump_fire_each_time_once_and_within_a_second_and_a_half(fork):
    clocks = [fork(lambda: ticker.ticks(60, skew=3600)) for _ in range(3)]
    # The first time is to come once they are enabled, on a slow machine too.
    at_set_times = [enable(repeat=1000), enable(repeat="*/2 * * * * *"), enable()]
    limited, rows = enable(repeat=1000, limit=2), by_rows()
    saved = _save_rows(seconds=1.5)
    # One second more than the limit leaves, and all rows.
    soon = _soon(lambda: len(dates(at_set_times[0])) >= 4 and len(dates(rows)) == len(saved))
    for each in clocks:
        assert each.poll() is None
        each.kill()
    for workflow in at_set_times:
        found = dates(workflow)
        # None twice, and none left out up to the last one before the clocks stopped.
        assert sorted(found) == all_times(workflow, max(found))
    assert max(dates(at_set_times[1])) - max(dates(at_set_times[0])) <= SECOND
    late = [
        run.created_at - datetime.fromisoformat(run.context["date"]) for run in Execution.objects.exclude(key=rows.key)
    ]
    assert timedelta(0) <= min(late) <= max(late) <= soon, sorted(late)
    assert len(dates(limited)) == 2
    fired = Counter(run.context["data"]["id"] for run in Execution.objects.filter(key=rows.key))
    assert fired == Counter(saved)
    workflows = [*at_set_times, limited, rows]
    assert dict(Schedule.objects.values_list("key", "fired")) == {each.key: len(dates(each)) for each in workflows}


def _soon(done):
    """Waits until `done()`; answers how late a second and a half may be on this machine, as busy as it was meanwhile.

    Whoever computes beside us holds us up too: a tick has some ten statements, where a round here has few.
    """
    began, worst = time.monotonic(), 0.0
    while True:
        assert time.monotonic() < began + 30
        if done():
            return timedelta(seconds=1.5 + 10 * worst)
        asked = time.monotonic()
        time.sleep(0.05)
        # Sleeping too long is the machine's doing alone; the questions grow with the rows.
        worst = max(worst, time.monotonic() - asked - 0.05)


def _save_rows(seconds):
    ann = Customer.objects.create(name="Ann")
    keys, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        keys.append(Order.objects.create(customer=ann, placed_at=this_second() + timedelta(milliseconds=500)).pk)
        time.sleep(0.1)
    return keys


def test_an_hour_is_over_within_a_second_and_a_half_of_its_time(fork):
    """Of a delay, of a schedule and of a run that is watched, begun an hour ago but for two seconds."""
    hour, left = timedelta(hours=1), timedelta(seconds=2)
    delayed = start(build([("delay", {"duration": 1, "unit": 3_600_000, "endStatus": 1})]), {})
    watching = build([], type="execution", config={"mode": "longer", "seconds": 3600})
    drain("sluice")
    back = hour - left
    Execution.objects.update(started_at=F("started_at") - back, due_at=F("due_at") - back)
    Job.objects.update(due_at=F("due_at") - back)
    RunWatch.objects.update(since=F("since") - back, settled_at=F("settled_at") - back)
    scheduled = enable(-3598, repeat=3_600_000)
    due = Job.objects.get().due_at
    workers = [fork(lambda: ticker.works(60, skew=3600)) for _ in range(2)]
    begun = Execution.objects.filter(type__in=["schedule", "execution"])
    soon = _soon(lambda: begun.count() == 2 and _ended(delayed))
    for each in workers:
        assert each.poll() is None
        each.kill()
    [fired] = Execution.objects.filter(key=scheduled.key)
    [told] = Execution.objects.filter(key=watching.key)
    late = {
        "delay": Job.objects.get().ended_at - due,
        "schedule": fired.created_at - datetime.fromisoformat(fired.context["date"]),
        "watch": told.created_at - Execution.objects.get(pk=delayed.pk).started_at - hour,
    }
    assert all(timedelta(0) <= each <= soon for each in late.values()), late


def _ended(execution):
    return Execution.objects.filter(pk=execution.pk, ended_at__isnull=False).exists()


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("mode", ["set-times", "rows"])
def test_a_clock_killed_in_mid_fire_leaves_nothing_or_all(fork, side, mode):
    if mode == "rows":
        ann = Customer.objects.create(name="Ann")
        Order.objects.bulk_create([Order(customer=ann, placed_at=this_second()) for _ in range(5)])
        workflow, expected = by_rows(), 5
        back = timedelta(seconds=5)
        Schedule.objects.update(since=F("since") - back, settled_at=F("settled_at") - back)
    else:
        workflow, expected = enable(), 1
    assert fork(lambda: ticker.dies(side)).wait() == -9
    done = expected if side == "after" else 0
    assert (Execution.objects.count(), EventKey.objects.count(), Schedule.objects.get().fired) == (done,) * 3
    for _ in range(2):
        clock.tick()
    assert len(dates(workflow)) == expected
    assert Schedule.objects.get().fired == expected
