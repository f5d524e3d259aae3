"""The link rules: what each edit does to the tree (spec 3.9)."""

import pytest
from django.utils import timezone

from tests.workflows.kinds import outline, plant, spare
from workflows import editing
from workflows.errors import Frozen, Invalid, NotFound
from workflows.models import Node, Workflow

pytestmark = [pytest.mark.engine, pytest.mark.django_db, pytest.mark.usefixtures("registered")]


def place(nodes, upstream, index=None):
    return {"upstream": nodes[upstream] if upstream else None, "branch_index": index}


INSERTIONS = [
    pytest.param("", None, None, "x", id="first-of-all"),
    pytest.param("a", None, None, "x a", id="case31-head"),
    pytest.param("a b", "a", None, "a x b", id="case32-between"),
    pytest.param("a b", "b", None, "a b x", id="case39-tail"),
    pytest.param("A b", "A", 0, "A(0: x) b", id="empty-branch"),
    pytest.param("A(0: b c) d", "A", 0, "A(0: x b c) d", id="case33-branch-head"),
    pytest.param("A(0: b c) d", "b", None, "A(0: b x c) d", id="inside-a-branch"),
    pytest.param("A(0: b) d", "b", None, "A(0: b x) d", id="tail-of-a-branch"),
    pytest.param("A(0: b) d", "A", None, "A(0: b) x d", id="after-a-branching-node"),
    pytest.param("A(0: b)", "A", -3, "A(-3: x; 0: b)", id="any-index"),
    pytest.param("a b", None, 5, "x a b", id="a-branch-of-nothing-is-the-head"),
]


@pytest.mark.parametrize(("before", "upstream", "index", "after"), INSERTIONS)
def test_add(before, upstream, index, after):
    workflow = spare()
    nodes = plant(workflow, before)
    node = editing.add_node(workflow, type="t-plain", title="x", **place(nodes, upstream, index))
    assert outline(workflow) == after
    stored = Node.objects.get(pk=node.pk)
    assert (node.upstream_id, node.downstream_id, node.branch_index) == (
        stored.upstream_id,
        stored.downstream_id,
        stored.branch_index,
    )


@pytest.mark.parametrize(("before", "upstream", "index", "after"), [row for row in INSERTIONS if row.values[0]])
def test_copy(before, upstream, index, after):
    workflow = spare()
    nodes = plant(workflow, before)
    origin = next(iter(nodes.values()))
    Node.objects.filter(pk=origin.pk).update(config={"amount": 7}, policy={"timeout": 5})
    copy = editing.copy_node(origin, **place(nodes, upstream, index))
    assert (copy.title, copy.type, copy.config, copy.policy) == (
        origin.title,
        origin.type,
        {"amount": 7},
        {"timeout": 5},
    )
    assert copy.key != origin.key
    Node.objects.filter(pk=copy.pk).update(title="x")
    assert outline(workflow) == after


def test_copy_with_another_configuration():
    nodes = plant(spare(), "a")
    copy = editing.copy_node(nodes["a"], upstream=nodes["a"], config={"amount": 3})
    assert Node.objects.get(pk=copy.pk).config == {"amount": 3}


@pytest.mark.parametrize(
    ("before", "moved", "upstream", "index", "after"),
    [
        pytest.param("a b c", "c", None, None, "c a b", id="case50-to-the-head"),
        pytest.param("a b c", "a", "b", None, "b a c", id="down-its-line"),
        pytest.param("a b c", "a", "c", None, "b c a", id="to-the-tail"),
        pytest.param("a b c", "c", "a", None, "a c b", id="up-its-line"),
        pytest.param("A(0: b) c", "c", "A", 0, "A(0: c b)", id="case51-occupied-branch"),
        pytest.param("A(0: b) c", "c", "A", 1, "A(0: b; 1: c)", id="empty-branch"),
        pytest.param("A(0: b c) d", "b", "d", None, "A(0: c) d b", id="case53-branch-head-out"),
        pytest.param("A(0: b c) d", "b", "A", 1, "A(0: c; 1: b) d", id="case53-to-another-branch"),
        pytest.param("A(0: b c) d", "b", "c", None, "A(0: c b) d", id="head-of-a-branch-down"),
        pytest.param("A(0: b c) d", "c", "A", 0, "A(0: c b) d", id="to-the-head-of-its-branch"),
        pytest.param("A(0: b) d", "b", "A", None, "A b d", id="out-of-its-only-branch"),
        pytest.param("A(0: b c; 1: d) e", "A", "e", None, "e A(0: b c; 1: d)", id="branches-travel"),
        pytest.param("A(0: B(0: c) d) E", "B", "E", 0, "A(0: d) E(0: B(0: c))", id="branches-travel-into-a-branch"),
        pytest.param("a B(0: c)", "a", "c", None, "B(0: c a)", id="into-a-branch-behind-it"),
        pytest.param("a B", "a", "B", 0, "B(0: a)", id="under-what-followed"),
        pytest.param("a b", "b", None, 7, "b a", id="a-branch-of-nothing-is-the-head"),
    ],
)
def test_move(before, moved, upstream, index, after):
    workflow = spare()
    nodes = plant(workflow, before)
    node = nodes[moved]
    editing.move_node(node, **place(nodes, upstream, index))
    assert outline(workflow) == after
    stored = Node.objects.get(pk=node.pk)
    assert (node.upstream_id, node.downstream_id, node.branch_index) == (
        stored.upstream_id,
        stored.downstream_id,
        stored.branch_index,
    )


