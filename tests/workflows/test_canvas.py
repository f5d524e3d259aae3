"""What there is to draw of a graph, and where a node may go."""

import pytest

from tests.workflows.kinds import graph, plant, spare
from workflows.canvas import lay_out
from workflows.canvas.places import allowed
from workflows.models import Node

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("registered")]

_SIGNS = {"fork": "(", "fork_end": ")", "branch_end": ".", "card_end": "/", "way": "[", "way_end": "]"}


def drawn(workflow, **options):
    """Cards by name, places as +, branches as their label and a colon; ends by their signs."""
    found = []
    for part in lay_out(graph(workflow), **options).parts:
        if part.what == "card":
            found.append(part.name)
        elif part.what == "branch":
            found.append(f"{part.label}:")
        elif part.what == "place":
            found.append("+")
        else:
            found.append(_SIGNS[part.what])
    return " ".join(found)


@pytest.mark.parametrize(
    ("outline", "plain", "with_places"),
    [
        ("", "", "+"),
        ("a b", "a / b /", "+ a / + b / +"),
        ("A(0: b) c", "A ( Branch 0: b / . ) / c /",
         "+ A ( Branch 0: + b / + . New branch: + . ) / + c / +"),
        ("A(0: b; 2: C(1: d))", "A ( Branch 0: b / . Branch 2: C ( Branch 1: d / . ) / . ) /",
         "+ A ( Branch 0: + b / + . Branch 2: + C ( Branch 1: + d / + . New branch: + . ) / + . New branch: + . ) / +"),
    ],
)  # fmt: skip
def test_parts_stand_in_reading_order(outline, plain, with_places):
    workflow = spare()
    plant(workflow, outline)
    assert drawn(workflow) == plain
    assert drawn(workflow, places=True) == with_places


@pytest.mark.parametrize(
    ("type", "outline", "plain", "with_places"),
    [
        ("t-plain", "a(-1: b) c", "a ( [ ] On error: b / . ) / c /",
         "+ a ( [ ] On error: + b / + . ) / + c / +"),
        ("t-plain", "a c", "a ( [ ] On error: . ) / c /", "+ a ( [ ] On error: + . ) / + c / +"),
        ("t-fork", "a(-1: b)", "a ( [ ] On error: b / . ) /",
         "+ a ( New branch: + . On error: + b / + . ) / +"),
        ("t-fork", "a(0: b; -1: c)", "a ( Branch 0: b / . On error: c / . ) /",
         "+ a ( Branch 0: + b / + . New branch: + . On error: + c / + . ) / +"),
        ("loop", "a(0: b; -1: c)", "a ( [ ( Each item: b / . ) ] On error: c / . ) /",
         "+ a ( [ ( Each item: + b / + . ) ] On error: + c / + . ) / +"),
    ],
)  # fmt: skip
def test_a_way_passes_beside_an_error_branch(type, outline, plain, with_places):
    """Nothing can be put on it; what stands in a frame stands there without the error branch."""
    workflow = spare()
    nodes = plant(workflow, outline)
    Node.objects.filter(pk=nodes["a"].pk).update(type=type, policy={"onError": "branch"})
    assert drawn(workflow) == plain
    assert drawn(workflow, places=True) == with_places
    frames = [part.frame for part in lay_out(graph(workflow)).parts if part.what == "fork"]
    assert frames == (["", "loop"] if type == "loop" else [""])


@pytest.mark.parametrize("index", [0, -1])
def test_everything_opened_is_closed_at_any_depth(index):
    workflow = spare()
    plant(workflow, f"({index}: ".join(f"N{number}" for number in range(300)) + ")" * 299)
    parts = lay_out(graph(workflow), places=True).parts
    opened = []
    for part in parts:
        if part.what in ("card", "fork", "branch", "way"):
            opened.append(part.what)
        elif part.what.endswith("_end"):
            assert opened.pop() == part.what.removesuffix("_end")
    assert opened == []
    assert max(part.depth for part in parts) == 300


def test_a_card_carries_what_the_caller_knows_of_its_node():
    workflow = spare()
    nodes = plant(workflow, "a b")
    parts = lay_out(graph(workflow), extras={nodes["b"].pk: "told"}).parts
    assert [(part.name, part.extra) for part in parts if part.what == "card"] == [("a", None), ("b", "told")]


@pytest.mark.parametrize(
    ("type", "frame"), [("loop", "loop"), ("transaction", "block"), ("t-fork", ""), ("nobody-knows-it", "")]
)
def test_what_is_repeated_and_what_is_one_transaction_stand_in_a_frame(type, frame):
    workflow = spare()
    nodes = plant(workflow, "A(0: b)")
    Node.objects.filter(pk=nodes["A"].pk).update(type=type)
    [card, fork] = [
        part for part in lay_out(graph(workflow)).parts if part.what in ("card", "fork") and part.depth < 2
    ][:2]
    assert (card.frame, fork.frame) == (frame, frame)
    assert card.kind


@pytest.mark.parametrize("change", [{"type": "gone"}, {"config": {"amount": "x"}}])
def test_a_node_that_is_wrong_is_drawn_with_its_branches(change):
    workflow = spare()
    nodes = plant(workflow, "A(1: b)")
    Node.objects.filter(pk=nodes["A"].pk).update(**change)
    assert drawn(workflow) == "A ( Branch 1: b / . ) /"
    [part, *_rest] = lay_out(graph(workflow)).parts
    assert (part.testable, bool(part.group)) == (False, "type" not in change)


def _told(workflow, node):
    return [str(place.label) for place in allowed(graph(workflow), graph(workflow).nodes[node.pk])]


@pytest.mark.parametrize(
    ("moved", "places"),
    [
        ("a", ["First in B: Branch 0", "After c", "First in B: New branch", "After B", "After d"]),
        ("B", ["At the start", "After d"]),
        ("c", ["At the start", "After a", "First in B: New branch", "After B", "After d"]),
        ("d", ["At the start", "After a", "First in B: Branch 0", "After c", "First in B: New branch"]),
    ],
)
def test_a_node_may_go_anywhere_but_where_it_stands_and_into_itself(moved, places):
    workflow = spare()
    nodes = plant(workflow, "a B(0: c) d")
    assert _told(workflow, nodes[moved]) == places


def test_a_node_that_waits_may_not_go_into_a_transaction():
    workflow = spare()
    nodes = plant(workflow, "a T(1: b) w")
    Node.objects.filter(pk=nodes["T"].pk).update(type="transaction", config={})
    Node.objects.filter(pk=nodes["w"].pk).update(type="delay", config={"duration": 1})
    assert "After b" in _told(workflow, nodes["a"])
    assert "After b" not in _told(workflow, nodes["w"])
    assert "First in T: After a rollback" in _told(workflow, nodes["w"])
