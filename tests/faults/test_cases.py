"""Acceptance cases of the processor (spec section 7) that no other file has, on the real database."""

import pytest

from config.shop.models import Customer
from executions import operations, sync
from executions.dispatcher import run_now, start
from executions.models import Execution, Job
from executions.statuses import Reason
from tests.building import build
from workflows.instructions.base import Outcome

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

WAIT = ("t-do", {"act": "wait"})
PASS = ("output", {"value": 1})


def jobs(execution):
    return list(Job.objects.filter(execution=execution).order_by("number").values_list("node_key", "status"))


def test_case_88_a_step_that_raises_is_an_error_and_so_is_the_run(acts, settle):
    def definite(step):
        raise RuntimeError("definite error")

    acts["definite"] = definite
    execution = start(build([("t-do", {"act": "definite"}), PASS]), {})
    settle()
    execution.refresh_from_db()
    assert (execution.status, execution.error, jobs(execution)) == (-2, "definite error", [("n1", -2)])
    assert Job.objects.get().result["message"] == "definite error"


def test_case_90_a_waiting_run_is_started_and_goes_on_with_what_it_was_given(acts, work, settle):
    acts["previous"] = lambda step: Outcome(result=step.previous.result)
    execution = start(build([WAIT, ("t-do", {"act": "previous"})]), {})
    work()
    execution.refresh_from_db()
    assert (execution.status, jobs(execution)) == (0, [("n1", 0)])
    operations.complete_job(Job.objects.get().pk, result={"answer": 42})
    settle()
    execution.refresh_from_db()
    assert (execution.status, jobs(execution)) == (1, [("n1", 1), ("n2", 1)])
    assert [job.result for job in Job.objects.order_by("number")] == [{"answer": 42}] * 2


def test_case_91_a_step_whose_resume_raises_keeps_its_one_job(monkeypatch, settle):
    def resume(self, step):
        raise RuntimeError("no way on")

    monkeypatch.setattr("workflows.instructions.delay.Delay.resume", resume)
    execution = start(build([("delay", {"duration": 1}), PASS]), {})
    settle()
    execution.refresh_from_db()
    assert (execution.status, jobs(execution)) == (-2, [("n1", -2)])
    assert Job.objects.get().result["message"] == "no way on"


@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
def test_case_96_hundreds_of_jobs_of_one_segment_are_all_stored(sync, settle):
    execution = start(build([("loop", {"target": 250}, {0: [PASS]})], sync=sync), {})
    settle()
    numbers = Job.objects.filter(execution=execution).order_by("number").values_list("number", flat=True)
    assert list(numbers) == list(range(1, 252))


def test_case_97_ids_beyond_what_floats_tell_apart_name_one_row(work, settle):
    execution = start(build([("parallel", {}, {0: [WAIT], 1: [WAIT]})]), {})
    work()
    for job, pk in zip(
        Job.objects.filter(node_key__in=("n2", "n3")).order_by("number"), (2**53, 2**53 + 1), strict=True
    ):
        Job.objects.filter(pk=job.pk).update(id=pk)
    operations.complete_job(2**53 + 1, result="mine")
    work()
    assert list(Job.objects.filter(pk__in=(2**53, 2**53 + 1)).order_by("pk").values_list("status", "result")) == [
        (0, None),
        (1, "mine"),
    ]
    operations.cancel(execution.pk)
    settle()


@pytest.mark.postgres
@pytest.mark.mariadb
@pytest.mark.parametrize("inside", [False, True], ids=["on-its-own", "in-a-transaction"])
def test_case_98_a_sync_run_that_was_ended_meanwhile_runs_no_further_node(inside, acts, threads, monkeypatch, settle):
    monkeypatch.setattr(sync, "LOOK_SECONDS", 0.0)

    def cancelled(step):
        [ended] = threads(lambda: operations.cancel(step.execution_id))
        assert ended.status == -3
        return Outcome()

    acts["cancelled"] = cancelled
    steps = [("t-write", {"act": "create", "value": name}) for name in ("before", "after")]
    steps.insert(1, ("t-do", {"act": "cancelled"}))
    run_now(build([("transaction", {}, {1: steps})] if inside else steps, sync=True), {"data": {}})
    execution = Execution.objects.get()
    assert (execution.status, execution.reason) == (-3, Reason.CANCELED)
    # Written in the caller's own name before, it is the caller's to undo; of a transaction nothing stays.
    assert list(Customer.objects.values_list("name", flat=True)) == ([] if inside else ["before"])
    settle()


def test_case_136_an_end_in_a_matched_branch_fails_the_run_and_not_the_node(settle):
    conditions = {"conditions": [{"engine": "math.js", "expression": "1 == 1"}]}
    execution = start(build([("multi-conditions", conditions, {1: [("end", {"endStatus": -1})]}), PASS]), {})
    settle()
    execution.refresh_from_db()
    assert (execution.status, jobs(execution)) == (-1, [("n1", 1), ("n2", -1)])
