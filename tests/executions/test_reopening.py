"""A rerun from within a loop: it goes on with the very item its round was about, and counts on from there."""

import pytest

from executions import operations
from executions.dispatcher import start
from executions.drain import drain_all
from executions.models import Job
from tests.building import build
from tests.faults import kinds
from workflows.instructions.base import Outcome
from workflows.instructions.loop import Loop
from workflows.instructions.loop_rounds import item_of_round, with_refused
from workflows.models import Node

ITEM = "{{$scopes.n1.item}}"


@pytest.fixture(autouse=True)
def acts():
    with kinds.known() as known:
        yield known


def looping(target, inside, condition="{{$scopes.n1.item}} % 2 == 1", **config):
    asked = {"engine": "math.js", "expression": condition, "continueOnFalse": True}
    return [("loop", {"target": target, "condition": asked, **config}, {0: inside}), ("output", {"value": "end"})]


def rerun(execution, key):
    again = operations.rerun(execution.pk, node_id=Node.objects.get(workflow=execution.workflow_id, key=key).pk)
    drain_all()
    again.refresh_from_db()
    return again


def results(execution, key):
    return list(
        Job.objects.filter(execution=execution, node_key=key).order_by("number").values_list("result", flat=True)
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("from_node", ["n2", "n3"])
@pytest.mark.parametrize(
    ("target", "bad", "before", "after"),
    [
        ([2, 1, 2, 2, 3, 4, 5, 6], 3, [1], [3, 5]),
        ([2, 2, 1, 3], 1, [], [1, 3]),
        ([1, 3, 5], 5, [1, 3], [5]),
        ([1, 2, 3, 2, 2], 3, [1], [3]),
    ],
)
def test_the_item_is_the_one_whose_round_failed(acts, target, bad, before, after, from_node):
    broken = True

    def work(step):
        item = step.compiled.render(step.scope)
        return Outcome(-1, {"message": "Bad."}) if broken and item == bad else Outcome(result=item)

    acts["work"] = work
    inside = [("t-do", {"act": "give", "value": ITEM}), ("t-do", {"act": "work", "value": ITEM})]
    execution = start(build(looping(target, inside)), {})
    drain_all()
    execution.refresh_from_db()
    assert (execution.status, results(execution, "n3")[:-1]) == (-1, before)
    broken = False
    again = rerun(execution, from_node)
    assert (again.status, again.output) == (1, "end"), again.error
    assert results(again, "n3") == before + after
    assert results(again, "n2") == before + after
    assert results(again, "n1") == [{"looped": len(target), "done": len(before + after)}]


@pytest.mark.django_db(transaction=True)
def test_a_rerun_of_a_rerun_still_knows_what_was_refused(acts):
    bad = [1, 3]

    def work(step):
        item = step.compiled.render(step.scope)
        return Outcome(-1, {"message": "Bad."}) if item in bad else Outcome(result=item)

    acts["work"] = work
    run = start(build(looping([2, 1, 2, 3, 2, 5], [("t-do", {"act": "work", "value": ITEM})])), {})
    drain_all()
    for _ in range(2):
        bad.pop(0)
        run = rerun(run, "n2")
    assert (run.status, results(run, "n2")) == (1, [1, 3, 5])
    assert results(run, "n1") == [{"looped": 6, "done": 3}]


@pytest.mark.django_db(transaction=True)
def test_what_a_step_assigned_to_the_head_is_no_round(acts):
    broken = True

    def work(step):
        item = step.compiled.render(step.scope)
        failed = broken and item == 5
        return Outcome(-1, {"message": "Bad."}) if failed else Outcome(result=item, assign={"n2": "assigned"})

    acts["work"] = work
    inside = [("t-do", {"act": "give", "value": ITEM}), ("t-do", {"act": "work", "value": ITEM})]
    execution = start(build(looping([1, 2, 3, 5, 7], inside)), {})
    drain_all()
    broken = False
    again = rerun(execution, "n3")
    assert (again.status, results(again, "n3")) == (1, [1, 3, 5, 7])
    assert results(again, "n1") == [{"looped": 5, "done": 4}]


@pytest.mark.parametrize(
    ("refused", "number", "expected"),
    [
        ("", 3, (3, "")),
        ("0", 0, (1, "0")),
        ("0,2", 0, (1, "0")),
        ("0,2", 1, (3, "0,2")),
        ("0-9,11", 0, (10, "0-9")),
        ("0-9,11", 1, (12, "0-9,11")),
        ("5", 4, (4, "")),
        ("0-9999,10000-10004", 0, (10005, "0-9999,10000-10004")),
    ],
)
def test_the_item_of_a_round(refused, number, expected):
    assert item_of_round(refused, number) == expected


@pytest.mark.parametrize("pattern", ["", "1", "0", "0101", "1010", "00110", "1100101000111", "000000"])
def test_the_text_leads_back_to_every_round(pattern):
    refused, index = "", 0
    rounds = []
    while index < len(pattern):
        first = index
        while index < len(pattern) and pattern[index] == "0":
            index += 1
        if index > first:
            refused = with_refused(refused, first, index)
        if index < len(pattern):
            rounds.append((index, refused))
            index += 1
    assert [item_of_round(refused, number) for number in range(len(rounds))] == rounds


def test_a_job_that_knows_of_no_refusal_counts_its_rounds():
    ended = [(2, 1), (2, 1)]
    assert Loop().reopened(None, {"length": 5}, ended, None, 0) == ({"looped": 2, "done": 2}, {"length": 5})


def waiting(execution):
    drain_all()
    return Job.objects.get(execution=execution, status=0, wait="timer").pk


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("from_node", ["n2", "n3"])
def test_a_round_that_began_again_while_it_ran_is_one_round(acts, from_node):
    acts["give"] = lambda step: Outcome(result=step.compiled.render(step.scope))
    inside = [("t-do", {"act": "give", "value": ITEM}), ("delay", {"duration": 1, "unit": 3_600_000})]
    run = start(build([("loop", {"target": [1, 2, 3]}, {0: inside})]), {})
    operations.complete_job(waiting(run))
    waiting(run)
    assert rerun(run, "n2").pk == run.pk
    operations.fail_job(waiting(run))
    drain_all()
    run.refresh_from_db()
    assert run.status == -1
    again = rerun(run, from_node)
    for _ in range(2):
        operations.complete_job(waiting(again))
    drain_all()
    again.refresh_from_db()
    assert again.status == 1
    assert results(again, "n1") == [{"looped": 3, "done": 3}]
    assert results(again, "n2")[-1] == 3
