"""What tasks must not tell to others than their person, and what forms must not let them do."""

import json
from typing import Any

import pytest

from config.shop.models import Customer
from executions.inbox import forms, submitting
from executions.models import Task
from tests.api import Api
from tests.executions.inbox.asking import YES, ask, manual, of
from tests.pages import Pages, words
from tests.people import person
from workflows.errors import Invalid
from workflows.instructions.manual import ManualConfig

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "executions_task_changelist"
FORM = {"type": "custom", "schema": [{"name": "pin", "type": "integer"}, {"name": "word"}], "actions": [YES]}
PLACES = ["$context.iban", "$context.pin", "$jobsMapByNodeKey.n1.f"]


@pytest.fixture
def ada() -> Any:
    return person(username="ada")


@pytest.fixture
def task(ada: Any) -> Task:
    """Another person's, of a run with values that are marked: a long one, and one too short to be found in texts."""
    step = manual(
        ada, title="Pay {{$context.iban}}", description="{{$context.pin}} {{$context.iban}}", forms={"f": FORM}
    )
    ask(step, context={"iban": "DE021203", "pin": 47}, options={"sensitive": PLACES})
    return of(ada)


@pytest.mark.parametrize(
    "query", ["q=DE02", "title__startswith=Pay+DE02", "title=Pay+DE021203", "meta__description__contains=DE02"]
)
def test_the_list_of_all_tasks_can_not_be_asked_for_marked_values(query: str, task: Task) -> None:
    manager = Pages(person("executions.view_task", username="manager"))
    found = manager.http.get(f"/admin/executions/task/?whose=all&{query}")
    assert found.status_code == 302 or "******" not in words(found.content.decode())
    assert "******" in manager.get(LIST, query="?whose=all&q=")


def test_ones_own_tasks_are_searched(task: Task) -> None:
    assert "Pay DE021203" in words(Pages(task.user).get(LIST, query="?q=DE02"))
    revealing = person("executions.view_task", "executions.reveal_values", username="manager")
    assert "******" in words(Pages(revealing).get(LIST, query="?whose=all&q=DE02"))


@pytest.mark.parametrize(
    "address",
    [
        "executions/execution/?context__iban__startswith=DE02",
        "executions/execution/?context__pin__gt=40",
        "executions/job/?input__title__contains=DE02",
        "workflows/node/?config__title__startswith=Pay",
    ],
)
def test_lists_of_the_admin_are_asked_by_their_own_filters_alone(address: str, task: Task) -> None:
    viewer = Pages(person("executions.view_execution", "executions.view_job", "workflows.view_node", username="viewer"))
    answer = viewer.http.get(f"/admin/{address}")
    assert (answer.status_code, answer.headers.get("Location", "")[-4:]) == (302, "?e=1")


def test_short_marked_values_are_masked_for_others_where_they_stand(task: Task) -> None:
    manager = Api(person("executions.view_task", "executions.view_execution", username="manager"))
    shown = manager("GET", f"tasks/{task.pk}/")
    assert shown["data"] == {"iban": "******", "pin": "******"}
    submitting.submit(task.pk, {"f": {"pin": 12, "word": "abc"}, "_": "yes"}, by=task.user)
    shown = manager("GET", f"tasks/{task.pk}/")
    assert shown["result"] == {"f": "******", "_": "yes"}


def test_the_history_keeps_no_marked_answer(task: Task) -> None:
    submitting.submit(task.pk, {"f": {"pin": 12, "word": "longer-word"}, "_": "yes"}, by=task.user)
    viewer = Api(person("executions.view_execution", "workflows.view_historyentry", username="viewer"))
    for path in (f"executions/{task.execution_id}/history/", "history/"):
        text = json.dumps(viewer("GET", path))
        assert "task" in text
        assert "longer-word" not in text
        assert "DE021203" not in text


def test_a_form_of_a_row_takes_what_its_json_schema_lists_and_no_more(ada: Any) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    form = {"type": "create", "collection": "shop.Customer", "schema": schema, "actions": [YES]}
    ask(manual(ada, forms={"f": form}))
    with pytest.raises(Invalid) as caught:
        submitting.submit(of(ada).pk, {"f": {"name": "Ada", "credit": 9000}, "_": "yes"}, by=ada)
    assert list(caught.value.errors) == ["result.f.credit"]
    submitting.submit(of(ada).pk, {"f": {"name": "Ada"}, "_": "yes"}, by=ada)
    assert Customer.objects.get().name == "Ada"


@pytest.mark.parametrize(("most", "models"), [(2, ["shop.*"]), (200, ["shop.Order"])])
def test_a_form_lists_no_rows_of_a_model_that_has_too_many_or_is_not_open(
    most: int, models: list[str], monkeypatch: Any, settings: Any
) -> None:
    monkeypatch.setattr(forms, "MOST_LISTED", most)
    settings.SLUICE = {**settings.SLUICE, "MODELS": models}
    for number in range(3):
        Customer.objects.create(name=f"Customer {number}")
    config = ManualConfig.model_validate({"forms": {"f": {"type": "create", "collection": "shop.Order"}}})
    fields = forms.form_fields(config, "f")
    assert fields is not None
    assert "Customer 1" not in json.dumps(forms.json_schema(fields))
    assert "Customer 1" not in str(forms.form_class(fields)())


def test_what_is_filled_in_chooses_no_other_rows(ada: Any) -> None:
    for code in "ab":
        Customer.objects.create(name=code, code=code)
    form = {"type": "update", "collection": "shop.Customer", "schema": ["name", "city"], "actions": [YES],
            "filter": {"name": "{{$nForm.name}}"}}  # fmt: skip
    ask(manual(ada, forms={"f": form}))
    sent = {"name": {"$ne": "zz"}, "city": "X"}
    with pytest.raises(Invalid) as caught:
        submitting.submit(of(ada).pk, {"f": sent, "_": "yes"}, by=ada)
    assert list(caught.value.errors) == ["result.f.filter.name"]
    assert not Customer.objects.filter(city="X").exists()
