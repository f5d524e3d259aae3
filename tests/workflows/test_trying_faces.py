"""Trying a node over the API and in the admin (case 58)."""

from types import SimpleNamespace
from typing import Any

import pytest

from config.shop.models import Customer
from tests.api import Api
from tests.building import build
from tests.pages import pages, words  # noqa: F401
from tests.people import boss, person
from tests.web import Web
from workflows import secrets, trying
from workflows.api import throttling
from workflows.models import HistoryEntry, Node
from workflows.secrecy import MASK

pytestmark = pytest.mark.django_db

SUM = {"type": "calculation", "config": {"expression": "{{$context.n}} + {{$jobsMapByNodeKey.a.n}} + {{$scopes.l.n}}"}}
VALUES = {"context": {"n": 1}, "results": {"a": {"n": 2}}, "scopes": {"l": {"n": 3}}}


@pytest.fixture
def api() -> Api:
    return Api(boss())


def test_case_58_what_it_comes_to_is_answered(api: Api) -> None:
    answer = api("POST", "nodes/test", {**SUM, **VALUES})
    assert answer.pop("duration") >= 0
    # As a job's input: what the expression says, not what it comes to.
    assert answer.pop("input")["expression"] == SUM["config"]["expression"]
    assert answer == {"status": 1, "result": 6, "log": [], "undone": False}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        pytest.param({"type": "end"}, {"type"}, id="case_58-no-test"),
        ({"type": "create", "config": {"collection": "shop.Customer"}}, {"type"}),
        ({"type": "mailer"}, {"type"}),
        ({"type": "nothing"}, {"type"}),
        ({}, {"type"}),
        ({"type": "calculation", "config": {"expression": "1 +"}}, {"config.expression"}),
        ({"type": "json-query", "config": {"expression": "{{nothing.a}}", "unknown": 1}},
         {"config.expression", "config.unknown"}),  # fmt: skip
        ({"type": "json-query", "config": {"expression": "a {{$context.a"}}, {"config.expression"}),
        ({**SUM, "results": []}, {"results"}),
        ({**SUM, "workflow": 2**50}, {"workflow"}),
        ({**SUM, "workflow": "x"}, {"workflow"}),
        ({**SUM, "contexts": {}}, {"contexts"}),
    ],
)  # fmt: skip
def test_what_can_not_be_tried_is_refused_with_its_path(api: Api, body: Any, fields: set[str]) -> None:
    assert set(api.errors("POST", "nodes/test/", body)) == fields
    assert not HistoryEntry.objects.filter(action="node.try").exists()


def test_case_58_a_saved_node_is_tried_with_its_own_configuration_or_another(api: Api) -> None:
    node = Node.objects.get(workflow=build([("calculation", {"expression": "{{$context.n}} * 2"})]))
    assert api("POST", f"nodes/{node.pk}/test", {"context": {"n": 4}})["result"] == 8
    assert api("POST", f"nodes/{node.pk}/test/", {"config": {"expression": "5"}})["result"] == 5
    failed = api("POST", f"nodes/{node.pk}/test", {"context": {"n": "x"}})
    assert failed["status"] == -2
    assert failed["result"]
    node.refresh_from_db()
    assert node.config == {"expression": "{{$context.n}} * 2"}
    assert set(api.errors("POST", f"nodes/{node.pk}/test", {"type": "end"})) == {"type"}


@pytest.mark.parametrize(
    ("permissions", "body", "field"),
    [
        (["workflows.change_node"], {"type": "sql", "config": {"sql": "SELECT 1"}}, "type"),
        (["workflows.change_node"], {"type": "script", "config": {"content": "return 1"}}, "type"),
        (["workflows.change_node", "workflows.use_sql"], {"type": "sql", "config": {"sql": "SELECT 1"}}, None),
    ],
)
def test_who_tries_needs_what_saving_needs(permissions: list[str], body: Any, field: str | None, settings: Any) -> None:
    settings.SLUICE = {"SQL_ALIASES": {"default": "read"}, "SCRIPT": {"enabled": True}}
    api = Api(person(*permissions))
    if field is None:
        assert api("POST", "nodes/test", body)["status"] == 1
    else:
        assert set(api.errors("POST", "nodes/test", body)) == {field}


def test_reading_rows_reads(api: Api) -> None:
    Customer.objects.create(name="Ada")
    config = {"collection": "shop.Customer", "params": {"filter": {"name": "{{$context.name}}"}}}
    found = api("POST", "nodes/test", {"type": "query", "config": config, "context": {"name": "Ada"}})
    assert (found["status"], found["result"]["name"], found["undone"]) == (1, "Ada", False)
    config = {**config, "aggregator": "count", "params": {"field": "id"}}
    assert api("POST", "nodes/test", {"type": "aggregate", "config": config})["result"] == 1


def test_marked_fields_are_masked(api: Api, settings: Any) -> None:
    settings.SLUICE = {"SENSITIVE": ["shop.Customer.email"]}
    Customer.objects.create(name="Ada", email="ada@example.com")
    config = {"collection": "shop.Customer", "params": {"filter": {"name": "Ada"}}}
    found = api("POST", "nodes/test", {"type": "query", "config": config})
    assert (found["result"]["name"], found["result"]["email"]) == ("Ada", MASK)


