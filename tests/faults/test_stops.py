"""Workers that freeze or die in the middle, and runs that kill whoever touches them."""

import os
import signal
import threading
import time
from datetime import timedelta

import pytest
from django.db.models import F

from config.shop.models import Customer
from executions.dispatcher import start
from executions.drain import drain
from executions.models import Execution, Job
from executions.performers import begin
from executions.store import claims
from tests.building import build
from tests.faults import checker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]


def state(process):
    with open(f"/proc/{process.pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def until(condition, seconds=15):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "It never happened."
        time.sleep(0.02)


@pytest.mark.postgres
@pytest.mark.mariadb
def test_a_frozen_worker_is_freed_of_its_run_and_does_no_harm_when_it_wakes(spawn, settle):
    """It holds the run's lock and an uncommitted row; SQLite, whose one writer it is, has no such bound."""
    steps = [("t-write", {"act": "stop", "value": "frozen"}), ("t-write", {"act": "create", "value": "after"})]
    execution = start(build(steps), {})
    worker = spawn("tests.faults.victim", "--freed-after", 1, "--seconds", 8)
    until(lambda: state(worker) == "T")
    assert drain("sluice") == 0, "The frozen worker still holds it."
    began = time.monotonic()
    settle()
    assert time.monotonic() - began < 6
    execution.refresh_from_db()
    assert execution.status == 1, execution.error
    before = Execution.objects.values().get(pk=execution.pk), list(Job.objects.values().order_by("id"))
    os.kill(worker.pid, signal.SIGCONT)
    assert worker.wait(timeout=20) == 0
    assert before == (Execution.objects.values().get(pk=execution.pk), list(Job.objects.values().order_by("id")))
    assert sorted(Customer.objects.values_list("name", flat=True)) == ["after", "frozen"]
    assert checker.faults() == []


@pytest.mark.postgres
@pytest.mark.mariadb
def test_a_worker_frozen_in_memory_drops_what_it_knew(spawn, settle, acts):
    """It froze after its claim's last statement: what wakes must not write."""
    execution = start(build([("t-do", {"act": "freeze"}), ("t-do", {"act": "give"}), ("output", {"value": 7})]), {})
    acts["freeze"] = acts["give"]
    worker = spawn("tests.faults.victim", "--freed-after", 1, "--seconds", 8)
    until(lambda: state(worker) == "T")
    settle()
    jobs = list(Job.objects.values().order_by("id"))
    os.kill(worker.pid, signal.SIGCONT)
    assert worker.wait(timeout=20) == 0
    assert jobs == list(Job.objects.values().order_by("id"))
    execution.refresh_from_db()
    assert (execution.status, execution.output) == (1, 7)
    assert checker.faults() == []


def test_a_run_that_kills_its_workers_ends_and_spares_the_others(victim, settle):
    """First the whole batch dies with it, then it alone three times."""
    workflow = build([("t-do", {"act": "die of", "value": "{{$context.deadly}}"}), ("output", {"value": 1})])
    runs = [start(workflow, {"deadly": number == 2}) for number in range(5)]
    for death in range(4):
        assert victim() == -9, f"Death {death}"
    settle()
    by_id = {run.pk: (run.status, run.reason) for run in Execution.objects.all()}
    assert by_id.pop(runs[2].pk) == (-2, "crashed")
    assert set(by_id.values()) == {(1, None)}
    deadly = Execution.objects.get(pk=runs[2].pk)
    assert deadly.crashes == 3
    assert deadly.error
    assert Execution.objects.exclude(pk=deadly.pk).filter(crashes=0).count() == 4


def test_a_run_that_dies_after_it_waited_leaves_nobody_waiting(victim, settle):
    """Of a run given up, what hangs on it is cleared too: pending jobs, performs, its lane."""
    workflow = build(
        [
            ("parallel", {}, {
                0: [("t-do", {"act": "wait"})],
                1: [("t-call", {"act": "give"}, {}, {"retry": {"attempts": 2}})],
                2: [("delay", {"duration": 1}), ("t-do", {"act": "die"})],
            }),
        ],
        options={"lane": "one"},
    )  # fmt: skip
    first = start(workflow, {})
    # Its call is never made: it is still due when the run is given up.
    drain("sluice")
    Job.objects.filter(wait="performer").update(queue="nobody")
    time.sleep(1.1)
    for death in range(3):
        assert victim() == -9, f"Death {death}"
    second = start(build([("output", {"value": 2})], options={"lane": "one"}), {})
    settle()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, first.reason, second.status) == (-2, "crashed", 1)
    assert not Job.objects.filter(due_at__isnull=False).exists()


