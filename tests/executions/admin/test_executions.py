import pytest
from django.contrib.messages import get_messages

from executions import dispatcher
from executions.admin import operating
from executions.models import Execution, Job
from tests.building import build
from tests.executions.rows import job, run
from tests.pages import words
from workflows.models import Workflow

pytestmark = pytest.mark.django_db

LIST, CHANGE = "executions_execution_changelist", "executions_execution_change"
DELAY = ("delay", {"unit": 3_600_000, "duration": 1})
SUM = ("calculation", {"engine": "math.js", "expression": "1+2"})


def waiting(**columns):
    return run(build([DELAY]), status=0, **columns)


@pytest.mark.parametrize("query", ["", "?status=queued", "?type=manual&since=day&manually=no"])
def test_the_list_takes_a_fixed_number_of_queries_and_loads_no_json(pages, django_assert_num_queries, query):
    workflow = build([SUM])
    for _ in range(5):
        run(workflow)
        run(status=None)
    page = pages()
    # Session, user, capped count, page.
    with django_assert_num_queries(4) as queries:
        page.get(LIST, query=query)
    assert not any(
        f'"{column}"' in query["sql"] for query in queries for column in ("context", "output", "agenda", "stack")
    )


def test_a_filter_by_workflow_and_a_search_take_a_fixed_number_of_queries(pages, django_assert_num_queries):
    for _ in range(5):
        run(build([SUM]))
    page = pages()
    with django_assert_num_queries(5):
        page.get(LIST, query="?workflow=test")
    with django_assert_num_queries(7):
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
        "?since=nope",
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


def test_the_page_takes_a_fixed_number_of_queries(pages, django_assert_num_queries):
    workflow = build([SUM, SUM])
    execution = run(workflow)
    nodes = list(workflow.nodes.all())
    for number in range(1, 30):
        job(execution, number, node=nodes[number % 2], result={"n": number})
    page = pages()
    page.get(CHANGE, execution.pk)
    # Session, user, run, children, reruns, jobs, workflow, nodes.
    with django_assert_num_queries(8):
        page.get(CHANGE, execution.pk)


def test_the_page_shows_context_output_error_and_jobs_in_order(pages):
    workflow = build([("parallel", {}, {1: [SUM]})])
    outer, inner = workflow.nodes.order_by("pk")
    execution = run(workflow, output={"answer": 42}, status=-2, error="It broke <b>", reason="timeout")
    job(execution, 2, node=inner, parent=1, result={"inner": 1}, log="a line")
    job(execution, 1, node=outer, status=-1, attempts=[{"number": 1, "message": "first"}], attempt=2)
    page = pages()
    text = page.get(CHANGE, execution.pk)
    assert "It broke &lt;b&gt;" in text
    shown = words(text)
    for part in (
        '"answer": 42',
        '"big": "context"',
        "Timed out",
        '"inner": 1',
        "a line",
        '"message": "first"',
        "attempt 2",
        "in #1: Branch 1",
    ):
        assert part in shown
    assert shown.index("parallel parallel") < shown.index("calculation calculation")
    assert 'class="sluice-indent-1"' in text


def test_jobs_come_in_pages(pages):
    execution = run()
    now = execution.created_at
    known = {"execution": execution, "status": 1, "created_at": now, "updated_at": now}
    Job.objects.bulk_create(Job(number=number, node_key=f"key{number:03}", **known) for number in range(1, 252))
    page = pages()
    first = page.get(CHANGE, execution.pk)
    assert "key200" in first
    assert "key201" not in first
    second = page.get(CHANGE, execution.pk, query="?after=200")
    assert "key200" not in second
    assert "key251" in second
    for bad in ("x", "9" * 30, "-1"):
        assert "key001" in page.get(CHANGE, execution.pk, query=f"?after={bad}")


