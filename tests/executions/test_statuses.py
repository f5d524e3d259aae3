"""What a run ends with, by what its last step ended with (spec 2.3, 3.4, 3.5)."""

import pytest

from executions import operations, start
from executions.models import Execution, Job
from executions.testing import drain
from tests.building import build
from tests.faults import kinds
from workflows.instructions.base import Outcome
from workflows.models import Node

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]

PASS, AFTER = ("t-do", {"act": "give"}), ("t-do", {"act": "give", "value": "after"})


@pytest.fixture(autouse=True)
def acts():
    with kinds.known() as known:
        known["end as"] = lambda step: Outcome(kinds.value(step), "what it left")
        yield known


def ran(workflow, context=None):
    execution = start(workflow, context or {})
    drain()
    execution.refresh_from_db()
    return execution


@pytest.mark.parametrize(
    ("job", "status"),
    [(1, 1), (-1, -1), (-2, -2), (-3, -3), (-4, -4), (-5, -5), (-6, -6), (7, 1), (100, 1), (-7, -1), (-100, -1)],
)
def test_the_last_job_decides_by_its_number_or_its_sign(job, status):
    execution = ran(build([("t-do", {"act": "end as", "value": job})]))
    assert execution.status == status
    assert execution.ended_at is not None
    assert Job.objects.get().status == job


@pytest.mark.parametrize("job", [-1, -2, -3, -4, -5, -6, -100])
def test_only_a_resolved_job_lets_the_line_go_on(job):
    assert ran(build([("t-do", {"act": "end as", "value": job}), AFTER])).status < 0
    assert list(Job.objects.values_list("status", flat=True)) == [job]


def test_a_failure_in_a_branch_is_handed_up():
    condition = ("condition", {"engine": "math.js", "expression": "1 == 1"}, {1: [("t-do", {"act": "fail"}), AFTER]})
    assert ran(build([condition, AFTER])).status == -1
    assert list(Job.objects.order_by("number").values_list("node_key", "status")) == [("n1", 1), ("n2", -1)]


def test_a_workflow_without_nodes_resolves():
    execution = ran(build([]))
    assert (execution.status, execution.error) == (1, None)
    assert not Job.objects.exists()


def two_heads(workflow):
    Node.objects.create(workflow=workflow, key="n9", type="t-do", config={"act": "give"})


def no_head(workflow):
    Node.objects.filter(workflow=workflow, key="n1").update(upstream=Node.objects.get(workflow=workflow, key="n2"))


def cycle(workflow):
    first, second = Node.objects.filter(workflow=workflow).order_by("key")
    Node.objects.filter(pk=second.pk).update(downstream=first)


def unknown_kind(workflow):
    Node.objects.filter(workflow=workflow).update(type="t-gone")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (two_heads, "exactly one first node; this one has 2"),
        (no_head, "exactly one first node; this one has 0"),
        (cycle, "don't form a tree"),
        (unknown_kind, "no node type 't-gone'"),
    ],
)
def test_what_can_not_be_walked_ends_in_an_error_that_says_why(spoil, sentence):
    workflow = build([PASS, AFTER])
    spoil(workflow)
    execution = ran(workflow)
    assert (execution.status, execution.due_at) == (-2, None)
    assert sentence in execution.error


@pytest.mark.parametrize("by", ["key", "id"])
def test_a_steps_surroundings_are_known_by_key_and_by_id(by):
    """`$scopes` has an entry of every branching node around, under its key and under its id (spec 3.5)."""
    workflow = build([("loop", {"target": ["a", "b"]}, {0: [("t-do", {"act": "give"})]})])
    loop, step = Node.objects.filter(workflow=workflow).order_by("key")
    name = loop.key if by == "key" else loop.pk
    Node.objects.filter(pk=step.pk).update(config={"act": "give", "value": f"{{{{$scopes.{name}.item}}}}"})
    assert ran(workflow).status == 1
    assert list(Job.objects.filter(node_key="n2").order_by("number").values_list("result", flat=True)) == ["a", "b"]


def test_of_several_jobs_of_a_node_templates_see_the_latest():
    loop = ("loop", {"target": 3}, {0: [("t-do", {"act": "give", "value": "round {{$scopes.n1.index}}"})]})
    execution = ran(build([loop, ("output", {"value": "{{$jobsMapByNodeKey.n2}}"})]))
    assert execution.output == "round 2"


def test_deleting_a_run_deletes_its_jobs_and_no_others():
    gone, kept = ran(build([PASS])), ran(build([PASS]))
    assert operations.delete([gone.pk]).deleted == 1
    assert list(Execution.objects.values_list("pk", flat=True)) == [kept.pk]
    assert list(Job.objects.values_list("execution_id", flat=True)) == [kept.pk]
