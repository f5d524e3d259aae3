"""Requests that NocoBase's client does not send, and others do (spec nocobase-http 1)."""

import pytest
from django.test import Client

from tests.building import build
from workflows.models import Category, Workflow

pytestmark = pytest.mark.django_db

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def flow(db):
    return build([("variable", {"value": 1}), ("variable", {"value": 2})], title="Flow", enabled=False)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "workflows", None, 200),
        ("GET", "workflows/", None, 200),
        ("HEAD", "workflows", None, 200),
        ("POST", "workflows", {"type": "manual", "title": "t"}, 200),
        ("DELETE", "workflows?filter[title]=none", None, 200),
        ("DELETE", "workflows", None, 400),
        ("PUT", "workflows", {}, 404),
        ("GET", "workflows/{flow}", None, 200),
        ("PUT", "workflows/{flow}", {"title": "t"}, 200),
        ("PATCH", "workflows/{flow}", {"title": "t"}, 200),
        ("PUT", "workflows:update/{flow}", {"title": "t"}, 200),
        ("PATCH", "workflows:update?filterByTk={flow}", {"title": "t"}, 200),
        ("DELETE", "workflows:update/{flow}", {"title": "t"}, 405),
        ("DELETE", "workflows/{flow}", None, 200),
        ("DELETE", "workflows:destroy/{flow}", None, 200),
        ("GET", "workflows:destroy/{flow}", None, 405),
        ("GET", "workflows:execute/{flow}", None, 405),
        ("PUT", "workflows:execute/{flow}", {}, 405),
        ("POST", "workflows/{flow}", {}, 404),
        ("POST", "workflows:list", {}, 200),
        ("POST", "workflows:get/{flow}", {}, 200),
        ("GET", "workflows/{flow}/nodes", None, 200),
        ("GET", "workflows/{flow}/nodes/{node}", None, 200),
        ("POST", "workflows/{flow}/nodes", {"type": "variable"}, 200),
        ("PUT", "workflows/{flow}/nodes/{node}", {"title": "t"}, 200),
        ("DELETE", "workflows/{flow}/nodes/{node}", None, 200),
        ("GET", "workflows/{flow}/nodes:get/{node}", None, 200),
        ("GET", "workflows/_/flow_nodes:list", None, 200),
        ("GET", "workflows/{flow}/executions", None, 200),
        ("GET", "workflows:nothing", None, 404),
        ("GET", "/workflows", None, 404),
        ("GET", "workflows:list/1/2", None, 404),
        ("GET", "workflows:get", None, 400),
        ("GET", "workflows:list?filterByTk[0]={flow}", None, 200),
        ("GET", "workflows:list?filterByTk=[{flow}]", None, 200),
        ("GET", 'workflows:list?filterByTk={{"a":{flow}}}', None, 200),
        ("POST", "workflows:update/{flow}", b"{", 400),
        ("POST", "workflows:update/{flow}", b"[1]", 400),
        ("POST", "workflows:update/{flow}", b"null", 200),
        ("POST", "workflows:update/{flow}", b'{"title": "\\u0000"}', 400),
        ("POST", "workflows:update/{flow}", b'{"title": "' + b"x" * 3_000_000 + b'"}', 413),
        ("GET", "workflows:list?" + "&".join(["a=1"] * 1001), None, 400),
    ],
)
def test_addresses_methods_and_bodies(nocobase, flow, method, path, body, status):
    path = path.format(flow=flow.pk, node=flow.nodes.order_by("id").first().pk)
    answer = nocobase().raw(method, path, body)
    assert answer.status_code == status, answer.content[:1000]
    if status >= 400 and not path.startswith("/") and not path.endswith("/1/2"):
        assert answer.json()["errors"][0]["message"]


def test_a_form_writes_as_json_does(nocobase, flow):
    category, client = Category.objects.create(title="c"), nocobase()
    path = f"workflows:update/{flow.pk}"
    body = f"title=New+title&categories[]={category.pk}&description=a%26b"
    found = client.raw("POST", path, body, content_type=FORM).json()["data"][0]
    assert (found["title"], found["description"]) == ("New title", "a&b")
    assert list(flow.categories.all()) == [category]
    assert client.raw("POST", path, "title[a]=1&title=2", content_type=FORM).status_code == 400


def test_a_body_that_is_neither_json_nor_a_form_is_none(nocobase, flow):
    answer = nocobase().raw("POST", f"workflows:update/{flow.pk}", "title=x", content_type="text/plain")
    assert answer.status_code == 200
    flow.refresh_from_db()
    assert flow.title == "Flow"


def test_whoever_shares_the_prefix_is_let_through(db):
    """What is none of ours is answered by whoever else there is, with their own answer."""
    for path in ("/api/nothing", "/api/nothing:list", "/api/shop.Nothing:list", "/api/workflows/1/nothing"):
        assert Client().get(path)["Content-Type"].startswith("text/html")
    assert Client().get("/healthz").content == b"ok"


def test_no_csrf_token_is_asked_for(nocobase, flow):
    client = nocobase()
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post(
        f"/api/workflows:update/{flow.pk}", "{}", content_type="application/json", headers=client.headers
    )
    assert answer.status_code == 200


def test_a_fault_of_ours_is_told_in_the_same_shape(nocobase, flow, monkeypatch, caplog):
    def broken(*_args, **_kwargs):
        raise RuntimeError("secret words")

    monkeypatch.setattr("workflows.versions.change_workflow", broken)
    client = nocobase()
    client.http = Client(raise_request_exception=False)
    answer = client.raw("POST", f"workflows:update/{flow.pk}", {"title": "x"})
    assert answer.status_code == 500
    assert answer.json() == {"errors": [{"message": "Something went wrong on the server."}]}
    assert "secret words" in caplog.text
    assert Workflow.objects.get().title == "Flow"
