"""Runs of one lane go one after another, whatever becomes of those before them."""

import time

import pytest

from config.shop.models import Customer
from executions import clock, operations
from executions.dispatcher import start
from executions.drain import drain
from executions.models import Execution, Job
from tests.building import build
from workflows.errors import NotFound

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

LANE = {"lane": "one"}
WAITS = ("t-do", {"act": "wait"})


def create(name):
    return ("t-write", {"act": "create", "value": name})


@pytest.fixture
def waits():
    """A workflow that waits for somebody, then writes its number."""
    return build([WAITS, create("{{$context.n}}")], options=LANE)


def complete(execution):
    operations.complete_job(Job.objects.get(execution=execution, status=0).pk)


def state(execution):
    execution.refresh_from_db()
    return execution.status, execution.parked


def names():
    return list(Customer.objects.order_by("id").values_list("name", flat=True))


STARTED, QUEUED, PARKED, DONE, ABORTED = (0, None), (None, None), (None, "lane"), (1, None), (-3, None)


def test_the_oldest_goes_and_keeps_the_lane_while_it_waits(waits, work, settle):
    first, second, third = (start(waits, {"n": number}) for number in range(3))
    work()
    assert [state(each) for each in (first, second, third)] == [STARTED, PARKED, PARKED]
    complete(first)
    work()
    assert [state(each) for each in (first, second, third)] == [DONE, STARTED, PARKED]
    complete(second)
    work()
    complete(third)
    settle()
    assert names() == ["0", "1", "2"]


def test_a_lane_is_shared_across_workflows_and_lanes_do_not_meet(waits, work):
    first = start(waits, {"n": 0})
    other = start(build([create("other")], options=LANE), {})
    free = start(build([create("free")], options={"lane": "two"}), {})
    work()
    assert [state(each) for each in (first, other, free)] == [STARTED, PARKED, DONE]


def test_many_workers_keep_the_order(threads, settle):
    workflow = build([create("{{$context.n}}"), ("t-do", {"act": "give"}), create("{{$context.n}}")], options=LANE)
    for number in range(12):
        start(workflow, {"n": number})

    def work():
        limit = time.monotonic() + 30
        while Execution.objects.filter(ended_at=None).exists():
            drain("sluice")
            assert time.monotonic() < limit
            time.sleep(0.01)

    assert threads(work, work, work) == [None] * 3
    settle()
    assert names() == [str(number) for number in range(12) for _ in range(2)]


@pytest.mark.parametrize("how", ["cancel", "delete", "fail", "complete"])
def test_whatever_ends_the_head_the_next_one_goes(waits, work, how):
    first, second, third = (start(waits, {"n": number}) for number in range(3))
    work()
    if how == "cancel":
        operations.cancel(first.pk)
    elif how == "fail":
        operations.fail_job(Job.objects.get(execution=first).pk)
    elif how == "complete":
        complete(first)
    else:
        operations.cancel(first.pk)
        assert operations.delete([first.pk]).deleted == 1
    work()
    assert [state(each) for each in (second, third)] == [STARTED, PARKED]


@pytest.mark.parametrize("how", ["cancel", "delete"])
def test_a_head_that_never_started_makes_room_too(waits, work, how):
    first, second = start(waits, {"n": 0}), start(waits, {"n": 1})
    operations.pause(first.pk)
    third = start(waits, {"n": 2})
    work()
    assert [state(each) for each in (first, second, third)] == [QUEUED, STARTED, PARKED]
    complete(second)
    work()
    operations.pause(third.pk)
    operations.resume(first.pk)
    work()
    assert [state(each) for each in (first, third)] == [PARKED, STARTED]
    fourth = start(waits, {"n": 3})
    work()
    assert state(fourth) == PARKED
    getattr(operations, how)([first.pk] if how == "delete" else first.pk)
    operations.cancel(third.pk)
    work()
    assert state(fourth) == STARTED


def test_a_queued_head_that_is_deleted_lets_the_next_one_go(waits, work):
    first, second = start(waits, {"n": 0}), start(waits, {"n": 1})
    # The second was looked at while the first stood before it.
    Execution.objects.filter(pk=second.pk).update(parked="lane", due_at=None)
    outcome = operations.delete([first.pk])
    assert (outcome.deleted, outcome.refused) == (1, {})
    work()
    assert not Execution.objects.filter(pk=first.pk).exists()
    assert state(second) == STARTED


