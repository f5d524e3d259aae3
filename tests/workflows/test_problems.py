import time

import pytest

from tests.people import person
from tests.workflows.kinds import plant, spare
from workflows import secrets
from workflows.models import Node, Workflow
from workflows.problems import problems_of, problems_of_version

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("registered")]

GOOD = {"type": "t-tick", "config": {"every": 1}}
PLAIN = {"type": "t-plain"}


def fields(nodes, **definition):
    return {problem.field for problem in problems_of({**GOOD, **definition, "nodes": nodes})}


TREE = [
    PLAIN,
    {"type": "t-fork", "key": "fork", "branches": {"0": [PLAIN, {"type": "t-fork", "branches": {"1": [PLAIN]}}]}},
    PLAIN,
]
LIST = [
    {**PLAIN, "key": "b", "upstream": "fork", "branch_index": 0},
    {**PLAIN, "key": "c", "upstream": 7},
    {**PLAIN, "key": "a", "id": 7},
    {"type": "t-fork", "key": "fork", "upstream": "c"},
]


@pytest.mark.parametrize("nodes", [[], [PLAIN], TREE, LIST], ids=["none", "one", "tree", "list"])
def test_nothing_is_wrong(nodes):
    assert problems_of({**GOOD, "nodes": nodes}) == []
    assert not Workflow.objects.exists()


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ({"type": "nope"}, {"type"}),
        ({"config": {"every": "often"}}, {"config.every"}),
        ({"config": {}}, {"config.every"}),
        ({"options": {"stackLimit": 1000}}, {"options.stackLimit"}),
        ({"time_zone": "Mars/Base"}, {"time_zone"}),
        ({"name": "9 lives", "title": "x" * 300}, {"name", "title"}),
        ({"type": "nope", "time_zone": "Mars/Base"}, {"type", "time_zone"}),
    ],
)
def test_what_is_wrong_with_the_workflow(definition, expected):
    assert fields([], **definition) == expected


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        pytest.param([{"type": "nope"}, {"type": "t-plain", "config": {"amount": "x"}}],
                     {"nodes.0.type", "nodes.1.config.amount"}, id="each"),
        pytest.param([{}], {"nodes.0.type"}, id="no-type"),
        pytest.param([{"type": 7}], {"nodes.0.type"}, id="type-of-another-kind"),
        pytest.param([{**PLAIN, "config": []}], {"nodes.0.config"}, id="no-object"),
        pytest.param([{**PLAIN, "policy": {"retry": {"attempts": 0}}}], {"nodes.0.policy.retry.attempts"}, id="policy"),
        pytest.param([{**PLAIN, "colour": "red"}], {"nodes.0.colour"}, id="unknown-key"),
        pytest.param([{**PLAIN, "key": "a"}, {**PLAIN, "key": "a"}], {"nodes.1.key"}, id="key-twice"),
        pytest.param(["step"], {"nodes.0"}, id="no-node"),
        pytest.param([{"type": "t-fork", "branches": {"0": [{"type": "nope"}]}}],
                     {"nodes.0.branches.0.0.type"}, id="in-a-branch"),
        pytest.param([{**PLAIN, "branches": {"0": [PLAIN]}}], {"nodes.0.branches.0.0.branch_index"}, id="no-branches"),
        pytest.param([{"type": "t-fork", "branches": {"first": []}}], {"nodes.0.branches.first"}, id="no-number"),
        pytest.param([{"type": "t-fork", "branches": []}], set(), id="empty-list-is-none"),
        pytest.param([{"type": "t-fork", "branches": [PLAIN]}], {"nodes.0.branches"}, id="branches-no-object"),
        pytest.param([PLAIN, {**PLAIN, "upstream": "x"}], {"nodes.1.upstream"}, id="link-to-nothing"),
        pytest.param([{**PLAIN, "key": "a"}, {**PLAIN, "upstream": "a"}, {**PLAIN, "upstream": "a"}],
                     {"nodes.2"}, id="two-at-one-place"),
        pytest.param([{**PLAIN, "key": "a", "upstream": "b"}, {**PLAIN, "key": "b", "upstream": "a"}],
                     {"nodes"}, id="a-circle"),
        pytest.param([{**PLAIN, "key": "a"}, PLAIN, {**PLAIN, "upstream": "a"}], {"nodes"}, id="two-heads"),
        pytest.param([{**PLAIN, "key": "a"}, {**PLAIN, "upstream": "a", "branches": {"0": [PLAIN]}}],
                     {"nodes.1.branches"}, id="both-ways-at-once"),
        pytest.param([{**PLAIN, "key": "a"}, {**PLAIN, "upstream": {"key": "a"}}], {"nodes.1.upstream"}, id="no-key"),
        pytest.param([{"type": "t-fork", "key": "a"}, {**PLAIN, "upstream": "a", "branch_index": "x"}],
                     {"nodes.1.branch_index"}, id="branch-no-number"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_nodes(nodes, expected):
    assert fields(nodes) == expected


def test_too_many_nodes(settings):
    settings.SLUICE = {"NODES_LIMIT": 2}
    assert fields([PLAIN] * 3) == {"nodes"}
    # Nothing is looked at that takes longer the more there are.
    assert fields([{"type": "nope"}] * 3) == {"nodes"}


def test_two_nodes_at_one_place_are_told_once_each():
    nodes = [{**PLAIN, "key": "a"}, *({**PLAIN, "upstream": "a"} for _ in range(3))]
    found = problems_of({**GOOD, "nodes": nodes})
    assert [problem.field for problem in found] == ["nodes.2", "nodes.3"]


def test_many_nodes_in_a_line_are_read_in_one_pass(settings):
    settings.SLUICE = {"NODES_LIMIT": 1}
    begun = time.process_time()
    assert fields([PLAIN] * 10_000) == {"nodes"}
    assert time.process_time() - begun < 5


def test_a_problem_names_its_node_and_has_a_code_and_a_sentence():
    [problem] = problems_of({**GOOD, "nodes": [{"type": "nope", "key": "first"}]})
    assert (problem.node, problem.code) == ("first", "invalid")
    assert problem.message


def test_the_permissions_of_whoever_asks_count():
    nodes = [{"type": "create", "config": {"collection": "shop.Customer", "params": {"values": {"name": "x"}}}}]
    assert fields(nodes) == set()
    [problem] = problems_of({**GOOD, "nodes": nodes}, by=person("workflows.add_workflow"))
    assert "shop.add_customer" in problem.message


def test_a_stored_version_is_checked_as_it_stands(django_assert_num_queries):
    workflow = spare(config={"every": 1})
    nodes = plant(workflow, "a B(0: c)")
    assert problems_of_version(workflow) == []
    Node.objects.filter(pk=nodes["c"].pk).update(config={"amount": "x"})
    Workflow.objects.update(config={})
    workflow.refresh_from_db()
    with django_assert_num_queries(1):
        found = problems_of_version(workflow)
    key = nodes["c"].key
    assert {(problem.field, problem.node) for problem in found} == {
        ("config.every", None),
        (f"nodes.{key}.config.amount", key),
    }


def test_rows_that_form_no_tree_are_told():
    workflow = spare(config={"every": 1})
    nodes = plant(workflow, "a b")
    Node.objects.filter(pk=nodes["b"].pk).update(upstream=None)
    assert {problem.field for problem in problems_of_version(workflow)} == {"nodes"}


@pytest.mark.parametrize(
    ("definition", "path", "sentence"),
    [
        (
            {"type": "webhook", "config": {"auth": {"type": "bearer", "token": "{{$env.GONE}}"}}},
            "config.auth.token",
            "There is no secret GONE",
        ),
        (
            {
                **GOOD,
                "nodes": [{"type": "manual", "config": {"forms": {"f": {"actions": [{"key": "a", "status": 1}]}}}}],
            },
            "nodes.0.config.assignees",
            "Nobody is asked",
        ),
    ],
)
def test_what_is_often_a_mistake_is_told_and_stands_in_nobodys_way(definition, path, sentence):
    [problem] = [each for each in problems_of(definition) if each.severity == "warning" and each.field == path]
    assert problem.message.startswith(sentence)
    assert not [each for each in problems_of(definition) if each.severity == "error" and each.field == path]


def test_a_secret_that_is_there_is_no_problem():
    secrets.create("THERE", "value", by=None)
    config = {"auth": {"type": "bearer", "token": "{{$env.THERE}}"}}
    assert problems_of({"type": "webhook", "config": config}) == []
