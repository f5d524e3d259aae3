"""The list of workflows, and one of them (spec cloud-dialects 3)."""

import pytest
from django.db.models import Q

from tests.building import build
from workflows import versions
from workflows.models import Workflow

pytestmark = pytest.mark.django_db

VIEW = "workflows.view_workflow"


def test_a_workflow_has_the_vendors_fields(rpa):
    client = rpa()
    fields = [{"name": "count", "title": "How many", "type": "number", "required": True}]
    flow = build([], title="报表", name="report", description="Daily.", config={"fields": fields})
    Workflow.objects.update(created_by=client.user, created_at="2026-01-07T17:57:56.9Z", updated_at="2026-01-08T00:00Z")
    shown = {
        "project_id": flow.key, "name": "报表", "english_name": "report", "description": "Daily.", "version": 1,
        "status": 1, "user_id": str(client.user.pk), "example_project_id": None,
        "created_at": "2026-01-07T17:57:56", "updated_at": "2026-01-08T00:00:00",
        "parameters": [{"name": "count", "type": "number", "title": "How many", "required": True}],
    }  # fmt: skip
    assert client.get("workflows/get") == {"total": 1, "records": [shown]}
    for project in (flow.key, "report"):
        assert client.get(f"workflows/get/{project}") == {"workflow": shown}


@pytest.mark.parametrize(
    ("columns", "parameters", "status"),
    [
        ({}, None, 1),
        ({"enabled": False}, None, 0),
        ({"type": "nothing-known"}, None, 1),
        ({"type": "collection", "config": {}}, None, 1),
        ({"config": {"fields": [{"name": "a"}]}}, [{"name": "a", "type": "any", "title": "a", "required": False}], 1),
    ],
)
def test_inputs_are_named_where_there_are_any(rpa, columns, parameters, status):
    flow = build([], **columns)
    shown = rpa().get(f"workflows/get/{flow.key}")["workflow"]
    assert (shown["parameters"], shown["status"]) == (parameters, status)


@pytest.mark.parametrize("project", ["nothing", "%00", "中", "get", "x" * 300])
def test_an_absent_workflow_is_no_failure(rpa, project):
    found = rpa()("GET", f"workflows/get/{project}")
    assert (found["code"], found["data"]) == ("0000", None)
    assert found["msg"]


@pytest.mark.parametrize(
    ("query", "places"),
    [("", [4, 3, 2, 1, 0]), ("pageSize=2", [4, 3]), ("pageNo=3&pageSize=2", [0]), ("pageNo=4&pageSize=2", []),
     ("pageNo=99999999999999999999", [])],
)  # fmt: skip
def test_pages_are_newest_first_with_a_true_total(rpa, query, places):
    keys = [build([], title=f"No. {n}").key for n in range(5)]
    found = rpa().get(f"workflows/get?{query}")
    assert [each["project_id"] for each in found["records"]] == [keys[place] for place in places]
    assert found["total"] == 5


def test_a_workflow_is_there_once_by_its_current_version(rpa):
    first = build([])
    second = versions.revise(first)
    versions.enable(second)
    [shown] = rpa().get("workflows/get")["records"]
    assert (shown["project_id"], shown["version"]) == (first.key, 2)


def shown(user):
    return ~Q(title="Hidden")


def test_hidden_ones_and_those_of_other_keys_are_not_there(rpa, settings):
    hidden, other, mine = (build([], title=title) for title in ("Hidden", "Other", "Mine"))
    client = rpa(VIEW, workflows=[mine.key, hidden.key])
    settings.SLUICE = {"VISIBLE": f"{__name__}.shown"}
    found = client.get("workflows/get")
    assert (found["total"], [each["project_id"] for each in found["records"]]) == (1, [mine.key])
    for flow in (hidden, other):
        assert client("GET", f"workflows/get/{flow.key}")["data"] is None


@pytest.mark.parametrize("rows", [1, 20])
def test_a_page_costs_the_same_however_long_it_is(rpa, rows, django_assert_num_queries):
    client = rpa()
    for _ in range(rows):
        build([])
    client.get("workflows/get")
    # The key, its user, the total and the rows.
    with django_assert_num_queries(4):
        client.get("workflows/get")
