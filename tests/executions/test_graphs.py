"""A run as a picture, with what its jobs came to."""

import pytest

from executions import graphs, start
from executions.graphs import graph_of, picture
from executions.models import Execution, Job
from executions.testing import drain
from tests.building import build
from tests.executions.rows import job, run
from workflows.models import Node, Workflow

pytestmark = pytest.mark.django_db

SUM = ("calculation", {"engine": "math.js", "expression": "1+2"})
LOOP = ("loop", {"target": 3}, {0: [SUM]})


def edges(found):
    return {(edge["source"], edge["target"], edge["kind"], edge["index"]) for edge in found["edges"]}


def by_key(found):
    return {node["key"]: node for node in found["nodes"]}


def looped():
    execution = start(build([LOOP, SUM]), {})
    drain()
    return Execution.objects.get(pk=execution.pk)


def test_nodes_carry_the_count_of_their_jobs_and_the_latest_status():
    execution = looped()
    found = picture(execution, graph_of(execution))
    assert [node["key"] for node in found["nodes"]] == ["n1", "n2", "n3"]
    nodes = by_key(found)
    assert [(nodes[key]["jobs"], nodes[key]["status"]) for key in ("n1", "n2", "n3")] == [(1, 1), (3, 1), (1, 1)]
    assert nodes["n2"]["latest"] == 4
    assert nodes["n2"]["parent"] == nodes["n1"]["id"]
    assert nodes["n2"]["start"] < nodes["n2"]["end"]
    assert edges(found) == {("n1", "n2", "branch", 0), ("n1", "n3", "sequence", None)}
    assert found["note"] is None


def test_the_latest_job_speaks_for_its_node_and_all_are_counted():
    workflow = build([SUM, SUM])
    node = workflow.nodes.get(key="n1")
    execution = run(workflow)
    for number, status in ((1, -1), (2, 1), (3, -2), (4, 1), (5, 0)):
        job(execution, number, node=node, node_key="n1", status=status)
    nodes = by_key(picture(execution, graph_of(execution)))
    assert (nodes["n1"]["status"], nodes["n1"]["latest"], nodes["n1"]["jobs"]) == (0, 5, 5)
    assert nodes["n1"]["statuses"] == {-1: 1, 1: 2, -2: 1, 0: 1}
    assert (nodes["n2"]["status"], nodes["n2"]["jobs"], nodes["n2"]["latest"]) == (None, 0, None)


def test_of_a_deleted_workflow_the_jobs_alone_tell():
    execution = looped()
    job(execution, 6, node_key="other", parent=1, upstream=2)
    Node.objects.all().delete()
    Workflow.objects.all().delete()
    graphs.load_graph.__globals__["forget_graphs"]()
    found = picture(execution, graph_of(execution))
    assert "deleted" in found["note"]
    assert [(node["key"], node["jobs"], node["deleted"]) for node in found["nodes"]] == [
        ("n1", 1, True),
        ("n2", 3, True),
        ("n3", 1, True),
        ("other", 1, True),
    ]
    assert edges(found) == {
        ("n1", "n2", "branch", None),
        ("n1", "n3", "sequence", None),
        ("n2", "other", "sequence", None),
    }


def test_jobs_of_a_node_that_is_gone_are_still_shown():
    workflow = build([SUM])
    execution = run(workflow)
    job(execution, 1, node_key="gone")
    nodes = by_key(picture(execution, graph_of(execution)))
    assert nodes["gone"]["deleted"]
    assert not nodes["n1"]["deleted"]


def test_however_many_jobs_the_queries_are_few(django_assert_num_queries):
    execution = run()
    Job.objects.bulk_create(
        Job(
            execution=execution, number=number, node_key=f"n{number % 7}", upstream=number - 1 or None, status=1,
            created_at=execution.created_at, updated_at=execution.created_at,
        )
        for number in range(1, 2001)
    )  # fmt: skip
    # The jobs' tallies, the version that is not there, and who followed whom in branches and lines.
    with django_assert_num_queries(4):
        found = picture(execution, graph_of(execution))
    assert sum(node["jobs"] for node in found["nodes"]) == 2000
    assert len(found["edges"]) == 7
