"""The inbox in the admin: the list, the page of a task, and what people do there."""

import re

import pytest

from config.shop.models import Customer
from executions import operations
from executions.models import Task
from executions.testing import drain
from tests.executions.inbox.asking import FORM, LATER, NO, YES, ask, job, manual, of
from tests.pages import Pages, words
from tests.people import boss, person

pytestmark = pytest.mark.django_db(transaction=True)

LIST, PAGE = "executions_task_changelist", "executions_task_change"
OUTPUT = ("output", {"value": 1})


@pytest.fixture
def ada():
    """Staff without any permission."""
    return person(username="ada")


def test_the_list_shows_ones_own_by_tabs(ada):
    ask(manual(ada, title="Check <b>it</b>"))
    ask(manual(boss(), title="Another's"))
    ask(("cc", {"users": [ada.pk], "title": "For you"}))
    page = Pages(ada).get(LIST)
    assert "Check &lt;b&gt;it&lt;/b&gt;" in page
    assert "Another" not in page
    assert "For you" not in page
    assert "To do 1 Done Copies 1" in words(page)
    assert "A test (1)" in words(page)
    assert "For you" in Pages(ada).get(LIST, query="?tab=copies")
    assert "Check" not in Pages(ada).get(LIST, query="?tab=done")


def test_who_may_view_tasks_sees_everybodys_when_asked_for(ada):
    ask(manual(ada, title="Hers"))
    manager = Pages(person("executions.view_task", username="manager"))
    assert "Hers" not in manager.get(LIST)
    assert "Hers" in manager.get(LIST, query="?whose=all")
    page = manager.get(PAGE, of(ada).pk)
    assert "ada" in words(page)
    assert "Your answer" not in page
    assert "Hers" not in Pages(person(username="stranger")).get(LIST, query="?whose=all")


def test_a_page_is_for_its_person_alone(ada):
    ask(manual(ada))
    Pages(person(username="stranger")).get(PAGE, of(ada).pk, status=404)
    Pages(None).get(PAGE, of(ada).pk, status=302)


def test_the_list_costs_no_more_for_more_tasks(ada, django_assert_max_num_queries):
    for _number in range(5):
        ask(manual(ada))
    pages = Pages(ada)
    with django_assert_max_num_queries(9):
        pages.get(LIST)


def test_a_task_is_answered_with_a_button(ada):
    execution = ask(manual(ada, title="Check", description="Look at {{$context.o.n}} & <i>think</i>"),
                    context={"o": {"n": "<7>"}})  # fmt: skip
    pages = Pages(ada)
    page = pages.get(PAGE, of(ada).pk)
    assert "Look at &lt;7&gt; &amp; &lt;i&gt;think&lt;/i&gt;" in page
    assert "A test › manual" in words(page)
    assert "o.n <7>" in words(page)
    assert 'name="f-days"' in page
    assert of(ada).read_at is not None
    errors = pages.errors(PAGE, of(ada).pk, **{"form": "f", "_": "yes", "f-days": "-1"})
    assert "required" in errors
    assert "greater than or equal to 0" in errors
    assert pages.post(PAGE, of(ada).pk, **{"form": "f", "_": "yes", "f-note": "ok", "f-days": "2"}) == [
        "Your answer to “Check” is taken."
    ]
    assert of(ada).result == {"f": {"note": "ok", "days": 2}, "_": "yes"}
    drain()
    execution.refresh_from_db()
    assert execution.status == 1
    page = words(pages.get(PAGE, of(ada).pk))
    assert "Days 2" in page
    assert "Action Resolve" in page
    assert pages.post(PAGE, of(ada).pk, **{"form": "f", "_": "yes", "f-note": "again"}) == [
        "This task can't be answered any more; see how it stands."
    ]


@pytest.mark.parametrize(("forms", "told"), [({}, True), ({"f": {"schema": FORM["schema"]}}, True), (None, False)])
def test_a_task_that_nobody_can_answer_says_so(ada, forms, told):
    ask(manual(ada, forms=forms))
    page = words(Pages(ada).get(PAGE, of(ada).pk))
    assert ("can't be answered here: its node has no form with a button" in page) is told


