"""How many runs of a key are under way, how often one starts, and which of many events runs."""

import threading
import time
from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now

from config.shop.models import Customer
from executions import clock, lanes, operations
from executions.dispatcher import run_now, start
from executions.drain import drain
from executions.models import Execution, Job, Lane
from executions.statuses import Parked
from executions.store import claims, session
from tests.building import build
from workflows.errors import Invalid
from workflows.graph import forget_graphs
from workflows.instructions.base import Outcome

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

WAITS = ("t-do", {"act": "wait"})


def flow(steps=(WAITS,), **options):
    return build(list(steps), options=options)


def state(execution):
    execution.refresh_from_db()
    return execution.status, execution.parked, execution.reason


def complete(execution):
    operations.complete_job(Job.objects.get(execution=execution, status=0).pk)


def finish(work):
    """Works until nobody is to be looked at again in a moment, for somebody else was just deciding about the lane."""
    until = time.monotonic() + 20
    while Execution.objects.filter(ended_at=None, status=None, parked=None).exists():
        assert time.monotonic() < until
        work()
        time.sleep(0.02)


STARTED, PARKED, DONE = (0, None, None), (None, "lane", None), (1, None, None)
DROPPED, SUPERSEDED, DEBOUNCED = (-3, None, "dropped"), (-3, None, "superseded"), (-3, None, "debounced")
DEFERRED = (None, "deferred", None)


def test_so_many_go_at_a_time_and_each_end_makes_room_for_one(work, settle):
    workflow = flow(concurrency={"limit": 2})
    runs = [start(workflow, {}) for _ in range(5)]
    work()
    assert [state(each) for each in runs] == [STARTED, STARTED, PARKED, PARKED, PARKED]
    assert {each.lane for each in runs} == {f"workflow:{workflow.key}"}
    complete(runs[1])
    work()
    assert [state(each) for each in runs] == [STARTED, DONE, STARTED, PARKED, PARKED]
    complete(runs[0])
    complete(runs[2])
    work()
    assert [state(each) for each in runs[3:]] == [STARTED, STARTED]
    complete(runs[3])
    complete(runs[4])
    settle()


def test_the_key_says_who_shares_the_places(work):
    workflow = flow(concurrency={"limit": 1, "key": "{{$context.who}}"})
    runs = [start(workflow, {"who": who}) for who in ("a", "a", "b", "")]
    work()
    # Without a key there is no lane.
    assert [state(each) for each in runs] == [STARTED, PARKED, STARTED, STARTED]
    assert [each.lane for each in runs] == ["a", "a", "b", None]


def test_all_versions_of_a_workflow_share_its_places(work):
    first = flow(concurrency={"limit": 1})
    Customer.objects.create(name="x")
    one = start(first, {})
    second = build([WAITS], key=first.key, version=2, current=None, options={"concurrency": {"limit": 1}})
    two = start(second, {})
    work()
    assert [state(one), state(two)] == [STARTED, PARKED]


def test_the_newest_is_dropped_where_no_place_is_free(work):
    workflow = flow(concurrency={"limit": 2, "onLimit": "drop_newest"})
    runs = [start(workflow, {}) for _ in range(4)]
    work()
    assert [state(each) for each in runs] == [STARTED, STARTED, DROPPED, DROPPED]
    complete(runs[0])
    work()
    later = start(workflow, {})
    work()
    assert state(later) == STARTED


def test_the_oldest_makes_room_for_the_newest(work):
    workflow = flow(concurrency={"limit": 2, "onLimit": "cancel_oldest"})
    runs = [start(workflow, {}) for _ in range(3)]
    work()
    assert [state(each) for each in runs] == [SUPERSEDED, STARTED, STARTED]
    assert Job.objects.get(execution=runs[0]).status == -3
    later = start(workflow, {})
    work()
    assert [state(each) for each in (*runs[1:], later)] == [SUPERSEDED, STARTED, STARTED]


def test_who_is_cancelled_for_a_newer_one_was_never_begun_twice(threads, work):
    """Many newer ones at once: as many as there are places are left, and they are the newest."""
    workflow = flow(concurrency={"limit": 2, "onLimit": "cancel_oldest"})
    runs = [start(workflow, {}) for _ in range(8)]
    threads(*[lambda: drain("sluice")] * 3)
    finish(work)
    assert [state(each) for each in runs] == [SUPERSEDED] * 6 + [STARTED] * 2


