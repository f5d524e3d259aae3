"""Edits taken back: the rows are what they were, for whom it is allowed, while nobody came in between."""

import pytest

from tests.people import person
from tests.workflows.kinds import outline, plant, spare
from workflows import editing, undoing, versions
from workflows.errors import Frozen, Invalid, Moved, Refused
from workflows.models import HistoryEntry, Node, Undo, Workflow

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("registered"), pytest.mark.engine]


@pytest.fixture
def me():
    return person("workflows.add_node")


def fresh(workflow):
    return Workflow.objects.get(pk=workflow.pk)


def rows(workflow):
    columns = ("pk", "key", "type", "title", "config", "policy", "upstream", "downstream", "branch_index")
    return list(Node.objects.filter(workflow=workflow).order_by("pk").values(*columns))


def do(workflow, me, operate, what="Did it."):
    with undoing.undoable(fresh(workflow), by=me) as edit:
        operate()
        edit.what = what


OPERATIONS = {
    "add": lambda workflow, nodes: editing.add_node(workflow, type="t-plain", title="x", upstream=nodes["a"]),
    "add in a branch": lambda workflow, nodes: editing.add_node(
        workflow, type="t-plain", title="x", upstream=nodes["B"], branch_index=0
    ),
    "change": lambda workflow, nodes: editing.change_node(nodes["c"], title="y", config={"amount": 7}),
    "move": lambda workflow, nodes: editing.move_node(nodes["B"], upstream=None),
    "move into a branch": lambda workflow, nodes: editing.move_node(nodes["a"], upstream=nodes["B"], branch_index=0),
    "copy": lambda workflow, nodes: editing.copy_node(nodes["B"], upstream=nodes["d"]),
    "remove all": lambda workflow, nodes: editing.remove_node(nodes["B"]),
    "remove, keep a branch": lambda workflow, nodes: editing.remove_node(nodes["B"], keep_branch=1),
    "remove a branch": lambda workflow, nodes: editing.remove_branch(nodes["B"], 0, shift=True),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_edit_can_be_taken_back(me, name):
    workflow = spare()
    nodes = plant(workflow, "a B(0: c e; 1: f) d")
    before = rows(workflow)
    do(workflow, me, lambda: OPERATIONS[name](workflow, nodes))
    assert rows(workflow) != before
    assert undoing.undo(workflow, by=me) == "Did it."
    assert rows(workflow) == before
    assert not Undo.objects.exists()


def test_edits_are_taken_back_one_after_another_and_the_history_tells(me):
    workflow = spare()
    nodes = plant(workflow, "a")
    states = []
    for name in "xyz":
        states.append(rows(workflow))
        do(workflow, me, lambda name=name: editing.change_node(nodes["a"], title=name), f"Named it {name}.")
    for name in "zyx":
        assert undoing.last(fresh(workflow), me).what == f"Named it {name}."
        undoing.undo(workflow, by=me)
        assert rows(workflow) == states.pop()
    assert undoing.last(fresh(workflow), me) is None
    told = HistoryEntry.objects.filter(action="node.undo").order_by("pk").values_list("changes", flat=True)
    assert [entry["edit"][0] for entry in told] == ["Named it z.", "Named it y.", "Named it x."]


def test_an_edit_is_not_taken_back_once_somebody_came_in_between(me):
    workflow = spare()
    nodes = plant(workflow, "a b")
    do(workflow, me, lambda: editing.change_node(nodes["a"], title="x"))
    editing.change_node(nodes["b"], title="y")
    assert undoing.last(fresh(workflow), me) is None
    with pytest.raises(Refused, match="changed since your last edit"):
        undoing.undo(workflow, by=me)
    assert outline(workflow) == "x y"


def test_everybody_takes_back_their_own(me):
    workflow, other = spare(), person(username="other")
    nodes = plant(workflow, "a")
    do(workflow, me, lambda: editing.change_node(nodes["a"], title="x"))
    with pytest.raises(Refused, match="no edit of yours"):
        undoing.undo(workflow, by=other)


def test_whoever_saw_another_state_is_told_and_nothing_is_done(me):
    workflow = spare()
    nodes = plant(workflow, "a")
    seen = undoing.stamp(workflow)
    editing.change_node(nodes["a"], title="x")
    with pytest.raises(Moved, match="Somebody changed this version"), undoing.undoable(workflow, by=me, seen=seen):
        editing.change_node(nodes["a"], title="y")
    assert outline(workflow) == "x"


def test_what_fails_is_not_remembered(me):
    workflow = spare()
    nodes = plant(workflow, "a")
    with pytest.raises(Invalid):
        do(workflow, me, lambda: editing.move_node(nodes["a"], upstream=nodes["a"]))
    assert not Undo.objects.exists()


def test_a_frozen_version_keeps_its_edits(me):
    workflow = spare()
    nodes = plant(workflow, "a")
    do(workflow, me, lambda: editing.change_node(nodes["a"], title="x"))
    Workflow.objects.filter(pk=workflow.pk).update(frozen_at=workflow.created_at)
    with pytest.raises(Frozen):
        undoing.undo(workflow, by=me)


def test_who_may_not_save_a_node_may_not_bring_it_back(me):
    workflow = spare()
    nodes = plant(workflow, "a b")
    Node.objects.filter(pk=nodes["b"].pk).update(config={"writes": "shop.Customer"})
    do(workflow, me, lambda: editing.remove_node(nodes["b"]))
    with pytest.raises(Invalid, match="add"):
        undoing.undo(workflow, by=me)
    assert outline(workflow) == "a"


def test_only_so_many_are_kept_and_none_of_a_version_that_is_gone(me):
    workflow = spare()
    nodes = plant(workflow, "a")
    for number in range(undoing.KEPT + 2):
        do(workflow, me, lambda number=number: editing.change_node(nodes["a"], title=str(number)), str(number))
    kept = [int(entry.what) for entry in Undo.objects.order_by("pk")]
    assert kept == list(range(2, undoing.KEPT + 2))
    versions.delete([workflow])
    assert not Undo.objects.exists()
