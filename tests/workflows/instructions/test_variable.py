from contextlib import suppress
from typing import Any

import pytest

from executions import operations, start
from executions.models import Execution, Job
from executions.testing import drain, simulate
from tests.building import build
from tests.executions.walking import Killed, Walk
from workflows.errors import Invalid
from workflows.instructions.variable import Variable
from workflows.models import Node
from workflows.statuses import JobStatus


def declare(value: Any) -> tuple[str, dict[str, Any]]:
    return ("variable", {"target": None, "value": value})


def assign(target: str, value: Any) -> tuple[str, dict[str, Any]]:
    return ("variable", {"target": target, "value": value})


def result_of(key: str) -> str:
    return f"{{{{$jobsMapByNodeKey.{key}}}}}"


def output(key: str) -> tuple[str, dict[str, Any]]:
    return ("output", {"value": result_of(key)})


def plus_one(target: str) -> list[tuple[str, dict[str, Any]]]:
    """Node n3 computes, n4 assigns: a line inside a branch of n2."""
    return [
        ("calculation", {"expression": f"{result_of(target)} + 1"}),
        assign(target, result_of("n3")),
    ]


@pytest.mark.parametrize(
    ("value", "result"),
    [
        pytest.param({"a": ["{{$context.n}}", "{{$context.n}}!"]}, {"a": [3, "3!"]}, id="templates at any depth"),
        pytest.param("{{$context.missing}}", None, id="missing"),
        pytest.param(None, None, id="null"),
        pytest.param(0, 0, id="zero"),
    ],
)
@pytest.mark.parametrize("target", [None, ""])
def test_without_a_target_the_value_is_its_own_result(make_step: Any, value: Any, result: Any, target: Any) -> None:
    outcome = Variable().run(make_step(Variable, {"target": target, "value": value}, scope={"$context": {"n": 3}}))
    assert (outcome.status, outcome.result, dict(outcome.assign)) == (JobStatus.RESOLVED, result, {})


@pytest.mark.django_db
def test_198_later_reads_of_the_target_give_the_new_value_and_the_job_is_the_targets() -> None:
    simulation = simulate(build([declare(1), assign("n1", 2), output("n1")]))
    assert (simulation.status, simulation.output) == (1, 2)
    assert [(job.node_key, job.result) for job in simulation.jobs] == [("n1", 1), ("n2", 2), ("n1", 2), ("n3", 2)]
    assert {job.status for job in simulation.jobs} == {JobStatus.RESOLVED}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([assign("n2", 7), output("n1")], id="a node after it"),
        pytest.param([assign("n3", 7), ("parallel", {}, {0: [declare(1)]})], id="a node in a branch not reached yet"),
        pytest.param([("parallel", {}, {0: [declare(1)], 1: [assign("n2", 7)]})], id="a node in another branch"),
        pytest.param([declare(1), ("parallel", {}, {0: [assign("n1", 7)]})], id="a node before the branch"),
    ],
)
def test_any_node_of_the_workflow_may_be_set(steps: Any) -> None:
    simulation = simulate(build(steps))
    assert simulation.status == 1, simulation.error
    assigned = [job for job in simulation.jobs if "assignedBy" in (job.meta or {})]
    assert [(job.status, job.result) for job in assigned] == [(JobStatus.RESOLVED, 7)]


@pytest.mark.django_db
@pytest.mark.parametrize("target", ["nowhere", "n9"])
def test_an_unknown_target_is_an_error_that_names_it(target: str) -> None:
    simulation = simulate(build([declare(1), assign(target, 2), output("n1")]))
    assert simulation.status == -2
    assert simulation.error is not None
    assert target in simulation.error
    assert [job.node_key for job in simulation.jobs] == ["n1", "n2"]


@pytest.mark.django_db
def test_a_loop_counts_with_it() -> None:
    simulation = simulate(build([declare(0), ("loop", {"target": 4}, {0: plus_one("n1")}), output("n1")]))
    assert (simulation.status, simulation.output) == (1, 4)


@pytest.mark.parametrize(
    ("config", "field"),
    [({"target": 5}, "target"), ({"target": ["n1"], "value": 1}, "target"), ([], "config")],
)
def test_a_wrong_configuration_is_refused_with_its_path(config: Any, field: str) -> None:
    with pytest.raises(Invalid) as raised:
        Variable().check(Variable().parse(config))
    assert field in raised.value.errors


