"""Schedules at set times: their rows, their fires, what is missed, limits, versions; and the tick that finds them."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.db.models import F

from executions import clock
from executions.dispatcher import start
from executions.models import EventKey, Execution, Schedule, ScheduledRow
from executions.schedules import firing, keeping, taking
from executions.schedules.keeping import this_second
from tests.building import build
from workflows import versions
from workflows.jsonable import iso
from workflows.models import Workflow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def alive(monkeypatch):
    """A clock that has looked for hours, so that nothing is missed; `alive(0)` has just come back."""
    monkeypatch.setattr(taking, "pulse", taking.Pulse())

    def since(seconds):
        taking.pulse._since = taking._monotonic() - seconds

    since(36_000)
    return since


def enable(starts=0.0, **config):
    """Enabled; it starts so many seconds from now."""
    title = config.pop("title", "w")
    columns = {name: config.pop(name) for name in ("key", "time_zone") if name in config}
    config = {"startsOn": iso(this_second() + timedelta(seconds=starts)), **config}
    return versions.create_workflow(type="schedule", title=title, config=config, enabled=True, **columns)


def fires(workflow):
    """The times that fired, in seconds from the workflow's start."""
    began = keeping.plan_of(workflow).course.start
    runs = Execution.objects.filter(key=workflow.key).order_by("id")
    return [round((datetime.fromisoformat(run.context["date"]) - began) / SECOND) for run in runs]


def pass_time(workflow, seconds):
    """Moves all its times into the past: as if so much time went by."""
    span = timedelta(seconds=seconds)
    row = Workflow.objects.get(pk=workflow.pk)
    config = dict(row.config)
    for name in ("startsOn", "endsOn"):
        if isinstance(config.get(name), str):
            config[name] = iso(datetime.fromisoformat(config[name]) - span)
    Workflow.objects.filter(pk=workflow.pk).update(config=config)
    workflow.config = config
    schedule = Schedule.objects.get(key=workflow.key)
    schedule.signature = keeping._signature(Workflow.objects.get(pk=workflow.pk))
    schedule.since -= span
    schedule.settled_at -= span
    if schedule.next_fire_at is not None:
        schedule.next_fire_at -= span
    schedule.save()


def test_an_enabled_schedule_has_a_row_and_a_disabled_one_fires_never():
    workflow = enable(3600)
    row = Schedule.objects.get()
    assert (row.key, row.workflow_id, row.fired) == (workflow.key, workflow.pk, 0)
    assert row.next_fire_at == keeping.plan_of(workflow).course.start
    versions.disable(workflow)
    row.refresh_from_db()
    assert (row.workflow_id, row.next_fire_at) == (None, None)


def test_case_228_one_execution_when_its_time_has_come():
    workflow = enable(30)
    clock.tick()
    assert fires(workflow) == []
    pass_time(workflow, 31)
    clock.tick()
    assert fires(workflow) == [0]
    run = Execution.objects.get()
    assert run.context == {"date": iso(keeping.plan_of(workflow).course.start)}
    assert run.event_key == f"schedule:{workflow.key}:{run.context['date']}"
    assert Schedule.objects.get().next_fire_at is None
    clock.tick()
    assert fires(workflow) == [0]


def test_case_228_the_time_came_while_nothing_was_at_work_and_missed_fires_are_skipped(alive):
    workflow = enable(2, missed="skip")
    pass_time(workflow, 60)
    alive(0)
    clock.tick()
    assert fires(workflow) == []
    assert Schedule.objects.get().next_fire_at is None


@pytest.mark.parametrize(
    ("missed", "expected"),
    [("skip", [60]), ("fire_once", [40, 60]), ("fire_all", [0, 20, 40, 60]), (None, [40, 60])],
)
def test_what_becomes_of_times_while_everything_was_down(alive, missed, expected):
    workflow = enable(2, repeat=20_000, missed=missed)
    # Down until just now; the fires of the last ten seconds are not late enough to be missed.
    pass_time(workflow, 67)
    alive(0)
    clock.tick()
    assert fires(workflow) == expected
    assert Schedule.objects.get().next_fire_at == keeping.plan_of(workflow).course.start + timedelta(seconds=80)


