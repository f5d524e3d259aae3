"""Workflows of ours in FunctionGraph's form, and back."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.transfer.test_functiongraph import END, flow, operation
from workflows import transfer
from workflows.models import Node, Workflow
from workflows.transfer.functiongraph import rendered

values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab{}$.'", max_size=6),
    lambda inner: st.lists(inner, max_size=2),
)
SLEEPS = st.integers(1, 100).map(lambda seconds: {"duration": seconds, "unit": 1000, "endStatus": 1})
configs = st.dictionaries(st.sampled_from(["duration", "unit", "value", "a b"]), values, max_size=3) | SLEEPS
policies = st.sampled_from([{}, {"onError": "branch"}, {"retry": {"attempts": 3}}])


@st.composite
def trees(draw: st.DrawFn) -> list[Node]:
    """Nodes whose links form a tree, in any order."""
    rows: list[Node] = []
    for number in range(1, draw(st.integers(0, 7)) + 1):
        key = draw(st.text("ab.:/ é", max_size=3)) + str(number)
        kind = draw(st.sampled_from(["delay", "condition", "parallel", "End", "Sleep", "output"]))
        row = Node(pk=number, key=key, type=kind, title=draw(st.text("Tt ", max_size=3)), config=draw(configs),
                   policy=draw(policies))  # fmt: skip
        taken = {(each.upstream_id, each.branch_index) for each in rows}
        free = [(each.pk, index) for each in rows for index in (None, -1, 0, 1, 2) if (each.pk, index) not in taken]
        if free:
            row.upstream_id, row.branch_index = draw(st.sampled_from(free))
        rows.append(row)
    return draw(st.permutations(rows))


def told(nodes: Any) -> dict[str, Any]:
    """key -> all else, links by key."""
    records = [
        node if isinstance(node, dict) else {**vars(node), "id": node.pk, "upstream": node.upstream_id}
        for node in nodes
    ]
    keys = {record["id"]: record["key"] for record in records}
    names = ("type", "title", "config", "policy", "branch_index")
    return {each["key"]: ([each[name] for name in names], keys.get(each["upstream"])) for each in records}


def of_ours(**columns: Any) -> Workflow:
    return Workflow(**{"key": "k1", "title": "A title", "type": "manual", **columns})


@given(trees())
def test_a_tree_comes_back(rows: list[Node]) -> None:
    text = json.dumps(rendered(of_ours(name="order"), rows))
    [definition] = transfer.read(text)
    assert not definition.faults
    assert told(definition.nodes) == told(rows)
    assert json.dumps(rendered(of_ours(name="order"), rows[::-1])) == text


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"name": "order", "description": "What it is", "sync": True},
        {"type": "schedule", "config": {"mode": 0, "repeat": 5}, "trigger_title": "Nightly", "time_zone": "Asia/Tokyo",
         "options": {"timeout": 5, "stackLimit": 2}, "title": "订单"},
    ],
)  # fmt: skip
def test_the_workflow_comes_back(columns: dict[str, Any]) -> None:
    workflow = of_ours(**columns)
    text = json.dumps(rendered(workflow, []))
    [definition] = transfer.read(text)
    assert not [fault for fault in definition.faults if fault.fatal]
    names = ("name", "title", "description", "type", "trigger_title", "config", "sync", "options", "time_zone")
    assert {name: definition.columns[name] for name in names} == {name: getattr(workflow, name) for name in names}


def test_what_a_client_sees() -> None:
    pause = Node(pk=1, key="p", type="delay", title="Wait", config={"duration": 5, "unit": 1000, "endStatus": 1})
    asked = Node(pk=2, key="q", type="condition", title="", config={"engine": "basic"}, upstream_id=1)
    yes = Node(pk=3, key="y", type="end", title="", config={}, upstream_id=2, branch_index=1)
    made = rendered(of_ours(), [yes, asked, pause])
    assert {key: value for key, value in made.items() if key not in ("functions", "states")} == {
        "name": "k1", "description": "", "start": "p", "triggers": [], "constants": {}, "retries": [], "mode": "NORMAL",
    }  # fmt: skip
    assert made["states"] == [
        {"id": "p", "name": "Wait", "type": "Sleep", "end": False, "transition": "q", "duration": 5},
        {"id": "q", "name": "", "type": "sluice:condition", "end": True,
         "actions": [{"function_ref": {"ref_name": "q"}}]},
        {"id": "y", "name": "", "type": "sluice:end", "end": True, "actions": [{"function_ref": {"ref_name": "y"}}]},
    ]  # fmt: skip
    assert made["functions"][1] == {
        "name": "q", "operation": "sluice:condition",
        "metadata": {"config": {"engine": "basic"}, "branches": {"1": "y"}},
    }  # fmt: skip


@pytest.mark.parametrize(
    "nodes",
    [
        [Node(pk=1, key="a", type="end", upstream_id=2), Node(pk=2, key="b", type="end", upstream_id=1)],
        [Node(pk=1, key="a", type="end"), Node(pk=2, key="b", type="end")],
        [Node(pk=1, key="a", type="delay", config=None, policy=None), Node(pk=2, key="b", type="", upstream_id=9)],
    ],
    ids=["a circle", "two heads", "loose ends"],
)
def test_what_is_no_tree_is_rendered_all_the_same(nodes: list[Node]) -> None:
    made = rendered(of_ours(type="no such", options=None, config=None), nodes)
    assert {state["id"] for state in made["states"]} == {"a", "b"}
    transfer.read(json.dumps(made))


def test_what_it_was_made_of() -> None:
    given_ = flow(operation("a", transition="e"), END)
    for text in (json.dumps(given_), json.dumps({"id": "1", "definition": given_})):
        assert rendered(of_ours(definition_source=text), [Node(pk=1, key="a", type="end")]) == given_
    for other in ("Type: StateMachine", "{", json.dumps({"type": "manual"})):
        assert rendered(of_ours(definition_source=other), [])["states"] == []


@pytest.mark.parametrize("columns", [{"title": "Another"}, {"trigger_title": "By hand"}])
def test_a_text_of_ours_tells_the_titles_as_they_are(columns: dict[str, str]) -> None:
    workflow = of_ours(name="order")
    workflow.definition_source = json.dumps(rendered(workflow, []))
    for name, title in columns.items():
        setattr(workflow, name, title)
    [definition] = transfer.read(json.dumps(rendered(workflow, [])))
    assert definition.columns.items() >= columns.items()


def test_a_node_of_ours_stands_at_one_place() -> None:
    made = rendered(of_ours(), [Node(pk=1, key="a", type="condition"), Node(pk=2, key="b", type="end", upstream_id=1)])
    made["functions"][1]["metadata"]["branches"] = {"1": "b"}
    [definition] = transfer.read(json.dumps(made))
    assert [fault.place for fault in definition.faults if fault.fatal] == ["states.0.actions.0.function_ref"]


@pytest.mark.parametrize(
    ("function", "place"),
    [
        ({"metadata": 5}, "states.0.actions.0.function_ref"),
        ({"metadata": {"branches": []}}, None),
        ({"metadata": {"branches": [1]}}, "states.0.actions.0.function_ref"),
        ({"metadata": {"branches": {"x": "a"}}}, "states.0.actions.0.function_ref"),
        ({"metadata": {"branches": {"1": "zz"}}}, "states.0.actions.0.function_ref"),
        ({"operation": "sluice:workflow", "metadata": {"title": 5}}, "functions.0.metadata.title"),
    ],
)
def test_what_somebody_wrote_by_hand(function: dict[str, Any], place: str | None) -> None:
    state = operation("a") | {"type": "sluice:end"}
    [definition] = transfer.read(json.dumps(flow(state, functions=[{"name": "quick", **function}])))
    assert [fault.place for fault in definition.faults if fault.fatal] == ([place] if place else [])