def test_several_workers_never_have_more_than_n_under_way(threads, settle, acts):
    """Counted in this process by the steps themselves, with three workers on one lane of three."""
    lock, now, most = threading.Lock(), 0, 0

    def busy(step):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.005)
        with lock:
            now -= 1
        return Outcome()

    acts["busy"] = busy
    workflow = flow([("t-do", {"act": "busy"}), ("t-do", {"act": "give"})], concurrency={"limit": 3})
    for _ in range(20):
        start(workflow, {})
    seen = []

    def at_work():
        until = time.monotonic() + 30
        while Execution.objects.filter(ended_at=None).exists():
            seen.append(Execution.objects.filter(status=0).count())
            drain("sluice")
            assert time.monotonic() < until
            time.sleep(0.005)

    assert threads(*[at_work] * 4) == [None] * 4
    settle()
    assert max(seen) <= 3
    assert most <= 3
    assert Execution.objects.filter(status=1).count() == 20


def test_a_worker_that_dies_keeps_no_place(victim, settle):
    workflow = flow([("t-do", {"act": "die"}), ("t-write", {"act": "create", "value": "{{$context.n}}"})],
                    concurrency={"limit": 2})  # fmt: skip
    for number in range(4):
        start(workflow, {"n": number})
    assert victim() == -9
    settle()
    assert sorted(Customer.objects.values_list("name", flat=True)) == ["0", "1", "2", "3"]


def test_a_raised_limit_lets_more_go(work):
    workflow = flow(concurrency={"limit": 1})
    runs = [start(workflow, {}) for _ in range(4)]
    work()
    workflow.options = {"concurrency": {"limit": 3}}
    workflow.save()
    forget_graphs()
    assert clock.repair_lanes() == 2
    work()
    assert [state(each) for each in runs] == [STARTED, STARTED, STARTED, PARKED]


def passed(seconds):
    """As if so much time had gone by."""
    for row in Lane.objects.exclude(starts=None):
        row.starts = [at - seconds * 1_000_000 for at in row.starts]
        row.save()
    Execution.objects.filter(parked="deferred").update(due_at=F("due_at") - timedelta(seconds=seconds))


def test_no_more_start_within_the_span_than_the_rate_allows(work):
    workflow = flow([], rate={"limit": 2, "seconds": 60})
    runs = [start(workflow, {}) for _ in range(5)]
    work()
    assert [state(each) for each in runs] == [DONE, DONE, DEFERRED, PARKED, PARKED]
    first = Execution.objects.get(pk=runs[0].pk).started_at
    assert abs(runs[2].due_at - first - timedelta(seconds=60)) < timedelta(seconds=1)
    # It is no run whose time was lost with a clock that was set back.
    assert clock.repair_clock() == 0
    assert clock.repair_lanes() == 0
    passed(30)
    work()
    assert state(runs[2]) == DEFERRED
    passed(30)
    work()
    assert [state(each) for each in runs] == [DONE, DONE, DONE, DONE, DEFERRED]
    # The clock was set back by an hour: that delays, and doubles nothing.
    passed(-3600)
    Execution.objects.filter(parked="deferred").update(due_at=Now())
    work()
    assert state(runs[4]) == DEFERRED


def test_a_rate_survives_the_runs_it_counted(work):
    workflow = flow([], rate={"limit": 1, "seconds": 60}, deleteExecutionOnStatus=[1])
    one, two = start(workflow, {}), start(workflow, {})
    work()
    assert not Execution.objects.filter(pk=one.pk).exists()
    operations.cancel(two.pk)
    work()
    lanes.forget()
    three = start(workflow, {})
    work()
    assert state(three) == DEFERRED
    Lane.objects.update(kept_until=Now() - timedelta(seconds=1))
    operations.cancel(three.pk)
    work()
    lanes.forget()
    assert not Lane.objects.exists()


@pytest.mark.parametrize("how", ["cancel", "pause"])
def test_who_is_first_in_line_may_leave_it(work, how):
    workflow = flow([], rate={"limit": 1, "seconds": 60})
    runs = [start(workflow, {}) for _ in range(3)]
    work()
    assert [state(each) for each in runs] == [DONE, DEFERRED, PARKED]
    getattr(operations, how)(runs[1].pk)
    work()
    assert state(runs[2]) == DEFERRED
    if how == "pause":
        operations.resume(runs[1].pk)
        work()
        assert state(runs[1]) == DEFERRED


