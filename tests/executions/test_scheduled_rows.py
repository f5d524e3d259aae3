"""Schedules by a date that rows hold: who fires when, what changed dates and deleted rows do, and what it costs."""

import json
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.db.models import F

from config.shop.models import Customer, Order
from executions import clock
from executions.models import EventKey, Execution, Schedule, ScheduledRow
from executions.schedules import firing, rows, saves, taking
from executions.schedules.keeping import this_second
from workflows import versions
from workflows.jsonable import iso
from workflows.triggers import listening
from workflows.triggers.schedule import ScheduleConfig, plan

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

SECOND = timedelta(seconds=1)
ROOT = Path(__file__).resolve().parent.parent.parent
MINUTE = 60_000


@pytest.fixture(autouse=True)
def alive(monkeypatch):
    """A clock that has looked for hours, so that nothing is missed; `alive(0)` has just come back."""
    monkeypatch.setattr(taking, "pulse", taking.Pulse())

    def since(seconds):
        taking.pulse._since = taking._monotonic() - seconds

    since(36_000)
    return since


@pytest.fixture
def ann():
    return Customer.objects.create(name="Ann")


@pytest.fixture(autouse=True)
def _heard():
    yield
    listening.refresh(force=True)


def enable(seconds=100, field="placed_at", offset=0, heard=True, **config):
    """Enabled so many seconds ago, with nobody looking since; `heard`: this process tells the clock of saves."""
    config = {
        "mode": 1, "collection": "shop.Order", "startsOn": {"field": field, "offset": offset, "unit": 1000}, **config
    }  # fmt: skip
    workflow = versions.create_workflow(type="schedule", title="w", config=config, enabled=True)
    span = timedelta(seconds=seconds)
    Schedule.objects.filter(key=workflow.key).update(since=F("since") - span, settled_at=F("settled_at") - span)
    if not heard:
        saves.watch([])
    return workflow


def order(ann, seconds, **columns):
    """Placed so many seconds from now."""
    return Order.objects.create(customer=ann, placed_at=this_second() + timedelta(seconds=seconds), **columns)


def pass_time(seconds):
    """Moves what the clock and the rows hold into the past: as if so much time went by."""
    span = timedelta(seconds=seconds)
    Schedule.objects.update(
        since=F("since") - span, settled_at=F("settled_at") - span, next_fire_at=F("next_fire_at") - span
    )
    ScheduledRow.objects.update(
        start=F("start") - span, settled_at=F("settled_at") - span, next_fire_at=F("next_fire_at") - span
    )
    Order.objects.update(placed_at=F("placed_at") - span, shipped_at=F("shipped_at") - span)
    # The events' keys name times that would come again.
    EventKey.objects.all().delete()


def fired():
    """(the row, seconds after its date) of each run."""
    placed = dict(Order.objects.values_list("pk", "placed_at"))
    found = []
    for run in Execution.objects.order_by("id"):
        pk = run.context["data"]["id"]
        since = datetime.fromisoformat(run.context["date"]) - datetime.fromisoformat(run.context["data"]["placed_at"])
        assert pk not in placed or since >= timedelta(seconds=-1)
        found.append((pk, round(since / SECOND)))
    return found


@pytest.mark.parametrize("heard", [True, False], ids=["told-by-saves", "by-the-index"])
def test_each_row_fires_when_its_date_has_come(ann, heard):
    workflow = enable(heard=heard)
    early, due, later = order(ann, -200), order(ann, -20), order(ann, 3600)
    clock.tick()
    assert fired() == [(due.pk, 0)]
    run = Execution.objects.get()
    assert run.event_key == f"schedule:{workflow.key}:{run.context['date']}:{due.pk}"
    assert run.context["data"]["number"] is None
    clock.tick()
    assert fired() == [(due.pk, 0)]
    pass_time(3601)
    clock.tick()
    assert [pk for pk, _ in fired()] == [due.pk, later.pk]
    assert early.pk not in dict(fired())


@pytest.mark.parametrize(("offset", "seconds", "count"), [(30, -40, 1), (30, -20, 0), (-30, 20, 1), (-30, 40, 0)])
def test_an_offset_moves_the_time(ann, offset, seconds, count):
    enable(offset=offset, heard=False)
    order(ann, seconds)
    clock.tick()
    assert Execution.objects.count() == count


def test_a_negative_offset_whose_start_is_past_fires_never(ann):
    enable(seconds=10, offset=-3600)
    order(ann, 1800)
    clock.tick()
    assert fired() == []


def test_a_row_without_a_date_fires_never(ann):
    enable(field="shipped_at", repeat=MINUTE)
    order(ann, -5)
    clock.tick()
    assert not Execution.objects.exists()
    assert not ScheduledRow.objects.exists()