def test_what_must_be_filled_in_is_marked(ada):
    form = {"schema": [{"name": "why", "type": "text", "required": True}, {"name": "note", "type": "text"}]}
    ask(manual(ada, forms={"f": {**form, "actions": [YES]}}))
    page = Pages(ada).get(PAGE, of(ada).pk)
    assert re.search(r'<label[^>]*class="required"[^>]*>Why', page)
    assert re.search(r'<label for="[^"]*">Note', page)


@pytest.mark.parametrize(
    "own", [None, [], [1], [{"user": "x", "userId": 1, "status": 2, "updatedAt": "2024-99-99T00:00:00"}]]
)
def test_an_approver_reads_who_has_answered_what(ada, own):
    bob = person(username="bob")
    ask(("approval", {"assignees": [ada.pk, bob.pk], "agreement": "countersign"}), context={"data": {"records": own}})
    assert not re.search(r"Approved|\bAnswer\b", words(Pages(bob).get(PAGE, of(bob).pk)))
    Pages(ada).post(PAGE, of(ada).pk, form="data", _="approve", **{"data-_comment": "<b>well</b> done"})
    page = Pages(bob).get(PAGE, of(bob).pk)
    assert re.search("Answer ada: Approved [-0-9]+ [:0-9]+ <b>well</b> done", words(page))
    assert "&lt;b&gt;well" in page
    assert "userId" not in page


def test_a_draft_needs_nothing_and_comes_back(ada):
    ask(manual(ada))
    pages = Pages(ada)
    assert pages.post(PAGE, of(ada).pk, **{"form": "f", "_": "later", "f-note": "", "f-days": "5"}) == [
        "Your draft is kept."
    ]
    assert 'value="5"' in pages.get(PAGE, of(ada).pk)
    assert of(ada).status == 0


def test_a_form_for_a_row_is_the_models(ada):
    row = Customer.objects.create(name="Kay", city="Rom")
    forms = {
        "new": {"type": "create", "collection": "shop.Customer", "schema": ["name", "tier"], "actions": [YES]},
        "old": {"type": "update", "collection": "shop.Customer", "schema": ["city", "tier"], "actions": [YES, NO],
                "filter": {"id": "{{$context.id}}"}},
    }  # fmt: skip
    ask(manual(ada, forms=forms), context={"id": row.pk})
    pages = Pages(ada)
    page = pages.get(PAGE, of(ada).pk)
    assert 'value="Rom"' in page
    assert '<option value="gold">Gold</option>' in page
    assert "Name" in page
    errors = pages.errors(PAGE, of(ada).pk, **{"form": "old", "_": "yes", "old-city": "x" * 99, "old-tier": "gold"})
    assert "at most 80" in errors
    pages.post(PAGE, of(ada).pk, **{"form": "old", "_": "yes", "old-city": "Ulm", "old-tier": "gold"})
    row.refresh_from_db()
    assert (row.city, row.tier, row.name) == ("Ulm", "gold", "Kay")


@pytest.mark.parametrize(("typed", "kept"), [('{"a": [1]}', {"a": [1]}), ("", {}), ("{}", {})])
def test_a_form_without_fields_is_filled_in_as_json(ada, typed, kept):
    ask(manual(ada, forms={"f": {"actions": [YES]}}))
    Pages(ada).post(PAGE, of(ada).pk, **{"form": "f", "_": "yes", "f-values": typed})
    assert of(ada).result["f"] == kept


@pytest.mark.parametrize("typed", ["[1]", "{", "7"])
def test_what_is_no_object_is_refused(ada, typed):
    ask(manual(ada, forms={"f": {"actions": [YES]}}))
    assert Pages(ada).errors(PAGE, of(ada).pk, **{"form": "f", "_": "yes", "f-values": typed})
    assert of(ada).status == 0


@pytest.mark.parametrize("data", [{}, {"form": "x", "_": "yes"}, {"form": "f", "_": "x"}])
def test_a_post_without_form_or_button_answers_nothing(ada, data):
    ask(manual(ada))
    assert Pages(ada).post(PAGE, of(ada).pk, **data)
    assert of(ada).status == 0


def test_a_form_that_is_broken_says_so(ada):
    forms = {"f": {"type": "create", "collection": "shop.Gone", "actions": [YES]}, "g": FORM}
    ask(manual(ada, forms=forms))
    page = Pages(ada).get(PAGE, of(ada).pk)
    assert "This form is broken" in page
    assert 'name="g-note"' in page


