"""Parents and children: each is told of the other's end, and nobody waits for two rows at once."""

import pytest

from executions import operations
from executions.dispatcher import start
from executions.drain import drain
from executions.models import Execution, Job
from tests.building import build
from workflows.models import Workflow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

WAITS = ("t-do", {"act": "wait"})


def child_of(workflow):
    return ("t-do", {"act": "child", "value": workflow.pk})


def parent_of(workflow, *after, **columns):
    return start(
        build([child_of(workflow), *(after or [("output", {"value": "{{$jobsMapByNodeKey.n1}}"})])], **columns), {}
    )


def children(execution):
    return list(Execution.objects.filter(parent_execution=execution).order_by("id"))


def statuses(*executions):
    for each in executions:
        each.refresh_from_db()
    return [(each.status, each.reason) for each in executions]


@pytest.fixture
def waits():
    return build([WAITS, ("output", {"value": "done"})])


def complete(execution, **more):
    operations.complete_job(Job.objects.get(execution=execution, status=0).pk, **more)


@pytest.mark.parametrize(
    ("steps", "status", "output"),
    [
        ([("output", {"value": {"a": 1}})], 1, {"a": 1}),
        ([("t-do", {"act": "give"})], 1, None),
        ([("t-do", {"act": "fail"})], -1, None),
        ([("t-write", {"act": "nobody knows it"})], -2, None),
    ],
)
def test_the_parent_gets_its_childs_output_or_failure(settle, steps, status, output):
    parent = parent_of(build(steps))
    settle()
    parent.refresh_from_db()
    assert (parent.status, parent.output) == (status, output)
    [child] = children(parent)
    assert child.stack == [[parent.pk, parent.workflow_id]]
    assert parent.due_at is child.due_at is None


def test_a_cancelled_child_fails_its_parents_step(waits, work, settle):
    parent = parent_of(waits)
    work()
    [child] = children(parent)
    operations.cancel(child.pk)
    settle()
    assert statuses(parent, child) == [(-3, None), (-3, "manual_cancel")]


def test_an_aborted_parent_aborts_its_children_and_theirs(waits, work, settle):
    middle = build([child_of(waits)])
    both = ("parallel", {}, {0: [child_of(middle)], 1: [child_of(waits)]})
    parent = start(build([both]), {})
    work()
    first, second = children(parent)
    [grandchild] = children(first)
    operations.cancel(parent.pk)
    settle()
    aborted = (-3, "parent_aborted")
    assert statuses(parent, first, second, grandchild) == [(-3, "manual_cancel"), aborted, aborted, aborted]


def test_a_parent_that_ended_otherwise_leaves_its_children_be(waits, work, settle):
    race = ("parallel", {"mode": "race"}, {0: [child_of(waits)], 1: [("t-do", {"act": "give"})]})
    parent = start(build([race]), {})
    work()
    [child] = children(parent)
    assert statuses(parent, child) == [(1, None), (0, None)]
    complete(child)
    settle()
    assert statuses(parent, child) == [(1, None), (1, None)]


def test_a_queued_child_of_an_aborted_parent_never_starts(waits, settle):
    parent = parent_of(waits)
    for _ in range(3):
        drain("sluice", seconds=0)
    if not children(parent):
        drain("sluice")
    operations.cancel(parent.pk)
    settle()
    [child] = children(parent)
    assert child.status == -3


@pytest.mark.parametrize("time", range(4))
def test_a_child_ends_while_its_parent_is_cancelled(waits, work, settle, threads, time):
    parent = parent_of(waits)
    work()
    [child] = children(parent)
    job = Job.objects.get(execution=child, status=0)
    answers = threads(
        lambda: operations.complete_job(job.pk), lambda: operations.cancel(parent.pk), lambda: drain("sluice")
    )
    settle()
    [of_parent, of_child] = statuses(parent, child)
    assert of_parent in [(-3, "manual_cancel"), (1, None)], answers
    assert of_child in [(1, None), (-3, "parent_aborted")], answers
    assert not Job.objects.filter(status=0).exists()


