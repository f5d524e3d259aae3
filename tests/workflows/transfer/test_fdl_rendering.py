"""Versions as texts in FDL, and these texts read again."""

import json
from collections.abc import Sequence
from textwrap import dedent
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.demo import definitions
from tests.building import build
from tests.workflows.transfer import test_fdl_runs, test_fdl_steps
from tests.workflows.transfer.fdlflows import flows
from workflows import editing, transfer, versions
from workflows.models import Node, Workflow
from workflows.transfer import Definition
from workflows.transfer.fdl import document, render
from workflows.transfer.fdl.rendering import _facts, _facts_of_rows

FLOW = """# Kept as it is
Type: StateMachine
SpecVersion: v1
Name: flow
Description: "two  blanks"
StartAt: A
States:
  - {Type: Pass, Name: A, Next: B}
  - {Type: Wait, Name: B, Seconds: 3, End: true}
"""


def rows_of(definition: Definition) -> list[Node]:
    """A definition's nodes as unsaved rows."""
    rows = {
        node["id"]: Node(pk=node["id"], **{name: node[name] for name in ("key", "type", "title", "config", "policy")})
        for node in definition.nodes
    }
    for node in definition.nodes:
        row = rows[node["id"]]
        row.upstream_id, row.branch_index = node["upstream"], node["branch_index"]
        if node["upstream"] is not None and node["branch_index"] is None:
            rows[node["upstream"]].downstream_id = row.pk
    return list(rows.values())


def rows_of_tree(steps: Sequence[Any]) -> list[Node]:
    """Rows of nested steps: (key, title, type, config, policy, {branch: steps})."""
    rows: list[Node] = []

    def line(steps: Sequence[Any], upstream: Node | None, index: int | None) -> None:
        before = upstream
        for key, title, kind, config, policy, branches in steps:
            row = Node(pk=len(rows) + 1, key=key, title=title, type=kind, config=config, policy=policy)
            row.upstream_id, row.branch_index = before.pk if before else None, index
            if before is not None and index is None:
                before.downstream_id = row.pk
            rows.append(row)
            for branch, below in branches.items():
                line(below, row, branch)
            before, index = row, None

    line(steps, None, None)
    return rows


def read(text: str) -> Definition:
    [found] = transfer.read(text)
    assert not found.faults, found.faults
    return found


def workflow_of(**columns: Any) -> Workflow:
    return Workflow(**{"key": "k1", "name": "flow", "title": "Flow", "type": "manual", **columns})


def test_a_text_is_given_back_as_it_was() -> None:
    workflow = workflow_of(definition_source=FLOW)
    assert render(workflow, rows_of(read(FLOW))) == FLOW


@pytest.mark.parametrize(
    "columns",
    [{"name": "other"}, {"options": {"timeout": 5}}, {"definition_source": FLOW.replace("3", "4")},
     {"definition_source": "Type: StateMachine\n{"}, {"definition_source": '{"states": []}'},
     {"definition_source": FLOW.replace("End: true", "End: 1")}],
)  # fmt: skip
def test_a_text_that_no_longer_holds_is_not(columns: dict[str, Any]) -> None:
    workflow = workflow_of(**{"definition_source": FLOW, **columns})
    text = render(workflow, rows_of(read(FLOW)))
    assert text != workflow.definition_source
    assert _facts(read(text)) == _facts(read(FLOW))


TEXTS = [
    *((name, test_fdl_runs.HEAD + dedent(text)) for name, (text, _cases) in test_fdl_runs.FLOWS.items()),
    *((f"old: {name}", test_fdl_steps.HEAD + dedent(text)) for name, (text, _cases) in test_fdl_steps.FLOWS.items()),
]


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in TEXTS])
def test_what_was_made_of_a_text_is_rendered_and_read_again(text: str) -> None:
    found = read(text)
    workflow = workflow_of()
    again = render(workflow, rows_of(found))
    assert again == render(workflow, rows_of(found)[::-1])
    assert _facts(read(again)) == _facts(found)
    assert {state["Type"] for state in yaml.safe_load(again)["States"]} <= {
        "Pass", "Wait", "Choice", "Task", "Succeed", "Fail", "Parallel", "Map"
    }  # fmt: skip


