"""What asks for nothing, or for something else than it says, is refused by its name."""

import re

import pytest

from tests.workflows.kinds import plant, spare
from workflows.models import Category, Node, Workflow

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("registered")]

LISTS = ("workflows/", "nodes/", "categories/", "history/", "executions/", "jobs/", "bulk-operations/")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("parameter", ["id", "fields", "exclude", "cursor", "page_size", "page"])
@pytest.mark.parametrize("value", ["", "%20"])
def test_a_list_takes_no_empty_value(client, path, parameter, value):
    errors = client().errors("GET", f"{path}?{parameter}={value}")
    assert set(errors) == {parameter}
    if value == "":
        assert errors[parameter] == "Give a value, or leave it out."


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("workflows/?id=,", "id"),
        ("workflows/?id=1&id=", "id"),
        ("workflows/?fields=,", "fields"),
        ("workflows/?title=", "title"),
        ("workflows/?enabled=", "enabled"),
        ("workflows/?category=", "category"),
        ("workflows/?created_since=", "created_since"),
        ("history/?action=", "action"),
        ("executions/?status=", "status"),
        ("executions/?order=", "order"),
        ("executions/?paused=", "paused"),
        ("executions/?duration_min=", "duration_min"),
        ("executions/?created_since=", "created_since"),
        ("executions/?name_prefix=", "name_prefix"),
        ("executions/?tags=", "tags"),
        ("executions/?attr.x=", "attr.x"),
        ("executions/?attr.x__gte=", "attr.x__gte"),
        ("executions/?context.a=", "context.a"),
        ("executions/?expand=", "expand"),
        ("jobs/?execution=", "execution"),
        ("jobs/?status=", "status"),
    ],
)
def test_no_filter_takes_an_empty_value(client, path, parameter):
    assert client().errors("GET", path) == {parameter: "Give a value, or leave it out."}


def test_nor_does_what_reads_one_record(client):
    api, path = client(), f"workflows/{spare().pk}/"
    for name in ("fields", "exclude"):
        assert set(api.errors("GET", f"{path}?{name}=")) == {name}


def test_the_form_of_a_page_sends_every_filter_empty(client):
    found = spare(title="Only this one")
    api = client()
    page = api.http.get(
        f"/api/v1/workflows/?id={found.pk}&key=&title=&enabled=&created_since=&page=&fields=",
        headers={"accept": "text/html"},
    )
    assert page.status_code == 200
    assert "Only this one" in page.content.decode()
    page = api.http.get("/api/v1/executions/?status=&attr.x=&order=&expand=", headers={"accept": "text/html"})
    assert page.status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": 5}, "title"),
        ({"title": True}, "title"),
        ({"name": 5}, "name"),
        ({"description": 5}, "description"),
        ({"time_zone": 5}, "time_zone"),
        ({"enabled": "yes"}, "enabled"),
        ({"enabled": "true"}, "enabled"),
        ({"enabled": 1}, "enabled"),
        ({"sync": "false"}, "sync"),
        ({"sync": 0}, "sync"),
    ],
)
def test_texts_and_flags_are_taken_for_nothing_else(client, body, field):
    api, workflow = client(), spare(title="a")
    assert set(api.errors("PATCH", f"workflows/{workflow.pk}/", body)) == {field}
    new = {"type": "t-tick", "config": {"every": 5}, "title": "b"}
    assert set(api.errors("POST", "workflows/", {**new, **body})) == {field}
    assert Workflow.objects.get().title == "a"


@pytest.mark.parametrize("path", ["enable", "disable"])
def test_a_reason_is_a_text(client, path):
    assert set(client().errors("POST", f"workflows/{spare().pk}/{path}/", {"reason": 5})) == {"reason"}


def test_a_form_says_yes_and_no_in_words(client):
    api = client()
    answer = api.http.post("/api/v1/workflows/", {"type": "manual", "title": "Formed", "enabled": "true"})
    assert answer.status_code == 201, answer.content
    assert answer.json()["enabled"] is True


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("key", "zzz"),
        ("id", 77),
        ("id", None),
        ("version", 99),
        ("version", "1"),
        ("version", True),
        ("current", False),
        ("created_by", 12),
        ("created_at", "2020-01-01T00:00:00Z"),
        ("definition_source", {"a": 1}),
    ],
)
def test_what_a_workflow_can_not_change_is_refused_where_it_differs(client, method, name, value):
    workflow = spare(title="a")
    body = {"title": "b", name: value}
    assert set(client().errors(method, f"workflows/{workflow.pk}/", body)) == {name}
    assert Workflow.objects.get().title == "a"


