"""Nodes named in templates, as a check of the whole definition finds them."""

import pytest

from tests.workflows.kinds import spare
from workflows import editing
from workflows.problems import problems_of, problems_of_version

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("registered")]


def says(key, text="", **rest):
    return {"type": "output", "key": key, "config": {"value": text}, **rest}


def of(key, default=""):
    return f"{{{{$jobsMapByNodeKey.{key}.x{default}}}}}"


def item(key):
    return "{{$scopes.%s.item}}" % key  # noqa: UP031


def loop(*body, key="loop", **config):
    return {"type": "loop", "key": key, "config": {"target": 3, **config}, "branches": {"0": list(body)}}


def ask(yes=(), no=(), key="ask"):
    question = {"calculator": "equal", "operands": [1, 1]}
    branches = {"1": list(yes), "0": list(no)}
    return {"type": "condition", "key": key, "config": {"calculation": question}, "branches": branches}


def beside(*lines):
    return {"type": "parallel", "key": "beside", "branches": {str(i): [line] for i, line in enumerate(lines)}}


def found(*nodes):
    problems = problems_of({"type": "t-tick", "config": {"every": 1}, "nodes": list(nodes)})
    return [(problem.node, problem.severity, problem.message) for problem in problems]


@pytest.mark.parametrize(
    "nodes",
    [
        (says("a"), says("b", of("a"))),
        (says("a"), ask([says("b", of("a") + of("ask"))])),
        (loop(says("b", item("loop") + of("loop"))),),
        (loop(ask([says("b", item("loop"))])),),
        (loop(says("b"), condition={"engine": "math.js", "expression": "{{$scopes.loop.index}} < 2"}),),
        (says("b", of("a")), says("a"), {"type": "variable", "key": "v", "config": {"target": "a", "value": 1}}),
        (ask([says("b")]), says("c", of("b", ":none"))),
        (says("a", "{{ctx.$jobsMapByNodeKey}} {{$scopes}}"),),
        (beside(says("a"), says("b")), says("c", of("b"))),
        (loop(beside(ask([says("x")]), says("b")), ask([says("c", of("b"))], key="again")),),
        (beside({"type": "callback", "key": "a"}, says("b", of("a"))),),
    ],
    ids=[
        "before",
        "in-a-branch",
        "scope",
        "scope-around",
        "own-condition",
        "assigned",
        "default",
        "whole",
        "all-branches",
        "all-in-a-round",
        "a-wait-beside",
    ],
)
def test_nothing_is_wrong(nodes):
    assert found(*nodes) == []


@pytest.mark.parametrize(
    ("nodes", "node", "severity", "said"),
    [
        ((says("first"), says("b", of("frist"))), "b", "error", 'Did you mean "first"?'),
        ((says("a", title="Fetch"), says("b", of("Fetch"))), "b", "error", 'Did you mean "a"?'),
        ((says("b", of("zzz")),), "b", "error", "has the key zzz"),
        ((says("b", of("zzz", ":none")),), "b", "error", "has the key zzz"),
        ((says("b", of("a")), says("a")), "b", "error", "runs after"),
        ((says("b", of("b")),), "b", "error", "is this node"),
        ((ask([says("a")], [says("b", of("a"))]),), "b", "error", "another branch"),
        ((ask([says("b", of("a")), says("a")]),), "b", "error", "runs after"),
        ((ask([says("b", of("a"))]), says("a")), "b", "error", "runs after"),
        ((beside(says("a"), says("b", of("a"))),), "b", "warning", "another branch"),
        ((ask([says("a")]), says("b", of("a"))), "b", "warning", "may not run"),
        ((loop(says("b", of("a")), says("a")),), "b", "warning", "second round"),
        ((loop(says("b", of("b"))),), "b", "warning", "second round"),
        ((loop(says("a")), says("b", item("loop"))), "b", "error", "not around"),
        ((ask([says("b", item("ask"))]),), "b", "error", "gives its branches nothing"),
        ((says("b", item("zzz")),), "b", "error", "has the key zzz"),
        ((says("a"), {"type": "calculation", "key": "b", "config": {"expression": of("zzz")}}), "b", "error", "zzz"),
    ],
)  # fmt: skip
def test_what_is_wrong(nodes, node, severity, said):
    [(named, how, message)] = found(*nodes)
    assert (named, how) == (node, severity)
    assert said in message


def test_the_place_is_told():
    nodes = [says("b", [1, {"x": of("zzz")}])]
    [problem] = problems_of({"type": "t-tick", "config": {"every": 1}, "nodes": nodes})
    assert (problem.field, problem.code) == ("nodes.0.config.value.1.x", "reference")


def test_a_stored_version_may_name_scopes_by_id():
    workflow = spare(config={"every": 1})
    around = editing.add_node(workflow, type="loop", config={"target": 2})
    inner = editing.add_node(workflow, type="output", upstream=around, branch_index=0)
    editing.change_node(inner, config={"value": item(around.pk)})
    assert problems_of_version(workflow) == []
    editing.change_node(inner, config={"value": item(inner.pk + 1)})
    [problem] = problems_of_version(workflow)
    assert problem.field == f"nodes.{inner.key}.config.value"


def test_other_problems_of_templates():
    nodes = [
        {"type": "request", "key": "a", "config": {"url": "https://example.com/{{$context.id"}},
        says("b", "{{$contxt.a}}"),
    ]
    assert [(node, how) for node, how, _ in found(*nodes)] == [("a", "error"), ("b", "error")]


@pytest.mark.parametrize(
    ("collection", "values", "said"),
    [("shop.Review", {}, "order"), ("shop.Review", {"reason": "x"}, "order"), ("shop.Customer", {}, "no values")],
)
def test_a_row_that_lacks_values_is_a_warning(collection, values, said):
    config = {"collection": collection, "params": {"values": values}}
    [(node, how, message)] = found({"type": "create", "key": "a", "config": config})
    assert (node, how) == ("a", "warning")
    assert said in message
