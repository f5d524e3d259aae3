"""Running again: a started run goes on from a node, an ended one stays as it ended and a new one begins."""

import pytest

from config.shop.models import Customer
from executions import operations
from executions.dispatcher import start
from executions.models import Execution, Job
from tests.building import build
from workflows.errors import Invalid, Refused
from workflows.instructions.base import Outcome
from workflows.models import Node

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

WAITS = ("t-do", {"act": "wait"})
FAILS_ONCE = ("t-do", {"act": "fails once"})


def create(name):
    return ("t-write", {"act": "create", "value": name})


@pytest.fixture(autouse=True)
def _fails_once(acts):
    asked = []

    def fails_once(step):
        asked.append(step)
        return acts["fail" if len(asked) == 1 else "give"](step)

    acts["fails once"] = fails_once


def node(execution, key):
    return Node.objects.get(workflow=execution.workflow_id, key=key).pk


def jobs(execution):
    return list(Job.objects.filter(execution=execution).order_by("number").values_list("node_key", "status"))


def names():
    return list(Customer.objects.order_by("id").values_list("name", flat=True))


def run(steps, work, context=None, **columns):
    execution = start(build(steps, **columns), context or {})
    work()
    execution.refresh_from_db()
    return execution


# -- an ended run ------------------------------------------------------------------------------------------------------


def test_from_the_head_everything_runs_again(work, settle):
    first = run([create("a"), FAILS_ONCE, create("b")], work)
    before = Execution.objects.values().get(pk=first.pk)
    again = operations.rerun(first.pk)
    settle()
    again.refresh_from_db()
    assert (again.status, again.rerun_of_id, again.attempt) == (1, first.pk, 2)
    assert names() == ["a", "a", "b"]
    assert Execution.objects.values().get(pk=first.pk) == before


def test_from_a_node_what_was_before_it_stays(work, settle):
    first = run([create("a"), FAILS_ONCE, ("output", {"value": "{{$context.n}}"})], work, {"n": 7})
    again = operations.rerun(first.pk, node_id=node(first, "n2"))
    settle()
    again.refresh_from_db()
    assert (again.status, again.output) == (1, 7), again.error
    assert names() == ["a"]
    assert jobs(first) == [("n1", 1), ("n2", -1)]
    assert jobs(again) == [("n1", 1), ("n2", 1), ("n3", 1)]


def test_from_a_node_in_a_loop_the_rounds_before_stay(work, settle, acts):
    rounds = []

    def third_fails(step):
        rounds.append(1)
        return acts["fail" if len(rounds) == 3 else "give"](step)

    acts["third fails"] = third_fails
    body = [create("{{$scopes.n1.index}}"), ("t-do", {"act": "third fails"}), create("after {{$scopes.n1.index}}")]
    first = run([("loop", {"target": 4}, {0: body}), ("output", {"value": "{{$jobsMapByNodeKey.n1}}"})], work)
    assert first.status == -1
    assert names() == ["0", "after 0", "1", "after 1", "2"]
    again = operations.rerun(first.pk, node_id=node(first, "n3"))
    settle()
    again.refresh_from_db()
    assert (again.status, again.output) == (1, {"looped": 4, "done": 4}), again.error
    assert names() == ["0", "after 0", "1", "after 1", "2", "after 2", "3", "after 3"]


@pytest.mark.parametrize("mode", ["all", "allSettled"])
def test_from_a_node_in_a_parallel_the_other_branches_stay_or_run(work, settle, mode):
    """The first branch ended well, the second failed, the third came after it."""
    branches = {0: [create("0")], 1: [create("1"), FAILS_ONCE, create("1 after")], 2: [create("2")]}
    first = run([("parallel", {"mode": mode}, branches), ("output", {"value": "{{$jobsMapByNodeKey.n1}}"})], work)
    settled = mode == "allSettled"
    assert names() == ["0", "1", "2"] if settled else ["0", "1"]
    again = operations.rerun(first.pk, node_id=node(first, "n4"))
    settle()
    again.refresh_from_db()
    assert (again.status, again.output) == (1, [1, 1, 1]), again.error
    # The third branch is behind the failed one: it runs in the new attempt.
    assert names() == ["0", "1", *(["2"] if settled else []), "1 after", "2"]


def test_an_unfinished_branch_starts_again_at_its_head(work, settle):
    branches = {0: [create("0"), WAITS, create("0 after")], 1: [FAILS_ONCE, create("1")]}
    first = run([("parallel", {}, branches), ("output", {"value": "{{$jobsMapByNodeKey.n1}}"})], work)
    assert (first.status, names()) == (-1, ["0"])
    again = operations.rerun(first.pk, node_id=node(first, "n5"))
    work()
    again.refresh_from_db()
    assert again.status == 0
    operations.complete_job(Job.objects.get(execution=again, wait="outside").pk)
    settle()
    again.refresh_from_db()
    assert (again.status, again.output) == (1, [1, 1]), again.error
    assert sorted(names()) == ["0", "0", "0 after", "1"]