def test_a_parent_that_is_paused_gets_the_result_and_goes_on_when_resumed(waits, work, settle):
    parent = parent_of(waits)
    work()
    [child] = children(parent)
    operations.pause(parent.pk)
    complete(child)
    work()
    assert statuses(parent, child) == [(0, None), (1, None)]
    assert Job.objects.get(execution=parent).status == 1
    operations.resume(parent.pk)
    settle()
    parent.refresh_from_db()
    assert parent.output == "done"


def test_a_deleted_queued_child_fails_its_parents_step(waits, work, settle, acts):
    """Nobody else could tell the parent."""
    parent = parent_of(waits)
    while not (found := children(parent)):
        drain("sluice", seconds=0)
    [child] = found
    Execution.objects.filter(pk=child.pk, status=None).update(paused_at=child.created_at, due_at=None)
    if Execution.objects.filter(pk=child.pk, status=None).exists():
        operations.delete([child.pk])
    else:
        operations.cancel(child.pk)
    settle()
    parent.refresh_from_db()
    assert parent.status == -3


def test_a_run_with_something_to_tell_is_deleted_when_it_has_told(waits, work, settle):
    parent = parent_of(waits)
    work()
    [child] = children(parent)
    complete(child)
    while not Execution.objects.filter(pk=child.pk, ended_at__isnull=False).exists():
        drain("sluice", seconds=0)
    outcome = operations.delete([child.pk])
    assert (outcome.deleted, outcome.refused) == (1, {})
    settle()
    parent.refresh_from_db()
    assert (parent.status, parent.output) == (1, "done")
    assert not Execution.objects.filter(pk=child.pk).exists()


def test_a_child_that_deletes_itself_tells_first(settle):
    parent = parent_of(build([("output", {"value": 5})], options={"deleteExecutionOnStatus": [1]}))
    settle()
    parent.refresh_from_db()
    assert (parent.status, parent.output, children(parent)) == (1, 5, [])


def test_a_parent_whose_workflow_is_gone_ends_in_error(waits, work, settle):
    parent = parent_of(waits)
    work()
    [child] = children(parent)
    Workflow.objects.filter(pk=parent.workflow_id).delete()
    from workflows.graph import forget_graphs

    forget_graphs()
    complete(child)
    settle()
    assert [status for status, _ in statuses(parent, child)] == [-2, 1]


def test_many_children_of_an_aborted_parent_are_told_soon(waits, work, settle):
    many = ("parallel", {}, {index: [child_of(waits)] for index in range(12)})
    parent = start(build([many]), {})
    work()
    assert len(children(parent)) == 12
    operations.cancel(parent.pk)
    # In one go: nobody waits for the tick between two of them.
    drain("sluice", seconds=30)
    assert {status for status, _ in statuses(*children(parent))} == {-3}
    settle()


def test_a_run_in_another_queue_is_told_too(work, settle):
    other = build([("output", {"value": 1})], options={"queue": "elsewhere"})
    parent = parent_of(other)
    work()
    [child] = children(parent)
    while child.ended_at is None or child.due_at is not None:
        drain("elsewhere")
        child.refresh_from_db()
    settle()
    parent.refresh_from_db()
    assert (parent.status, parent.output) == (1, 1)


def test_a_version_is_not_started_again_below_itself(listen, settle):
    """The stack limit: each run makes a customer, whose run would make a customer ..."""
    endless = [("t-write", {"act": "create", "value": "again"})]
    for limit in (1, 3):
        build(
            endless, type="collection", config={"collection": "shop.Customer", "mode": 1}, options={"stackLimit": limit}
        )
    listen()
    from config.shop.models import Customer

    Customer.objects.create(name="first")
    settle()
    limits = {workflow.pk: workflow.options["stackLimit"] for workflow in Workflow.objects.all()}
    above = [(each.workflow_id, [entry[1] for entry in each.stack]) for each in Execution.objects.all()]
    assert max(len(stack) for _, stack in above) == 3
    assert all(stack.count(version) < limits[version] for version, stack in above)