def test_a_value_that_is_nested_too_deep_is_refused() -> None:
    deep: Any = 1
    for _ in range(60):
        deep = [deep]
    with pytest.raises(Invalid) as raised:
        Variable().check(Variable().parse({"value": deep}))
    assert raised.value.field == "value"


def test_an_empty_configuration_is_accepted() -> None:
    Variable().check(Variable().parse({}))


# What was assigned is known by the jobs alone.


def ended(execution: Execution | None) -> Execution:
    drain()
    assert execution is not None
    execution.refresh_from_db()
    return execution


def rerun(execution: Execution, key: str) -> Execution:
    return ended(operations.rerun(execution.pk, node_id=Node.objects.get(workflow=execution.workflow_id, key=key).pk))


def ran(execution: Execution) -> list[str]:
    """Keys of the nodes that ran, in order; with a * where another node assigned."""
    jobs = Job.objects.filter(execution=execution).order_by("number").values_list("node_key", "meta")
    return [key + ("*" if meta and "assignedBy" in meta else "") for key, meta in jobs]


def test_a_worker_that_dies_before_each_move_changes_nothing() -> None:
    """One move a segment, each first made by a worker that is killed before it commits."""
    walk = Walk([declare(0), ("loop", {"target": 3}, {0: plus_one("n1")}), output("n1")])
    while walk.due():
        with suppress(Killed):
            walk.segment(killed=True)
        walk.segment()
    assert (walk.run.status, walk.run.output) == (1, 3)
    assert [job.node_key for job in walk.jobs] == ["n1", "n2", *["n3", "n4", "n1"] * 3, "n5"]


@pytest.mark.django_db(transaction=True)
def test_what_was_assigned_outlives_the_segment() -> None:
    """Between the rounds nothing is left of the run but its rows."""
    wait = ("delay", {"duration": 100})
    execution = start(build([declare(0), ("loop", {"target": 2}, {0: [*plus_one("n1"), wait]}), output("n1")]), {})
    for _round in range(2):
        drain()
        assert execution is not None
        assert Job.objects.filter(execution=execution, status=0, node_key="n5").count() == 1
        Job.objects.filter(execution=execution, status=0, node_key="n5").update(due_at="2020-01-01T00:00:00Z")
        Execution.objects.filter(pk=execution.pk).update(due_at="2020-01-01T00:00:00Z")
    assert ended(execution).output == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("key", "again"),
    [
        ("n1", ["n1", "n2", *["n3", "n4", "n1*"] * 3, "n5"]),
        ("n2", ["n1", "n2", *["n3", "n4", "n1*"] * 3, "n5"]),
        ("n5", ["n1", "n2", *["n3", "n4", "n1*"] * 3, "n5"]),
    ],
)
def test_a_rerun_computes_the_same(key: str, again: list[str]) -> None:
    """Also from the variable itself, whose latest job is one that the loop assigned."""
    execution = ended(start(build([declare(0), ("loop", {"target": 3}, {0: plus_one("n1")}), output("n1")]), {}))
    assert (execution.status, execution.output, ran(execution)) == (1, 3, again)
    second = rerun(execution, key)
    assert (second.status, second.output, ran(second)) == (1, 3, again)


@pytest.mark.django_db(transaction=True)
def test_a_rerun_does_not_repeat_a_branch_that_ended_with_an_assignment() -> None:
    """n2 stands before n3 on its line, and the branch's last job is one of n2."""
    left = [declare(1), assign("n2", 2)]
    right = [("calculation", {"expression": "1 + 1"})]
    execution = ended(start(build([("parallel", {"mode": "all"}, {0: left, 1: right}), output("n2")]), {}))
    assert ran(execution) == ["n1", "n2", "n3", "n2*", "n4", "n5"]
    second = rerun(execution, "n4")
    assert (second.status, second.output) == (1, 2)
    assert ran(second) == ["n1", "n2", "n3", "n2*", "n4", "n5"]


@pytest.mark.django_db(transaction=True)
def test_a_rerun_of_a_started_run_begins_where_the_variable_stands() -> None:
    inside = [*plus_one("n1"), ("delay", {"duration": 100})]
    execution = start(build([declare(0), ("loop", {"target": 2}, {0: inside}), output("n1")]), {})
    drain()
    assert execution is not None
    operations.rerun(execution.pk, node_id=Node.objects.get(workflow=execution.workflow_id, key="n1").pk)
    drain()
    parents = Job.objects.filter(execution=execution, node_key="n1").order_by("number").values_list("parent", "result")
    assert list(parents) == [(None, 0), (None, 1), (None, 0), (None, 1)]
