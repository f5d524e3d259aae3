"""Runs that steps start come in as those of events do: lane, stack limit, queue; and circles of lanes end."""

import pytest

from config.shop.models import Customer
from executions import wakeup
from executions.dispatcher import start
from executions.models import Execution, Job
from executions.statuses import Parked
from tests.building import build
from workflows import instructions
from workflows.expressions import compile_template
from workflows.instructions.base import ChildRequest, Effect, Instruction, NodeConfig, Outcome, Wait
from workflows.statuses import JobStatus

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

OWN_LANE = {"lane": "{{$context.lane}}"}
WAITS = ("t-do", {"act": "wait"})


class CallWorkflow(Instruction):
    """Starts a workflow by its title, with the context that its value renders to, and waits for its end."""

    type = "t-workflow"
    title = "Workflow"

    class Config(NodeConfig):
        title: str
        value: object = None

    def compile(self, config):
        return compile_template(config.value)

    def run(self, step):
        from workflows.models import Workflow

        workflow = Workflow.objects.get(title=step.config.title)
        child = ChildRequest(workflow.pk, step.compiled.render(step.scope))
        return Outcome(JobStatus.PENDING, wait=Wait.OUTSIDE, child=child)


class WriteAndCall(CallWorkflow):
    """Leaves a customer, too."""

    type = "t-write-workflow"
    effect = Effect.TRANSACTIONAL

    def run(self, step):
        Customer.objects.create(name="left")
        return super().run(step)


@pytest.fixture(autouse=True)
def _call(acts):
    instructions.register_instruction(CallWorkflow)
    instructions.register_instruction(WriteAndCall)


def calls(title, value=None, kind="t-workflow"):
    return (kind, {"title": title, "value": value or {}})


def child_of(execution):
    return Execution.objects.get(parent_execution=execution)


def read(*executions):
    for each in executions:
        each.refresh_from_db()
    return [each.status for each in executions]


def complete(execution):
    from executions import operations

    operations.complete_job(Job.objects.get(execution=execution, status=0).pk)


def test_a_child_queues_in_its_lane(work, settle):
    build([WAITS], title="called", options=OWN_LANE)
    first = start(build([calls("called", {"lane": "a"})]), {})
    work()
    second = start(build([calls("called", {"lane": "a"})]), {})
    work()
    one, two = child_of(first), child_of(second)
    assert (one.lane, one.parked, two.lane, two.parked) == ("a", None, "a", Parked.LANE)
    complete(one)
    work()
    complete(two)
    settle()
    assert read(first, second, one, two) == [1, 1, 1, 1]


def test_a_child_whose_lane_can_not_be_rendered_fails_its_parents_step(settle):
    # Far longer than any text may become.
    build([WAITS], title="called", options={"lane": "{{$context.text}}" * 30})
    parent = start(build([calls("called", {"text": "x" * 40_000})]), {})
    settle()
    child = child_of(parent)
    assert read(parent, child) == [-2, -2]
    assert child.error.startswith("The lane could not be rendered")
    assert parent.error == f"Execution {child.pk}, which this step called, failed: {child.error}"
    assert child.due_at is None


@pytest.mark.parametrize("kind", ["t-workflow", "t-write-workflow"])
@pytest.mark.parametrize(("limit", "runs"), [(1, 1), (3, 3)])
def test_a_workflow_that_calls_itself_stops_at_its_stack_limit(settle, kind, limit, runs):
    workflow = build([calls("me", kind=kind)], title="me", options={"stackLimit": limit})
    first = start(workflow, {})
    settle()
    executions = Execution.objects.order_by("id")
    assert [each.status for each in executions] == [-2] * runs
    assert [len(each.stack) for each in executions] == list(range(runs))
    assert read(first) == [-2]
    assert f"its stack limit, {limit}, allows" in executions.last().error
    # The step that was refused is undone with what it wrote.
    assert Customer.objects.count() == (runs - 1 if kind == "t-write-workflow" else 0)


def test_a_workflow_that_is_not_there_is_the_steps_error(acts, settle):
    acts["nobody"] = lambda step: Outcome(JobStatus.PENDING, wait=Wait.OUTSIDE, child=ChildRequest(987_654, {}))
    execution = start(build([("t-do", {"act": "nobody"})]), {})
    settle()
    execution.refresh_from_db()
    assert (execution.status, execution.reason) == (-2, None)
    assert "987654" in execution.error


def test_a_child_whose_wait_would_close_a_circle_ends_naming_it(work, settle):
    """Two parents hold a lane each, and each calls a run of the other's."""
    build([("output", {"value": "done"})], title="called", options=OWN_LANE)
    calling = build([WAITS, calls("called", {"lane": "{{$context.other}}"})], options=OWN_LANE)
    one, two = start(calling, {"lane": "a", "other": "b"}), start(calling, {"lane": "b", "other": "a"})
    work()
    complete(one)
    work()
    assert child_of(one).parked == Parked.LANE
    complete(two)
    settle()
    refused = child_of(two)
    assert read(one, two, child_of(one)) == [1, -2, 1]
    assert refused.status == -2
    assert f"execution {one.pk}" in refused.error
    assert two.error.endswith(refused.error)


def test_a_child_may_share_the_lane_of_its_parent(settle):
    build([("output", {"value": "done"})], title="called", options=OWN_LANE)
    parent = start(build([calls("called", {"lane": "a"})], options=OWN_LANE), {"lane": "a"})
    settle()
    assert read(parent, child_of(parent)) == [1, 1]


def test_the_queue_of_a_child_is_woken(work, monkeypatch):
    woken = []
    monkeypatch.setattr(wakeup, "send", lambda queue, **more: woken.append(queue))
    build([WAITS], title="called", options={"queue": "other"})
    parent = start(build([calls("called")]), {})
    work()
    assert "other" in woken
    assert (child_of(parent).queue, child_of(parent).status) == ("other", None)


def test_a_call_that_asks_for_a_child_heeds_the_stack_limit(acts, work):
    workflow = build([("t-call", {"act": "itself"})])
    acts["itself"] = lambda step: Outcome(0, wait=Wait.OUTSIDE, child=ChildRequest(workflow.pk, {}))
    start(workflow, {})
    for _ in range(3):
        work()
    assert Execution.objects.count() == 1
    assert "ancestors" in Execution.objects.get().error