def test_a_rate_and_a_limit_hold_both(work):
    workflow = flow(concurrency={"limit": 1}, rate={"limit": 2, "seconds": 60})
    runs = [start(workflow, {}) for _ in range(4)]
    for number in range(2):
        work()
        assert [state(each) for each in runs[number : number + 2]] == [STARTED, PARKED]
        complete(runs[number])
    work()
    assert [state(each) for each in runs] == [DONE, DONE, DEFERRED, PARKED]
    passed(61)
    work()
    assert [state(each) for each in runs] == [DONE, DONE, STARTED, PARKED]


def test_several_workers_start_no_more_than_the_rate_allows(threads, work):
    workflow = flow([], rate={"limit": 4, "seconds": 600})
    for _ in range(15):
        start(workflow, {})
    threads(*[lambda: drain("sluice")] * 4)
    finish(work)
    assert Execution.objects.filter(status=1).count() == 4
    assert Execution.objects.filter(parked=Parked.DEFERRED).count() == 1
    assert Execution.objects.filter(parked=Parked.LANE).count() == 10


def due(*executions):
    Execution.objects.filter(pk__in=[each.pk for each in executions]).update(due_at=Now())


def test_of_the_events_of_a_key_only_the_last_runs(work):
    workflow = flow([], debounce={"seconds": 300, "key": "{{$context.who}}"})
    begun = session.database_now()
    one, two, other = (start(workflow, {"who": who}) for who in "aab")
    work()
    assert [state(each) for each in (one, two, other)] == [DEFERRED] * 3
    assert timedelta(seconds=299) < two.due_at - begun < timedelta(seconds=310)
    assert clock.repair_clock() == 0
    due(one)
    work()
    assert [state(each) for each in (one, two)] == [DEBOUNCED, DEFERRED]
    due(two, other)
    three = start(workflow, {"who": "a"})
    work()
    assert [state(each) for each in (two, three, other)] == [DEBOUNCED, DEFERRED, DONE]
    due(three)
    work()
    assert state(three) == DONE


def test_what_has_begun_is_no_matter_of_newer_events(work, settle):
    workflow = flow(debounce={"seconds": 300})
    one = start(workflow, {})
    due(one)
    work()
    start(workflow, {})
    complete(one)
    work()
    assert state(one) == DONE


def test_runs_by_hand_and_children_stand_for_no_event(settle, work):
    workflow = flow([], debounce={"seconds": 300})
    waiting = start(workflow, {})
    by_hand = run_now(workflow, {})
    assert state(by_hand) == DONE
    assert state(waiting) == DEFERRED
    parent = start(build([("subflow", {"workflow": workflow.key, "mode": "wait"})]), {})
    child = start(workflow, {}, parent_execution_id=parent.pk, parent_job=1)
    assert (child.debounce_key, child.parked, child.delay) == (None, None, 0.0)


def test_two_workflows_may_wait_for_one_key_apart(work):
    one, two = (flow([], debounce={"seconds": 300, "key": "same"}) for _ in range(2))
    runs = [start(one, {}), start(two, {})]
    due(*runs)
    work()
    assert [state(each) for each in runs] == [DONE, DONE]


def test_who_was_debounced_and_paused_goes_on_when_resumed(work):
    workflow = flow([], debounce={"seconds": 300})
    one = start(workflow, {})
    operations.pause(one.pk)
    operations.resume(one.pk)
    work()
    assert state(one) == DONE


def test_nobody_under_way_is_cancelled_for_one_that_may_not_start_yet(work):
    workflow = flow(concurrency={"limit": 1, "onLimit": "cancel_oldest"}, rate={"limit": 1, "seconds": 60})
    runs = [start(workflow, {}) for _ in range(3)]
    work()
    assert [state(each) for each in runs] == [STARTED, SUPERSEDED, DEFERRED]
    passed(61)
    work()
    assert [state(each) for each in runs] == [SUPERSEDED, SUPERSEDED, STARTED]