@pytest.mark.parametrize(
    ("text", "moved", "upstream", "index", "field", "sentence"),
    [
        pytest.param("a b", "a", None, None, "upstream", "stands there already", id="case52-head-to-the-head"),
        pytest.param("a b", "b", "a", None, "upstream", "stands there already", id="case52-present-place"),
        pytest.param("A(0: b)", "b", "A", 0, "upstream", "stands there already", id="case52-present-branch"),
        pytest.param("a b", "a", "a", None, "upstream", "can't follow itself", id="case52-itself"),
        pytest.param("A b", "A", "A", 0, "upstream", "can't follow itself", id="own-branch"),
        pytest.param("A(0: b) c", "A", "b", None, "upstream", "own branches", id="under-a-child"),
        pytest.param("A(0: B(2: c d)) e", "A", "d", None, "upstream", "own branches", id="under-a-grandchild"),
        pytest.param("A(0: B) c", "A", "B", 1, "upstream", "own branches", id="into-a-childs-branch"),
        pytest.param("A b", "b", "A", "1", "branch_index", "whole number", id="case52-text-as-index"),
        pytest.param("A b", "b", "A", True, "branch_index", "whole number", id="case52-truth-as-index"),
        pytest.param("A b", "b", "A", 2**31, "branch_index", "whole number", id="case52-large-index"),
        pytest.param("a b", "b", "a", 0, "branch_index", "has no branch 0", id="branch-of-a-plain-kind"),
    ],
)
def test_move_refused(text, moved, upstream, index, field, sentence):
    workflow = spare()
    nodes = plant(workflow, text)
    with pytest.raises(Invalid, match=sentence) as raised:
        editing.move_node(nodes[moved], **place(nodes, upstream, index))
    assert raised.value.field == field
    assert outline(workflow) == text


@pytest.mark.parametrize("operation", ["add", "copy", "move"])
@pytest.mark.parametrize(
    ("upstream", "error", "sentence"),
    [
        pytest.param("other", Invalid, "belongs to another workflow", id="case52-other-workflow"),
        pytest.param(2**40, NotFound, "no node", id="case52-missing"),
        pytest.param(2**70, NotFound, "no node", id="beyond-any-id"),
        pytest.param("1; drop", Invalid, "whole number", id="text"),
    ],
)
def test_upstream_must_be_there(operation, upstream, error, sentence):
    workflow = spare()
    nodes = plant(workflow, "a b")
    if upstream == "other":
        upstream = plant(spare(), "z")["z"]
    edits = {
        "add": lambda: editing.add_node(workflow, type="t-plain", upstream=upstream),
        "copy": lambda: editing.copy_node(nodes["b"], upstream=upstream),
        "move": lambda: editing.move_node(nodes["b"], upstream=upstream),
    }
    with pytest.raises(error, match=sentence) as raised:
        edits[operation]()
    assert raised.value.field == "upstream"
    assert outline(workflow) == "a b"


@pytest.mark.parametrize(
    ("before", "removed", "keep", "after"),
    [
        pytest.param("a", "a", None, "", id="only-node"),
        pytest.param("a b c", "a", None, "b c", id="head"),
        pytest.param("a b c", "b", None, "a c", id="middle"),
        pytest.param("a b c", "c", None, "a b", id="tail"),
        pytest.param("A(0: b c) d", "b", None, "A(0: c) d", id="branch-head"),
        pytest.param("A(0: b) d", "b", None, "A d", id="only-node-of-a-branch"),
        pytest.param("a B(0: c D(1: e; 4: f)) g", "B", None, "a g", id="case41-nested-branches"),
        pytest.param("B(0: c)", "B", None, "", id="all"),
        pytest.param("x X(0: b) d", "X", 0, "x b d", id="case43-keep"),
        pytest.param("X(0: a b) d", "X", 0, "a b d", id="case44-keep-two"),
        pytest.param("X(0: a; 1: b C(0: e)) d", "X", 1, "b C(0: e) d", id="others-go"),
        pytest.param("A(0: X(2: b c) d)", "X", 2, "A(0: b c d)", id="keep-at-a-branch-head"),
        pytest.param("X(0: a b)", "X", 0, "a b", id="keep-without-a-follower"),
    ],
)
def test_remove(before, removed, keep, after):
    workflow = spare()
    nodes = plant(workflow, before)
    editing.remove_node(nodes[removed], keep_branch=keep)
    assert outline(workflow) == after