def test_case_234_a_pattern_fires_first_at_the_start_then_by_it(ann):
    # By the hour, as no hour is likely to turn between these lines.
    enable(repeat="0 * * * *", heard=False)
    row = order(ann, -5)
    clock.tick()
    assert fired()[0] == (row.pk, 0)
    note = ScheduledRow.objects.get()
    assert (note.next_fire_at.minute, note.next_fire_at.second) == (0, 0)
    assert note.next_fire_at > this_second() - SECOND
    known = len(fired())
    pass_time(3600)
    clock.tick()
    assert len(fired()) == known + 1
    # Hours are those of the clock, not of the row.
    date = datetime.fromisoformat(Execution.objects.latest("id").context["date"])
    assert (date.minute, date.second) == (0, 0)


@pytest.mark.parametrize("limit", [1, 2])
def test_case_234_limits_hold_over_all_rows(ann, limit):
    enable(repeat=1000, limit=limit)
    for _ in range(3):
        order(ann, -5)
    clock.tick()
    assert len(fired()) == limit
    assert Schedule.objects.values_list("fired", "next_fire_at").get() == (limit, None)
    assert not ScheduledRow.objects.exists()
    pass_time(10)
    clock.tick()
    assert len(fired()) == limit


@pytest.mark.parametrize("heard", [True, False], ids=["told-by-saves", "by-the-index"])
def test_case_235_a_repeat_with_an_end_of_the_row_three_seconds_later_fires_twice(ann, heard):
    enable(repeat=2000, endsOn={"field": "placed_at", "offset": 3, "unit": 1000}, heard=heard)
    row = order(ann, 1)
    for _ in range(12):
        clock.tick()
        pass_time(1)
    clock.tick()
    assert fired() == [(row.pk, 0), (row.pk, 2)]
    assert not ScheduledRow.objects.exists()


def test_case_235_an_empty_end_is_none(ann):
    enable(repeat=1000, endsOn={})
    order(ann, 0)
    for _ in range(6):
        pass_time(1)
        clock.tick()
    assert len(fired()) >= 6


def test_case_236_relations_are_in_the_context(ann):
    enable(appends=["customer"])
    order(ann, -5)
    clock.tick()
    assert Execution.objects.get().context["data"]["customer"]["name"] == "Ann"


def test_case_237_a_row_deleted_after_its_first_run_fires_no_more(ann):
    enable(repeat=1000, heard=False)
    row = order(ann, 0)
    clock.tick()
    known = len(fired())
    assert known
    row.delete()
    pass_time(5)
    clock.tick()
    assert len(Execution.objects.all()) == known
    assert not ScheduledRow.objects.exists()


@pytest.mark.parametrize("heard", [True, False], ids=["told-by-saves", "by-the-index"])
def test_a_changed_date_moves_the_fire(ann, heard):
    enable(heard=heard)
    row = order(ann, 5)
    row.placed_at += timedelta(hours=1)
    row.save()
    pass_time(60)
    clock.tick()
    assert fired() == []
    pass_time(3600)
    clock.tick()
    assert fired() == [(row.pk, 0)]


def test_a_date_moved_to_an_earlier_time_to_come_fires_then(ann):
    enable()
    row = order(ann, 7200)
    row.placed_at -= timedelta(seconds=7190)
    row.save()
    pass_time(15)
    clock.tick()
    assert fired() == [(row.pk, 0)]


def test_a_date_taken_away_cancels_the_fire(ann):
    enable(field="shipped_at", repeat=1000)
    row = order(ann, 0, shipped_at=this_second())
    clock.tick()
    known = Execution.objects.count()
    row.shipped_at = None
    row.save()
    pass_time(5)
    clock.tick()
    assert Execution.objects.count() == known
    assert not ScheduledRow.objects.exists()


def test_a_changed_date_of_a_repeat_shifts_its_times(ann):
    enable(repeat=MINUTE)
    row = order(ann, -5)
    clock.tick()
    assert fired() == [(row.pk, 0)]
    row.placed_at += timedelta(seconds=45)
    row.save()
    clock.tick()
    assert len(fired()) == 1
    pass_time(50)
    clock.tick()
    assert len(fired()) == 2
    assert datetime.fromisoformat(Execution.objects.latest("id").context["date"]) == Order.objects.get().placed_at


def test_a_date_changed_past_the_signals_is_seen_when_its_time_comes(ann):
    enable(repeat=MINUTE)
    row = order(ann, -5)
    clock.tick()
    Order.objects.filter(pk=row.pk).update(placed_at=F("placed_at") + timedelta(days=1))
    pass_time(60)
    clock.tick()
    assert len(fired()) == 1