def test_relatives_are_linked(pages):
    parent = run()
    execution = run(parent_execution=parent, rerun_of=parent, attempt=2)
    page = pages()
    shown = words(page.get(CHANGE, execution.pk))
    assert f"Parent #{parent.pk}" in shown
    assert f"Rerun of #{parent.pk}" in shown
    assert f"Children #{execution.pk}" in words(page.get(CHANGE, parent.pk))


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
    messages = act(pages(), "cancel_selected", first, second, ended)
    assert messages[0] == f"Canceled: #{first.pk}, #{second.pk}."
    assert "has ended (Resolved)" in messages[1]
    assert list(Execution.objects.order_by("pk").values_list("status", flat=True)) == [-3, -3, 1]


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
    # Session, user, run, count of what is refused, capped count of the jobs.
    with django_assert_num_queries(5):
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


@pytest.mark.parametrize(("button", "status", "paused"), [("cancel", -3, False), ("pause", 0, True)])
def test_buttons_take_posts_only(pages, button, status, paused):
    execution, page = waiting(), pages()
    page.get(f"executions_execution_{button}", execution.pk, status=405)
    page.post(f"executions_execution_{button}", execution.pk)
    execution.refresh_from_db()
    assert (execution.status, execution.paused_at is not None) == (status, paused)
    assert "Cancel" in page.get("executions_execution_history", execution.pk) or paused


def test_a_button_for_a_run_that_is_gone_says_so(pages):
    [message] = pages().post("executions_execution_cancel", 77)
    assert "no execution 77" in message


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
    assert "valid choice" in page.errors("executions_execution_rerun", execution.pk, node_id=77)
    page.get("executions_execution_rerun", 77, status=404)


def test_run_now_runs_and_shows_the_run(pages):
    workflow = build([SUM])
    page = pages()
    assert "Run now" in page.get("workflows_workflow_change", workflow.pk)
    page.get("executions_execution_run", workflow.pk)
    page.post("executions_execution_run", workflow.pk, values='{"a": 1}')
    execution = Execution.objects.get()
    assert page.answer.url.endswith(f"/execution/{execution.pk}/change/")
    assert (execution.context, execution.manually, execution.created_by.username) == ({"a": 1}, True, "boss")


@pytest.mark.parametrize(
    ("status", "level", "end"),
    [(1, "success", "."), (0, "success", "."), (-2, "warning", ", which ended as Error. It broke.")],
)
def test_run_now_tells_what_the_run_came_to(pages, monkeypatch, status, level, end):
    workflow, page = build([SUM]), pages()
    execution = run(workflow, status=status, error="It broke." if status < 0 else None)
    monkeypatch.setattr(dispatcher, "run_now", lambda *args, **kwargs: execution)
    page.post("executions_execution_run", workflow.pk, values="")
    [message] = get_messages(page.answer.wsgi_request)
    assert message.level_tag == level
    assert str(message) == f"Ran “{workflow}” as #{execution.pk}{end}"


def test_a_count_of_jobs_to_delete_ends_at_the_cap(pages, monkeypatch):
    monkeypatch.setattr("executions.admin.executions.COUNTED", 2)
    execution = run()
    for number in (1, 2, 3):
        job(execution, number)
    assert "with more than 2 jobs." in words(pages().get("executions_execution_delete", execution.pk))


def test_run_now_tells_what_is_wrong(pages, monkeypatch):
    workflow, page = build([SUM]), pages()
    assert "not valid JSON" in page.errors("executions_execution_run", workflow.pk, values="{")
    page.get("executions_execution_run", 77, status=404)
    monkeypatch.setattr(dispatcher, "run_now", lambda *args, **kwargs: None)
    [message] = page.post("executions_execution_run", workflow.pk, values="")
    assert "condition" in message
    assert not Execution.objects.exists()


def test_run_now_is_an_action_of_the_list_of_workflows(pages):
    workflow, page = build([SUM]), pages()
    page.post("workflows_workflow_changelist", action="tool_run_now", _selected_action=[workflow.pk])
    assert page.answer.url.endswith(f"/execution/run/{workflow.pk}/")


PAGES = [
    ("get", "", "executions.view_execution"),
    ("get", "{e}/change/", "executions.view_execution"),
    ("get", "{e}/delete/", "executions.delete_execution"),
    ("post", "{e}/delete/", "executions.delete_execution"),
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
