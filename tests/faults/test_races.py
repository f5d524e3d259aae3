"""Two at once: drains, people and performers on the same run. Whoever is second drops what it knew."""

import threading
import time

import pytest
from django.db import connections, transaction

from config.shop.models import Customer, Product
from executions import operations
from executions.dispatcher import dispatch, listener_of, start
from executions.drain import drain
from executions.models import Execution, Job
from executions.store.side import close_side
from tests.building import build
from workflows.errors import Refused, SluiceError
from workflows.triggers.base import Event

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

#: Six rows, each long enough in the making that a segment's time is over after two or three.
SLOW_LOOP = (
    "loop", {"target": 6}, {0: [
        ("t-write", {"act": "slow create", "value": "{{$scopes.n1.index}}"}),
    ]},
)  # fmt: skip


@pytest.fixture(autouse=True)
def _slow_create(acts):
    def slow_create(step):
        time.sleep(0.1)
        return acts["create"](step)

    acts["slow create"] = slow_create


def names():
    return sorted(Customer.objects.values_list("name", flat=True))


def drain_until_ended(seconds=20):
    until = time.monotonic() + seconds
    while Execution.objects.filter(ended_at=None).exists():
        drain("sluice")
        assert time.monotonic() < until
        time.sleep(0.01)


def test_case_72_two_drains_share_one_run_of_many_segments(threads, settle):
    execution = start(build([SLOW_LOOP]), {})
    errors = [each for each in threads(drain_until_ended, drain_until_ended, drain_until_ended) if each is not None]
    assert errors == []
    settle()
    execution.refresh_from_db()
    assert (execution.status, execution.crashes) == (1, 0), execution.error
    assert execution.turn >= 3, "The run was to take several segments."
    assert names() == [str(index) for index in range(6)]


def test_drains_share_many_runs(threads, settle):
    workflow = build(
        [("t-write", {"act": "create", "value": "{{$context.n}}"}), ("output", {"value": "{{$context.n}}"})]
    )
    for number in range(30):
        start(workflow, {"n": number})
    assert threads(drain_until_ended, drain_until_ended) == [None, None]
    settle()
    assert names() == sorted(str(number) for number in range(30))
    assert set(Execution.objects.values_list("status", "crashes")) == {(1, 0)}


def test_a_job_is_completed_in_the_gap_between_two_segments(threads, settle):
    execution = start(build([
        ("parallel", {}, {
            0: [("t-do", {"act": "wait"}), ("t-write", {"act": "create", "value": "after"})],
            1: [("loop", {"target": 6}, {0: [("t-write", {"act": "slow create", "value": "{{$scopes.n4.index}}"})]})],
        }),
        ("output", {"value": "{{$jobsMapByNodeKey.n2}}"}),
    ]), {})  # fmt: skip

    def complete():
        until = time.monotonic() + 30
        while (job := Job.objects.filter(execution=execution, node_key="n2").first()) is None:
            assert time.monotonic() < until
        operations.complete_job(job.pk, result="hello")

    assert threads(drain_until_ended, complete) == [None, None]
    settle()
    execution.refresh_from_db()
    assert (execution.status, execution.output) == (1, "hello"), execution.error
    assert names() == ["0", "1", "2", "3", "4", "5", "after"]


@pytest.mark.parametrize("seconds", [0, 0.05, 0.15, 0.3])
def test_a_cancel_at_any_moment_ends_the_run_once(threads, settle, seconds):
    execution = start(build([SLOW_LOOP]), {})

    def cancel():
        time.sleep(seconds)
        operations.cancel(execution.pk)

    error, answer = threads(drain_until_ended, cancel)
    assert error is None
    settle()
    execution.refresh_from_db()
    jobs = Job.objects.filter(execution=execution)
    if isinstance(answer, Refused):
        # SQLite's one writer may be at the end before anybody else gets a turn.
        assert (execution.status, jobs.count()) == (1, 7)
    else:
        assert (answer, execution.status, execution.reason) == (None, -3, "manual_cancel")
    assert not jobs.filter(status=0).exists()
    # A row is there exactly if its job is.
    assert len(names()) == jobs.filter(node_key="n2").count()


def test_pausing_and_resuming_all_the_time_changes_nothing(threads, settle):
    execution = start(build([SLOW_LOOP]), {})

    def toggle():
        for _ in range(8):
            try:
                operations.pause(execution.pk)
                time.sleep(0.02)
                operations.resume(execution.pk)
            except Refused:
                return
            time.sleep(0.05)

    assert threads(drain_until_ended, toggle) == [None, None]
    settle()
    execution.refresh_from_db()
    assert execution.status == 1, execution.error
    assert names() == [str(index) for index in range(6)]


