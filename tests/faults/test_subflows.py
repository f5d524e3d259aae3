"""Calls of workflows end as the called run ends, once, whoever dies, stops or comes late."""

import pytest

from config.shop.models import Customer
from executions import operations
from executions.dispatcher import run_now, start
from executions.drain import drain
from executions.models import Execution, Job
from executions.processor import Processor
from executions.store import claims, journal, session
from tests.building import build
from workflows.graph import load_graph
from workflows.instructions.base import Outcome

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

WAITS = ("t-do", {"act": "wait"})
AN_HOUR = ("delay", {"duration": 1, "unit": 3_600_000})
FAILS = ("t-do", {"act": "fail"})
ECHO = ("output", {"value": "{{$context.n}}"})


def calls(name, values=None, **policy):
    return ("subflow", {"workflow": name, "values": values or {}}, {}, policy)


def gives(value="{{$jobsMapByNodeKey.n1}}"):
    return ("output", {"value": value})


def called(steps, name="called", **columns):
    return build(steps, name=name, **columns)


def children(execution):
    return list(Execution.objects.filter(parent_execution=execution).order_by("id"))


def read(*executions):
    for each in executions:
        each.refresh_from_db()
    return [(each.status, each.reason) for each in executions]


def complete(execution, **more):
    operations.complete_job(Job.objects.get(execution=execution, status=0).pk, **more)


@pytest.mark.parametrize("enabled", [True, False])
def test_the_output_of_the_called_run_is_the_result(settle, enabled):
    called([ECHO], enabled=enabled)
    parent = start(build([calls("called", {"n": "{{$context.n}}"}), gives()]), {"n": 7})
    settle()
    assert read(parent, *children(parent)) == [(1, None)] * 2
    assert parent.output == 7
    [child] = children(parent)
    assert (child.context, child.parent_job, child.stack) == ({"n": 7}, 1, [[parent.pk, parent.workflow_id]])


def test_without_an_output_the_result_is_null(settle):
    called([("t-do", {"act": "give", "value": 1})])
    parent = start(build([calls("called"), gives()]), {})
    settle()
    assert read(parent) == [(1, None)]
    assert parent.output is None


def test_it_waits_as_long_as_the_called_run_does(work, settle):
    called([AN_HOUR, ECHO])
    parent = start(build([calls("called", {"n": 1}), gives()]), {})
    work()
    assert read(parent, *children(parent)) == [(0, None)] * 2
    assert Job.objects.get(execution=parent).wait == "outside"
    complete(*children(parent))
    settle()
    assert (read(parent), parent.output) == ([(1, None)], 1)


def test_a_call_that_fails_names_the_run(settle):
    called([FAILS])
    parent = start(build([calls("called")]), {})
    settle()
    [child] = children(parent)
    assert read(parent, child) == [(-1, None)] * 2
    assert parent.error == f"Execution {child.pk}, which this step called, failed: It failed."
    assert Job.objects.get(execution=parent).result["executionId"] == child.pk


def test_a_cancelled_call_says_why(work, settle):
    called([WAITS])
    parent = start(build([calls("called")]), {})
    work()
    [child] = children(parent)
    operations.cancel(child.pk)
    settle()
    assert read(parent) == [(-3, None)]
    assert parent.error.endswith("failed: Canceled by a person")


def test_each_attempt_is_a_run_of_its_own(acts, settle):
    called([FAILS])
    parent = start(build([calls("called", retry={"attempts": 3, "interval": 10}, onError="continue")]), {})
    settle()
    assert [child.parent_job for child in children(parent)] == [1, 1, 1]
    assert read(parent) == [(1, None)]
    job = Job.objects.get(execution=parent)
    assert job.result["executionId"] == children(parent)[-1].pk
    assert [attempt["status"] for attempt in job.attempts] == [-1, -1, -1]


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_time_out_ends_the_called_run_too(settle, attempts):
    called([WAITS])
    policy = {"timeout": 300, "retry": {"attempts": attempts, "interval": 10}}
    parent = start(build([calls("called", **policy)]), {})
    settle()
    assert read(parent) == [(-3, "timeout")]
    assert read(*children(parent)) == [(-3, "timeout")] * attempts


