import pytest
from django.utils import timezone

from tests.workflows.kinds import graph, outline, plant, spare
from workflows.errors import Invalid, NotFound
from workflows.graph import Graph, forget_graphs, load_graph
from workflows.models import Node, Workflow

pytestmark = pytest.mark.once


def rows(*links):
    """Unsaved rows from (id, upstream, downstream, branch index)."""
    return [
        Node(pk=pk, key=f"k{pk}", type="t-plain", upstream_id=up, downstream_id=down, branch_index=index)
        for pk, up, down, index in links
    ]


def of(*links):
    return Graph(Workflow(pk=1, type="t-tick", title="A test"), rows(*links))


def test_empty():
    made = of()
    assert made.head is None
    assert list(made.walk()) == []


@pytest.mark.parametrize(
    ("links", "sentence"),
    [
        pytest.param(
            [(1, None, None, None), (2, None, None, None)], "exactly one first node; this one has 2", id="two-heads"
        ),
        pytest.param([(1, 2, 2, None), (2, 1, 1, None)], "exactly one first node; this one has 0", id="only-a-cycle"),
        pytest.param([(1, None, None, 0)], "stands in no branch", id="head-in-a-branch"),
        pytest.param(
            [(1, None, None, None), (2, 3, 3, None), (3, 2, 2, None)], "[2, 3] hang on nothing", id="cycle-beside"
        ),
        pytest.param([(1, None, 2, None), (2, 1, 1, None)], "node 1 don't form", id="cycle-to-the-head"),
        pytest.param(
            [(1, None, 2, None), (2, 1, 3, None), (3, 2, 2, None)], "node 2 don't form", id="cycle-in-the-line"
        ),
        pytest.param([(1, None, 1, None)], "node 1 don't form", id="own-downstream"),
        pytest.param([(1, None, None, None), (2, 2, None, 0)], "[2] hang on nothing", id="own-branch"),
        pytest.param([(1, None, 2, None), (2, 1, None, 0)], "node 2 don't form", id="downstream-is-a-branch-head"),
        pytest.param([(1, None, None, None), (2, 1, None, None)], "[2] hang on nothing", id="not-its-downstream"),
        pytest.param(
            [(1, None, 2, None), (2, 1, None, None), (3, 1, None, None)], "[3] hang on nothing", id="two-followers"
        ),
        pytest.param(
            [(1, None, 3, None), (2, 1, None, 0), (3, 2, None, None)], "node 3 don't form", id="downstream-of-another"
        ),
        pytest.param(
            [(1, None, None, None), (2, 1, None, 0), (3, 1, None, 0)], "[2] hang on nothing", id="two-heads-of-a-branch"
        ),
        pytest.param(
            [(1, None, 2, None), (2, 1, None, None), (3, 1, 2, 0)], "node 2 don't form", id="branch-runs-into-the-line"
        ),
        pytest.param([(1, None, 9, None)], "node 9, which is not in this workflow", id="downstream-elsewhere"),
        pytest.param([(1, None, None, None), (2, 9, None, 0)], "node 9, which is not in this", id="upstream-elsewhere"),
    ],
)
def test_rows_that_form_no_tree_are_refused(links, sentence):
    with pytest.raises(Invalid) as raised:
        of(*links)
    assert sentence in str(raised.value)
    assert raised.value.field == "nodes"


def test_links_are_objects():
    made = of((1, None, 4, None), (2, 1, 3, 0), (3, 2, None, None), (4, 1, None, None), (5, 1, None, -1))
    one, two, three, four, five = (made.nodes[pk] for pk in range(1, 6))
    assert made.head is one
    assert one.downstream is four
    assert four.upstream is one
    assert list(one.branches.items()) == [(0, two)]
    assert (one.error_head, list(one.heads)) == (five, [0, -1])
    assert [node.id for node in two.line()] == [2, 3]
    assert (three.parent, five.parent, four.parent) == (one, one, None)
    assert {node.id for node in one.below()} == {2, 3, 5}
    assert made.by_key["k3"] is three


def test_walk_reads_from_top_to_bottom():
    made = of(
        (1, None, 4, None), (2, 1, 3, 0), (3, 2, None, None), (4, 1, None, None), (5, 1, None, 1), (6, 3, None, 0)
    )
    assert [(depth, node.id) for depth, node in made.walk()] == [(0, 1), (1, 2), (1, 3), (2, 6), (1, 5), (0, 4)]


@pytest.mark.parametrize("index", [None, 0], ids=["long-line", "nested-branches"])
def test_deep_trees_need_no_stack(index):
    depth = 3_000
    links = [
        (pk, pk - 1 or None, pk + 1 if index is None and pk < depth else None, index if pk > 1 else None)
        for pk in range(1, depth + 1)
    ]
    made = of(*links)
    assert len(list(made.walk())) == depth
    assert len(list(made.head.below())) == (0 if index is None else depth - 1)
    assert "k1" in repr(made.head)


@pytest.mark.parametrize(
    ("type", "options", "solo"),
    [
        pytest.param("t-plain", {}, False, id="pure"),
        pytest.param("t-plain", {"lane": "a"}, True, id="lane"),
        pytest.param("t-no-such-kind", {}, True, id="unknown-kind"),
    ],
)
def test_solo(registered, type, options, solo):
    workflow = Workflow(pk=1, type="t-tick", title="A test", options=options)
    assert Graph(workflow, [Node(pk=1, key="k", type=type)]).solo is solo


@pytest.mark.django_db
def test_load_reads_once_a_version_that_is_frozen(registered, django_assert_num_queries):
    workflow = spare(frozen_at=timezone.now())
    plant(workflow, "a B(0: c) d")
    with django_assert_num_queries(2):
        first = load_graph(workflow.pk)
    with django_assert_num_queries(0):
        assert load_graph(workflow.pk) is first
    forget_graphs()
    assert load_graph(workflow.pk) is not first


@pytest.mark.django_db
def test_load_reads_anew_a_version_that_may_change(registered):
    workflow = spare()
    nodes = plant(workflow, "a")
    assert load_graph(workflow.pk).head.title == "a"
    Node.objects.filter(pk=nodes["a"].pk).update(title="b")
    assert load_graph(workflow.pk).head.title == "b"


@pytest.mark.django_db
def test_load_of_a_deleted_version():
    with pytest.raises(NotFound, match="Workflow 404 was deleted"):
        load_graph(404)


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["", "a", "a b c", "A(0: b c; 2: d) e", "A(0: B(1: c; 3: d e) f) g", "A(-1: b)"])
def test_outlines_are_read_as_written(registered, text):
    workflow = spare()
    plant(workflow, text)
    assert outline(workflow) == text
    assert len(graph(workflow).nodes) == sum(character.isalpha() for character in text)