def test_what_a_statement_writes_is_taken_back_and_told(api: Api, settings: Any) -> None:
    settings.SLUICE = {"SQL_ALIASES": {"default": "write"}}
    Customer.objects.create(name="Ada")
    config = {"sql": "UPDATE shop_customer SET name = {{$context.name}}", "write": True}
    body = {"type": "sql", "config": config, "context": {"name": "Eve"}}
    answer = api("POST", "nodes/test", body)
    assert (answer["status"], answer["result"], answer["undone"]) == (1, 1, True)
    assert Customer.objects.get().name == "Ada"
    assert api("POST", "nodes/test", {**body, "config": {**config, "sql": "UPDATE nowhere SET a = 1"}})["status"] == -2


def test_calls_of_the_world_are_made_recorded_and_show_no_secret(api: Api, settings: Any) -> None:
    web = Web()
    try:
        settings.SLUICE = {"REQUEST_ALLOW": ["127.0.0.1"]}
        secrets.create("TOKEN", "s3cret-value")
        web.body = b'{"said": "s3cret-value"}'
        node = Node.objects.get(workflow=build([("delay", {"duration": 1})]))
        config = {
            "url": f"{web.url}/",
            "method": "GET",
            "headers": [{"name": "X-Token", "value": "{{$env.TOKEN}}"}, {"name": "Authorization", "value": "plain"}],
        }
        body = {"type": "request", "config": config, "workflow": node.workflow_id}
        answer = api("POST", "nodes/test", body)
    finally:
        web.close()
    assert (answer["status"], answer["result"]["data"]) == (1, {"said": MASK})
    assert "s3cret" not in str(answer)
    assert "plain" not in str(answer)
    entry = HistoryEntry.objects.get(action="node.try")
    assert (entry.actor_name, entry.origin, entry.object_kind, entry.workflow) == (
        "boss",
        "api",
        "node",
        node.workflow_id,
    )
    assert entry.title.endswith("request")


def test_nobody_is_kept_waiting_longer_than_that(api: Api, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SLUICE = {"SCRIPT": {"enabled": True}}
    monkeypatch.setattr(trying, "MOST_SECONDS", 0.4)
    answer = api("POST", "nodes/test", {"type": "script", "config": {"content": "while (1);"}})
    assert (answer["status"], answer["result"]["code"]) == (-2, "too_slow")


def test_trials_count_as_runs_begun_by_hand(api: Api, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SLUICE = {"THROTTLES": {"execute": "1/day"}}
    # Counts begin again with the day.
    monkeypatch.setattr(throttling, "time", SimpleNamespace(time=lambda: 1_000_000_000.0))
    api("POST", "nodes/test", {**SUM, **VALUES})
    api("POST", "nodes/test", {**SUM, **VALUES}, status=429)


def test_the_page_of_a_node_leads_to_a_trial_of_what_was_typed(pages: Any) -> None:  # noqa: F811
    node = Node.objects.get(workflow=build([("calculation", {"expression": "1"})]))
    page = pages()
    url = f"/admin/workflows/node/{node.pk}/try/"
    assert f'formaction="{url}" formtarget="_blank"' in page.get("workflows_node_change", node.pk)
    typed = {"title": "x", "config": '{"expression": "{{$context.n}} * 3"}', "policy": "{}"}
    page.post("workflows_node_try", node.pk, status=200, **typed)
    text = page.answer.content.decode()
    assert "$context.n}} * 3" in text
    assert "What it came to" not in text
    sample = {"trial-config": typed["config"], "trial-context": '{"n": 5}', "trial-results": "{}", "trial-scopes": "{}"}
    page.post("workflows_node_try", node.pk, status=200, **sample)
    shown = words(page.answer.content.decode())
    assert "What it came to Resolved after" in shown
    assert "Result 15" in shown
    said = page.errors("workflows_node_try", node.pk, **{**sample, "trial-config": '{"expression": "1 +"}'})
    assert "expression: " in said
    node.refresh_from_db()
    assert node.config == {"expression": "1"}


def test_a_new_node_is_tried_before_it_is_saved(pages: Any) -> None:  # noqa: F811
    workflow, page = build([]), pages()
    assert "/try/?type=calculation" in page.get("workflows_node_add_to", workflow.pk, query="?type=calculation")
    assert "/try/" not in page.get("workflows_node_add_to", workflow.pk, query="?type=create")
    sample = {"trial-config": '{"expression": "2 + 2"}', "trial-context": "", "trial-results": "", "trial-scopes": ""}
    page.post("workflows_node_try_new", workflow.pk, status=200, query="?type=calculation", **sample)
    assert "Result 4" in words(page.answer.content.decode())
    page.post("workflows_node_try_new", workflow.pk, status=200, query="?type=nothing", **sample)
    assert "<optgroup" in page.answer.content.decode()
    assert not Node.objects.exists()
