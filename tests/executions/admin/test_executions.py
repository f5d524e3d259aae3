import pytest
from django.contrib.messages import get_messages
from django.utils import timezone

from executions import operations
from executions.admin import asking, operating
from executions.models import Execution, Job
from tests.building import build
from tests.executions.rows import job, run
from tests.pages import words
from workflows.models import HistoryEntry, Workflow

pytestmark = pytest.mark.django_db

LIST, CHANGE = "executions_execution_changelist", "executions_execution_change"
DELAY = ("delay", {"unit": 3_600_000, "duration": 1})
SUM = ("calculation", {"engine": "math.js", "expression": "1+2"})


def waiting(**columns):
    return run(build([DELAY]), status=0, **columns)


@pytest.mark.parametrize(
    ("query", "number"),
    [
        # Session, user, capped count, page; the saved filters, and the tasks that the header counts.
        ("", 6),
        # Of a filter the page is its keys, then their rows.
        ("?status=queued", 7),
        ("?type=manual&created_span=day&manually=false", 7),
    ],
)
def test_the_list_takes_a_fixed_number_of_queries_and_loads_no_json(pages, django_assert_num_queries, query, number):
    workflow = build([SUM])
    for _ in range(5):
        run(workflow)
        run(status=None)
    page = pages()
    with django_assert_num_queries(number) as queries:
        page.get(LIST, query=query)
    assert not any(
        f'"{column}"' in query["sql"] for query in queries for column in ("context", "output", "agenda", "stack")
    )


def test_a_filter_by_workflow_and_a_search_take_a_fixed_number_of_queries(pages, django_assert_num_queries):
    for _ in range(5):
        run(build([SUM]))
    page = pages()
    # The workflows that are meant, for their runs and for their search attributes.
    with django_assert_num_queries(9):
        page.get(LIST, query="?workflow=test")
    with django_assert_num_queries(9):
        page.get(LIST, query="?q=test")


@pytest.mark.parametrize(
    ("status", "word"),
    [(None, "Queued"), (0, "Started"), (1, "Resolved"), (-2, "Error"), (-3, "Aborted"), (-6, "Retry needed")],
)
def test_a_status_is_told_in_words(pages, status, word):
    run(status=status)
    assert f">{word}</span>" in pages().get(LIST)


def test_what_holds_a_run_up_stands_beside_its_status(pages):
    from django.utils import timezone

    waiting(paused_at=timezone.now())
    run(status=None, parked="lane")
    text = pages().get(LIST)
    assert ">Paused</span>" in text
    assert ">Waits for its lane</span>" in text


def test_a_deleted_workflow_reads_as_such(pages):
    workflow = build([SUM])
    execution = run(workflow)
    Workflow.objects.all().delete()
    page = pages()
    for text in (page.get(LIST), page.get(CHANGE, execution.pk)):
        assert f"deleted workflow {workflow.pk}" in words(text)


@pytest.mark.parametrize(
    "query",
    [
        "?q=%00",
        "?workflow=%00",
        "?status=nope",
        "?created_span=nope",
        "?type=nope",
        "?manually=x",
        "?p=9999",
        "?o=9.1.2",
        "?all=1",
    ],
)
def test_no_query_breaks_the_list(pages, query):
    run()
    assert pages().http.get("/admin/executions/execution/" + query).status_code in (200, 302)


def test_the_list_cannot_be_sorted_by_what_has_no_index(pages):
    run()
    text = pages().get(LIST)
    assert text.count('class="sortable') <= 1


def test_nothing_a_run_holds_is_markup(pages):
    execution = run(title="<script>alert(1)</script>", context={"<img src=x>": "</pre><script>alert(2)</script>"})
    job(execution, result="</pre><script>alert(3)</script>", log="<script>alert(4)</script>", node_key="<i>")
    page = pages()
    for text in (
        page.get(LIST),
        page.get(CHANGE, execution.pk),
        page.get("executions_job_change", Job.objects.get().pk),
    ):
        assert "<script>alert" not in text
        assert "<img src=x>" not in text


