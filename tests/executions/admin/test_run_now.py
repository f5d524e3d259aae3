"""The button "Run now" of a workflow, and what it tells of the run."""

import re

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


INPUTS = [
    {"name": "who", "title": "Who", "type": "text", "required": True},
    {"name": "n", "type": "number"},
    {"name": "sure", "type": "boolean"},
    {"name": "items", "type": "list"},
    {"name": "more", "type": "object"},
    {"name": "any"},
]
MANUAL = {"fields": INPUTS}
ON_CUSTOMER = {"collection": "shop.Customer", "mode": 1}
WEEKLY = {"mode": 0, "startsOn": "2030-01-01"}


@pytest.mark.parametrize(
    ("type", "config", "fields"),
    [
        ("manual", {}, []),
        ("manual", MANUAL, ["who", "n", "sure", "items", "more", "any"]),
        ("collection", ON_CUSTOMER, ["data"]),
        ("schedule", WEEKLY, ["date"]),
        ("webhook", {}, ["headers", "query", "body"]),
        ("custom-action", {"type": 0}, ["data", "userId", "roleName"]),
        # What is not configured, or not known here, takes JSON.
        ("collection", {}, []),
        ("collection", {"collection": "shop.Ghost", "mode": 1}, []),
        ("gone", {}, []),
    ],
)
def test_the_form_asks_for_what_the_trigger_takes(pages, type, config, fields):
    page = pages().get("executions_execution_run", build([SUM], type=type, config=config).pk)
    assert re.findall(r'name="value-([^"]*)"', page) == fields
    assert page.count('name="values"') == 1
    if fields:
        assert re.search(r"<textarea[^>]*>\s*</textarea>", page)


@pytest.mark.parametrize(
    ("sent", "context"),
    [
        (
            {"who": " Ada ", "n": "3", "sure": "false", "items": "[1, 2]", "more": '{"a": null}', "any": "plain"},
            {"who": " Ada ", "n": 3, "sure": False, "items": [1, 2], "more": {"a": None}, "any": "plain"},
        ),
        ({"who": "Ada", "n": "9007199254740993"}, {"who": "Ada", "n": 9007199254740993}),
        ({"who": "Ada", "n": "2.50", "any": "5"}, {"who": "Ada", "n": 2.5, "any": 5}),
    ],
)
def test_fields_become_values_of_their_kind(pages, sent, context):
    workflow, page = build([SUM], config=MANUAL), pages()
    page.post("executions_execution_run", workflow.pk, **{f"value-{name}": text for name, text in sent.items()})
    assert Execution.objects.get().context == context


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({}, "This field is required"),
        ({"who": "Ada", "n": "many"}, "Enter a number"),
        ({"who": "Ada", "items": "[1"}, "not valid JSON"),
        ({"who": "Ada", "items": "{}"}, "takes a value of the kind list"),
        ({"who": "Ada", "any": '{"a"'}, "not valid JSON"),
    ],
)
def test_what_is_wrong_stands_at_its_field(pages, sent, told):
    workflow, page = build([SUM], config=MANUAL), pages()
    sent = {f"value-{name}": text for name, text in sent.items()}
    assert told in page.errors("executions_execution_run", workflow.pk, **{"value-who": "", **sent})
    assert not Execution.objects.exists()


def test_json_takes_the_place_of_the_fields(pages):
    workflow, page = build([SUM], config=MANUAL), pages()
    page.post("executions_execution_run", workflow.pk, **{"value-who": "", "values": '{"who": "Eve", "n": 1}'})
    assert Execution.objects.get().context == {"who": "Eve", "n": 1}
    assert "who" in page.errors("executions_execution_run", workflow.pk, values='{"n": 1}')


def test_a_row_is_chosen_by_its_key(pages):
    workflow, page = build([SUM], type="collection", config=ON_CUSTOMER), pages()
    customer = Customer.objects.create(name="Ada", tier="gold")
    page.post("executions_execution_run", workflow.pk, **{"value-data": str(customer.pk)})
    assert Execution.objects.get().context["data"]["name"] == "Ada"
    gone = {"value-data": "987654321"}
    assert "There is no shop.Customer" in page.errors("executions_execution_run", workflow.pk, **gone)
    assert "does not fit" in page.errors("executions_execution_run", workflow.pk, **{"value-data": "x"})


def test_the_date_of_a_schedule_may_be_given(pages):
    workflow, page = build([SUM], type="schedule", config=WEEKLY), pages()
    page.post("executions_execution_run", workflow.pk, **{"value-date": "2999-05-31T08:00"})
    page.post("executions_execution_run", workflow.pk, **{"value-date": ""})
    given, now = (row.context["date"] for row in Execution.objects.order_by("pk"))
    assert given == "2999-05-31T08:00:00+00:00"
    assert now < given


ROWS = "executions_execution_run_rows"


def test_rows_are_offered_as_the_models_own_admin_finds_them(pages, django_assert_max_num_queries):
    workflow, page = build([SUM], type="collection", config=ON_CUSTOMER), pages()
    ada, eve = (Customer.objects.create(name=name, tier="gold") for name in ("Ada <b>", "Eve"))
    with django_assert_max_num_queries(5):
        text = page.get(ROWS, workflow.pk, query="?of=data&value-data=ada")
    assert text.strip() == f'<option value="{ada.pk}">Ada &lt;b&gt;</option>'
    assert re.findall(r'value="(\d+)"', page.get(ROWS, workflow.pk, query="?of=data")) == [str(eve.pk), str(ada.pk)]
    for query in ("", "?of=nothing", "?of=data&value-data=%00zzz", "?of=data&value-data=" + "z" * 500):
        assert "Ada" not in page.get(ROWS, workflow.pk, query=query)


def test_rows_are_offered_to_who_may_see_them(pages):
    workflow = build([SUM], type="collection", config=ON_CUSTOMER)
    Customer.objects.create(name="Ada", tier="gold")
    assert "Ada" not in pages("workflows.execute_workflow").get(ROWS, workflow.pk, query="?of=data")


def test_rows_need_the_permission_to_run(pages):
    workflow = build([SUM], type="collection", config=ON_CUSTOMER)
    pages("shop.view_customer").get(ROWS, workflow.pk, query="?of=data", status=403)


def test_run_now_tells_what_is_wrong(pages):
    workflow, page = build([SUM]), pages()
    assert "not valid JSON" in page.errors("executions_execution_run", workflow.pk, values="{")
    page.get("executions_execution_run", 987_654_321, status=404)
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