@pytest.mark.parametrize("on_limit", ["queue", "cancel_oldest", "drop_newest"])
def test_an_event_that_still_waits_is_not_in_line(work, on_limit):
    """Its lane is free meanwhile: for runs by hand, and for those of other workflows."""
    workflow = flow(debounce={"seconds": 300}, concurrency={"limit": 1, "key": "a", "onLimit": on_limit})
    event = start(workflow, {})
    other = start(flow([], lane="a"), {})
    work()
    assert [state(event), state(other)] == [DEFERRED, DONE]
    by_hand = run_now(workflow, {})
    assert [state(event), state(by_hand)] == [DEFERRED, STARTED]
    complete(by_hand)
    due(event)
    work()
    assert [state(by_hand), state(event)] == [DONE, STARTED]


def test_an_event_whose_time_came_waits_its_turn_by_age(work):
    workflow = flow(debounce={"seconds": 300, "key": "{{$context}}"}, rate={"limit": 1, "seconds": 60, "key": "a"})
    events = [start(workflow, number) for number in range(2)]
    begun = start(flow([], rate={"limit": 1, "seconds": 60, "key": "a"}), {})
    work()
    assert [state(begun), *map(state, events)] == [DONE, DEFERRED, DEFERRED]
    due(*events)
    work()
    later = start(flow([], rate={"limit": 1, "seconds": 60, "key": "a"}), {})
    work()
    assert [*map(state, events), state(later)] == [DEFERRED, PARKED, PARKED]
    assert clock.repair_lanes() == 0


def test_who_ends_tells_those_whose_own_limit_leaves_room(work):
    """Workflows that share a lane each go by their own limit."""
    narrow, wide = flow(lane="a"), flow(concurrency={"limit": 3, "key": "a"})
    runs = [start(narrow, {}), *[start(wide, {}) for _ in range(3)]]
    work()
    assert [state(each) for each in runs] == [STARTED, STARTED, STARTED, PARKED]
    complete(runs[0])
    work()
    assert [state(each) for each in runs] == [DONE, STARTED, STARTED, STARTED]


def test_a_child_in_the_lane_of_its_parent_waits_for_nobody_outside(work):
    """Who is older in the line waits for the parent, and the parent for its child."""
    workflow = flow(lane="a")
    parent = start(workflow, {})
    outsider = start(workflow, {})
    work()
    child = start(flow([], lane="a"), {}, parent_execution_id=parent.pk, parent_job=99)
    Execution.objects.filter(pk=child.pk).update(stack=[[parent.pk, parent.workflow_id]])
    work()
    assert [state(each) for each in (parent, outsider, child)] == [STARTED, PARKED, DONE]


def test_a_parked_run_whose_time_is_over_ends(work):
    workflow = flow(lane="a")
    _first, second = start(workflow, {}), start(workflow, {})
    work()
    Execution.objects.filter(pk=second.pk).update(expires_at=Now(), due_at=Now())
    work()
    assert state(second) == (-3, None, "timeout")


def test_a_run_may_be_started_on_another_queue_and_with_a_head_start_of_its_own(work):
    workflow = flow(queue="slow", priority=5)
    usual, urgent = start(workflow, {}), start(workflow, {}, queue="quick", priority=600)
    assert [(each.queue, each.priority) for each in (usual, urgent)] == [("slow", 5), ("quick", 600)]
    assert start(workflow, {}, priority=0).priority == 0
    urgent.refresh_from_db()
    assert timedelta(seconds=590) < urgent.created_at - urgent.due_at < timedelta(seconds=610)


def test_who_has_a_head_start_is_claimed_first():
    workflow = flow([])
    runs = [start(workflow, {}, priority=priority) for priority in (0, 60, 3600, 60)]
    with session.segment(claims=True):
        claimed = claims.claim("sluice", solo=False, limit=10).runs
    assert [run.id for run in claimed] == [runs[number].pk for number in (2, 1, 3, 0)]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"queue": "no queue"}, "queue"),
        ({"queue": 5}, "queue"),
        ({"priority": -1}, "priority"),
        ({"priority": 86_401}, "priority"),
        ({"priority": "high"}, "priority"),
        ({"priority": True}, "priority"),
    ],
)
def test_a_queue_or_a_head_start_that_is_none_is_refused(fields, field):
    with pytest.raises(Invalid) as raised:
        start(flow([]), {}, **fields)
    assert raised.value.field == field
    assert not Execution.objects.exists()