def test_a_later_branch_that_was_begun_starts_again_once(work, settle):
    """The first branch went on after the second had begun to wait; then it failed."""
    branches = {0: [WAITS, FAILS_ONCE, create("0")], 1: [create("1"), WAITS], 2: [create("2")]}
    first = run([("parallel", {}, branches), ("output", {"value": "{{$jobsMapByNodeKey.n1}}"})], work)
    operations.complete_job(Job.objects.get(execution=first, node_key="n2").pk)
    work()
    first.refresh_from_db()
    assert (first.status, names()) == (-1, ["1", "2"])
    again = operations.rerun(first.pk, node_id=node(first, "n3"))
    work()
    assert sorted(names()) == ["0", "1", "1", "2"]
    operations.complete_job(Job.objects.get(execution=again, wait="outside").pk)
    settle()
    again.refresh_from_db()
    assert (again.status, again.output) == (1, [1, 1, 1]), again.error


def test_from_a_node_in_a_condition_in_a_loop(work, settle):
    inner = (
        "condition",
        {"engine": "math.js", "expression": "1 == 1"},
        {1: [FAILS_ONCE, create("{{$scopes.n1.index}}")]},
    )
    first = run([("loop", {"target": 2}, {0: [inner]}), create("end")], work)
    assert (first.status, names()) == (-1, [])
    again = operations.rerun(first.pk, node_id=node(first, "n3"))
    settle()
    again.refresh_from_db()
    assert again.status == 1, again.error
    assert names() == ["0", "1", "end"]


def test_a_node_that_never_ran_can_not_run_again(work):
    first = run([FAILS_ONCE, create("never")], work)
    with pytest.raises(Invalid) as caught:
        operations.rerun(first.pk, node_id=node(first, "n2"))
    assert caught.value.field == "node_id"
    assert Execution.objects.count() == 1


def test_a_rerun_has_its_own_time_out(work, settle):
    first = run([FAILS_ONCE, create("b")], work, options={"timeout": 60_000})
    again = operations.rerun(first.pk, node_id=node(first, "n1"))
    assert again.status is None
    settle()
    again.refresh_from_db()
    assert (again.status, (again.expires_at - again.started_at).total_seconds()) == (1, 60)


# -- a started run -----------------------------------------------------------------------------------------------------


def test_a_started_run_goes_on_from_the_node(work, settle):
    execution = run([create("a"), create("b"), WAITS, create("c")], work)
    assert operations.rerun(execution.pk, node_id=node(execution, "n2")).pk == execution.pk
    work()
    assert jobs(execution) == [("n1", 1), ("n2", 1), ("n3", -3), ("n2", 1), ("n3", 0)]
    operations.complete_job(Job.objects.get(execution=execution, status=0).pk)
    settle()
    execution.refresh_from_db()
    assert (execution.status, names()) == (1, ["a", "b", "b", "c"])


def test_case_114_a_started_run_goes_on_from_its_head(work, settle):
    execution = run([create("a"), ("parallel", {}, {0: [WAITS], 1: [WAITS]})], work)
    operations.rerun(execution.pk)
    work()
    assert jobs(execution) == [
        ("n1", 1),
        ("n2", -3),
        ("n3", -3),
        ("n4", -3),
        ("n1", 1),
        ("n2", 0),
        ("n3", 0),
        ("n4", 0),
    ]


def test_inside_a_branch_the_other_branches_go_on_waiting(work, settle):
    execution = run([("parallel", {}, {0: [create("a"), WAITS], 1: [WAITS]}), create("end")], work)
    operations.rerun(execution.pk, node_id=node(execution, "n2"))
    work()
    for job in Job.objects.filter(execution=execution, wait="outside"):
        operations.complete_job(job.pk)
    settle()
    execution.refresh_from_db()
    assert (execution.status, names()) == (1, ["a", "a", "end"])


def test_below_a_decided_step_nothing_can_run_again(work):
    execution = run([("parallel", {}, {0: [create("a")]}), WAITS], work)
    with pytest.raises(Invalid) as caught:
        operations.rerun(execution.pk, node_id=node(execution, "n2"))
    assert caught.value.field == "node_id"
    work()
    assert names() == ["a"]


def test_a_queued_run_has_nothing_to_run_again():
    execution = start(build([create("a")]), {})
    with pytest.raises(Refused):
        operations.rerun(execution.pk)