@pytest.mark.parametrize("pk", ["abc", "9" * 30, "77", "%00"])
def test_an_id_that_is_none_is_sent_back(pages, pk):
    page = pages()
    assert page.http.get(f"/admin/executions/execution/{pk}/change/").status_code == 302
    assert page.http.get(f"/admin/executions/execution/{pk}/delete/").status_code == 404


def test_runs_are_neither_added_nor_edited(pages):
    execution = run()
    page = pages()
    assert page.http.get("/admin/executions/execution/add/").status_code == 403
    assert page.http.post(f"/admin/executions/execution/{execution.pk}/change/", {"status": "-1"}).status_code == 403


def act(page, action, *rows, **data):
    return page.post(LIST, action=action, _selected_action=[row.pk for row in rows], **data)


def test_cancel_does_what_it_can_and_tells_the_rest(pages):
    first, second, ended = waiting(), waiting(), run(build([SUM]))
    messages = act(pages(), "cancel_selected", first, second, ended, confirmed="yes")
    assert messages[0] == f"Canceled: #{first.pk}, #{second.pk}."
    assert "has ended (Resolved)" in messages[1]
    assert list(Execution.objects.order_by("pk").values_list("status", flat=True)) == [-3, -3, 1]


def test_of_many_reasons_the_first_are_told_and_the_rest_counted(pages):
    rows = [run(build([SUM])) for _ in range(12)]
    messages = act(pages(), "cancel_selected", *rows, confirmed="yes")
    assert len(messages) == 11
    assert messages[-1] == "2 more were refused likewise."


def test_cancel_counts_first_and_asks(pages):
    first, second, ended = waiting(), run(status=None), run(build([SUM]))
    page = pages()
    act(page, "cancel_selected", first, second, ended, status=200)
    text = page.answer.content.decode()
    assert "2 executions end as Aborted, with all they wait for." in words(text)
    assert "1 has ended already and is left as it is." in words(text)
    assert text.count('name="_selected_action"') == 3
    assert list(Execution.objects.order_by("pk").values_list("status", flat=True)) == [0, None, 1]


def test_cancel_of_one_asks_and_leads_back_to_it(pages):
    execution, page = waiting(), pages()
    text = page.get("executions_execution_cancel", execution.pk)
    assert "1 execution ends as Aborted, with all it waits for." in words(text)
    assert f'href="/admin/executions/execution/{execution.pk}/change/" class="button cancel-link"' in text
    page.post("executions_execution_cancel", execution.pk, status=200)
    assert Execution.objects.get().status == 0
    page.post("executions_execution_cancel", execution.pk, confirmed="yes")
    assert Execution.objects.get().status == -3
    text = words(page.get("executions_execution_cancel", execution.pk))
    assert "has ended already" in text
    assert "as Aborted" not in text
    page.get("executions_execution_cancel", 987_654_321, status=404)


def test_the_reason_that_was_asked_for_is_kept(pages):
    first, second, third, fourth = waiting(), waiting(), run(), run()
    page = pages()
    act(page, "cancel_selected", first, confirmed="yes", reason=" Ordered twice. ")
    page.post("executions_execution_cancel", second.pk, confirmed="yes", reason="Paid back.")
    act(page, "delete_selected", third, confirmed="yes", reason="Holds a name.")
    page.post("executions_execution_delete", fourth.pk, confirmed="yes", reason="")
    kept = HistoryEntry.objects.order_by("id").values_list("object_id", "action", "reason")
    assert list(kept) == [
        (first.pk, "execution.cancel", "Ordered twice."),
        (second.pk, "execution.cancel", "Paid back."),
        (third.pk, "execution.delete", "Holds a name."),
        (fourth.pk, "execution.delete", None),
    ]


@pytest.mark.parametrize("reason", ["x" * 2_001, "a\0b"])
def test_a_reason_that_cannot_be_kept_is_refused_at_its_field(pages, reason):
    execution, page = waiting(), pages()
    act(page, "cancel_selected", execution, confirmed="yes", reason=reason, status=200)
    assert 'class="errorlist"' in page.answer.content.decode()
    ended = run()
    for name, row in (("cancel", execution), ("delete", ended)):
        assert page.errors(f"executions_execution_{name}", row.pk, confirmed="yes", reason=reason)
    assert Execution.objects.get(pk=execution.pk).status == 0
    assert Execution.objects.filter(pk=ended.pk).exists()


