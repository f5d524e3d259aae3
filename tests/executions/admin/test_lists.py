"""The list of runs: its filters, which are the API's, and its search."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin import AdminSite
from django.contrib.auth import get_user_model
from django.urls import path
from django.utils import timezone

from executions.admin import ExecutionAdmin, filters
from executions.listing.filtersets import ExecutionFilter
from executions.models import Attribute, Execution
from executions.store.attributes import TAG
from tests.executions.rows import job, run
from tests.pages import words
from workflows.admin import WorkflowAdmin
from workflows.listing import bounds
from workflows.models import HistoryEntry, Workflow

pytestmark = pytest.mark.django_db

backstage = AdminSite("backstage")
backstage.register(Execution, ExecutionAdmin)
backstage.register(Workflow, WorkflowAdmin)
urlpatterns = [path("backstage/", backstage.urls)]

LIST = "executions_execution_changelist"


@pytest.fixture
def rows(db):
    """Runs titled a to e, oldest first; a and b are of the workflow "Big orders"."""
    options = {"search_attributes": {"amount": "{{$context.amount}}"}}
    workflow = Workflow.objects.create(
        key="kay", name="big", title="Big orders", type="manual", current=True, options=options
    )
    now = timezone.now()
    ann = get_user_model().objects.create(username="ann")
    a = run(workflow, title="a", name="first", event_key="ev-1", created_by=ann, started_at=now - timedelta(minutes=5))
    b = run(workflow, title="b", status=None, manually=True)
    c = run(title="c", status=0, paused_at=now, parent_execution=a)
    job(c, status=0, ended_at=None, node_key="door")
    d = run(title="d", status=-2, type="collection", created_at=now - timedelta(days=2), error="The shop is shut.")
    d.started_at = d.ended_at = now - timedelta(days=2)
    d.save()
    e = run(title="e", status=-3, created_at=now - timedelta(days=20), updated_at=now - timedelta(days=20))
    for each, amount in ((a, 10), (b, 20)):
        Attribute.objects.create(execution=each, key="kay", name="amount", text=str(amount), number=amount)
        Attribute.objects.create(execution=each, key="kay", name=TAG, text="urgent")
    found = {"a": a.pk, "b": b.pk, "c": c.pk, "d": d.pk, "e": e.pk}
    return {**found, "w": workflow.pk, "ann": ann.pk, "today": f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M}"}


def shown(page, rows, query):
    """The titles of the rows on the page, in their order."""
    text = page.get(LIST, query=query.format(**rows))
    titles = {rows[name]: name for name in "abcde"}
    return "".join(titles[int(pk)] for pk in re.findall(r'<a href="[^"]*/execution/(\d+)/change/[^"]*">\d+</a>', text))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "edcba"),
        ("?status=queued", "b"),
        ("?status=started", "c"),
        ("?status=error", "d"),
        ("?status=error&status=queued", "db"),
        ("?status=error,queued,", "db"),
        ("?paused=true", "c"),
        ("?paused=false", "edba"),
        ("?workflow=kay", "ba"),
        ("?workflow=big", "ba"),
        ("?workflow=orders", "ba"),
        ("?workflow={w}", "ba"),
        ("?workflow=gone", "edc"),
        ("?workflow=nothing", ""),
        ("?workflow=kay,gone", ""),
        ("?workflow=%00", ""),
        ("?type=collection", "d"),
        ("?manually=true", "b"),
        ("?manually=false", "edca"),
        ("?created_span=hour", "cba"),
        ("?created_span=week", "cbad"),
        ("?created_span=month", "cbade"),
        ("?created_since={today}", "cba"),
        ("?created_until={today}", "de"),
        ("?created_span=hour&created_until={today}", ""),
        ("?started_until={today}", "d"),
        ("?ended_until={today}", "d"),
        ("?ended_span=hour", "ea"),
        ("?updated_until={today}", "e"),
        ("?duration_min=60", "a"),
        ("?running_min=0", "c"),
        ("?running_min=3600", ""),
        ("?running_min=0&status=error", ""),
        ("?context_contains=CONTEXT&created_span=day", "cba"),
        ("?workflow=kay&context_contains=nothing", ""),
        ("?duration_max=60", "ed"),
        ("?name_prefix=fi", "a"),
        ("?name_prefix=Fi", ""),
        ("?event_key=ev-1", "a"),
        ("?tags=urgent", "ba"),
        ("?tags=urgent,late", ""),
        ("?created_by=ann", "a"),
        ("?created_by={ann}", "a"),
        ("?waiting_at=door", "c"),
        ("?parent={a}", "c"),
        ("?error_contains=SHOP&created_span=month", "d"),
        ("?workflow=kay&attr.amount=20", "b"),
        ("?workflow=kay&attr.amount__gte=15", "b"),
        ("?workflow=kay&attr.amount__gte=5", "ba"),
        ("?workflow=kay&attr.amount__lte=15", "a"),
        ("?status=error&type=manual", ""),
        ("?q={d}", "d"),
        ("?q=first", "a"),
        ("?q=ev-1", "a"),
        ("?q=kay", "ba"),
        ("?q=Big+or", "ba"),
        ("?q=nothing", ""),
        ("?q=" + "9" * 30, ""),
        ("?q=big&status=queued", "b"),
        ("?q=big&created_span=hour", "ba"),
        ("?created_span=month&o=1", "abcde"),
        # What the form has no field for is taken all the same.
        ("?id={a}&id={c}", "ca"),
        ("?workflow=kay&context.big=context", "ba"),
    ],
)
def test_filters_and_search(pages, rows, query, found):
    assert shown(pages(), rows, query) == found


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?status=nope", "Status: There is no status 'nope'; there are queued, started, resolved"),
        ("?status=paused", "Status: There is no status 'paused'"),
        ("?error_contains=shop", "Text in the error: Give one workflow or key too, or a range such as created_since"),
        ("?context.big=context", "Context.big: Give one workflow or key too"),
        ("?workflow=kay&attr.a.b=1", "A search attribute's name has no dots."),
        ("?created_since=soon", "Created: "),
        ("?ended_span=soon", "Ended: There is no span 'soon'; there are hour, day, week, month."),
        ("?created_by=nobody", "Created by: There is no user 'nobody'."),
        ("?created_by=%00", "Created by: There is no user"),
        ("?parent=x", "Started by execution: Enter a whole number."),
        ("?duration_min=-1", "At least: Ensure this value is greater than or equal to 0."),
        ("?duration_min=x", "At least: Enter a number."),
        ("?running_min=x", "Running longer than: Enter a number."),
        ("?context_contains=x", "Text in the context: Give one workflow or key too"),
        ("?manually=perhaps", "Started by hand: Give true or false."),
        ("?name_prefix=%00", "Name begins with: Null characters are not allowed."),
        ("?tags=%00", "Tags: Null characters are not allowed."),
    ],
)
def test_what_is_asked_wrongly_finds_nothing_and_is_told_why(pages, rows, query, sentence):
    page = pages()
    assert shown(page, rows, query) == ""
    assert sentence in words(page.get(LIST, query=query))


@pytest.mark.once
def test_what_takes_too_long_finds_nothing_and_is_told_what_to_narrow(pages, rows, monkeypatch):
    # SQLite's own handler makes every statement too slow.
    monkeypatch.setattr(bounds, "LIST_SECONDS", -1.0)
    monkeypatch.setattr(bounds, "_STEPS", 1)
    page = pages()
    assert shown(page, rows, "?status=error") == ""
    assert "The list was not found within -1 seconds. Narrow it by workflow or created." in words(
        page.get(LIST, query="?status=error")
    )


def test_an_address_keeps_nothing_of_what_was_left_empty(pages, rows):
    page = pages()
    page.get(LIST, query="?workflow=&status=error&status=queued&created_span=&q=b&all=", status=302)
    assert page.answer["Location"] == "?status=error&status=queued&q=b&all="
    page.get(LIST, query=page.answer["Location"])
    page.get(LIST, query="?workflow=", status=302)
    assert page.http.get("/admin/executions/execution/?workflow=", follow=True).status_code == 200


def test_every_field_of_the_form_is_a_filter_of_the_api():
    form = filters.RunFilterForm({}, [])
    own = {"workflow", *(f"{time}_span" for time in filters.TIMES)}
    assert set(form.fields) - own <= set(ExecutionFilter.base_filters)


def test_the_form_keeps_what_was_given(pages, rows):
    text = pages().get(LIST, query="?workflow=kay&status=queued&status=error&q=b&lane=x&created_span=day")
    assert '<input type="hidden" name="q" value="b">' in text
    assert '<input type="hidden" name="lane" value="x">' in text
    assert re.search(r'name="workflow" value="kay"', text)
    assert len(re.findall(r'type="checkbox" name="status"[^>]* checked', text)) == 2
    assert '<option value="day" selected>' in text


def test_the_search_attributes_of_the_chosen_workflow_are_offered(pages, rows):
    page = pages()
    assert 'name="attr.amount__gte"' in page.get(LIST, query="?workflow=big")
    assert 'name="attr.' not in page.get(LIST)
    Workflow.objects.create(key="other", title="Other orders", type="manual", current=True)
    assert 'name="attr.' not in page.get(LIST, query="?workflow=orders")


def test_pages_of_a_filter_follow_each_other(pages, rows, monkeypatch):
    monkeypatch.setattr("executions.admin.executions.ExecutionAdmin.list_per_page", 2)
    page = pages()
    query = "?created_span=month&status=resolved,queued,started,error,aborted"
    assert [shown(page, rows, f"{query}&p={number}") for number in (1, 2, 3)] == ["cb", "ad", "e"]
    assert page.http.get(f"/admin/executions/execution/{query}&p=9").status_code == 302
    assert "status=resolved%2Cqueued" in page.get(LIST, query=query)


def test_a_list_counts_no_further_than_its_end(pages, rows, monkeypatch):
    monkeypatch.setattr("workflows.admin.base.COUNTED", 3)
    assert "3 executions" in words(pages().get(LIST, query="?created_span=month"))


def test_one_that_was_ticked_is_meant_though_it_left_the_filter(pages, rows):
    page = pages()
    messages = page.post(
        LIST, query="?status=queued", action="cancel_selected", _selected_action=[rows["a"], rows["b"]], confirmed="yes"
    )
    assert messages[0] == f"Canceled: #{rows['b']}."
    assert "has ended (Resolved)" in messages[1]


@pytest.mark.urls(__name__)
def test_in_a_site_of_the_hosts_own_every_address_leads_to_that_site(pages, rows):
    page = pages()
    for query in ("", "?workflow=kay&created_span=day", "?q=first"):
        text = page.http.get(f"/backstage/executions/execution/{query}").content.decode()
        assert f'href="/backstage/executions/execution/{rows["a"]}/change/' in text
        assert f'href="/backstage/workflows/workflow/{rows["w"]}/change/' in text
        assert '"/admin/' not in text
    data = {"action": "cancel_selected", "_selected_action": [rows["b"]]}
    text = page.http.post("/backstage/executions/execution/", data).content.decode()
    assert "1 execution ends as Aborted" in text
    assert '"/admin/' not in text
    answer = page.http.post("/backstage/executions/execution/", {**data, "confirmed": "yes", "reason": "Too late"})
    assert answer["Location"] == "/backstage/executions/execution/"
    assert HistoryEntry.objects.get().reason == "Too late"
    assert page.http.get("/backstage/workflows/workflow/?q=big").content.decode().count("/backstage/workflows/") > 1