def test_one_of_two_completions_wins(threads, settle):
    execution = start(build([("t-do", {"act": "wait"}), ("output", {"value": "{{$jobsMapByNodeKey.n1}}"})]), {})
    drain("sluice")
    job = Job.objects.get(execution=execution)
    results = threads(
        lambda: operations.complete_job(job.pk, result="a"), lambda: operations.fail_job(job.pk, result="b")
    )
    assert sorted(isinstance(result, Refused) for result in results) == [False, True]
    settle()
    execution.refresh_from_db()
    assert (execution.status, execution.output) in [(1, "a"), (-1, None)]


def test_a_completion_and_a_cancel_race_to_one_end(threads, settle):
    execution = start(build([("t-do", {"act": "wait"}), ("output", {"value": 1})]), {})
    drain("sluice")
    job = Job.objects.get(execution=execution)
    results = threads(lambda: operations.complete_job(job.pk), lambda: operations.cancel(execution.pk))
    assert not [each for each in results if isinstance(each, Exception) and not isinstance(each, SluiceError)]
    settle()
    execution.refresh_from_db()
    assert execution.status in (1, -3)


def test_one_event_raced_by_many_threads_is_one_run(threads):
    workflow = build([("output", {"value": 1})])

    def event():
        return start(workflow, {}, event_key="order 7").pk

    found = threads(*[event] * 8)
    assert len(set(found)) == 1, found
    assert Execution.objects.count() == 1


def test_an_event_whose_first_transaction_is_rolled_back_is_taken_by_the_second(threads):
    workflow = build([("output", {"value": 1})])
    written = threading.Event()

    def rolled_back():
        with transaction.atomic():
            start(workflow, {}, event_key="order 7")
            written.set()
            time.sleep(0.2)
            transaction.set_rollback(True)

    def second():
        written.wait(5)
        return start(workflow, {}, event_key="order 7").pk

    _, found = threads(rolled_back, second)
    assert list(Execution.objects.values_list("pk", flat=True)) == [found]


def test_two_events_with_one_key_in_one_call_are_one_run():
    listener = listener_of(build([("output", {"value": 1})]))
    first, second, other = dispatch([Event(listener, {}, "a"), Event(listener, {}, "a"), Event(listener, {}, "b")])
    assert first.pk == second.pk != other.pk
    assert Execution.objects.count() == 2


def test_a_second_event_answers_none_once_the_first_run_is_purged(work):
    workflow = build([("output", {"value": 1})])
    first = start(workflow, {}, event_key="order 7")
    work()
    operations.delete([first.pk])
    assert start(workflow, {}, event_key="order 7") is None


@pytest.mark.parametrize("many", [2, 4])
def test_case_76_runs_that_lock_each_other_out_both_end(threads, settle, many):
    """Two rows in opposite order: one of the two is a deadlock's victim, whose segment is done again."""
    tea, salt = (Product.objects.create(name=name, price=1, stock=0) for name in ("tea", "salt"))

    def update(product):
        return ("update", {"collection": "shop.Product", "params": {
            "filter": {"id": product.pk}, "individualHooks": True, "values": {"stock": "{{$jobsMapByNodeKey.n1}}"},
        }})  # fmt: skip

    def workflow(first, second):
        return build([
            ("t-do", {"act": "give", "value": "{{$context.n}}"}),
            update(first), ("t-do", {"act": "sleep", "value": 0.1}), update(second), ("output", {"value": 1}),
        ])  # fmt: skip

    there, back = workflow(tea, salt), workflow(salt, tea)
    for number in range(1, many + 1):
        start(there if number % 2 else back, {"n": number})
    assert threads(drain_until_ended, drain_until_ended) == [None, None]
    settle()
    assert set(Execution.objects.values_list("status", "crashes")) == {(1, 0)}
    tea.refresh_from_db()
    salt.refresh_from_db()
    assert tea.stock == salt.stock, "Somebody's updates were done half."


@pytest.mark.postgres
@pytest.mark.mariadb
def test_a_row_that_somebody_locks_for_long_does_not_hold_up_other_runs(settle):
    """One worker: the run whose row is locked is put off, the one behind it goes on. SQLite has one writer anyway."""
    product = Product.objects.create(name="tea", price=1, stock=0)
    stuck = start(build([("update", {"collection": "shop.Product", "params": {
        "filter": {"id": product.pk}, "values": {"stock": 7}}})]), {})  # fmt: skip
    free = start(build([("t-write", {"act": "create", "value": "free"})]), {})
    locked, done = threading.Event(), threading.Event()

    def hold():
        try:
            with transaction.atomic():
                Product.objects.select_for_update().get(pk=product.pk)
                locked.set()
                done.wait(60)
        finally:
            close_side()
            connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        locked.wait(5)
        until = time.monotonic() + 30
        while not Execution.objects.filter(pk=free.pk, status=1).exists():
            assert time.monotonic() < until, "The other run waits behind the one that is stuck."
            drain("sluice", seconds=3)
    finally:
        done.set()
        holder.join()
    settle()
    stuck.refresh_from_db()
    assert stuck.status == 1
