"""The error branch that any node may have: where it is edited, shown and checked."""

import inspect

import pytest

from tests.api import client  # noqa: F401
from tests.building import build
from tests.pages import pages, words  # noqa: F401
from tests.workflows.kinds import graph, outline, plant, spare
from workflows import editing
from workflows.canvas import lay_out, tree
from workflows.errors import Invalid
from workflows.instructions import instructions
from workflows.instructions.base import Effect
from workflows.models import Node
from workflows.policy import ERROR_BRANCH
from workflows.problems import problems_of
from workflows.variables import in_scope

pytestmark = pytest.mark.django_db

BRANCH = {"onError": "branch"}
ODD = {"engine": "math.js", "expression": "1"}


@pytest.fixture
def plain(registered):
    """a, whose error branch holds x and y, and b behind it."""
    workflow = spare()
    nodes = plant(workflow, "a b")
    for title in ("y", "x"):
        nodes[title] = editing.add_node(
            workflow, type="t-plain", title=title, upstream=nodes["a"], branch_index=ERROR_BRANCH
        )
    assert outline(workflow) == "a(-1: x y) b"
    return workflow, nodes


@pytest.mark.parametrize(
    ("edit", "after"),
    [
        pytest.param(lambda n: editing.move_node(n["b"], upstream=n["x"]), "a(-1: x b y)", id="moved-in"),
        pytest.param(lambda n: editing.move_node(n["x"], upstream=n["b"]), "a(-1: y) b x", id="moved-out"),
        pytest.param(
            lambda n: editing.copy_node(n["b"], upstream=n["a"], branch_index=ERROR_BRANCH),
            "a(-1: b x y) b", id="copied-in",
        ),
        pytest.param(lambda n: editing.remove_node(n["x"]), "a(-1: y) b", id="removed"),
        pytest.param(lambda n: editing.remove_node(n["a"]), "b", id="removed-with-its-node"),
        pytest.param(lambda n: editing.remove_node(n["a"], keep_branch=ERROR_BRANCH), "x y b", id="kept"),
        pytest.param(lambda n: editing.remove_branch(n["a"], ERROR_BRANCH), "a b", id="the-branch-removed"),
    ],
)  # fmt: skip
def test_it_is_edited_like_any_branch(plain, edit, after):
    workflow, nodes = plain
    edit({title: Node.objects.get(pk=node.pk) for title, node in nodes.items()})
    assert outline(workflow) == after


def test_its_number_stays_when_others_close_a_gap(registered):
    workflow = spare()
    fork = editing.add_node(workflow, type="parallel", title="P")
    for index in (ERROR_BRANCH, -3, 0, 2):
        editing.add_node(workflow, type="t-plain", title=f"at {index}", upstream=fork, branch_index=index)
    editing.remove_branch(fork, -3, shift=True)
    assert {index: head.title for index, head in graph(workflow).head.heads.items()} == {
        ERROR_BRANCH: "at -1", -2: "at 0", 1: "at 2",
    }  # fmt: skip
    with pytest.raises(Invalid) as raised:
        editing.remove_branch(fork, ERROR_BRANCH, shift=True)
    assert raised.value.field == "shift"


def test_it_is_none_of_the_kinds_own_branches(plain):
    node = graph(plain[0]).head
    assert (dict(node.branches), list(node.heads), [each.title for each in node.below()]) == ({}, [-1], ["x", "y"])
    assert {each.title: each.in_error_branch for each in graph(plain[0]).nodes.values()} == {
        "a": False, "b": False, "x": True, "y": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "filled", "label"),
    [
        (BRANCH, True, ".On error"),
        (BRANCH, False, ".On error"),
        ({}, True, ".On error (its policy does not lead here)"),
        ({}, False, None),
    ],
)
def test_the_tree_shows_it(plain, policy, filled, label):
    workflow, nodes = plain
    Node.objects.filter(pk=nodes["a"].pk).update(policy=policy)
    if not filled:
        editing.remove_branch(nodes["a"], ERROR_BRANCH)
    rows = [f"{'.' * row.depth}{row.label or row.name}" for row in tree.rows(graph(workflow))]
    inside = ["..x", "..y"] if filled else []
    assert rows == ["a", *([label] if label else []), *inside, "b"]
    place = f"{nodes['a'].pk}:{ERROR_BRANCH}"
    assert (place in [part.place for part in lay_out(graph(workflow), places=True).places]) == (label is not None)
    assert tree.parse_place(place) == {"upstream": nodes["a"].pk, "branch_index": ERROR_BRANCH}


def test_it_is_filled_and_looked_at_in_the_admin(pages):  # noqa: F811
    workflow = build([("calculation", ODD, {}, BRANCH)])
    node = workflow.nodes.get()
    page = pages()
    place = f"{node.pk}:{ERROR_BRANCH}"
    data = {"title": "Tell somebody", "config": '{"value": "{{$scopes.n1.message}}"}', "policy": "{}", "place": place}
    query = f"?type=output&place={place}"
    assert "The failure of calculation" in words(page.get("workflows_node_add_to", workflow.pk, query=query))
    page.post("workflows_node_add_to", workflow.pk, query=query, **data)
    added = Node.objects.get(upstream=node)
    assert added.branch_index == ERROR_BRANCH
    assert "$scopes.n1.message" in page.get("workflows_node_change", added.pk)
    assert "On error" in words(page.get("workflows_workflow_change", workflow.pk))