def test_rows_from_before_repeat_from_when_the_schedule_was_enabled(ann):
    row = order(ann, -100_030)
    enable(seconds=0, repeat=MINUTE)
    clock.tick()
    assert fired() == []
    pass_time(60)
    clock.tick()
    [(pk, after)] = fired()
    assert (pk, after % 60) == (row.pk, 0)


@pytest.mark.parametrize(("missed", "count"), [("skip", 0), ("fire_once", 1), ("fire_all", 6)])
def test_what_was_missed_while_everything_was_down(ann, alive, missed, count):
    enable(seconds=400, repeat=MINUTE, missed=missed, heard=False)
    order(ann, -335)
    alive(0)
    clock.tick()
    assert len(fired()) == count


def test_a_row_committed_after_its_time_had_come_still_fires(ann):
    """As with a date that the row is given when it is made."""
    enable(seconds=100, field="created_at")
    clock.tick()
    with transaction.atomic():
        row = order(ann, 0)
        Schedule.objects.update(settled_at=this_second() + timedelta(seconds=2))
    clock.tick()
    assert [run.context["data"]["id"] for run in Execution.objects.all()] == [row.pk]


def test_a_save_that_is_rolled_back_tells_nothing(ann):
    enable()
    with transaction.atomic():
        order(ann, 1)
        transaction.set_rollback(True)
    assert not ScheduledRow.objects.exists()


def test_a_date_given_as_text_is_read_as_the_row_holds_it(ann):
    enable()
    row = Order.objects.create(customer=ann, placed_at=iso(this_second()))
    pass_time(2)
    clock.tick()
    assert fired() == [(row.pk, 0)]


def test_rows_of_one_moment_are_gone_through_in_batches(ann, monkeypatch):
    monkeypatch.setattr(rows, "BATCH", 3)
    enable(heard=False)
    moment = this_second() - timedelta(seconds=5)
    Order.objects.bulk_create([Order(customer=ann, placed_at=moment) for _ in range(10)])
    row = Schedule.objects.get()
    assert firing._fire(row.pk) is True
    row.refresh_from_db()
    assert row.cursor is not None
    assert Execution.objects.count() == 3
    clock.tick()
    assert Execution.objects.count() == 10
    assert len({pk for pk, _ in fired()}) == 10
    row.refresh_from_db()
    assert row.cursor is None


def test_a_disabled_schedule_forgets_its_rows(ann):
    workflow = enable(repeat=1000)
    order(ann, 0)
    clock.tick()
    known = Execution.objects.count()
    versions.disable(workflow)
    assert not ScheduledRow.objects.exists()
    order(ann, 0)
    assert not ScheduledRow.objects.exists()
    pass_time(10)
    clock.tick()
    assert Execution.objects.count() == known


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [("Europe/Berlin", 1, "2024-04-30T22:00:00Z"), ("America/New_York", 1, "2024-05-01T04:00:00Z")],
)
def test_a_day_without_a_time_begins_in_the_workflows_zone(zone, day, start):
    class Row:
        """Holds a day, as a DateField does."""

        placed_at = date(2024, 5, day)

    config = ScheduleConfig.model_validate({"mode": 1, "collection": "shop.Order", "startsOn": {"field": "placed_at"}})
    assert iso(plan(config, ZoneInfo(zone)).course_of(Row()).start) == start


def test_with_nothing_due_a_schedule_costs_a_look_at_the_index(ann, django_assert_max_num_queries):
    enable()
    order(ann, 3600)
    clock.tick()
    with django_assert_max_num_queries(4) as seen:
        clock.tick()
    assert not [each["sql"] for each in seen if each["sql"].startswith(("UPDATE", "INSERT"))]


def test_a_table_that_is_away_keeps_no_other_schedule_waiting(ann, caplog):
    enable(repeat=MINUTE)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE shop_order RENAME TO shop_order_away")
    try:
        other = versions.create_workflow(
            type="schedule",
            title="other",
            config={"startsOn": iso(this_second() - SECOND), "repeat": 1000},
            enabled=True,
        )
        Schedule.objects.filter(key=other.key).update(
            next_fire_at=this_second() - SECOND, settled_at=F("since") - SECOND
        )
        clock.tick()
        assert Execution.objects.filter(key=other.key).exists()
        assert "tried again in a minute" in caplog.text
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE shop_order_away RENAME TO shop_order")


def test_rows_of_another_database_fire_too(tmp_path):
    command = [sys.executable, "-m", "tests.executions.elsewhere", "schedule", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    # What was saved inside a transaction is noted at its commit.
    assert json.loads(done.stdout) == {"notes": [0, 1, 4], "rows": [1, 2, 3, 4], "customers": ["second"]}