def test_a_clock_that_was_late_but_at_work_has_missed_nothing():
    workflow = enable(2, repeat=20_000, missed="skip")
    pass_time(workflow, 67)
    clock.tick()
    assert fires(workflow) == [0, 20, 40, 60]


def test_more_fires_than_one_transaction_takes_follow_in_the_next(monkeypatch, alive):
    monkeypatch.setattr(taking, "BATCH", 7)
    workflow = enable(1, repeat=1000, missed="fire_all")
    pass_time(workflow, 20)
    alive(0)
    clock.tick()
    assert fires(workflow)[:19] == list(range(19))


def test_case_229_a_pattern_of_every_two_seconds_with_limit_one_fires_once():
    workflow = enable(-5, repeat="*/2 * * * * *", limit=1)
    pass_time(workflow, 10)
    clock.tick()
    assert len(fires(workflow)) == 1
    row = Schedule.objects.get()
    assert (row.fired, row.next_fire_at) == (1, None)


def test_case_229_an_interval_with_a_start_in_the_past_fires_at_its_next_step():
    workflow = enable(-4, repeat=2000)
    first = keeping.plan_of(workflow).course.start
    assert Schedule.objects.get().next_fire_at in (first + timedelta(seconds=4), first + timedelta(seconds=6))
    pass_time(workflow, 3)
    clock.tick()
    assert fires(workflow)[0] in (4, 6)


def test_case_230_no_repeat_changed_to_repeat_starts_firing():
    workflow = enable(-60)
    assert Schedule.objects.get().next_fire_at is None
    versions.change_workflow(workflow, config={**workflow.config, "repeat": 2000})
    pass_time(workflow, 3)
    clock.tick()
    assert fires(workflow)


def test_case_230_disabled_before_its_time_it_fires_never():
    workflow = enable(2)
    pass_time(workflow, 5)
    versions.disable(workflow)
    clock.tick()
    assert fires(workflow) == []
    # Enabled again later, what lies between is none of its times.
    versions.enable(workflow)
    clock.tick()
    assert fires(workflow) == []


def test_case_232_different_workflows_at_one_time_fire_once_each():
    several = [enable(2, title=str(number)) for number in range(5)]
    for workflow in several:
        pass_time(workflow, 4)
    for _ in range(2):
        clock.tick()
    assert [fires(workflow) for workflow in several] == [[0]] * 5


def test_a_limit_counts_over_all_versions():
    workflow = enable(1, repeat=1000, limit=3)
    pass_time(workflow, 3)
    clock.tick()
    so_far = len(fires(workflow))
    assert 1 <= so_far <= 3
    new = versions.revise(workflow)
    versions.change_workflow(new, enabled=True)
    pass_time(new, 10)
    clock.tick()
    assert Execution.objects.filter(key=workflow.key).count() == 3
    assert Schedule.objects.get().fired == 3
    # A higher limit gives more.
    versions.change_workflow(new, config={**new.config, "limit": 4})
    pass_time(new, 10)
    clock.tick()
    assert Execution.objects.filter(key=workflow.key).count() == 4


def test_a_new_version_with_the_same_times_takes_over_what_was_not_fired():
    workflow = enable(2, repeat=60_000)
    pass_time(workflow, 5)
    new = versions.revise(workflow, enabled=True)
    clock.tick()
    assert list(Execution.objects.values_list("workflow_id", flat=True)) == [new.pk]


def test_a_change_of_title_changes_no_time():
    workflow = enable(2, repeat=60_000)
    pass_time(workflow, 5)
    before = Schedule.objects.values().get()
    versions.change_workflow(workflow, title="x", description="y")
    assert Schedule.objects.values().get() == before


def test_a_changed_zone_changes_the_times():
    workflow = enable(-60, repeat="0 9 * * *", time_zone="Europe/Berlin")
    before = Schedule.objects.get().next_fire_at
    versions.change_workflow(workflow, time_zone="America/New_York")
    assert Schedule.objects.get().next_fire_at != before