def test_a_called_run_of_an_attempt_that_is_over_ends_nothing(work, settle, acts):
    """The second attempt's run is still at work when the first one's ends late."""
    called([WAITS])
    parent = start(build([calls("called", retry={"attempts": 2, "interval": 1})]), {})
    work()
    [first] = children(parent)
    # As if its parent had not been told in time.
    Execution.objects.filter(pk=first.pk).update(parent_job=None)
    operations.fail_job(Job.objects.get(execution=first, status=0).pk)
    work()
    with session.segment():
        claimed = claims.claim_one(parent.pk)
        [run] = claimed.runs
        run.graph = load_graph(run.workflow_id)
        claims.load_jobs([run])
        processor = Processor(run, claimed.clock, savepoint=session.savepoint, transient=session.transient)
        processor.complete(run.job(1), Outcome(-1, {"message": "lost"}))
        journal.write([run], claimed.clock.now())
    work()
    _, second = children(parent)
    late = {"parent_job": 1, "agenda": [["tell", "parent"]], "due_at": first.created_at, "solo": True}
    Execution.objects.filter(pk=first.pk).update(**late)
    work()
    assert read(parent, first, second) == [(0, None), (-1, None), (0, None)]
    complete(second)
    settle()
    assert read(parent) == [(1, None)]


def test_three_levels_end_together(work, settle):
    called([WAITS, gives()], name="bottom")
    called([calls("bottom"), gives()], name="middle")
    parent = start(build([calls("middle"), gives()]), {})
    work()
    [middle] = children(parent)
    [bottom] = children(middle)
    assert bottom.stack == [[parent.pk, parent.workflow_id], [middle.pk, middle.workflow_id]]
    complete(bottom, result="deep")
    settle()
    assert (read(parent), parent.output) == ([(1, None)], "deep")


@pytest.mark.parametrize("depth", ["child", "grandchild"])
def test_a_cancel_reaches_all_below(work, settle, depth):
    called([WAITS], name="bottom")
    called([calls("bottom")], name="middle")
    parent = start(build([calls("middle" if depth == "grandchild" else "bottom")]), {})
    work()
    operations.cancel(parent.pk)
    settle()
    below = Execution.objects.exclude(pk=parent.pk)
    assert below.count() == (2 if depth == "grandchild" else 1)
    assert read(parent, *below) == [(-3, "manual_cancel"), *[(-3, "parent_aborted")] * below.count()]


def test_a_loop_calls_for_each_item(settle):
    called([ECHO])
    loop = ("loop", {"target": "{{$context.items}}"}, {0: [calls("called", {"n": "{{$scopes.n1.item}}"})]})
    parent = start(build([loop, gives("{{$jobsMapByNodeKey.n1.done}}")]), {"items": list(range(200))})
    settle(120)
    assert (read(parent), parent.output) == ([(1, None)], 200)
    assert [child.output for child in children(parent)] == list(range(200))


def test_branches_of_a_parallel_call_at_the_same_time(work, settle):
    called([WAITS, ECHO])
    branches = {index: [calls("called", {"n": index})] for index in range(3)}
    parent = start(build([("parallel", {}, branches), gives()]), {})
    work()
    assert len(children(parent)) == 3
    for child in reversed(children(parent)):
        complete(child)
        work()
    settle()
    assert (read(parent), parent.output) == ([(1, None)], [1, 1, 1])


@pytest.mark.parametrize(("limit", "runs"), [(1, 1), (3, 3)])
def test_a_workflow_that_calls_itself_ends_at_its_limit(settle, limit, runs):
    itself = build([calls("me")], name="me", options={"stackLimit": limit})
    first = start(itself, {})
    settle()
    assert Execution.objects.count() == runs
    assert read(first) == [(-2, None)]
    assert f"its stack limit, {limit}, allows" in first.error


def test_two_that_call_each_other_end_too(settle):
    one = build([calls("two")], name="one")
    build([calls("one")], name="two")
    first = start(one, {})
    settle()
    assert Execution.objects.count() == 2
    assert read(first) == [(-2, None)]


def test_a_rerun_of_the_ended_parent_calls_again(settle):
    called([ECHO])
    parent = start(build([calls("called", {"n": 1}), gives()]), {})
    settle()
    again = operations.rerun(parent.pk)
    settle()
    assert len(children(parent)) == len(children(again)) == 1
    assert (read(again), again.output) == ([(1, None)], 1)


def test_a_rerun_from_a_later_node_keeps_the_result(settle):
    called([ECHO])
    parent = start(build([calls("called", {"n": 1}), gives()]), {})
    settle()
    again = operations.rerun(parent.pk, node_id=Job.objects.get(execution=parent, node_key="n2").node_id)
    settle()
    assert children(again) == []
    assert (read(again), again.output) == ([(1, None)], 1)


