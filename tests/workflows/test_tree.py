import pytest

from tests.workflows.kinds import graph, plant, spare
from workflows.canvas import tree

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("registered")]


def drawn(workflow):
    return [f"{'.' * row.depth}{row.label or row.name}" for row in tree.rows(graph(workflow))]


@pytest.mark.parametrize(
    ("outline", "lines"),
    [
        ("", []),
        ("a b", ["a", "b"]),
        ("A(0: b; 2: c d) e", ["A", ".Branch 0", "..b", ".Branch 2", "..c", "..d", ".New branch", "e"]),
        ("A(0: B(0: c))", ["A", ".Branch 0", "..B", "...Branch 0", "....c", "...New branch", ".New branch"]),
    ],
)
def test_rows_are_in_reading_order(outline, lines):
    workflow = spare()
    plant(workflow, outline)
    assert drawn(workflow) == lines


def test_declared_branches_show_without_nodes_and_others_keep_their_number():
    workflow = spare()
    nodes = plant(workflow, "A(1: b; 7: c)")
    nodes["A"].__class__.objects.filter(pk=nodes["A"].pk).update(type="t-cases", config={"cases": 2})
    assert drawn(workflow) == ["A", ".Case 0", ".Case 1", "..b", ".Branch 7", "..c"]


@pytest.mark.parametrize("change", [{"type": "gone"}, {"config": {"amount": "x"}}])
def test_a_node_that_is_wrong_still_shows_with_its_branches(change):
    workflow = spare()
    nodes = plant(workflow, "A(1: b)")
    nodes["A"].__class__.objects.filter(pk=nodes["A"].pk).update(**change)
    assert drawn(workflow) == ["A", ".Branch 1", "..b"]


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("", {"upstream": None, "branch_index": None}),
        ("12", {"upstream": 12, "branch_index": None}),
        ("12:0", {"upstream": 12, "branch_index": 0}),
        ("12:-3", {"upstream": 12, "branch_index": -3}),
    ],
)
def test_a_place_names_what_editing_takes(place, found):
    assert tree.parse_place(place) == found


def test_a_deep_tree_is_walked_without_recursion():
    workflow = spare()
    plant(workflow, "(0: ".join(f"N{number}" for number in range(300)) + ")" * 299)
    lines = drawn(workflow)
    assert lines[-1] == ".New branch"
    assert max(row.indent for row in tree.rows(graph(workflow))) == 20
