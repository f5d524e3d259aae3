"""`expand`: jobs, workflow and nodes along with runs."""

import pytest

from executions.api import expanding
from executions.models import Execution
from tests.api import ROOT
from tests.building import build
from tests.executions.rows import job, run
from workflows.models import Workflow

pytestmark = pytest.mark.django_db

SUM = ("calculation", {"engine": "math.js", "expression": "1+2"})


def a_run(jobs=2):
    workflow = build([SUM, SUM], current=None, version=Workflow.objects.count() + 1)
    execution = run(workflow)
    for number in range(1, jobs + 1):
        job(execution, number, result={"n": number})
    return execution


def test_nothing_is_expanded_unasked(client):
    execution = a_run()
    shown = client()("GET", f"executions/{execution.pk}/")
    assert "jobs" not in shown
    assert shown["workflow"] == execution.workflow_id


def test_one_run_with_everything(client):
    execution = a_run()
    shown = client()("GET", f"executions/{execution.pk}/?expand=jobs,workflow.nodes")
    assert [(row["number"], row["result"]) for row in shown["jobs"]] == [(1, {"n": 1}), (2, {"n": 2})]
    assert shown["jobs_next"] is None
    assert (shown["workflow"]["id"], shown["workflow"]["deleted"]) == (execution.workflow_id, False)
    assert [node["key"] for node in shown["workflow"]["nodes"]] == ["n1", "n2"]
    assert "context" in shown


def test_without_its_nodes_a_workflow_has_none(client):
    shown = client()("GET", f"executions/{a_run().pk}/?expand=workflow&fields=id")
    assert set(shown) == {"id", "workflow"}
    assert "nodes" not in shown["workflow"]


def test_lists_take_as_many_queries_for_ten_runs_as_for_one(client, django_assert_num_queries):
    for _ in range(10):
        a_run()
    api = client()
    # Session, user, keys of the page, runs, jobs, workflows, nodes.
    with django_assert_num_queries(7):
        rows = api("GET", "executions/?expand=jobs,workflow,workflow.nodes")["results"]
    with django_assert_num_queries(7):
        api("GET", "executions/?expand=jobs,workflow,workflow.nodes&page_size=1")
    assert all(len(row["jobs"]) == 2 and len(row["workflow"]["nodes"]) == 2 for row in rows)
    # What may be large is not loaded for each job of each run.
    assert "result" not in rows[0]["jobs"][0]


def test_a_list_shows_a_bounded_number_of_jobs_and_says_where_the_rest_is(client, monkeypatch):
    monkeypatch.setattr(expanding, "_IN_LIST", expanding._Bound(3, ["id", "number"]))
    long, short = a_run(5), a_run(3)
    api = client()
    rows = {row["id"]: row for row in api("GET", "executions/?expand=jobs&fields=id")["results"]}
    assert [row["number"] for row in rows[long.pk]["jobs"]] == [1, 2, 3]
    assert rows[short.pk]["jobs_next"] is None
    rest = api("GET", rows[long.pk]["jobs_next"].removeprefix(f"http://testserver{ROOT}"))
    assert [row["number"] for row in rest["results"]] == [4, 5]


def test_of_a_deleted_workflow_what_the_run_knows_is_shown(client):
    execution = a_run()
    Workflow.objects.all().delete()
    for path in (f"executions/{execution.pk}/", "executions/"):
        shown = client()("GET", f"{path}?expand=workflow.nodes") if path != "executions/" else None
        shown = (
            shown
            or client("executions.view_execution", "workflows.view_workflow", "workflows.view_node")(
                "GET", f"{path}?expand=workflow.nodes"
            )["results"][0]
        )
        assert shown["workflow"] == {
            "id": execution.workflow_id,
            "key": execution.key,
            "title": "A test",
            "version": execution.version,
            "type": "manual",
            "deleted": True,
            "nodes": [],
        }


@pytest.mark.parametrize("path", ["executions/", "executions/{e}/"])
@pytest.mark.parametrize("name", ["job", "nodes", "workflow.executions", "jobs,,workflow"])
def test_an_unknown_name_is_named_with_those_there_are(client, path, name):
    path = path.format(e=a_run().pk)
    message = client().errors("GET", f"{path}?expand={name}")["expand"]
    assert "workflow.nodes" in message


@pytest.mark.parametrize(
    ("name", "permission"),
    [
        ("jobs", "executions.view_job"),
        ("workflow", "workflows.view_workflow"),
        ("workflow.nodes", "workflows.view_node"),
    ],
)
def test_each_needs_its_permission(client, name, permission):
    execution = a_run()
    needed = {"executions.view_execution", *expanding.PERMISSIONS.values()}
    client(*(needed - {permission})).errors("GET", f"executions/{execution.pk}/?expand={name}", status=403)


def test_a_bad_name_stops_an_operation_before_it_begins(client):
    execution = run(build([SUM]), status=0)
    api = client()
    for query in ("expand=nope", "fields=nope"):
        api.errors("POST", f"executions/{execution.pk}/cancel/?{query}", {})
    assert Execution.objects.get().status == 0
    assert api("POST", f"executions/{execution.pk}/cancel/?expand=jobs", {})["jobs"] == []