def test_more_than_an_action_takes_is_said_before(pages, monkeypatch):
    monkeypatch.setattr(asking, "MOST", 1)
    rows, page = [waiting(), waiting()], pages()
    for action in ("cancel_selected", "delete_selected"):
        act(page, action, *rows, status=200)
        assert "Only the first 1 are taken" in words(page.answer.content.decode())


def test_pause_and_resume(pages):
    execution, page = waiting(), pages()
    assert act(page, "pause_selected", execution)[-1] == f"Paused: #{execution.pk}."
    assert act(page, "resume_selected", execution)[-1] == f"Resumed: #{execution.pk}."
    assert act(page, "resume_selected", execution)[-1].startswith("Refused.")


def test_rerun(pages):
    execution = run(build([SUM]))
    [message] = act(pages(), "rerun_selected", execution)
    again = Execution.objects.latest("pk")
    assert again.rerun_of_id == execution.pk
    assert f'Rerun: #{execution.pk} as <a href="/admin/executions/execution/{again.pk}/change/">' in message


def test_deletion_counts_first_and_refuses_what_runs(pages):
    ended, queued, running = run(), run(status=None), waiting()
    for execution in (ended, ended, running):
        job(execution, execution.jobs.count() + 1)
    page = pages()
    page.post(LIST, action="delete_selected", _selected_action=[ended.pk, queued.pk, running.pk], status=200)
    shown = words(page.answer.content.decode())
    assert "2 executions go, with 2 jobs." in shown
    assert "1 runs or waits and is refused" in shown
    messages = act(page, "delete_selected", ended, queued, running, confirmed="yes")
    assert messages == ["Deleted 2 executions.", f"Refused. #{running.pk}: It is running or waiting; cancel it first."]
    assert list(Execution.objects.all()) == [running]
    assert Job.objects.count() == 1


def test_an_action_takes_a_bounded_number_and_says_so(pages, monkeypatch):
    monkeypatch.setattr(operating, "MOST", 2)
    monkeypatch.setattr("executions.admin.executions.MOST", 2)
    rows = [run() for _ in range(4)]
    messages = act(pages(), "delete_selected", *rows, confirmed="yes", select_across="1")
    assert messages == ["Deleted 2 executions.", "Only the first 2 were taken; do it again for the rest."]


def test_the_list_of_jobs_to_delete_is_never_loaded(pages, django_assert_num_queries):
    execution = run()
    for number in range(1, 30):
        job(execution, number)
    page = pages()
    # Session, user, run, what of it is marked, count of what is refused, capped count of the jobs.
    with django_assert_num_queries(7):
        page.get("executions_execution_delete", execution.pk)


def test_deletion_on_the_page(pages):
    ended, running, page = run(), waiting(), pages()
    assert page.post("executions_execution_delete", ended.pk, confirmed="yes") == ["Deleted 1 execution."]
    assert "cancel it first" in page.post("executions_execution_delete", running.pk, confirmed="yes")[-1]
    assert page.answer.url.endswith(f"/{running.pk}/change/")
    assert list(Execution.objects.all()) == [running]


@pytest.mark.parametrize(
    ("columns", "offered"),
    [
        ({"status": 0}, {"cancel", "pause", "rerun"}),
        ({"status": None}, {"cancel", "pause", "delete"}),
        ({"status": 1}, {"rerun", "delete"}),
    ],
)
def test_the_page_offers_what_fits(pages, columns, offered):
    execution = run(build([DELAY]), **columns)
    text = pages().get(CHANGE, execution.pk)
    names = {"cancel", "pause", "resume", "rerun", "delete"}
    assert {name for name in names if f"/execution/{execution.pk}/{name}/" in text} == offered


def test_buttons_take_posts_only(pages):
    execution, page = waiting(), pages()
    page.get("executions_execution_pause", execution.pk, status=405)
    page.post("executions_execution_pause", execution.pk)
    execution.refresh_from_db()
    assert (execution.status, execution.paused_at is not None) == (0, True)