def test_the_api_takes_and_shows_it(client):  # noqa: F811
    workflow = build([("calculation", ODD)])
    api = client()
    body = {"type": "output", "upstream": workflow.nodes.get().pk, "branch_index": ERROR_BRANCH}
    added = api("POST", f"workflows/{workflow.pk}/nodes/", body, status=201)
    assert added["branch_index"] == ERROR_BRANCH


def checked(*nodes):
    found = problems_of({"type": "manual", "nodes": list(nodes)})
    return [(problem.field, problem.severity) for problem in found]


def says(key, text):
    return {"type": "output", "key": key, "config": {"value": text}}


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        pytest.param("{{$scopes.a.message}}", None, id="the-failure"),
        pytest.param("{{$jobsMapByNodeKey.a}}", None, id="the-nodes-result"),
        pytest.param("{{$jobsMapByNodeKey.first}}", None, id="one-before"),
        pytest.param("{{$jobsMapByNodeKey.inside}}", "warning", id="one-in-a-branch-of-the-node"),
        pytest.param("{{$jobsMapByNodeKey.behind}}", "error", id="one-behind"),
        pytest.param("{{$scopes.first.message}}", "error", id="the-failure-of-another"),
    ],
)
def test_what_it_may_name(text, severity):
    loop = {
        "type": "loop", "key": "a", "config": {"target": 2}, "policy": BRANCH,
        "branches": {"0": [says("inside", "x")], "-1": [says("caught", text)]},
    }  # fmt: skip
    found = checked(says("first", "x"), loop, says("behind", "x"))
    assert [each for _, each in found] == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        pytest.param("{{$jobsMapByNodeKey.caught}}", "warning", id="behind-the-node"),
        pytest.param("{{$scopes.a.message}}", "error", id="the-failure-is-over"),
    ],
)
def test_what_may_be_named_of_it(text, severity):
    node = {
        "type": "calculation",
        "key": "a",
        "config": ODD,
        "policy": BRANCH,
        "branches": {"-1": [says("caught", "x")]},
    }
    assert [each for _, each in checked(node, says("behind", text))] == [severity]


@pytest.mark.parametrize(
    ("node", "remark"),
    [
        ({"policy": BRANCH}, True),
        ({"branches": {"-1": [says("b", "x")]}}, True),
        ({"policy": BRANCH, "branches": {"-1": [says("b", "x")]}}, False),
        ({}, False),
    ],
)
def test_a_policy_without_a_branch_and_a_branch_without_a_policy_are_remarked(node, remark):
    found = checked({"type": "calculation", "key": "a", "config": ODD, **node})
    assert found == ([("nodes.0.policy.onError", "warning")] if remark else [])


def test_variables_are_those_of_the_failure_not_of_a_round():
    workflow = build([("loop", {"target": 2}, {0: [("output", {})], ERROR_BRANCH: [("output", {})]}, BRANCH)])
    loop = graph(workflow).head
    paths = {
        branch: {found.path for group in in_scope(workflow, loop, branch=branch) for found in group.variables}
        for branch in (None, 0, ERROR_BRANCH)
    }
    assert {"$scopes.n1.message", "$scopes.n1.attempts"} <= paths[ERROR_BRANCH] - paths[0] - paths[None]
    assert "$scopes.n1.index" in paths[0] - paths[ERROR_BRANCH]


@pytest.mark.parametrize(
    ("type", "config", "refused"),
    [
        ("calculation", ODD, True),
        ("loop", {"target": 1}, True),
        ("delay", {"duration": 1, "unit": 1000}, True),
        ("create", {"collection": "shop.Customer", "params": {"values": {"name": "x"}}}, True),
        ("request", {"url": "https://example.com"}, False),
    ],
)
def test_a_time_out_is_refused_where_nobody_is_called_or_waited_for(type, config, refused):
    node = {"type": type, "config": config, "policy": {"timeout": 5_000}}
    found = [field for field, severity in checked(node) if severity == "error"]
    assert found == (["nodes.0.policy.timeout"] if refused else [])


def test_a_time_out_that_is_stored_may_stay():
    node = build([("calculation", ODD, {}, {"timeout": 5_000})]).nodes.get()
    editing.change_node(node, policy={"timeout": 5_000, "onError": "continue"})
    with pytest.raises(Invalid) as raised:
        editing.change_node(node, policy={"timeout": 6_000})
    assert raised.value.field == "policy.timeout"


def test_kinds_that_wait_for_somebody_outside_say_so():
    """Else their policy could name no time-out."""
    silent = [
        kind.type
        for kind in instructions().values()
        if "Wait.OUTSIDE" in inspect.getsource(inspect.getmodule(type(kind)))
        and not kind.waits_outside
        and kind.effect is not Effect.EXTERNAL
    ]
    assert silent == []