def test_what_fdl_has_no_words_for_is_said_beside_it() -> None:
    question = {"engine": "basic", "calculation": {"calculator": "gt", "operands": ["{{$context.n}}", 1]}}
    tree = [
        ("ask", "Ask", "condition", question, {}, {
            1: [("tx", "Both", "transaction", {}, {}, {1: [("n", "Note", "output", {"value": 1}, {}, {})]})],
            -1: [("late", "", "mailer", {"to": ["a@b.c"]}, {}, {})],
        }),
        ("call", "Call", "request", {"url": "https://x", "headers": [{"name": "A", "value": "{{$env.KEY}}"}]},
         {"retry": {"attempts": 3}}, {}),
    ]  # fmt: skip
    workflow = workflow_of(
        name=None, title="Orders", type="collection", config={"collection": "shop.Order"}, time_zone="UTC",
        options={"timeout": 1_500, "lane": "a"}, sync=True, trigger_title="On save", description="x: y",
    )  # fmt: skip
    text = render(workflow, rows_of_tree(tree))
    value = document.loads(text)
    assert [state["Type"] for state in value["States"]] == ["Choice", "Task", "Task"]
    assert value["States"][0]["Branches"][0]["Condition"] == "Sluice:basic " + json.dumps(question["calculation"])
    assert "{{$env.KEY}}" in text
    found = read(text)
    assert _facts(found) == _facts_of_rows(rows_of_tree(tree))
    names = ("name", "title", "type", "config", "time_zone", "options", "sync")
    assert {name: found.columns[name] for name in names} == {
        "name": None, "title": "Orders", "type": "collection", "config": {"collection": "shop.Order"},
        "time_zone": "UTC", "options": {"timeout": 1_500, "lane": "a"}, "sync": True,
    }  # fmt: skip


@pytest.mark.django_db
def test_every_workflow_of_the_demo_goes_out_and_in() -> None:
    definitions.make_workflows()
    rows = list(Workflow.objects.all())
    assert rows
    for row in rows:
        nodes = list(Node.objects.filter(workflow=row))
        text = render(row, nodes)
        assert _facts(read(text)) == _facts_of_rows(nodes), row
        [item] = transfer.plan(transfer.read(text)).items
        assert (item.errors, item.comparison, item.state) == ((), None, transfer.State.UNCHANGED)


def test_nodes_that_form_no_tree_are_told_of() -> None:
    rows = rows_of_tree([("a", "A", "end", {}, {}, {}), ("b", "B", "end", {}, {}, {})])
    rows[1].upstream_id = 99
    text = render(workflow_of(), rows)
    assert [state["Name"] for state in document.loads(text)["States"]] == ["a", "b"]
    [found] = transfer.read(text)
    assert any(fault.place == "Sluice.Form" for fault in found.faults)


def test_a_tree_that_is_too_deep_is_told_of() -> None:
    # Linked by hand: the helper would go as deep.
    rows = [Node(pk=i + 1, key=f"n{i}", type="loop", title="", config={"target": 1}, policy={}) for i in range(1_500)]
    for index, row in enumerate(rows[1:]):
        row.upstream_id, row.branch_index = index + 1, 0
    assert "Form: rows" in render(workflow_of(), rows)


