"""Operations on all that the list's filter finds, in the background: begun, watched, stopped."""

import re
from typing import Any

import pytest
from django.db.models import Q

from executions import bulk
from executions.models import BulkOperation, Execution
from tests.building import build
from tests.executions.rows import run
from tests.pages import words
from tests.people import person

pytestmark = pytest.mark.django_db

LIST = "executions_execution_changelist"
CHANGE, PROGRESS, STOP = (f"executions_bulkoperation_{end}" for end in ("change", "progress", "stop"))
MAY = ("executions.view_execution", "executions.cancel_execution", "executions.delete_execution")


@pytest.fixture(autouse=True)
def few(monkeypatch: Any) -> None:
    """What is more than two is too many for one request."""
    monkeypatch.setattr("executions.admin.bulk.MOST", 2)


def act(page: Any, action: str, query: str = "", **data: Any) -> list[str]:
    first = Execution.objects.order_by("pk").first()
    sent = {"action": action, "_selected_action": [first.pk], "select_across": "1", **data}
    messages: list[str] = page.post(LIST, query=query, status=302 if "confirmed" in data else 200, **sent)
    return messages


def finish(operation: BulkOperation) -> BulkOperation:
    while bulk.due(operation.queue):
        bulk.work(operation.queue, seconds=0.01)
    operation.refresh_from_db()
    return operation


def test_all_that_the_filter_finds_is_done_in_the_background(pages: Any) -> None:
    chosen = [run(status=-2, name=f"n{number}") for number in range(4)]
    other = run()
    page = pages()
    act(page, "delete_selected", "?status=error")
    text = words(page.answer.content.decode())
    assert "status: error" in text
    assert "There is no way back." in text
    assert 'name="select_across" value="1"' in page.answer.content.decode()
    # Django looks at the form's action only where some row is ticked.
    assert f'name="_selected_action" value="{chosen[0].pk}"' in page.answer.content.decode()
    messages = act(page, "delete_selected", "?status=error", confirmed="yes", reason="Noise")
    operation = BulkOperation.objects.get()
    assert messages == [f"Begun as bulk operation {operation.pk}; its page shows how far it is."]
    assert (operation.action, operation.filter, operation.total) == ("delete", {"status": ["error"]}, 4)
    assert (operation.reason, operation.created_by.username) == ("Noise", "boss")
    assert page.answer.url.endswith(f"/bulkoperation/{operation.pk}/change/")
    assert Execution.objects.count() == 5
    assert finish(operation).state == "done"
    assert list(Execution.objects.all()) == [other]


@pytest.mark.parametrize(
    ("action", "query", "where"),
    [
        ("cancel", "?workflow=gone", {"key": ["gone"]}),
        ("pause", "", {}),
        ("resume", "?created_by=boss", {"created_by": ["1"]}),
        (
            "rerun",
            "?name_prefix=n&status=resolved&status=error",
            {"name_prefix": ["n"], "status": ["resolved", "error"]},
        ),
    ],
)
def test_the_filter_is_handed_on_as_the_api_takes_it(pages: Any, action: str, query: str, where: Any) -> None:
    page = pages()
    user = page.http.session["_auth_user_id"]
    for number in range(3):
        run(name=f"n{number}", created_by_id=user)
    where = {**where, **({"created_by": [user]} if "created_by" in where else {})}
    act(page, f"{action}_selected", query, confirmed="yes")
    operation = BulkOperation.objects.get()
    assert (operation.action, operation.filter, operation.total) == (action, where, 3)


def only_shown(user: Any) -> Q:
    return Q(title__startswith="Shown")


def test_a_filter_by_title_tells_no_key_of_what_is_hidden(pages: Any, settings: Any) -> None:
    settings.SLUICE = {"VISIBLE": f"{__name__}.only_shown"}
    shown = build([], title="Shown plans", key="seen-key")
    build([], title="Hidden plans", key="hidden-key")
    for _each in range(3):
        run(shown)
    page = pages(*MAY)
    act(page, "delete_selected", "?workflow=plans")
    text = words(page.answer.content.decode())
    assert "seen-key" in text
    assert "hidden-key" not in text


def test_what_one_request_takes_is_done_at_once(pages: Any) -> None:
    run(), run()
    assert act(pages(), "delete_selected", confirmed="yes") == ["Deleted 2 executions."]
    assert not BulkOperation.objects.exists()


