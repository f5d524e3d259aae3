"""The button "Run now" of a workflow, and what it tells of the run."""

import json
import re
from html import unescape

import pytest
from django.contrib.messages import get_messages

from config.shop.models import Customer
from executions.models import Execution
from tests.building import build

pytestmark = pytest.mark.django_db

DELAY = ("delay", {"unit": 3_600_000, "duration": 1})
SUM = ("calculation", {"engine": "math.js", "expression": "1+2"})
BROKEN = ("calculation", {"engine": "math.js", "expression": "nothing.there + 1"})
UNKNOWN = "Unknown name nothing.there; values are written {{path}} and texts in quotes. (At character 1.)"
UNTRUE = ("condition", {"engine": "math.js", "expression": "1 > 2", "rejectOnFalse": True})


def test_run_now_runs_and_shows_the_run(pages):
    workflow = build([SUM])
    page = pages()
    assert "Run now" in page.get("workflows_workflow_change", workflow.pk)
    page.get("executions_execution_run", workflow.pk)
    page.post("executions_execution_run", workflow.pk, values='{"a": 1}')
    execution = Execution.objects.get()
    assert page.answer.url.endswith(f"/execution/{execution.pk}/change/")
    assert (execution.context, execution.manually, execution.created_by.username) == ({"a": 1}, True, "boss")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("step", "status", "level", "end"),
    [
        pytest.param(SUM, 1, "success", ".", id="resolved"),
        pytest.param(DELAY, 0, "success", ".", id="waits"),
        pytest.param(UNTRUE, -1, "warning", ", which ended as Failed.", id="failed"),
        pytest.param(BROKEN, -2, "warning", f", which ended as Error. {UNKNOWN}", id="error"),
    ],
)
def test_run_now_tells_what_the_run_came_to(pages, step, status, level, end):
    workflow, page = build([step]), pages()
    page.post("executions_execution_run", workflow.pk, values="")
    execution = Execution.objects.get()
    [message] = get_messages(page.answer.wsgi_request)
    assert (execution.status, message.level_tag) == (status, level)
    assert str(message) == f"Ran “{workflow}” as #{execution.pk}{end}"


@pytest.mark.parametrize(
    ("type", "config", "values"),
    [
        ("manual", {}, {}),
        ("manual", {"fields": [{"name": "order", "required": True}, {"name": "note"}]}, {"order": None, "note": None}),
        ("collection", {"collection": "shop.Customer", "mode": 1}, {"data": None}),
        ("schedule", {"mode": 0, "startsOn": "2030-01-01"}, {"date": None}),
        ("webhook", {}, {"headers": None, "query": None, "body": None}),
    ],
)
def test_run_now_begins_with_the_names_that_the_trigger_takes(pages, type, config, values):
    page = unescape(pages().get("executions_execution_run", build([SUM], type=type, config=config).pk))
    [typed] = re.findall(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert json.loads(typed) == values


def test_run_now_tells_what_is_wrong(pages):
    workflow, page = build([SUM]), pages()
    assert "not valid JSON" in page.errors("executions_execution_run", workflow.pk, values="{")
    page.get("executions_execution_run", 77, status=404)
    on_gold = {"collection": "shop.Customer", "mode": 1, "condition": {"tier": "gold"}}
    picky = build([SUM], type="collection", config=on_gold)
    customer = Customer.objects.create(name="Ann", tier="silver")
    [message] = page.post("executions_execution_run", picky.pk, values=f'{{"data": {customer.pk}}}')
    assert "condition" in message
    assert not Execution.objects.exists()


def test_run_now_is_an_action_of_the_list_of_workflows(pages):
    workflow, page = build([SUM]), pages()
    page.post("workflows_workflow_changelist", action="tool_run_now", _selected_action=[workflow.pk])
    assert page.answer.url.endswith(f"/execution/run/{workflow.pk}/")
