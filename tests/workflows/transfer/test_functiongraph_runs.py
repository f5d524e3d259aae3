"""FunctionGraph workflows imported by the command and in the admin, and run."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.demo import definitions
from executions.dispatcher import start
from executions.models import Execution
from executions.store import session
from executions.store.side import close_side
from executions.testing import drain
from tests.building import build
from tests.workflows.transfer.test_commands import said
from tests.workflows.transfer.test_functiongraph import END, call, flow, operation
from workflows import transfer, versions
from workflows.editing import remove_node
from workflows.models import Node, Workflow
from workflows.transfer.functiongraph import rendered

pytestmark = pytest.mark.django_db(transaction=True)

#: Doubles, and refuses what is no number.
DOUBLE = [
    ("calculation", {"engine": "math.js", "expression": "{{$context.n}} * 2"}),
    ("output", {"value": {"n": "{{$jobsMapByNodeKey.n1}}"}}),
]
FUNCTIONS = [{"name": "double", "operation": "urn:fss:r:p:workflow:default:double"}]


@pytest.fixture(autouse=True)
def _no_side_connection() -> Iterator[None]:
    yield
    close_side()


@pytest.fixture
def double() -> Workflow:
    return build(DOUBLE, name="double", title="Double")


def ran(raw: dict[str, Any], context: Any) -> Execution:
    [made] = transfer.perform(transfer.read(json.dumps({**raw, "functions": FUNCTIONS})), enable=True)[1]
    execution = start(made.workflow, context)
    assert execution is not None
    drain()
    execution.refresh_from_db()
    return execution


def twice(argument: Any = "$.n", **more: Any) -> dict[str, Any]:
    return call({"n": argument}, "double", **more)


@pytest.mark.parametrize(
    ("states", "constants", "output"),
    [
        ([operation("a", twice(), transition="b"), operation("b", twice(), transition="e"), END], {}, {"n": 12}),
        ([operation("a", twice("$CONST.n"))], {"n": 5}, {"n": 10}),
        ([operation("a", call(None, "double"), transition="e"), {**END, "state_data_filter": {"input": "$.n"}}], {}, 6),
        ([operation("a", twice(), twice())], {}, {"n": 12}),
        ([operation("a", twice(), twice("7"), action_mode="parallel")], {}, [{"n": 6}, {"n": 14}]),
        ([END], {}, {"n": 3}),
    ],
    ids=["in a row", "a constant", "a filter", "one after another", "at a time", "an end"],
)
def test_a_flow_runs(double: Workflow, states: Any, constants: Any, output: Any) -> None:
    execution = ran(flow(*states, constants=constants), {"n": 3})
    assert (execution.status, execution.output) == (1, output)


def test_a_pause(double: Workflow) -> None:
    execution = ran(flow({"id": "p", "type": "Sleep", "duration": 3600, "transition": "e"}, END), {"n": 3})
    assert execution.status == 0
    now = session.database_now()
    execution.jobs.update(due_at=now)
    Execution.objects.update(due_at=now)
    drain()
    execution.refresh_from_db()
    assert (execution.status, execution.output) == (1, {"n": 3})


WRONG = twice("'no number'")
HANDLER = operation("h", twice("21"), transition="e")


@pytest.mark.parametrize(
    ("states", "status", "output"),
    [
        ([operation("a", WRONG, transition="b"), operation("b", twice())], -2, None),
        ([operation("a", WRONG, transition="b", on_errors=[{"transition": "h"}]), operation("b", twice("100")),
          HANDLER, END], 1, {"n": 42}),
        ([operation("a", WRONG, transition="b", on_errors=[{"transition": "h"}]), operation("b", twice()),
          {**HANDLER, "transition": "b"}], 1, {"n": 84}),
        ([operation("a", twice(), WRONG, transition="b", on_errors=[{"transition": "h"}]), operation("b", twice("100")),
          HANDLER, END], 1, {"n": 42}),
        ([operation("a", twice("4"), transition="b", on_errors=[{"transition": "h"}]), operation("b", twice()),
          {**HANDLER, "transition": "b"}], 1, {"n": 16}),
    ],
    ids=["not caught", "an end of its own", "back again", "one of several", "nothing to catch"],
)  # fmt: skip
def test_an_error(double: Workflow, states: Any, status: int, output: Any) -> None:
    execution = ran(flow(*states), {"n": 3})
    assert (execution.status, execution.output) == (status, output)


def test_a_state_is_tried_again(double: Workflow) -> None:
    state = operation("a", WRONG, on_errors=[{"retry_ref": "r"}])
    execution = ran(flow(state, retries=[{"name": "r", "delay": 0, "max_attempts": 2}]), {})
    assert execution.status == -2
    assert Execution.objects.filter(workflow=double).count() == 3


def test_the_command_knows_the_form(double: Workflow, tmp_path: Path) -> None:
    path = tmp_path / "def.json"
    path.write_text(json.dumps({**flow(operation("a", twice())), "functions": FUNCTIONS}))
    assert "1 imported" in said("sluice_import", str(path), "--enable")
    made = Workflow.objects.get(name="order")
    assert (made.type, made.enabled, made.definition_source) == ("manual", True, path.read_text())
    assert "Unchanged (version 1)" in said("sluice_import", str(path))
    path.write_text(path.read_text().replace('"$.n"', '"$.m"'))
    assert "New version 2" in said("sluice_import", str(path))


def test_what_it_was_made_of_is_kept_until_it_changes(double: Workflow) -> None:
    given = {**flow(operation("a", twice())), "functions": FUNCTIONS, "description": "First"}
    made = transfer.perform(transfer.read(json.dumps(given)))[1][0].workflow
    stored = Workflow.objects.get(pk=made.pk)
    assert rendered(stored, stored.nodes.all()) == given
    stored = versions.change_workflow(stored, description="Second", title="Another")
    assert rendered(stored, stored.nodes.all()) == {**given, "description": "Second"}
    remove_node(stored.nodes.get(type="output"))
    stored = Workflow.objects.get(pk=made.pk)
    states = rendered(stored, stored.nodes.all())["states"]
    assert [state["type"] for state in states] == ["sluice:subflow"]


def test_what_is_rendered_is_another_version_once_it_was_changed() -> None:
    workflow = build([("condition", {"engine": "basic"}, {1: [("end", {})]}), ("delay", {"duration": 2})],
                     name="ours", title="Ours", time_zone="Asia/Tokyo")  # fmt: skip
    body = rendered(workflow, workflow.nodes.all())
    [item] = transfer.plan(transfer.read(json.dumps(body))).items
    assert item.state == "unchanged"
    body["functions"][1]["metadata"]["config"] = {"engine": "basic", "rejectOnFalse": True}
    [item] = transfer.plan(transfer.read(json.dumps(body))).items
    assert item.comparison is not None
    assert [change.key for change in item.comparison.changed] == ["n1"]


def test_what_the_engine_refuses_is_named_where_the_file_has_it() -> None:
    build([("output", {})], name="asks", config={"fields": [{"name": "n", "required": True}]})
    functions = [{"name": "f", "operation": "nobody"}, {"name": "g", "operation": "asks"}]
    pause = {"id": "p", "type": "Sleep", "duration": 10**12, "transition": "b"}
    states = [operation("a", call(name="f"), transition="p"), pause, operation("b", call({}, "g"))]
    plan = transfer.plan(transfer.read(json.dumps(flow(*states, functions=functions))))
    assert set(plan.errors) == {
        "functions.0.operation", "states.1.duration", "states.2.actions.0.function_ref.arguments.n",
    }  # fmt: skip


def test_what_the_engine_refuses_of_ours_is_named_too() -> None:
    row = Node(pk=1, key="n", type="calculation", config={"engine": "none"}, policy={"onError": "shrug"})
    made = rendered(Workflow(key="k", title="A title", type="manual"), [row])
    assert set(transfer.plan(transfer.read(json.dumps(made))).errors) == {
        "functions.1.metadata.config.engine", "functions.1.metadata.policy.onError",
    }  # fmt: skip


def test_every_workflow_of_the_demo_comes_back() -> None:
    definitions.make_workflows()
    rows = list(Workflow.objects.all())
    assert len(rows) > 5
    for row in rows:
        [item] = transfer.plan(transfer.read(json.dumps(rendered(row, row.nodes.all())))).items
        assert (list(item.errors), item.comparison, item.state) == ([], None, transfer.State.UNCHANGED), row
