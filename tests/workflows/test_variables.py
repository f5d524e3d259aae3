"""What templates may name at a place, and what it looks like."""

import pytest

from config.shop.models import Customer, Order
from executions.models import Execution
from executions.testing import simulate
from tests.building import build
from workflows.graph import Graph
from workflows.instructions import get_instruction
from workflows.models import Node
from workflows.shapes import ANY, KINDS, of_row
from workflows.triggers import get_trigger
from workflows.variables import in_scope

pytestmark = [pytest.mark.django_db]

SUM = ("calculation", {"engine": "math.js", "expression": "1+2"})
LOOP = ("loop", {"target": 3}, {0: [SUM]})


def scope(workflow, key=None):
    """The groups at the place of the node with this key."""
    graph = Graph(workflow, Node.objects.filter(workflow=workflow))
    node = graph.by_key[key] if key else graph.head
    return in_scope(workflow, node.upstream, branch=node.branch_index)


def kinds(groups):
    return {variable.path: variable.kind for group in groups for variable in group.variables}


def test_the_row_of_a_model_event_with_what_is_appended():
    workflow = build(
        [SUM], type="collection", config={"collection": "shop.Order", "mode": 1, "appends": ["customer", "lines"]}
    )
    [context, system] = scope(workflow)
    found = kinds([context])
    assert found["$context"] == found["$context.data"] == "object"
    assert found["$context.data.customer_id"] == "number"
    assert found["$context.data.customer.name"] == "text"
    assert found["$context.data.lines"] == "list"
    assert set(found.values()) >= {"text", "number", "moment"}
    assert system.title == "System"


def test_the_inputs_of_a_manual_workflow():
    fields = [
        {"name": "total", "title": "Total", "type": "number"},
        {"name": "the rest"},
        {"name": "not.reachable"},
        {"name": "nor:this"},
        {"name": "nor{that}"},
    ]
    [context, _system] = scope(build([SUM], config={"fields": fields}))
    assert kinds([context]) == {"$context": "object", "$context.total": "number", "$context.the rest": "any"}
    assert [variable.title for variable in context.variables][1] == "Total"
    assert context.variables[1].template == "{{$context.total}}"


@pytest.mark.parametrize(
    ("key", "results", "rounds"),
    [
        pytest.param("n1", [], [], id="head"),
        pytest.param("n2", ["n1"], [], id="after"),
        pytest.param("n3", ["n2", "n1"], ["n2"], id="in-a-loop"),
        pytest.param("n5", ["n4", "n3", "n2", "n1"], ["n4", "n2"], id="in-a-loop-of-a-loop"),
        pytest.param("n6", ["n4", "n3", "n2", "n1"], ["n2"], id="after-the-inner-loop"),
        pytest.param("n7", ["n2", "n1"], [], id="after-the-outer-loop"),
    ],
)
def test_nodes_before_and_loops_around(key, results, rounds):
    workflow = build([SUM, ("loop", {"target": 3}, {0: [SUM, LOOP, SUM]}), SUM])
    groups = scope(workflow, key)
    assert [group.key for group in groups if group.key] == results
    found = kinds(groups)
    assert {path.split(".")[1] for path in found if path.startswith("$scopes.")} == set(rounds)
    assert all(found[f"$scopes.{key}.index"] == "number" for key in rounds)


@pytest.mark.parametrize(
    ("target", "known"),
    [
        pytest.param("{{$jobsMapByNodeKey.n1}}", True, id="rows-that-were-read"),
        pytest.param("{{ ctx.$jobsMapByNodeKey.n1 }}", True, id="by-the-other-root"),
        pytest.param("{{$jobsMapByNodeKey.n1.name}}", False, id="values-of-a-column"),
        pytest.param("{{$jobsMapByNodeKey.n9}}", False, id="no-such-node"),
        pytest.param("{{$context.rows}}", False, id="any-value"),
        pytest.param("rows: {{$jobsMapByNodeKey.n1}}", False, id="a-text"),
        pytest.param(3, False, id="a-number"),
    ],
)
def test_the_item_of_a_loop_is_that_of_its_list(target, known):
    rows = ("query", {"collection": "shop.Customer", "multiple": True})
    found = kinds(scope(build([rows, ("loop", {"target": target}, {0: [SUM]})]), "n3"))
    assert found["$scopes.n2.item"] == ("object" if known else "any")
    assert ("$scopes.n2.item.name" in found) == known