STORED = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
TITLES = st.sampled_from(["", "A", "B", "A b", "订单", "n1", "x: y", "#", "B (end)", " A", "null"]) | st.text(
    STORED, max_size=8
)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 500) | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["{{$context.n}}", "yes", "1e3", "$Input.a", "", "Sluice:basic {}"])
    | st.text(STORED, max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(STORED, max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
CONFIGS = st.dictionaries(
    st.sampled_from(["url", "method", "headers", "data", "timeout", "duration", "unit", "endStatus", "target", "value",
                     "condition", "exit", "mode", "engine", "expression", "calculation", "rejectOnFalse", "x"]),
    JSONS,
    max_size=4,
)  # fmt: skip
CANONICAL = st.sampled_from([
    ("delay", {"duration": 5, "unit": 1_000, "endStatus": 1}), ("delay", {"duration": 5, "unit": 1_000}),
    ("variable", {"target": None, "value": {"a": "{{$context.n}}"}}), ("variable", {"target": "n1", "value": {}}),
    ("end", {"endStatus": 1}), ("end", {"endStatus": -1}), ("end", {}),
    ("request", {"url": "https://x", "method": "GET", "timeout": 5}),
    ("request", {"url": "https://x", "headers": [{"name": "A", "value": 1}], "data": {"a": [1]}}),
    ("output", {"value": True}), ("output", {"value": 1}), ("calculation", {"expression": "1 + 1"}),
])  # fmt: skip
QUESTIONS = st.sampled_from([
    {"engine": "math.js", "expression": "1 == 1"}, {"engine": "formula.js", "expression": "1 = 1"}, {"expression": "1"},
    {"engine": "math.js", "expression": "Sluice:x"}, {"calculation": {"calculator": "equal", "operands": [1, "1"]}},
    {"engine": "basic", "calculation": None}, {"engine": None, "expression": ""},
    {"engine": "math.js", "expression": "1", "uid": "a", "title": None},
])  # fmt: skip


REJECTING = st.sampled_from([{}, {"rejectOnFalse": False}, {"rejectOnFalse": True}])


def branching(steps: Any) -> Any:
    lines = st.lists(steps, min_size=1, max_size=2)

    def of(kind: str, config: Any, indexes: Any) -> Any:
        return st.tuples(st.just(kind), config, st.dictionaries(indexes, lines, max_size=3))

    return st.one_of(
        of("condition", st.tuples(QUESTIONS, REJECTING).map(lambda both: both[0] | both[1]),
           st.sampled_from([0, 1, -1])),
        of("multi-conditions", st.tuples(st.lists(QUESTIONS, max_size=3), st.booleans()).map(
            lambda both: {"conditions": both[0], "continueOnNoMatch": both[1]}), st.sampled_from([0, 1, 2, -1])),
        of("parallel", st.sampled_from([{}, {"mode": "all"}, {"mode": "race"}]), st.sampled_from([0, 1, 5, -1])),
        of("loop", st.sampled_from([{"target": "{{$context.a}}", "condition": None, "exit": 0}, {"target": 3}, {}]),
           st.sampled_from([0, -1])),
        of("transaction", st.just({}), st.sampled_from([0, 1])),
        of("delay", st.just({"duration": 5, "unit": 1_000, "endStatus": 1}), st.just(-1)),
    )  # fmt: skip


def steps(kinds: Any) -> Any:
    """(title, kind, config, policy, branches); keys are given later."""
    policies = st.sampled_from([{}, {}, {"retry": {"attempts": 2}}])
    alone = (CANONICAL | st.tuples(kinds, CONFIGS)).map(lambda pair: (*pair, {}))
    return st.recursive(
        st.tuples(TITLES, alone, policies),
        lambda inner: st.tuples(TITLES, branching(inner), policies),
        max_leaves=6,
    )


KINDS = st.sampled_from(["delay", "variable", "end", "request", "output", "callback", "a-kind", "condition", "loop"])


def keyed(line: Sequence[Any], numbers: list[int]) -> list[Any]:
    found = []
    for title, (kind, config, branches), policy in line:
        numbers[0] += 1
        key = f"n{numbers[0]}"
        found.append((key, title, kind, config, policy, {at: keyed(below, numbers) for at, below in branches.items()}))
    return found


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(steps(KINDS), max_size=4))
def test_any_tree_is_read_again_from_its_text(line: Any) -> None:
    rows = rows_of_tree(keyed(line, [0]))
    text = render(workflow_of(), rows)
    assert "Form: nodes" in text
    assert _facts(read(text)) == _facts_of_rows(rows)
    assert render(workflow_of(), rows[::-1]) == text


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(flows())
def test_any_flow_is_read_again_from_what_is_rendered_of_it(flow: dict[str, Any]) -> None:
    found = read(document.dumps(flow))
    rows = rows_of(found)
    assert _facts(read(render(workflow_of(), rows))) == _facts(found)
    text = document.dumps(flow)
    assert render(workflow_of(definition_source=text), rows) == text


@pytest.mark.django_db
def test_an_edited_version_is_not_what_its_text_says() -> None:
    _plan, [made] = transfer.perform(transfer.read(FLOW))
    workflow = made.workflow

    def shown() -> str:
        row = Workflow.objects.get(pk=workflow.pk)
        return render(row, Node.objects.filter(workflow=row))

    assert shown() == FLOW
    versions.change_workflow(workflow, title="Another", description="x", enabled=True)
    assert shown() == FLOW
    twin = versions.revise(workflow)
    assert twin.definition_source == FLOW
    assert render(twin, Node.objects.filter(workflow=twin)) == FLOW
    editing.change_node(workflow.nodes.get(key="B"), config={"duration": 4, "unit": 1_000, "endStatus": 1})
    assert Workflow.objects.get(pk=workflow.pk).definition_source is None
    assert "Seconds: 4" in shown()
    # The other version has nodes of its own.
    assert render(twin, Node.objects.filter(workflow=twin)) == FLOW


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"name": "other"}, {"options": {"timeout": 9}}, {"time_zone": "UTC"}])
def test_a_changed_setting_takes_the_text_away(change: dict[str, Any]) -> None:
    _plan, [made] = transfer.perform(transfer.read(FLOW))
    versions.change_workflow(made.workflow, **change)
    assert made.workflow.definition_source is None
    assert Workflow.objects.get(pk=made.workflow.pk).definition_source is None
    made.workflow.definition_source = FLOW
    assert versions.revise(made.workflow, **change).definition_source is None
    assert versions.copy(made.workflow).definition_source is None


