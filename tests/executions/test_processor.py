"""The walk itself, through the real store: drains in this process, whatever the database."""

import pytest

from executions.dispatcher import start
from executions.drain import drain_all
from executions.models import Execution, Job
from executions.statuses import ExecutionStatus
from tests.building import Steps, build, fired

pytestmark = pytest.mark.django_db(transaction=True)

CALCULATE = ("calculation", {"engine": "math.js", "expression": "{{$context.data.amount}} * 2"})
OUTPUT = ("output", {"value": "{{$jobsMapByNodeKey.n2}}"})


def run(steps: Steps, data: object = None, **columns: object) -> Execution:
    workflow = build(steps, **columns)
    execution = start(workflow, {"data": data or {"amount": 150}})
    assert execution is not None
    drain_all()
    execution.refresh_from_db()
    return execution


def jobs(execution: Execution) -> list[tuple[str, int]]:
    return list(Job.objects.filter(execution=execution).order_by("number").values_list("node_key", "status"))


def test_a_line_runs_to_its_end_and_sets_the_output():
    execution = run([fired(), CALCULATE, OUTPUT])
    assert execution.status == ExecutionStatus.RESOLVED, execution.error
    assert execution.output == 300
    assert jobs(execution) == [("n1", 1), ("n2", 1), ("n3", 1)]
    assert execution.started_at is not None
    assert execution.ended_at is not None
    assert execution.due_at is None
    assert execution.agenda is None


def test_no_nodes_resolves():
    assert run([]).status == ExecutionStatus.RESOLVED


@pytest.mark.parametrize(("amount", "keys"), [(150, ["n1", "n2", "n4"]), (50, ["n1", "n3", "n4"])])
def test_a_condition_takes_its_branch_then_what_follows(amount, keys):
    execution = run([(*fired(), {1: [CALCULATE], 0: [CALCULATE]}), CALCULATE], {"amount": amount})
    assert [key for key, _ in jobs(execution)] == keys
    assert execution.status == ExecutionStatus.RESOLVED


def test_an_error_ends_the_run_with_its_text():
    execution = run([("calculation", {"engine": "math.js", "expression": "1 1"}), OUTPUT])
    assert execution.status == ExecutionStatus.ERROR
    assert "SyntaxError" in execution.error
    assert jobs(execution) == [("n1", -2)]


def test_parallel_loop_delay_as_in_the_engine_text():
    steps = [
        fired(),
        ("parallel", {"mode": "all"}, {
            0: [("loop", {"target": 3}, {0: [CALCULATE]})],
            1: [("delay", {"duration": 1, "unit": 3_600_000, "endStatus": 1})],
        }),
        ("output", {"value": "done"}),
    ]  # fmt: skip
    workflow = build(steps)
    execution = start(workflow, {"data": {"amount": 150}})
    from executions.drain import drain

    for _ in range(4):
        drain("sluice")
    execution.refresh_from_db()
    assert execution.status == ExecutionStatus.STARTED
    assert execution.agenda is None
    delay = Job.objects.get(execution=execution, node_key="n5")
    assert delay.wait == "timer"
    assert execution.due_at == delay.due_at
    # The hour is over.
    Job.objects.filter(pk=delay.pk).update(due_at=delay.created_at)
    Execution.objects.filter(pk=execution.pk).update(due_at=delay.created_at)
    drain_all()
    execution.refresh_from_db()
    assert execution.status == ExecutionStatus.RESOLVED, execution.error
    assert execution.output == "done"
    assert len(jobs(execution)) == 8