def test_the_item_of_a_loop_in_a_loop():
    config = {"collection": "shop.Order", "mode": 1, "appends": ["lines.product"]}
    inner = ("loop", {"target": "{{$scopes.n1.item.product}}"}, {0: [SUM]})
    workflow = build([("loop", {"target": "{{$context.data.lines}}"}, {0: [inner]})], type="collection", config=config)
    found = kinds(scope(workflow, "n3"))
    assert found["$scopes.n1.item.product.name"] == "text"
    assert found["$scopes.n2.item"] == "any"


def test_a_broken_node_and_an_unknown_kind_are_any_value():
    workflow = build([("gone", {}), ("query", {"collection": "no.Such"}), SUM], type="gone")
    found = kinds(scope(workflow, "n3"))
    assert (found["$context"], found["$jobsMapByNodeKey.n1"], found["$jobsMapByNodeKey.n2"]) == ("any", "any", "any")


def test_the_system_offers_what_templates_find_there():
    workflow = build([("output", {"value": "x"})])
    paths = [path for path in kinds(scope(workflow)) if path.startswith("$system")]
    Node.objects.update(config={"value": {path: "{{%s}}" % path for path in paths}})  # noqa: UP031
    output = simulate(workflow, {}).output
    assert len(output) == len(paths) > 20
    assert all(output[path] is not None for path in paths)


ROW = {"collection": "shop.Customer", "params": {"values": {"name": "Ada"}}}


@pytest.mark.parametrize(
    ("type", "config", "kind", "parts"),
    [
        ("create", ROW, "object", {"id", "name"}),
        ("query", {"collection": "shop.Customer"}, "object", {"id", "name"}),
        ("query", {"collection": "shop.Customer", "multiple": True}, "list", {"id", "name"}),
        ("update", {"collection": "shop.Customer", "params": {"filter": {"id": 1}}}, "number", set()),
        ("destroy", {"collection": "shop.Customer", "params": {"filter": {"id": 1}}}, "number", set()),
        (
            "aggregate",
            {"collection": "shop.Customer", "aggregator": "count", "params": {"field": "id"}},
            "number",
            set(),
        ),
        ("delay", {"unit": 1000, "duration": 1}, "number", set()),
        ("parallel", {}, "list", set()),
        ("loop", {"target": 3}, "object", {"looped", "done", "broken"}),
        ("request", {"url": "https://example.com"}, "object", {"status", "statusText", "headers", "data"}),
        ("request", {"url": "https://example.com", "onlyData": True}, "any", set()),
        ("calculation", {"engine": "math.js", "expression": "1"}, "any", set()),
        ("output", {"value": 1}, "any", set()),
    ],
)
def test_results(type, config, kind, parts):
    instruction = get_instruction(type)
    shape = instruction.result_shape(instruction.parse(config))
    assert shape.kind == kind
    assert parts <= set(shape.parts)
    assert bool(parts) == bool(shape.parts)
    assert kind in KINDS


def test_the_shape_of_a_row_is_the_row():
    from workflows.collections import parse_appends, to_json

    customer = Customer.objects.create(name="Ada")
    order = Order.objects.create(customer=customer)
    appends = parse_appends(Order, ["customer"])
    row, shape = to_json(order, appends), of_row(Order, appends)
    assert set(row) == set(shape.parts)
    assert set(row["customer"]) == set(shape.parts["customer"].parts)
    python = {"text": str, "number": (int, float, str), "boolean": bool, "moment": str, "date": str, "object": dict}
    for name, value in row.items():
        assert value is None or isinstance(value, python[shape.parts[name].kind]), name


def test_sensitive_columns_are_not_offered(monkeypatch):
    monkeypatch.setattr(Customer, "sluice_sensitive", ("email",), raising=False)
    from workflows.collections import shown_fields

    shown_fields.cache_clear()
    try:
        assert "email" not in of_row(Customer, {}).parts
    finally:
        shown_fields.cache_clear()


def test_what_a_loop_gives_is_what_it_says():
    workflow = build([("loop", {"target": 2}, {0: [("output", {"value": "{{$scopes.n1}}"})]})])
    loop = get_instruction("loop")
    shape = loop.local_shape(loop.parse({"target": 2}), lambda path: ANY)
    assert set(simulate(workflow, {}).output) == set(shape.parts)
    assert not Execution.objects.exists()


def test_a_kind_without_a_shape_of_its_own_is_any_value():
    assert get_trigger("manual").context_shape(get_trigger("manual").parse({})).kind == "any"