@pytest.mark.django_db
def test_a_changed_title_takes_a_text_away_that_says_it() -> None:
    origin = build([("delay", {"duration": 1})], name="flow", title="One")
    text = render(origin, Node.objects.filter(workflow=origin)).replace("Name: flow", "Name: other")
    _plan, [made] = transfer.perform(transfer.read(text))
    for columns in ({"title": "Two"}, {"trigger_title": "By hand"}):
        versions.change_workflow(made.workflow, **columns)
        shown = render(made.workflow, Node.objects.filter(workflow=made.workflow))
        assert read(shown).columns.items() >= columns.items()


@pytest.mark.django_db
def test_the_same_text_again_is_nothing_new_and_another_one_is_a_version() -> None:
    def state(text: str) -> Any:
        plan, _made = transfer.perform(transfer.read(text))
        return plan.items[0].state

    assert state(FLOW) == "new"
    Workflow.objects.update(title="Ours", options={"timeout": 0, "lane": "x"})
    assert state(FLOW) == "unchanged"
    assert state(FLOW.replace("# Kept", "# Still")) == "version"
    assert state(FLOW.replace("3", "4")) == "version"
    newest = Workflow.objects.get(version=3)
    assert (newest.title, newest.options, newest.name) == ("Ours", {"timeout": 0, "lane": "x"}, "flow")
    assert newest.key == Workflow.objects.get(version=1).key


@pytest.mark.django_db
def test_a_flow_of_another_kind_of_trigger_is_refused() -> None:
    build([], type="execution", name="flow", config={})
    assert transfer.plan(transfer.read(FLOW)).errors.keys() == {"type"}