def test_a_copy_is_read_by_looking_at_it_and_can_be_unread(ada):
    ask(("cc", {"users": [ada.pk], "title": "For you", "description": "It is done."}))
    pages = Pages(ada)
    assert "It is done." in pages.get(PAGE, of(ada).pk)
    assert of(ada).status == 1
    pages.post("executions_task_unread", of(ada).pk)
    assert (of(ada).status, of(ada).read_at) == (0, None)


def test_actions_mark_ones_own(ada):
    ask(("cc", {"users": [ada.pk, boss().pk]}))
    ids = list(Task.objects.values_list("pk", flat=True))
    Pages(ada).post(LIST, query="?tab=copies", action="mark_read", _selected_action=ids)
    assert dict(Task.objects.values_list("user__username", "status")) == {"ada": 1, "boss": 0}
    Pages(ada).post(LIST, query="?tab=copies", action="mark_unread", _selected_action=ids)
    assert set(Task.objects.values_list("status", flat=True)) == {0}


def test_a_task_is_handed_over(ada):
    person(username="bob")
    ask(manual(ada))
    pages = Pages(ada)
    assert "Hand over" in pages.get(PAGE, of(ada).pk)
    assert "Name one active user" in pages.errors("executions_task_delegate", of(ada).pk, to="nobody")
    pages.post("executions_task_delegate", of(ada).pk, to="bob")
    assert Task.objects.get().user.username == "bob"


def test_the_first_page_says_how_many_wait(ada):
    pages = Pages(ada)
    assert "wait" not in words(pages.get("index"))
    execution = ask(manual(ada))
    ask(manual(ada))
    assert "2 tasks wait for you" in words(pages.get("index"))
    operations.cancel(execution.pk)
    assert "One task waits for you" in words(pages.get("index"))


def test_the_page_of_a_job_names_whom_it_asked(ada):
    execution = ask(manual(ada), OUTPUT)
    pages = Pages(boss())
    page = words(pages.get("executions_job_change", job(execution).pk))
    assert "ada Pending" in page
    page = words(pages.get("executions_execution_change", execution.pk))
    assert "Waits at “manual” (job 1) for people's answers." in page
    page = words(
        Pages(person("executions.view_job", username="viewer")).get("executions_job_change", job(execution).pk)
    )
    assert "ada" not in page


def test_a_deleted_user_and_a_deleted_workflow_are_no_error(ada):
    execution = ask(manual(ada))
    manager = Pages(boss())
    task = of(ada)
    ada.delete()
    assert "deleted user" in manager.get(PAGE, task.pk)
    manager.get(LIST, query="?whose=all")
    type(execution.workflow).objects.filter(pk=execution.workflow_id).delete()
    manager.get(PAGE, task.pk)


LATER_FORM = {
    "f": {
        "schema": [
            *({"name": kind[:4], "type": kind} for kind in ("number", "boolean", "date", "time", "object", "email")),
            {"name": "at", "type": "datetime"},
            {"name": "pick", "enum": [1, 2]},
            {"name": "many", "type": "array", "items": {"enum": ["a", "b"]}},
        ],
        "actions": [YES, LATER],
    }
}


def test_every_type_of_field_comes_through_as_its_value(ada, settings):
    settings.TIME_ZONE = "UTC"
    ask(manual(ada, forms=LATER_FORM))
    typed = {"numb": "1.5", "bool": "on", "pick": "2", "many": ["a", "b"], "date": "2026-02-03",
             "at": "2026-02-03T04:05", "time": "04:05", "obje": '{"a": 1}', "emai": "a@example.com"}  # fmt: skip
    values = {**{f"f-{name}": value for name, value in typed.items()}, "form": "f"}
    Pages(ada).post(PAGE, of(ada).pk, **values, _="later")
    Pages(ada).get(PAGE, of(ada).pk)
    Pages(ada).post(PAGE, of(ada).pk, **values, _="yes")
    result = of(ada).result["f"]
    assert result.pop("at").startswith("2026-02-03T04:05:00")
    assert result == {"numb": 1.5, "bool": True, "pick": 2, "many": ["a", "b"], "date": "2026-02-03",
                      "time": "04:05:00", "obje": {"a": 1}, "emai": "a@example.com"}  # fmt: skip
