"""The history over HTTP."""

import pytest

from tests.building import build
from tests.people import person
from workflows import versions
from workflows.editing import add_node
from workflows.models import HistoryEntry

pytestmark = pytest.mark.django_db

RIGHT = {"engine": "math.js", "expression": "1 == 1", "rejectOnFalse": False}


@pytest.fixture
def row():
    row = versions.create_workflow(type="manual", title="Discount", by=person(username="ada"))
    add_node(row, type="condition", title="Large?", config=RIGHT)
    versions.create_workflow(type="manual", title="Another")
    return row


def told(answer):
    return [entry["action"] for entry in answer["results"]]


def test_an_entry_in_full(client, row):
    entry = client()("GET", "history/?action=workflow.create&workflow_key=" + row.key)["results"][0]
    assert entry.pop("at").startswith("20")
    assert entry.pop("changes")["title"] == ["", "Discount"]
    pk, ada = entry.pop("id"), entry.pop("actor")
    assert entry == {
        "actor_name": "ada", "origin": "python", "address": "", "action": "workflow.create", "object_kind": "workflow",
        "object_id": row.pk, "title": "Discount (v1)", "workflow": row.pk, "workflow_key": row.key, "node_key": None,
        "execution": None, "bulk": None, "reason": None,
    }  # fmt: skip
    assert client("workflows.view_historyentry")("GET", f"history/{pk}/")["actor"] == ada


def test_what_comes_by_the_api_says_so(client):
    api = client()
    pk = api("POST", "workflows/", {"type": "manual", "title": "New"}, status=201)["id"]
    [entry] = api("GET", f"workflows/{pk}/history/")["results"]
    assert (entry["origin"], entry["address"], entry["actor_name"]) == ("api", "127.0.0.1", "boss")


def test_of_a_workflow_and_its_nodes_over_its_versions(client, row):
    twin = versions.revise(row)
    api = client("workflows.view_workflow")
    wanted = ["workflow.revise", "node.add", "workflow.create"]
    assert told(api("GET", f"workflows/{row.pk}/history/")) == wanted
    assert told(api("GET", f"workflows/{twin.pk}/history")) == wanted
    assert told(api("GET", f"workflows/{row.pk}/history/?action=node.add,workflow.copy")) == ["node.add"]


def test_of_a_node(client, row):
    pk = row.nodes.get().pk
    assert told(client("workflows.view_node")("GET", f"nodes/{pk}/history/")) == ["node.add"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 3),
        ("?kind=node", 1),
        ("?kind=workflow,node", 3),
        ("?origin=python", 3),
        ("?origin=api", 0),
        ("?at_since=2020-01-01T00:00:00Z", 3),
        ("?at_until=2020-01-01T00:00:00Z", 0),
        ("?actor=77", 0),
        ("?execution=1", 0),
        ("?bulk=1", 0),
    ],
)
def test_filters(client, row, query, count):
    assert len(client()("GET", f"history/{query}")["results"]) == count


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?action=workflow.explode", "action"),
        ("?origin=mars", "origin"),
        ("?colour=red", "colour"),
        ("?at_since=x", "at_since"),
    ],
)
def test_bad_filters_are_named(client, row, query, field):
    assert set(client().errors("GET", f"history/{query}")) == {field}


def test_pages_go_by_the_cursor_newest_first(client, row):
    page = client()("GET", "history/?page_size=2")
    assert told(page) == ["workflow.create", "node.add"]
    assert "cursor=" in page["next"]


@pytest.mark.parametrize(
    ("permissions", "path", "status"),
    [
        (("workflows.view_historyentry",), "history/", 200),
        (("workflows.view_workflow",), "history/", 403),
        (("workflows.view_historyentry",), "workflows/{}/history/", 403),
        (("workflows.view_workflow",), "workflows/{}/history/", 200),
        ((None,), "workflows/{}/history/", 401),
        (("workflows.view_workflow",), "workflows/987654/history/", 404),
        (("workflows.view_workflow",), "workflows/x/history/", 404),
    ],
)
def test_who_may_read(client, row, permissions, path, status):
    client(*permissions)("GET", path.format(row.pk), status=status)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nobody_may_write(client, row, method):
    pk = HistoryEntry.objects.first().pk
    client()(method, "history/" if method == "POST" else f"history/{pk}/", {}, status=405)


def test_what_is_hidden_has_no_history(client, settings, row):
    from workflows.conf import conf

    settings.SLUICE = {"VISIBLE": "tests.workflows.api.test_history.only_another"}
    conf.cache_clear()
    api = client("workflows.view_historyentry", "workflows.view_workflow")
    assert [entry["title"] for entry in api("GET", "history/")["results"]] == ["Another (v1)"]
    api("GET", f"workflows/{row.pk}/history/", status=404)


def only_another(user):
    from django.db.models import Q

    return Q(title="Another")


def test_a_page_takes_few_queries(client, row, django_assert_num_queries):
    api = client()
    build([])
    with django_assert_num_queries(3):
        api("GET", "history/")


def test_reasons_are_kept(client, row):
    api, node = client(), row.nodes.get()
    api("POST", f"workflows/{row.pk}/enable/", {"reason": "Spring."})
    api("POST", f"workflows/{row.pk}/disable/", {"reason": "Autumn."})
    api("DELETE", f"nodes/{node.pk}/?reason=No%20use.", status=204)
    api("DELETE", f"workflows/{row.pk}/?reason=Winter.", status=204)
    entries = HistoryEntry.objects.of_workflow(row.key)[:4]
    assert [(entry.action, entry.reason) for entry in entries] == [
        ("workflow.delete", "Winter."),
        ("node.remove", "No use."),
        ("workflow.disable", "Autumn."),
        ("workflow.enable", "Spring."),
    ]


@pytest.mark.parametrize("reason", ["x" * 2001, "a%00b"])
def test_a_reason_that_can_not_be_kept_is_named(client, row, reason):
    api = client()
    assert set(api.errors("DELETE", f"workflows/{row.pk}/?reason={reason}")) == {"reason"}
    assert set(api.errors("POST", f"workflows/{row.pk}/enable/", {"reason": reason.replace("%00", "\x00")})) == {
        "reason"
    }
    row.refresh_from_db()
    assert not row.enabled