def test_a_cancel_stands_in_the_history(pages):
    execution, page = waiting(), pages()
    page.post("executions_execution_cancel", execution.pk, confirmed="yes")
    assert "Cancel" in page.get("executions_execution_history", execution.pk)


@pytest.mark.parametrize("button", ["cancel", "pause", "resume"])
def test_a_button_for_a_run_that_is_gone_leads_nowhere(pages, button):
    pages().post(f"executions_execution_{button}", 77, confirmed="yes", status=404)


def test_rerun_from_a_chosen_node(pages):
    workflow = build([SUM, SUM])
    first, second = workflow.nodes.order_by("pk")
    execution = run(workflow)
    job(execution, 1, node=first)
    job(execution, 2, node=second, upstream=1)
    page = pages()
    assert "calculation" in page.get("executions_execution_rerun", execution.pk)
    page.post("executions_execution_rerun", execution.pk, node_id=second.pk)
    again = Execution.objects.latest("pk")
    assert page.answer.url.endswith(f"/{again.pk}/change/")
    assert again.rerun_of_id == execution.pk
    assert "valid choice" in page.errors("executions_execution_rerun", execution.pk, node_id=987_654_321)
    page.get("executions_execution_rerun", 987_654_321, status=404)


def begun(**columns):
    """A run that waits at the second of two nodes, an hour long each."""
    workflow = build([DELAY, DELAY])
    first, second = workflow.nodes.order_by("pk")
    execution = run(workflow, status=0, **columns)
    job(execution, 1, node=first)
    job(execution, 2, node=second, upstream=1, status=0, ended_at=None, wait="timer")
    return execution, first, second


def test_a_rerun_of_one_that_waits_tells_what_ends_and_what_it_came_to(pages):
    execution, first, second = begun(paused_at=timezone.now())
    page = pages()
    shown = words(page.get("executions_execution_rerun", execution.pk))
    assert "no new one begins" in shown
    assert "all at the node you choose or after it ends as Aborted: “delay” (job 2)." in shown
    assert "It is paused, and stays paused until it is resumed." in shown
    assert Job.objects.get(number=2).status == 0
    assert page.post("executions_execution_rerun", execution.pk, node_id=first.pk) == [
        f"#{execution.pk} began again from “delay”; it is still paused. Ended as Aborted: “delay” (job 2)."
    ]
    assert Job.objects.get(number=2).status == -3
    page.get(CHANGE, execution.pk)  # The message has been read.
    assert "Aborted" not in words(page.get("executions_execution_rerun", execution.pk))
    operations.resume(execution.pk)
    [message] = page.post("executions_execution_rerun", execution.pk)
    assert message == f"#{execution.pk} began again from the start."


def test_a_rerun_names_no_jobs_to_who_may_not_see_them(pages):
    execution, _first, _second = begun()
    page = pages("executions.rerun_execution", "executions.view_execution")
    shown = words(page.get("executions_execution_rerun", execution.pk))
    assert "What it waits for at the node you choose or after it ends as Aborted." in shown
    [message] = page.post("executions_execution_rerun", execution.pk)
    assert message.endswith("What it waited for there ended as Aborted.")
    assert "job 2" not in shown + message


def test_a_rerun_of_an_ended_one_says_that_a_new_one_begins(pages):
    execution, page = run(build([SUM])), pages()
    shown = words(page.get("executions_execution_rerun", execution.pk))
    assert "a new execution begins" in shown
    assert "Aborted" not in shown
    [message] = page.post("executions_execution_rerun", execution.pk)
    assert f"This is #{Execution.objects.latest('pk').pk}, a rerun of <a href=" in message


def test_a_rerun_of_a_selection_asks_where_something_waits(pages):
    (execution, _first, _second), ended, page = begun(paused_at=timezone.now()), run(build([SUM])), pages()
    act(page, "rerun_selected", execution, ended, status=200)
    shown = words(page.answer.content.decode())
    for said in ("1 execution has not ended", "1 waiting job ends as Aborted.", "1 is paused", "1 more runs again"):
        assert said in shown
    assert (Job.objects.filter(status=-3).count(), Execution.objects.count()) == (0, 2)
    act(page, "rerun_selected", execution, ended, confirmed="yes", reason="Wrong price.")
    assert (Job.objects.filter(status=-3).count(), Execution.objects.count()) == (1, 3)
    assert set(HistoryEntry.objects.values_list("reason", flat=True)) == {"Wrong price."}