def test_a_rerun_of_a_waiting_parent_waits_for_the_new_run_alone(work, settle):
    called([WAITS, gives()])
    parent = start(build([calls("called"), gives()]), {})
    work()
    [first] = children(parent)
    operations.rerun(parent.pk)
    work()
    _, second = children(parent)
    complete(first, result="late")
    work()
    assert read(parent) == [(0, None)]
    complete(second, result="right")
    settle()
    assert (read(parent), parent.output) == ([(1, None)], "right")


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("commit", range(1, 9))
def test_whoever_dies_there_is_one_run_a_call(victim, settle, side, commit):
    create = ("create", {"collection": "shop.Customer", "params": {"values": {"name": "{{$context.n}}"}}})
    called([create, ECHO])
    parent = start(build([calls("called", {"n": "1"}), calls("called", {"n": "2"}), gives()]), {})
    code = victim(side, commit)
    if commit <= 4:
        assert code == -9, "The worker was to die."
    settle()
    assert (read(parent), parent.output) == ([(1, None)], "1")
    assert [child.output for child in children(parent)] == ["1", "2"]
    assert sorted(Customer.objects.values_list("name", flat=True)) == ["1", "2"]


class TestSynchronous:
    def test_the_called_run_runs_in_the_same_call(self):
        called([ECHO], sync=True)
        parent = run_now(build([calls("called", {"n": 3}), gives()], sync=True), {})
        assert (parent.status, parent.output) == (1, 3)
        [child] = children(parent)
        assert (child.status, child.parent_job, child.due_at) == (1, 1, None)
        assert Job.objects.get(execution=parent, number=1).result == 3

    def test_three_levels_and_a_loop(self):
        called([ECHO], name="bottom", sync=True)
        inside = [calls("bottom", {"n": "{{$scopes.n1.item}}"})]
        called([("loop", {"target": [1, 2, 3]}, {0: inside}), gives("{{$jobsMapByNodeKey.n2}}")], name="middle",
               sync=True)  # fmt: skip
        parent = run_now(build([calls("middle"), gives()], sync=True), {})
        assert (parent.status, parent.output) == (1, 3)
        assert Execution.objects.count() == 5
        assert not Execution.objects.filter(due_at__isnull=False).exists()

    def test_a_call_that_fails_names_the_run_and_its_rows_stay(self, settle):
        create = ("create", {"collection": "shop.Customer", "params": {"values": {"name": "kept"}}})
        called([create, FAILS], sync=True)
        parent = run_now(build([calls("called")], sync=True), {})
        [child] = children(parent)
        assert (parent.status, child.status) == (-1, -1)
        assert parent.error == f"Execution {child.pk}, which this step called, failed: It failed."
        assert Customer.objects.count() == 1
        settle()

    def test_one_that_calls_an_asynchronous_workflow_is_in_error(self):
        called([ECHO])
        parent = run_now(build([calls("called", {"n": 3})], sync=True), {})
        assert parent.status == -2
        assert "is not synchronous" in parent.error
        assert children(parent) == []

    def test_one_that_calls_itself_ends_at_its_limit(self):
        parent = run_now(build([calls("me")], name="me", sync=True, options={"stackLimit": 3}), {})
        assert parent.status == -2
        assert Execution.objects.count() == 3

    def test_what_waits_below_is_waited_for(self, work, settle):
        called([WAITS, gives()], sync=True)
        parent = run_now(build([calls("called"), gives()], sync=True), {})
        [child] = children(parent)
        assert (parent.status, child.status) == (0, 0)
        complete(child, result="at last")
        settle()
        assert (read(parent), parent.output) == ([(1, None)], "at last")

    def test_a_parent_that_is_still_in_its_call_is_told_later(self, settle, acts):
        """Workers end the called run before the call that started it has come to its own first wait."""
        told = []

        def end_it(step):
            child = Execution.objects.get(parent_execution=step.execution_id)
            complete(child, result="soon")
            drain("sluice", seconds=0.3)
            child.refresh_from_db()
            told.append((child.ended_at is not None, child.agenda))
            return acts["wait"](step)

        called([WAITS, gives()], sync=True)
        acts["end it"] = end_it
        both = ("parallel", {}, {0: [calls("called")], 1: [("t-do", {"act": "end it"})]})
        parent = run_now(build([both, gives("{{$jobsMapByNodeKey.n2}}")], sync=True), {})
        assert told == [(True, [["tell", "parent"]])]
        operations.complete_job(Job.objects.get(execution=parent, status=0, node_key="n3").pk)
        settle()
        assert (read(parent), parent.output) == ([(1, None)], "soon")