def test_a_run_paused_before_its_start_is_passed_over_and_joins_when_resumed(waits, work, settle):
    first, second = start(waits, {"n": 0}), start(waits, {"n": 1})
    operations.pause(first.pk)
    work()
    assert state(second) == STARTED
    operations.resume(first.pk)
    work()
    assert state(first) == PARKED
    complete(second)
    work()
    assert state(first) == STARTED
    complete(first)
    settle()
    assert names() == ["1", "0"]


def test_pausing_the_waiting_head_lets_the_others_pass(waits, work):
    holder, first, second = (start(waits, {"n": number}) for number in range(3))
    work()
    operations.pause(first.pk)
    complete(holder)
    work()
    assert [state(each) for each in (first, second)] == [QUEUED, STARTED]


def test_a_started_run_that_is_paused_keeps_its_lane(waits, work):
    first, second = start(waits, {"n": 0}), start(waits, {"n": 1})
    work()
    operations.pause(first.pk)
    work()
    assert state(second) == PARKED


def test_a_run_that_is_in_its_own_ancestors_lane_does_not_wait_for_it(listen, settle):
    """The order's run makes a customer; the customer's run shares the lane and is its descendant."""
    build([create("again")], type="collection", config={"collection": "shop.Customer", "mode": 1}, options=LANE)
    listen()
    parent = start(build([create("child"), WAITS], options=LANE), {})
    drain("sluice")
    drain("sluice")
    [child] = Execution.objects.exclude(pk=parent.pk)
    assert (state(parent), state(child)) == (STARTED, DONE)
    complete(parent)
    settle()


def test_a_rerun_from_a_node_queues_as_the_youngest(waits, work, settle):
    first = start(waits, {"n": 0})
    work()
    complete(first)
    work()
    second, third = start(waits, {"n": 1}), start(waits, {"n": 2})
    work()
    again = operations.rerun(first.pk, node_id=Job.objects.get(execution=first, node_key="n2").node_id)
    work()
    assert [state(each) for each in (second, third, again)] == [STARTED, PARKED, PARKED]
    complete(second)
    work()
    assert [state(each) for each in (third, again)] == [STARTED, PARKED]
    complete(third)
    settle()
    assert names() == ["0", "1", "2", "0"]
    again.refresh_from_db()
    assert again.status == 1, again.error
    assert again.started_at is not None


def test_long_lanes_are_told_apart(waits, work):
    workflow = build([WAITS], options={"lane": "x" * 300 + "{{$context.n}}"})
    first, second, same = start(workflow, {"n": 0}), start(workflow, {"n": 1}), start(workflow, {"n": 1})
    work()
    assert [state(each) for each in (first, second, same)] == [STARTED, STARTED, PARKED]


def test_a_run_that_nobody_told_is_found_again(waits, work):
    """Whoever should have unparked it died, or looked a moment too early."""
    first, second = start(waits, {"n": 0}), start(waits, {"n": 1})
    work()
    Execution.objects.filter(pk=first.pk).delete()
    work()
    assert state(second) == PARKED
    clock.repair_lanes()
    work()
    assert state(second) == STARTED


def test_repairing_lanes_leaves_those_that_wait_rightly(waits, work):
    first, second, third = (start(waits, {"n": number}) for number in range(3))
    work()
    assert clock.repair_lanes() == 0
    operations.pause(first.pk)
    assert clock.repair_lanes() == 0
    assert [state(each) for each in (first, second, third)] == [STARTED, PARKED, PARKED]


@pytest.mark.postgres
@pytest.mark.mariadb
def test_locks_of_lanes_in_which_nobody_is_are_forgotten(waits, work):
    from executions import lanes
    from executions.models import Lane

    first = start(waits, {"n": 0})
    work()
    lanes.forget()
    assert Lane.objects.count() == 1
    complete(first)
    work()
    lanes.forget()
    assert Lane.objects.count() == 0


def test_cancelling_what_is_not_there_is_an_error():
    with pytest.raises(NotFound):
        operations.cancel(4711)