@pytest.mark.parametrize("status", [0, 1])
def test_a_rerun_is_not_offered_where_the_workflow_was_deleted(pages, status):
    execution, page = run(status=status), pages()
    assert "/rerun/" not in page.get(CHANGE, execution.pk)
    page.get("executions_execution_rerun", execution.pk, status=302)
    [told] = get_messages(page.answer.wsgi_request)
    assert "was deleted" in str(told)
    assert "run another workflow" in str(told)


def test_a_refused_rerun_names_a_remedy(pages):
    execution = run()
    [message] = act(pages(), "rerun_selected", execution)
    assert message == (
        f"Refused. The workflow of execution {execution.pk} was deleted, so it can't run again; "
        "run another workflow with its values."
    )


@pytest.mark.parametrize("count", [1, 2])
def test_where_nothing_can_be_deleted_nothing_is_to_confirm(pages, count):
    rows, page = [waiting() for _ in range(count)], pages()
    act(page, "delete_selected", *rows, status=200)
    text = page.answer.content.decode()
    shown = words(text)
    assert ("It can't be deleted" if count == 1 else "None of these 2 can be deleted") in shown
    assert "0 executions" not in shown
    assert 'type="submit" value="Delete"' not in text
    assert 'name="confirmed"' not in text


def test_a_count_of_jobs_to_delete_ends_at_the_cap(pages, monkeypatch):
    monkeypatch.setattr("executions.admin.asking.COUNTED", 2)
    execution = run()
    for number in (1, 2, 3):
        job(execution, number)
    assert "with more than 2 jobs." in words(pages().get("executions_execution_delete", execution.pk))


PAGES = [
    ("get", "", "executions.view_execution"),
    ("get", "{e}/change/", "executions.view_execution"),
    ("get", "{e}/delete/", "executions.delete_execution"),
    ("post", "{e}/delete/", "executions.delete_execution"),
    ("get", "{e}/cancel/", "executions.cancel_execution"),
    ("post", "{e}/cancel/", "executions.cancel_execution"),
    ("post", "{e}/pause/", "executions.pause_execution"),
    ("post", "{e}/resume/", "executions.pause_execution"),
    ("get", "{e}/rerun/", "executions.rerun_execution"),
    ("post", "{e}/rerun/", "executions.rerun_execution"),
    ("get", "run/{w}/", "workflows.execute_workflow"),
    ("post", "run/{w}/", "workflows.execute_workflow"),
]


@pytest.mark.parametrize(("method", "path", "permission"), PAGES)
def test_each_page_needs_its_permission(pages, method, path, permission):
    execution = waiting()
    path = "/admin/executions/execution/" + path.format(e=execution.pk, w=execution.workflow_id)
    others = {row[2] for row in PAGES} - {permission}
    assert "login" in getattr(pages(None).http, method)(path).url
    assert getattr(pages(*others).http, method)(path).status_code == 403
    assert Execution.objects.get().status == 0


@pytest.mark.parametrize(
    "action", ["cancel_selected", "pause_selected", "resume_selected", "rerun_selected", "delete_selected"]
)
def test_each_action_needs_its_permission(pages, action):
    execution = waiting()
    # Django shows the list again, without the actions.
    act(pages("executions.view_execution"), action, execution, confirmed="yes", status=200)
    left = Execution.objects.get()
    assert (left.status, left.paused_at) == (0, None)


def test_who_may_only_look_is_offered_nothing_and_sees_no_jobs(pages):
    execution = waiting()
    job(execution, result={"hidden": 1})
    text = pages("executions.view_execution").get(CHANGE, execution.pk)
    for part in ("Cancel (", "Pause", "Rerun", "Delete", "hidden"):
        assert part not in words(text)