def test_what_went_past_the_signals_is_found():
    gone, new, same = enable(60), enable(60), enable(60)
    Workflow.objects.filter(pk=gone.pk).update(enabled=False)
    Schedule.objects.filter(key=new.key).delete()
    assert keeping.reconcile() == sorted([gone.key, new.key])
    assert set(Schedule.objects.filter(next_fire_at__isnull=False).values_list("key", flat=True)) == {new.key, same.key}
    assert keeping.reconcile() == []


def test_one_that_was_disabled_past_the_signals_does_not_fire():
    workflow = enable(2)
    pass_time(workflow, 5)
    Workflow.objects.filter(pk=workflow.pk).update(enabled=False)
    clock.tick()
    assert (fires(workflow), Schedule.objects.get().next_fire_at) == ([], None)


def test_a_deleted_workflows_row_is_forgotten():
    workflow = enable(60)
    versions.delete([workflow])
    assert Schedule.objects.get().next_fire_at is None
    keeping.reconcile()
    assert not Schedule.objects.exists()


def test_one_that_can_not_be_fired_keeps_no_other_waiting(caplog):
    broken, fine = enable(2), enable(2)
    pass_time(broken, 5)
    pass_time(fine, 5)
    Workflow.objects.filter(pk=broken.pk).update(config={"startsOn": "never"})
    clock.tick()
    assert len(fires(fine)) == 1
    assert "tried again in a minute" in caplog.text
    caplog.clear()
    clock.tick()
    assert not caplog.text


def test_the_same_time_never_fires_twice_though_the_row_was_taken_back():
    """As a database restored to a moment before, or a clock set back, would have it."""
    workflow = enable(1, repeat=1000)
    pass_time(workflow, 4)
    before = Schedule.objects.values().get()
    clock.tick()
    known = fires(workflow)
    Schedule.objects.update(settled_at=before["settled_at"], next_fire_at=before["next_fire_at"])
    clock.tick()
    assert fires(workflow)[: len(known)] == known
    assert len(set(fires(workflow))) == len(fires(workflow))
    assert Schedule.objects.get().fired == len(fires(workflow))


def test_a_database_clock_that_was_set_back_delays():
    """What was settled lies in the future now: nothing fires until the clock gets there."""
    workflow = enable(1, repeat=1000)
    pass_time(workflow, 4)
    clock.tick()
    known = fires(workflow)
    Schedule.objects.update(
        settled_at=F("settled_at") + timedelta(hours=1), next_fire_at=F("next_fire_at") + timedelta(hours=1)
    )
    clock.tick()
    assert fires(workflow) == known


def test_a_database_clock_that_jumped_ahead_counts_the_hour_as_missed():
    workflow = enable(2, repeat=60_000, missed="fire_once")
    clock.tick()
    taking.pulse.missed_before(this_second())
    pass_time(workflow, 3600)
    # This process saw the clock jump.
    taking.pulse._offset -= 3600
    clock.tick()
    assert len(fires(workflow)) in (1, 2)


def test_nothing_due_costs_one_statement_whatever_is_scheduled(django_assert_num_queries):
    for _ in range(3):
        enable(3600, repeat="0 9 * * *")
    start(build([]), {})
    Execution.objects.update(due_at=None)
    with django_assert_num_queries(1):
        clock.tick()


def test_a_fire_that_fails_in_its_commit_leaves_nothing(monkeypatch):
    workflow = enable(2)
    pass_time(workflow, 5)
    monkeypatch.setattr(keeping, "next_look", lambda *_: 1 / 0)
    clock.tick()
    assert not Execution.objects.exists()
    assert not EventKey.objects.exists()
    assert Schedule.objects.get().fired == 0
    monkeypatch.undo()
    Schedule.objects.update(next_fire_at=this_second() - SECOND)
    firing.fire_due()
    assert fires(workflow) == [0]


@pytest.mark.postgres
def test_the_tick_finds_schedules_by_their_index():
    Schedule.objects.bulk_create([Schedule(key=str(number)) for number in range(2000)])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE executions_schedule")
        cursor.execute("EXPLAIN SELECT 1 FROM executions_schedule WHERE next_fire_at <= now()")
        plan = " ".join(row[0] for row in cursor.fetchall())
    assert "schedule_due" in plan
    assert not ScheduledRow.objects.exists()
