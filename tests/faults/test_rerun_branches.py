"""Running again inside branches: a line has one place only, and a branch ends once."""

import pytest

from config.shop.models import Customer
from executions import operations
from executions.models import Job
from tests.faults.test_reruns import FAILS_ONCE, WAITS, _fails_once, create, jobs, names, node, run  # noqa: F401

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

CONDITION = {"engine": "math.js", "expression": "1 == 1"}
#: What fails, and creates a row in its error branch.
FAILS = ("t-do", {"act": "fail"}, {-1: [create("a")]}, {"onError": "branch"})


@pytest.mark.parametrize(
    ("steps", "key", "ran"),
    [
        ([("condition", CONDITION, {1: [create("a")]}), WAITS, create("b")], "n2", ["a", "a", "b"]),
        ([FAILS, WAITS, create("b")], "n2", ["a", "a", "b"]),
        ([("condition", CONDITION, {1: [FAILS]}), WAITS, create("b")], "n3", ["a", "a", "b"]),
        (
            [("loop", {"target": 2}, {0: [("condition", CONDITION, {1: [create("a")]}), WAITS, create("b")]})],
            "n3", ["a", "a", "b", "a", "b"],
        ),
    ],
    ids=["condition", "error branch", "error branch in a condition", "condition in a loop"],
)  # fmt: skip
def test_what_waits_behind_a_branch_that_leads_there_is_aborted(steps, key, ran, work, settle):
    execution = run(steps, work)
    operations.rerun(execution.pk, node_id=node(execution, key))
    work()
    while waiting := Job.objects.filter(execution=execution, wait="outside").order_by("-number").first():
        operations.complete_job(waiting.pk)
        work()
    settle()
    execution.refresh_from_db()
    assert (execution.status, names()) == (1, ran), execution.error
    assert not Job.objects.filter(execution=execution, status=0).exists()


def test_a_line_has_one_place_also_where_the_node_ran_in_an_earlier_round(work, settle):
    execution = run([("loop", {"target": 3}, {0: [WAITS, create("{{$scopes.n1.index}}")]})], work)
    operations.complete_job(Job.objects.get(execution=execution, node_key="n2").pk)
    work()
    assert names() == ["0"]
    operations.rerun(execution.pk, node_id=node(execution, "n3"))
    work()
    waiting = Job.objects.get(execution=execution, wait="outside")
    operations.complete_job(waiting.pk)
    settle()
    execution.refresh_from_db()
    assert (execution.status, names()) == (1, ["0", "1", "2"])
    assert Job.objects.get(execution=execution, node_key="n1").result == {"looped": 3, "done": 3}


def test_a_branch_that_waited_at_a_step_of_its_own_is_over_in_the_new_run(work, settle):
    """The inner parallel of the second branch, which begins again, is not waited for in its old place, too."""
    inner = ("parallel", {}, {0: [WAITS], 1: [create("inner")]})
    branches = {0: [WAITS, FAILS_ONCE, create("0")], 1: [inner]}
    first = run([("parallel", {}, branches)], work)
    operations.complete_job(Job.objects.get(execution=first, node_key="n2").pk)
    work()
    again = operations.rerun(first.pk, node_id=node(first, "n3"))
    work()
    operations.complete_job(Job.objects.get(execution=again, wait="outside").pk)
    settle()
    again.refresh_from_db()
    assert (again.status, names()) == (1, ["inner", "0", "inner"]), again.error
    assert not Job.objects.filter(execution=again, status=0).exists()


@pytest.mark.parametrize("went_on_from", ["n2", "n3"])
def test_a_branch_that_was_sent_back_after_that_has_not_ended(work, settle, went_on_from):
    """What waited there when the node ran was aborted later, and is no end of the branch."""
    branches = {0: [create("a"), WAITS], 1: [("t-do", {"act": "give", "value": 1})]}
    first = run([("parallel", {}, branches), ("t-do", {"act": "fail"})], work)
    operations.rerun(first.pk, node_id=node(first, went_on_from))
    work()
    operations.complete_job(Job.objects.get(execution=first, wait="outside").pk)
    work()
    Customer.objects.all().delete()
    again = operations.rerun(first.pk, node_id=node(first, "n4"))
    work()
    assert names() == ["a"]
    operations.complete_job(Job.objects.get(execution=again, wait="outside").pk)
    settle()
    assert jobs(again)[-1] == ("n5", -1)
    assert Job.objects.get(execution=again, node_key="n1").result == [1, 1]