@pytest.mark.postgres
@pytest.mark.mariadb
def test_a_batch_that_can_not_be_written_is_done_one_by_one(acts, settle):
    def odd(step):
        outcome = acts["give"](step)
        if step.scope["$context"]["odd"]:
            # More than the column takes.
            outcome.status = 40_000
        return outcome

    acts["odd"] = odd
    workflow = build([("t-do", {"act": "odd"}), ("output", {"value": "{{$context.n}}"})])
    runs = [start(workflow, {"n": number, "odd": number == 3}) for number in range(6)]
    settle()
    found = {run.pk: (run.status, run.reason) for run in Execution.objects.all()}
    assert found.pop(runs[3].pk) == (-2, "write_failed")
    assert set(found.values()) == {(1, None)}


@pytest.mark.parametrize(("side", "lost"), [("before", 0), ("after", 1)])
def test_a_kill_around_the_note_that_a_call_is_under_way(spawn, settle, acts, side, lost):
    """Right after it nobody knows whether the call was made: its deadline passes, and it is made again."""
    acts["count"] = lambda step: type(acts["give"](step))(result=step.attempt)
    execution = start(build([("t-call", {"act": "count"}), ("output", {"value": "{{$jobsMapByNodeKey.n1}}"})]), {})
    drain("sluice")
    drain("sluice")
    assert Job.objects.get(execution=execution).wait == "performer"
    worker = spawn("tests.faults.caller", "--side", side)
    assert worker.wait(timeout=30) == -9
    job = Job.objects.get(execution=execution)
    assert job.wait == ("call" if lost else "performer")
    if lost:
        assert not claims.due_performs("sluice", 1)
        past = execution.created_at
        Job.objects.filter(pk=job.pk).update(due_at=past)
        Execution.objects.filter(pk=execution.pk).update(due_at=past)
    settle()
    execution.refresh_from_db()
    assert (execution.status, execution.output) == (1, 1 + lost), execution.error


@pytest.mark.postgres
@pytest.mark.mariadb
def test_a_sync_run_whose_caller_dies_is_ended(spawn, settle):
    workflow = build(
        [("t-write", {"act": "create", "value": "undone"}), ("t-do", {"act": "die"})], type="collection", sync=True,
        config={"collection": "shop.Customer", "mode": 1},
    )  # fmt: skip
    caller = spawn("tests.faults.saver", "--side", "never", SLUICE='{"SYNC_SECONDS": 30}', SLUICE_VICTIM="1")
    assert caller.wait(timeout=30) == -9
    execution = Execution.objects.get(workflow=workflow)
    assert (execution.status, execution.agenda) == (0, [["caller"]])
    drain("sluice")
    execution.refresh_from_db()
    assert execution.ended_at is None, "Its caller may still be alive."
    # As if so much time had gone by.
    Execution.objects.update(due_at=F("due_at") - timedelta(seconds=30))
    settle()
    execution.refresh_from_db()
    assert (execution.status, execution.reason) == (-3, "caller_lost")
    assert not Customer.objects.exists()


def test_a_thread_that_claims_twice_accuses_nobody(settle, acts):
    """Notes are left behind by workers that finished; who comes after them is no victim of theirs."""
    workflow = build([("t-write", {"act": "create", "value": "{{$context.n}}"}), ("delay", {"duration": 1})])
    for number in range(4):
        start(workflow, {"n": number})

    def one():
        from django.db import connections

        from executions.store.side import close_side

        drain("sluice")
        close_side()
        connections.close_all()

    for _ in range(2):
        thread = threading.Thread(target=one)
        thread.start()
        thread.join()
    settle()
    assert set(Execution.objects.values_list("status", "crashes")) == {(1, 0)}


def test_a_performer_does_not_touch_an_ended_run(acts):
    execution = start(build([("t-call", {"act": "give"})]), {})
    drain("sluice")
    drain("sluice")
    job = Job.objects.get(execution=execution)
    from executions import operations

    operations.cancel(execution.pk)
    assert begin(execution.pk, job.pk) is None
    job.refresh_from_db()
    assert (job.status, job.wait, job.due_at) == (-3, None, None)
