"""What runs do to versions, and versions to runs (spec 3.8, 3.9)."""

import pytest
from django.db.models.functions import Now

from executions import operations, run_now, start
from executions.models import Execution, Job
from executions.testing import drain
from tests.building import build
from tests.workflows.kinds import outline
from workflows import editing, versions
from workflows.counters import executed_of_keys
from workflows.errors import Frozen, Refused
from workflows.graph import forget_graphs
from workflows.models import Counter, Node, Workflow

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]

SUM = ("calculation", {"engine": "math.js", "expression": "{{$context.amount}} + 1"})
TOLD = ("output", {"value": "{{$jobsMapByNodeKey.n1}}"})
HOUR = ("delay", {"unit": 3_600_000, "duration": 1})


def by_worker(workflow):
    start(workflow, {"amount": 1})
    drain()


def by_hand(workflow):
    run_now(workflow, {"amount": 1})


def by_hand_in_sync(workflow):
    Workflow.objects.filter(pk=workflow.pk).update(sync=True)
    run_now(Workflow.objects.get(pk=workflow.pk), {"amount": 1})


@pytest.mark.parametrize("run", [by_worker, by_hand, by_hand_in_sync])
def test_the_first_run_freezes_its_version(run):
    workflow = build([SUM, TOLD])
    run(workflow)
    assert Workflow.objects.get().frozen
    with pytest.raises(Frozen):
        versions.change_workflow(workflow, config={"inputs": [{"name": "amount"}]})
    for edit in (
        lambda node: editing.add_node(workflow, type="output", upstream=node),
        lambda node: editing.change_node(node, title="z"),
        lambda node: editing.copy_node(node, upstream=None),
        lambda node: editing.move_node(node, upstream=None),
        lambda node: editing.remove_node(node),
        lambda node: editing.remove_branch(node, 0),
    ):
        with pytest.raises(Frozen):
            edit(Node.objects.get(key="n2"))
    assert outline(workflow) == "calculation output"


def test_a_queued_run_freezes_nothing_and_takes_the_edits_made_meanwhile():
    workflow = build([SUM])
    execution = start(workflow, {"amount": 1})
    assert not Workflow.objects.get().frozen
    editing.add_node(workflow, type="output", upstream=Node.objects.get(), config={"value": "{{$jobsMapByNodeKey.n1}}"})
    drain()
    execution.refresh_from_db()
    assert (execution.status, execution.output) == (1, 2)
    assert Workflow.objects.get().frozen


def test_case_17_runs_of_two_versions_share_their_key():
    first = build([SUM, TOLD])
    by_worker(first)
    second = versions.revise(first, enabled=True)
    by_worker(second)
    found = list(Execution.objects.order_by("pk").values_list("key", "workflow_id", "version", "status"))
    assert found == [(first.key, first.pk, 1, 1), (first.key, second.pk, 2, 1)]
    assert versions.executed([first.pk, second.pk]) == {first.pk: 1, second.pk: 1}
    assert executed_of_keys([first.key]) == {first.key: 2}


@pytest.mark.parametrize("make", [versions.revise, versions.copy])
def test_case_18_templates_that_name_nodes_hold_in_a_new_version(make):
    origin = build([SUM, TOLD])
    by_worker(origin)
    twin = make(origin, enabled=True)
    editing.change_node(Node.objects.get(workflow=twin, key="n1"), config={**SUM[1], "expression": "40 + 2"})
    by_worker(twin)
    assert list(Execution.objects.order_by("pk").values_list("output", flat=True)) == [2, 42]


def test_counters_outlive_runs_and_count_whatever_came_of_them():
    workflow = build([("condition", {"engine": "math.js", "expression": "1 > 2", "rejectOnFalse": True})])
    for _ in range(3):
        by_worker(workflow)
    operations.delete(list(Execution.objects.values_list("pk", flat=True)))
    assert not Execution.objects.exists()
    assert versions.executed([workflow.pk]) == {workflow.pk: 3}


def test_deletion_takes_nodes_counters_and_versions_along_and_leaves_runs_and_their_jobs():
    first = build([SUM, HOUR])
    by_worker(first)
    second = versions.revise(first, enabled=True)
    by_worker(second)
    other = build([SUM])
    by_worker(other)
    jobs = Job.objects.count()
    assert versions.delete([second]) == 2
    assert list(Workflow.objects.values_list("pk", flat=True)) == [other.pk]
    assert set(Node.objects.values_list("workflow_id", flat=True)) == {other.pk}
    assert set(Counter.objects.values_list("key", flat=True)) == {other.key}
    assert list(Execution.objects.order_by("pk").values_list("workflow_id", "status")) == [
        (first.pk, 0),
        (second.pk, 0),
        (other.pk, 1),
    ]
    assert (jobs, Job.objects.count()) == (5, 5)


def test_a_version_that_goes_leaves_its_count_with_the_key():
    first = build([SUM])
    by_worker(first)
    second = versions.revise(first, enabled=True)
    by_worker(second)
    versions.delete([first])
    assert list(Workflow.objects.values_list("pk", flat=True)) == [second.pk]
    assert executed_of_keys([second.key]) == {second.key: 2}
    assert Execution.objects.filter(workflow_id=first.pk).exists()


def test_runs_of_a_version_that_was_disabled_meanwhile_go_on_and_begin_once_it_is_enabled():
    workflow = build([HOUR, TOLD])
    waiting = start(workflow, {})
    drain()
    queued = start(workflow, {})
    versions.disable(workflow)
    drain()
    # The hour is over.
    Job.objects.update(due_at=Now())
    Execution.objects.filter(pk=waiting.pk).update(due_at=Now())
    drain()
    assert dict(Execution.objects.values_list("pk", "status")) == {waiting.pk: 1, queued.pk: None}
    versions.enable(workflow)
    drain()
    assert dict(Execution.objects.values_list("pk", "status")) == {waiting.pk: 1, queued.pk: 0}


@pytest.mark.parametrize("columns", [{"time_zone": "Mars/Olympus"}, None], ids=["unreadable", "deleted"])
def test_a_run_whose_version_nobody_can_read_can_be_canceled_and_no_more(columns):
    workflow = build([HOUR])
    execution = start(workflow, {})
    drain()
    rows = Workflow.objects.filter(pk=workflow.pk)
    rows.delete() if columns is None else rows.update(**columns)
    forget_graphs()
    job = Job.objects.get(execution=execution)
    for act in (lambda: operations.complete_job(job.pk), lambda: operations.rerun(execution.pk)):
        with pytest.raises(Refused, match="cancel it"):
            act()
    assert operations.cancel(execution.pk).status == -3