def test_every_field_at_fault_is_told_at_once(client):
    path = f"workflows/{spare().pk}/"
    assert set(client().errors("PATCH", path, {"key": "zzz", "version": 99, "title": 5})) == {"key", "version", "title"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("id", 1), ("key", "zzz"), ("workflow", 77), ("type", "output"), ("upstream", 5), ("branch_index", 1)],
)
def test_what_a_node_can_not_change_is_refused_where_it_differs(client, name, value):
    api, workflow = client(), spare()
    node = api("POST", f"workflows/{workflow.pk}/nodes/", {"type": "t-plain"}, status=201)
    other = {name: value + 100_000 if name in ("id", "workflow") else value, "title": "b"}
    assert set(api.errors("PATCH", f"nodes/{node['id']}/", other)) == {name}
    assert api("GET", f"nodes/{node['id']}/")["title"] == node["title"]


def test_a_category_keeps_its_id(client):
    category = Category.objects.create(title="a")
    api = client()
    assert set(api.errors("PATCH", f"categories/{category.pk}/", {"id": category.pk + 1})) == {"id"}
    assert api("PATCH", f"categories/{category.pk}/", {"id": category.pk, "title": "b"})["title"] == "b"


def test_records_are_taken_back_as_they_were_read(client):
    api, workflow = client(), spare(title="a")
    path = f"workflows/{workflow.pk}/"
    shown = api("GET", path)
    for method in ("PATCH", "PUT"):
        assert api(method, path, {**shown, "title": "b"})["title"] == "b"
    node = api("POST", f"{path}nodes/", {"type": "t-plain"}, status=201)
    for method in ("PATCH", "PUT"):
        assert api(method, f"nodes/{node['id']}/", {**node, "title": "c"})["title"] == "c"


def test_what_the_server_counts_may_have_gone_on_since(client):
    api, workflow = client(), spare(title="a")
    path = f"workflows/{workflow.pk}/"
    shown = api("GET", path)
    api("PATCH", path, {"title": "b"})
    Workflow.objects.filter(pk=workflow.pk).update(frozen_at="2026-01-01T00:00:00Z")
    assert api("PATCH", path, {**shown, "executed": 99, "title": "c"})["title"] == "c"


@pytest.mark.parametrize(("index", "known"), [(9, "-1, 0, 2"), (1, "-1, 0, 2")])
def test_a_branch_that_is_not_there_is_not_deleted(client, index, known):
    api, nodes = client(), plant(spare(), "A(0: b; 2: c) d")
    errors = api.errors("DELETE", f"nodes/{nodes['A'].pk}/branches/{index}/", status=404)
    assert errors == {"branch_index": f"Node {nodes['A']} has no branch {index}; it has: {known}."}
    assert set(api.errors("DELETE", f"nodes/{nodes['b'].pk}/branches/0/", status=404)) == {"branch_index"}
    assert Node.objects.count() == 4


def test_an_empty_branch_that_the_kind_has_may_be_deleted(client):
    api, nodes = client(), plant(spare(), "A(0: b; 2: c) d")
    api("DELETE", f"nodes/{nodes['A'].pk}/branches/1/?shift=1", status=204)
    assert list(
        Node.objects.filter(upstream=nodes["A"], branch_index__isnull=False)
        .order_by("branch_index")
        .values_list("branch_index", flat=True)
    ) == [0, 1]


@pytest.mark.parametrize("token", ["garbage", "a.b.c", "eyJhbGciOiJIUzI1NiJ9.e30.x"])
def test_a_token_that_nobody_takes_is_called_so(client, token):
    answer = client(None)("GET", "workflows/", status=401, authorization=f"Bearer {token}")
    [error] = answer["errors"]
    assert "token" in error["message"]
    assert "not provided" not in error["message"]


def test_without_a_token_none_is_spoken_of(client):
    [error] = client(None)("GET", "workflows/", status=401)["errors"]
    assert error["code"] == "not_authenticated"


