"""What is held does not start, what is let go does, and what a disabled workflow left queued waits for it."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from executions import clock, operations
from executions.dispatcher import run_now, start
from executions.drain import drain
from executions.flow import holds
from executions.models import Execution, Hold, Job
from executions.store import claims, session
from tests.building import build
from tests.executions.stores import elsewhere
from workflows import versions
from workflows.errors import Invalid, NotFound, Refused
from workflows.models import HistoryEntry

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

WAITS = ("t-do", {"act": "wait"})
QUEUED, HELD, DISABLED, STARTED, DONE = (None, None), (None, "hold"), (None, "disabled"), (0, None), (1, None)


def state(execution):
    execution.refresh_from_db()
    return execution.status, execution.parked


@pytest.mark.parametrize("scope", ["all", "queue", "workflow"])
def test_what_is_held_stays_queued_and_what_has_begun_goes_on(work, scope):
    workflow = build([WAITS, ("output", {"value": 1})])
    begun = start(workflow, {})
    work()
    hold = holds.hold(scope, {"all": "", "queue": "sluice", "workflow": workflow.key}[scope], reason="Night shift")
    kept, other = start(workflow, {}), start(build([]), {})
    operations.complete_job(Job.objects.get(execution=begun).pk)
    work()
    assert [state(begun), state(kept)] == [DONE, HELD]
    assert state(other) == (DONE if scope == "workflow" else HELD)
    assert kept.due_at is None
    holds.release(hold.pk, reason="Morning")
    work()
    assert [state(kept), state(other)] == [STARTED, DONE]
    said = HistoryEntry.objects.filter(object_kind="hold").order_by("id").values_list("action", "reason")
    assert list(said) == [("hold.add", "Night shift"), ("hold.release", "Morning")]


def test_who_is_held_twice_goes_when_both_are_released(work):
    workflow = build([])
    one, two = holds.hold("workflow", workflow.key), holds.hold("queue", "sluice")
    run = start(workflow, {})
    work()
    holds.release(one.pk)
    work()
    assert state(run) == HELD
    holds.release(two.pk)
    work()
    assert state(run) == DONE


def test_what_a_person_starts_by_hand_is_not_held(work):
    workflow = build([])
    holds.hold("all")
    assert state(run_now(workflow, {})) == DONE


def test_a_rerun_of_what_a_person_started_by_hand_is_held_as_any_other(work):
    workflow = build([("output", {"value": 1})])
    source = run_now(workflow, {})
    held = holds.hold("workflow", workflow.key)
    again = operations.rerun(source.pk)
    work()
    assert state(again) == HELD
    holds.release(held.pk)
    work()
    assert state(again) == DONE


@pytest.mark.parametrize(("scope", "kept"), [("all", False), ("queue", True), ("workflow", True)])
def test_a_child_goes_on_with_its_parent_unless_it_is_meant_itself(work, scope, kept):
    parent = start(build([WAITS]), {})
    work()
    called = build([])
    holds.hold(scope, {"all": "", "queue": "sluice", "workflow": called.key}[scope])
    child = start(called, {}, parent_execution_id=parent.pk, parent_job=99)
    work()
    assert state(child) == (HELD if kept else DONE)


def test_two_workers_at_work_when_it_is_held_start_nothing_more(threads, work):
    """What a claim that began before took may still begin; what comes after the hold does not."""
    workflow = build([("t-do", {"act": "give"})])
    for _ in range(300):
        start(workflow, {})
    late, held = [], threading.Event()

    def at_work():
        while not held.is_set():
            drain("sluice", seconds=0.05)
        drain("sluice")

    def hold():
        try:
            holds.hold("workflow", workflow.key)
            late.extend(start(workflow, {}).pk for _ in range(20))
        finally:
            held.set()

    assert threads(at_work, at_work, hold) == [None] * 3
    work()
    assert not Execution.objects.filter(pk__in=late, started_at__isnull=False).exists()
    assert Execution.objects.filter(pk__in=late, parked="hold").count() == 20
    holds.release(holds.held().get().pk)
    work()
    assert Execution.objects.filter(status=1).count() == 320


def test_many_are_let_go_by_the_tick_in_their_old_order(work, monkeypatch):
    monkeypatch.setattr(holds, "CHUNK", 10)
    workflow = build([])
    hold = holds.hold("workflow", workflow.key)
    runs = [start(workflow, {}) for _ in range(35)]
    work()
    assert Execution.objects.filter(parked="hold").count() == 35
    holds.release(hold.pk)
    assert Execution.objects.filter(parked="hold").count() == 25
    clock.tick()
    # However little of it one tick had time for.
    holds.settle_due(seconds=10)
    let_go = list(Execution.objects.filter(parked=None).order_by("due_at", "id").values_list("id", flat=True))
    assert let_go == [run.pk for run in runs]
    work()
    assert Execution.objects.filter(status=1).count() == 35


def test_one_parked_by_a_claim_that_saw_the_hold_is_found_later(work):
    """Its commit came after the release had looked."""
    workflow = build([])
    hold = holds.hold("workflow", workflow.key)
    run = start(workflow, {})
    holds.release(hold.pk)
    Execution.objects.filter(pk=run.pk).update(parked="hold", due_at=None)
    Hold.objects.update(due_at=Now())
    clock.tick()
    work()
    assert state(run) == DONE
    # Longer than such a claim may last it is not looked for.
    Hold.objects.update(due_at=Now(), since=session.database_now() - holds.LINGER - timedelta(seconds=1))
    clock.tick()
    assert not Hold.objects.exists()


def test_who_is_held_in_a_lane_is_passed_over(work):
    lane = {"options": {"lane": "one"}}
    kept, other = build([WAITS], **lane), build([WAITS], **lane)
    first = start(kept, {})
    work()
    waiting, further = start(kept, {}), start(other, {})
    work()
    assert state(further) == (None, "lane")
    hold = holds.hold("workflow", kept.key)
    operations.complete_job(Job.objects.get(execution=first).pk)
    work()
    assert [state(waiting), state(further)] == [HELD, STARTED]
    holds.release(hold.pk)
    work()
    assert state(waiting) == (None, "lane")


def test_without_holds_a_claim_costs_no_statement_more(django_assert_num_queries):
    workflow = build([])
    start(workflow, {})
    drain("sluice")
    start(workflow, {})
    with session.segment(claims=True), django_assert_num_queries(1):
        claimed = claims.claim("sluice", solo=False, limit=10)
    assert (len(claimed.runs), claimed.held) == (1, False)
    hold = holds.hold("all")
    with session.segment(claims=True):
        assert claims.claim("sluice", solo=False, limit=10).held
    holds.release(hold.pk)
    with session.segment(claims=True):
        assert not claims.claim("sluice", solo=False, limit=10).held


@pytest.mark.parametrize(
    ("scope", "target", "error", "field"),
    [
        ("galaxy", "", Invalid, "scope"),
        ("disabled", "x", Invalid, "scope"),
        (None, "", Invalid, "scope"),
        ("all", "x", Invalid, "target"),
        ("queue", "", Invalid, "target"),
        ("queue", "no such\nname", Invalid, "target"),
        ("queue", 5, Invalid, "target"),
        ("workflow", "", NotFound, "target"),
        ("workflow", "nobody", NotFound, "target"),
        ("workflow", "a\x00b", Invalid, "target"),
    ],
)
def test_what_can_not_be_held_is_refused_by_name(scope, target, error, field):
    with pytest.raises(error) as raised:
        holds.hold(scope, target)
    assert raised.value.field == field
    assert not Hold.objects.exists()


def test_nothing_is_held_or_released_twice():
    workflow = build([], name="Daily")
    hold = holds.hold("workflow", "Daily")
    assert hold.target == workflow.key
    with pytest.raises(Refused):
        holds.hold("workflow", workflow.key)
    holds.release(hold.pk)
    with pytest.raises(NotFound):
        holds.release(hold.pk)
    assert holds.hold("workflow", workflow.key).pk != hold.pk


def test_disabling_parks_what_is_queued_and_enabling_lets_it_go(work):
    workflow = build([])
    queued = start(workflow, {})
    by_hand = start(workflow, {}, manually=True)
    child = start(workflow, {}, parent_execution_id=queued.pk, parent_job=99)
    paused = start(workflow, {})
    operations.pause(paused.pk)
    versions.disable(workflow)
    assert [state(each) for each in (queued, by_hand, child, paused)] == [DISABLED, QUEUED, QUEUED, DISABLED]
    late = Execution.objects.get(pk=queued.pk)
    # Of another process, which had not heard of it.
    late.pk, late.parked = None, None
    late.due_at = Now()
    late.save(force_insert=True)
    work()
    assert [state(each) for each in (queued, by_hand, child, late)] == [DISABLED, DONE, DONE, DISABLED]
    versions.enable(workflow)
    work()
    assert [state(each) for each in (queued, late, paused)] == [DONE, DONE, QUEUED]


def test_another_version_lets_them_go_too(work):
    workflow = build([])
    run = start(workflow, {})
    versions.disable(workflow)
    assert state(run) == DISABLED
    twin = versions.revise(workflow)
    assert state(run) == DISABLED
    versions.enable(twin)
    work()
    assert state(run) == DONE


def test_putting_another_version_in_its_place_parks_nothing(work):
    workflow = build([])
    run = start(workflow, {})
    versions.revise(workflow, enabled=True)
    assert state(run) == QUEUED


def test_a_rolled_back_disabling_parks_nothing(work):
    from django.db import transaction

    workflow = build([])
    run = start(workflow, {})
    with transaction.atomic():
        versions.disable(workflow)
        transaction.set_rollback(True)
    work()
    assert state(run) == DONE


def test_what_a_deleted_workflow_left_parked_ends_saying_so(work):
    workflow = build([])
    run = start(workflow, {})
    versions.disable(workflow)
    versions.delete([workflow])
    work()
    assert state(run) == (-2, None)
    assert "deleted" in run.error


def test_many_are_parked_in_chunks_and_none_starts_meanwhile(work, monkeypatch):
    monkeypatch.setattr(holds, "CHUNK", 10)
    workflow = build([])
    for _ in range(35):
        start(workflow, {})
    versions.disable(workflow)
    assert Execution.objects.filter(parked="disabled").count() == 10
    drain("sluice")
    assert Execution.objects.filter(parked="disabled").count() == 35
    versions.enable(workflow)
    clock.tick()
    # However little of it one tick had time for.
    holds.settle_due(seconds=10)
    work()
    assert Execution.objects.filter(status=1).count() == 35


def test_held_runs_of_a_disabled_workflow_wait_for_both(work):
    workflow = build([])
    hold = holds.hold("workflow", workflow.key)
    run = start(workflow, {})
    work()
    assert state(run) == HELD
    versions.disable(workflow)
    assert state(run) == DISABLED
    holds.release(hold.pk)
    work()
    assert state(run) == DISABLED
    holds.hold("workflow", workflow.key)
    versions.enable(workflow)
    work()
    assert state(run) == HELD


def test_a_held_run_can_be_cancelled_and_its_time_out_ends_it(work):
    workflow = build([])
    holds.hold("all")
    one, two = start(workflow, {}), start(workflow, {})
    work()
    operations.cancel(one.pk)
    Execution.objects.filter(pk=two.pk).update(expires_at=Now(), due_at=Now())
    work()
    assert [state(one), state(two)] == [(-3, None), (-3, None)]


def test_the_tick_finds_holds_by_their_index():
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {holds.due_sql(connection.vendor)}", [])
        assert not cursor.fetchone()[0]


@pytest.mark.postgres
@pytest.mark.mariadb
def test_the_tick_waits_for_no_release_that_is_not_committed_yet(work):
    """Whoever keeps a transaction open must not keep every other timer from ticking. SQLite has one writer anyway."""
    workflow = build([])
    one, other = holds.hold("workflow", workflow.key), holds.hold("queue", "elsewhere")
    run = start(workflow, {})
    work()
    holds.release(other.pk)
    Hold.objects.update(due_at=Now())
    with transaction.atomic():
        holds.release(one.pk)
        began = time.monotonic()
        elsewhere(lambda: holds.settle_due(seconds=0.01))
        assert time.monotonic() - began < 1.5
    work()
    assert state(run) == DONE