def test_a_late_outcome_of_the_call_that_was_left_moves_nothing(work, settle):
    from executions.performers import begin, record
    from workflows.instructions.base import Outcome

    execution = start(build([("t-call", {"act": "give"}), create("after")]), {})
    from executions.drain import drain

    drain("sluice")
    job = Job.objects.get(execution=execution)
    call = begin(execution.pk, job.pk)
    operations.rerun(execution.pk, node_id=node(execution, "n1"))
    assert record(call, Outcome(result="late")) is False
    settle()
    assert names() == ["after"]


@pytest.mark.parametrize("ended", [True, False])
def test_a_node_that_was_only_assigned_a_value_has_not_run(acts, work, ended):
    acts["assign"] = lambda step: Outcome(assign={"n3": "assigned"})
    execution = start(build([("t-do", {"act": "assign"}), WAITS, create("Ann")]), {})
    work()
    if ended:
        operations.cancel(execution.pk)
        work()
    with pytest.raises(Invalid) as refused:
        operations.rerun(execution.pk, node_id=node(execution, "n3"))
    assert refused.value.field == "node_id"
    work()
    assert not Customer.objects.exists()


def test_a_node_that_ran_before_it_was_assigned_a_value_runs_again(acts, work):
    acts["assign"] = lambda step: Outcome(assign={"n1": "assigned"})
    execution = start(build([create("Ann"), ("t-do", {"act": "assign"}), WAITS]), {})
    work()
    operations.rerun(execution.pk, node_id=node(execution, "n1"))
    work()
    assert Customer.objects.count() == 2


# -- transactions ------------------------------------------------------------------------------------------------------


def block(inside, after=None, **config):
    return ("transaction", config, {1: inside} if after is None else {1: inside, 0: after})


@pytest.mark.parametrize("key", ["n2", "n3", "n4"])
def test_from_inside_a_transaction_that_was_taken_back_all_of_it_runs_again(key, work, settle):
    first = run([create("a"), block([create("b"), FAILS_ONCE, create("c")])], work)
    assert (first.status, names()) == (-1, ["a"])
    again = operations.rerun(first.pk, node_id=node(first, key))
    settle()
    again.refresh_from_db()
    assert (again.status, names()) == (1, ["a", "b", "c"])
    assert jobs(again) == [("n1", 1), ("n2", 1), ("n3", 1), ("n4", 1), ("n5", 1)]


def test_so_it_does_from_an_inner_one_whose_outer_one_was_taken_back(work, settle):
    first = run([block([create("a"), block([create("b")]), FAILS_ONCE])], work)
    assert names() == []
    operations.rerun(first.pk, node_id=node(first, "n4"))
    settle()
    assert names() == ["a", "b"]


def test_a_waiting_run_too(work, settle):
    first = run([block([create("a"), FAILS_ONCE], [create("b"), WAITS, create("c")])], work)
    assert names() == ["b"]
    operations.rerun(first.pk, node_id=node(first, "n2"))
    settle()
    first.refresh_from_db()
    assert (first.status, names()) == (1, ["b", "a"])


@pytest.mark.parametrize("waits", [[], [WAITS]], ids=["ended", "started"])
def test_from_inside_one_that_was_kept_is_refused(work, waits):
    first = run([block([create("a"), block([create("b")])]), *waits], work)
    for key in ("n2", "n4"):
        with pytest.raises(Invalid, match="kept as a whole") as told:
            operations.rerun(first.pk, node_id=node(first, key))
        assert told.value.field == "node_id"
    assert names() == ["a", "b"]


def test_a_node_that_was_not_reached_has_no_job_to_begin_with(work):
    first = run([block([FAILS_ONCE, create("a")])], work)
    with pytest.raises(Invalid, match="has no job"):
        operations.rerun(first.pk, node_id=node(first, "n3"))


@pytest.mark.parametrize("inside", [[FAILS_ONCE], [("loop", {"target": 2}, {0: [WAITS]})]], ids=["failed", "waited"])
def test_from_its_branch_after_the_rollback_only_that_runs_again(inside, work, settle):
    first = run([block(inside, [create("b"), FAILS_ONCE, FAILS_ONCE], continueOnRollback=True), create("c")], work)
    key = "n3" if len(inside[0]) == 2 else "n4"
    again = operations.rerun(first.pk, node_id=node(first, key))
    settle()
    again.refresh_from_db()
    assert (again.status, names()[-2:]) == (1, ["b", "c"])
    assert [each for each in jobs(again) if each[0] == "n1"] == [("n1", 1)]


def test_from_a_node_behind_it_the_transaction_stays_as_it_is(work, settle):
    first = run([block([create("a")]), FAILS_ONCE, create("b")], work)
    operations.rerun(first.pk, node_id=node(first, "n3"))
    settle()
    assert names() == ["a", "b"]