@pytest.mark.parametrize(
    ("method", "path", "permission"),
    [
        ("GET", "workflows/", "workflows.view_workflow"),
        ("POST", "workflows/", "workflows.add_workflow"),
        ("GET", "history/", "workflows.view_historyentry"),
        ("DELETE", "executions/1/", "executions.delete_execution"),
        ("POST", "jobs/1/fail/", "executions.change_job"),
        ("POST", "workflows/1/execute/", "workflows.execute_workflow"),
    ],
)
def test_a_refusal_names_the_permission(client, method, path, permission):
    errors = client("workflows.view_category").errors(method, path, {} if method == "POST" else None, status=403)
    assert errors == {None: f"For this you need the permission {permission}."}


def test_so_does_that_of_a_bulk_operation(client):
    body = {"action": "delete", "all": True}
    errors = client("workflows.view_category").errors("POST", "executions/bulk/", body, status=403)
    assert errors == {None: "For this you need the permission executions.delete_execution."}


@pytest.mark.parametrize(
    ("path", "field", "known"),
    [
        ("history/?kind=foo", "kind", "access_key, bulk, execution, hold, job, node, secret, workflow"),
        ("history/?kind=workflow,foo", "kind", "access_key, bulk, execution, hold, job, node, secret, workflow"),
        ("workflows/?type=foo", "type", "manual, "),
        ("workflows/?type=t-tick,foo", "type", "manual, "),
        ("nodes/?type=foo", "type", "t-plain"),
    ],
)
def test_a_kind_that_there_is_not_is_refused_with_those_there_are(client, path, field, known):
    errors = client().errors("GET", path)
    assert set(errors) == {field}
    assert "foo" in errors[field]
    assert known in errors[field]


def test_a_kind_of_rows_that_are_there_is_found_though_it_is_no_longer_registered(client):
    api, nodes = client(), plant(spare(type="gone"), "A(0: b)")
    Node.objects.filter(pk=nodes["b"].pk).update(type="gone-too")
    assert len(api("GET", "workflows/?type=gone")["results"]) == 1
    assert [row["id"] for row in api("GET", "nodes/?type=gone-too")["results"]] == [nodes["b"].pk]
    assert api("GET", "nodes/?type=t-plain")["results"] == []
    assert set(api.errors("GET", "nodes/?type=gone")) == {"type"}


@pytest.mark.parametrize("path", ["", "workflows/", "executions/1/logs/", "history/?id=1"])
def test_a_format_that_there_is_not_is_answered_like_accept(client, path):
    sign = "&" if "?" in path else "?"
    answer = client()("GET", f"{path}{sign}format=xml", status=406)
    assert [error["code"] for error in answer["errors"]] == ["not_acceptable"]


@pytest.mark.parametrize(
    "body", [{"type": "schedule"}, {"type": "schedule", "nodes": [{"type": "output"}]}, {"type": "collection"}]
)
def test_validating_tells_each_problem_once(client, body):
    found = [(each["field"], each["message"]) for each in client()("POST", "workflows/validate/", body)["problems"]]
    assert found
    assert len(found) == len(set(found))


@pytest.mark.parametrize("name", ["config", "options", "policy", "nodes", "filter"])
def test_forms_of_the_pages_are_filled_in_with_what_is_taken(client, name):
    api, nodes = client(), plant(spare(), "A(0: b)")
    version, node = f"workflows/{nodes['A'].workflow_id}/nodes/", f"nodes/{nodes['A'].pk}/copy/"
    found = []
    for path in ("workflows/", "workflows/validate/", version, node, "executions/bulk/"):
        page = api.http.get(f"/api/v1/{path}", headers={"accept": "text/html"}).content.decode()
        found += re.findall(rf'<textarea name="{name}"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert set(found) == {"[]" if name == "nodes" else "{}"}


@pytest.mark.parametrize(("name", "field"), [("Execute", "values"), ("BulkRequest", "filter")])
def test_the_description_shows_an_object_where_one_is_taken(client, name, field):
    shown = client()("GET", "schema/")["components"]["schemas"][name]["properties"][field]
    assert shown["type"] == "object"
    assert isinstance(shown["example"], dict)


def test_the_description_names_the_statuses_that_each_way_to_end_a_job_takes(client):
    shapes = client()("GET", "schema/")["components"]["schemas"]
    enums = {name: shapes[name]["properties"]["status"]["anyOf"][1]["enum"] for name in ("CompleteJob", "FailJob")}
    assert enums["CompleteJob"] == ["resolved"]
    assert "error" in enums["FailJob"]