@pytest.mark.parametrize(
    ("keep", "sentence"),
    [
        pytest.param(1, "no nodes to keep; there are: 0, 2", id="case42-not-there"),
        pytest.param("0", "whole number", id="case42-not-a-number"),
        pytest.param(False, "whole number", id="case42-truth"),
    ],
)
def test_remove_keeps_only_what_is_there(keep, sentence):
    workflow = spare()
    nodes = plant(workflow, "A(0: b; 2: c) d")
    with pytest.raises(Invalid, match=sentence) as raised:
        editing.remove_node(nodes["A"], keep_branch=keep)
    assert raised.value.field == "keep_branch"
    assert outline(workflow) == "A(0: b; 2: c) d"


@pytest.mark.parametrize(
    ("before", "index", "shift", "after"),
    [
        pytest.param("A(0: b; 1: C(0: d) e; 2: f) g", 1, True, "A(0: b; 1: f) g", id="case47-shift"),
        pytest.param("A(0: b; 2: c; 3: d)", 1, True, "A(0: b; 1: c; 2: d)", id="case48-shift-of-an-empty-branch"),
        pytest.param("A(0: b; 1: c; 2: d)", 1, False, "A(0: b; 2: d)", id="case49-no-shift"),
        pytest.param("A(0: b; 1: c; 2: d; 3: e)", 0, True, "A(0: c; 1: d; 2: e)", id="shift-of-all"),
        pytest.param("A(0: b)", 5, False, "A(0: b)", id="nothing-to-do"),
    ],
)
def test_remove_branch(before, index, shift, after):
    workflow = spare()
    nodes = plant(workflow, before)
    editing.remove_branch(nodes["A"], index, shift=shift)
    assert outline(workflow) == after


def test_parallel_closes_the_gap():
    workflow = spare()
    top = editing.add_node(workflow, type="parallel")
    for index in range(3):
        editing.add_node(workflow, type="end", upstream=top, branch_index=index)
    editing.remove_branch(top, 1, shift=True)
    assert sorted(Node.objects.filter(upstream=top).values_list("branch_index", flat=True)) == [0, 1]


@pytest.mark.parametrize("type", ["condition", "multi-conditions", "t-cases"])
def test_a_branch_with_a_fixed_meaning_leaves_its_gap(type):
    workflow = spare()
    config = {"conditions": [{"calculation": None}]} if type == "multi-conditions" else {}
    top = editing.add_node(workflow, type=type, config=config)
    for index in (0, 1):
        editing.add_node(workflow, type="end", upstream=top, branch_index=index)
    with pytest.raises(Invalid, match="without shift") as raised:
        editing.remove_branch(top, 0, shift=True)
    assert raised.value.field == "shift"
    editing.remove_branch(top, 0)
    assert list(Node.objects.filter(upstream=top).values_list("branch_index", flat=True)) == [1]


@pytest.mark.parametrize("index", [None, "0", True, 0.0])
def test_remove_branch_wants_a_number(index):
    workflow = spare()
    nodes = plant(workflow, "A(0: b)")
    with pytest.raises(Invalid) as raised:
        editing.remove_branch(nodes["A"], index)
    assert raised.value.field == "branch_index"
    assert outline(workflow) == "A(0: b)"


FROZEN = {
    "case30-add": lambda workflow, nodes: editing.add_node(workflow, type="t-plain"),
    "change": lambda workflow, nodes: editing.change_node(nodes["A"], title="z"),
    "copy": lambda workflow, nodes: editing.copy_node(nodes["A"], upstream=None),
    "move": lambda workflow, nodes: editing.move_node(nodes["c"], upstream=None),
    "case40-remove": lambda workflow, nodes: editing.remove_node(nodes["c"]),
    "case46-remove-branch": lambda workflow, nodes: editing.remove_branch(nodes["A"], 0),
}


@pytest.mark.parametrize("edit", FROZEN.values(), ids=FROZEN)
def test_a_version_that_has_runs_is_read_only(edit):
    workflow = spare()
    nodes = plant(workflow, "A(0: b) c")
    # The object at hand may be older than the first run.
    Workflow.objects.filter(pk=workflow.pk).update(frozen_at=timezone.now())
    with pytest.raises(Frozen, match="make a new version"):
        edit(workflow, nodes)
    assert outline(workflow) == "A(0: b) c"


def test_a_deleted_version_and_a_deleted_node_are_not_found():
    workflow = spare()
    nodes = plant(workflow, "a b")
    editing.remove_node(nodes["a"])
    with pytest.raises(NotFound, match="no node"):
        editing.change_node(nodes["a"], title="z")
    Workflow.objects.all().delete()
    with pytest.raises(NotFound, match="was deleted"):
        editing.add_node(workflow, type="t-plain")


def test_rows_that_form_no_tree_are_not_edited():
    workflow = spare()
    nodes = plant(workflow, "a b")
    Node.objects.filter(pk=nodes["b"].pk).update(downstream=nodes["a"])
    with pytest.raises(Invalid, match="form a tree"):
        editing.remove_node(nodes["a"])