@pytest.mark.parametrize(("query", "told"), [("?q=gone", "use the filter beside the list"), ("?o=1&q=gone", "search")])
def test_a_search_is_no_filter(pages: Any, query: str, told: str) -> None:
    for _each in range(3):
        run()
    [message] = act(pages(), "delete_selected", query, confirmed="yes")
    assert told in message
    assert Execution.objects.count() == 3


def test_the_action_needs_its_permission(pages: Any) -> None:
    for _each in range(3):
        run()
    page = pages("executions.view_execution")
    act(page, "delete_selected")
    assert not BulkOperation.objects.exists()


def begun(page: Any, count: int = 4) -> BulkOperation:
    for _each in range(count):
        run(status=-2)
    act(page, "delete_selected", "?status=error", confirmed="yes")
    return BulkOperation.objects.latest("pk")


def test_progress_is_asked_for_until_it_has_ended(pages: Any) -> None:
    page = pages()
    operation = begun(page)
    text = page.get(CHANGE, operation.pk)
    assert f'hx-get="/admin/executions/bulkoperation/{operation.pk}/progress/"' in text
    assert "0 of 4" in words(text)
    BulkOperation.objects.filter(pk=operation.pk).update(done=3, state="running", refused=1, refusals=[[7, "No <b>"]])
    text = page.get(PROGRESS, operation.pk)
    assert 'value="4" max="4"' in text
    assert "4 of 4, 1 refused" in words(text)
    assert "No <b>" not in text
    finish(operation)
    text = page.get(PROGRESS, operation.pk)
    assert "hx-get" not in text
    assert "Done" in words(text)
    assert "<html" not in text


def test_of_more_than_is_counted_the_ids_tell_how_far_it_is(pages: Any) -> None:
    page = pages()
    operation = begun(page)
    BulkOperation.objects.filter(pk=operation.pk).update(total=None, cursor=30, upper=120, done=25)
    text = page.get(PROGRESS, operation.pk)
    assert 'value="30" max="120"' in text
    assert "25 of more than 10000" in words(text)


def test_it_is_stopped(pages: Any) -> None:
    page = pages()
    operation = begun(page)
    assert "Stop it" in page.get(CHANGE, operation.pk)
    page.get(STOP, operation.pk, status=405)
    assert page.post(STOP, operation.pk) == ["Stopped; what was done stays done."]
    assert finish(operation).state == "stopped"
    assert Execution.objects.count() == 4
    assert "Stop it" not in page.get(CHANGE, operation.pk)
    [message] = page.post(STOP, operation.pk)
    assert "there is nothing to stop" in message


def test_one_sees_ones_own_and_with_the_permission_everybodys(pages: Any) -> None:
    operation = begun(pages(*MAY))
    other = pages(None)
    other.http.force_login(person(*MAY, username="other"))
    for name in (PROGRESS, STOP):
        getattr(other, "post" if name == STOP else "get")(name, operation.pk, status=404)
    other.get(CHANGE, operation.pk, status=302)
    assert not re.search(rf"/bulkoperation/{operation.pk}/", other.get("executions_bulkoperation_changelist"))
    looker = pages(None)
    looker.http.force_login(person("executions.view_execution", "executions.view_bulkoperation", username="looker"))
    assert f"/bulkoperation/{operation.pk}/" in looker.get("executions_bulkoperation_changelist")
    assert "Stop it" not in looker.get(CHANGE, operation.pk)
    looker.post(STOP, operation.pk, status=403)


def test_pages_take_a_fixed_number_of_queries(pages: Any, django_assert_max_num_queries: Any) -> None:
    page = pages()
    operation = begun(page)
    for number in range(20):
        BulkOperation.objects.create(
            action="cancel", queue="sluice", origin="admin", created_at=operation.created_at, created_by_id=number
        )
    with django_assert_max_num_queries(6):
        page.get("executions_bulkoperation_changelist")
    with django_assert_max_num_queries(6):
        page.get(CHANGE, operation.pk)
    with django_assert_max_num_queries(3):
        page.get(PROGRESS, operation.pk)


@pytest.mark.urls("tests.executions.admin.test_lists")
def test_on_a_site_without_the_operations_page_the_list_stays(django_user_model: Any, client: Any) -> None:
    for _each in range(3):
        run()
    client.force_login(django_user_model.objects.create_superuser("root"))
    sent = {"action": "pause_selected", "_selected_action": ["1"], "select_across": "1", "confirmed": "yes"}
    answer = client.post("/backstage/executions/execution/", sent)
    assert answer["Location"] == "/backstage/executions/execution/"
    assert BulkOperation.objects.count() == 1
