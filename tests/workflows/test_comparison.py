import pytest

from tests.workflows.kinds import plant, spare
from workflows.models import Node
from workflows.versions import compare

pytestmark = [pytest.mark.once, pytest.mark.django_db, pytest.mark.usefixtures("registered")]


def pair(before, after):
    """Two versions written as outlines; nodes of one title are one node."""
    versions_of = []
    for text in (before, after):
        workflow = spare(current=None)
        for title, node in plant(workflow, text).items():
            Node.objects.filter(pk=node.pk).update(key=title)
        versions_of.append(workflow)
    return versions_of


@pytest.mark.parametrize(
    ("before", "after", "added", "removed", "moved"),
    [
        pytest.param("a b", "a b", "", "", "", id="same"),
        pytest.param("", "a b", "ab", "", "", id="from-nothing"),
        pytest.param("a b", "", "", "ab", "", id="to-nothing"),
        pytest.param("a b c", "a x b c", "x", "", "", id="what-follows-an-insertion-stays"),
        pytest.param("a b c", "b c", "", "a", "", id="what-follows-a-removal-stays"),
        pytest.param("A(0: b c) d", "A(0: c) d", "", "b", "", id="removal-in-a-branch"),
        pytest.param("a b c d", "a c b d", "", "", "c", id="order"),
        pytest.param("A(0: b) c", "A(0: b c)", "", "", "c", id="into-a-branch"),
        pytest.param("A(0: b; 1: c)", "A(0: c; 1: b)", "", "", "cb", id="branches-trade"),
        pytest.param("A(0: B(0: c)) d", "A d B(0: c)", "", "", "B", id="with-its-branches"),
        pytest.param("X(0: a b) d", "a b d", "", "X", "ab", id="kept-branch"),
    ],
)
def test_nodes(before, after, added, removed, moved):
    found = compare(*pair(before, after))
    assert "".join(node.key for node in found.added) == added
    assert "".join(node.key for node in found.removed) == removed
    assert "".join(node.key for node in found.moved) == moved
    assert found.changed == found.columns == []
    assert bool(found) is bool(added or removed or moved)


def test_places():
    found = compare(*pair("A(0: b c) d", "A(0: b; 1: d c)"))
    moved = {node.key: (node.before, node.after) for node in found.moved}
    before, after = moved["d"]
    assert (before.parent, before.branch, before.upstream) == (None, None, "A")
    assert (after.parent, after.branch, after.upstream) == ("A", 1, None)
    before, after = moved["c"]
    assert (before.parent, before.branch, before.upstream) == ("A", 0, "b")
    assert (after.parent, after.branch, after.upstream) == ("A", 1, "d")


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({"a": 1}, {"a": 2}, [("config.a", "changed", 1, 2)]),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": True}, [("config.a", "changed", 1, True)]),
        ({}, {"a": None}, [("config.a", "added", None, None)]),
        ({"a": 1}, {}, [("config.a", "removed", 1, None)]),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, [("config.a.b.1", "changed", 2, 3)]),
        ({"a": [1]}, {"a": [1, {"c": 2}]}, [("config.a.1", "added", None, {"c": 2})]),
        ({"a": [1, 2]}, {"a": [1]}, [("config.a.1", "removed", 2, None)]),
        ({"a": [1]}, {"a": {"0": 1}}, [("config.a", "changed", [1], {"0": 1})]),
    ],
)
def test_configurations(before, after, changes):
    both = pair("a", "a")
    for workflow, config in zip(both, (before, after), strict=True):
        workflow.nodes.update(config=config)
    found = compare(*both)
    assert [
        (change.path, change.kind, change.before, change.after) for node in found.changed for change in node.changes
    ] == changes


def test_all_fields_of_a_node():
    both = pair("a b", "a b")
    both[1].nodes.filter(key="b").update(title="z", type="t-fork", policy={"timeout": 5})
    (node,) = compare(*both).changed
    assert (node.key, node.title) == ("b", "z")
    assert [change.path for change in node.changes] == ["title", "type", "policy.timeout"]


def test_columns():
    first = spare(options={"timeout": 1})
    second = spare(title="Another", options={"timeout": 2, "priority": 3})
    found = compare(first, second)
    assert [(change.path, change.before, change.after) for change in found.columns] == [
        ("title", "A test", "Another"),
        ("options.timeout", 1, 2),
        ("options.priority", None, 3),
    ]


def test_queries(django_assert_num_queries):
    both = pair("A(0: b c) d", "A(0: b; 1: d c)")
    with django_assert_num_queries(1):
        compare(*both)
