"""The page of a run: its sentence, its jobs in order, and its links."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from executions import start
from executions.admin import steps
from executions.models import Execution, Job
from executions.testing import drain
from tests.building import build
from tests.executions.rows import job, run
from tests.pages import words
from workflows.graph import forget_graphs
from workflows.models import Node, Workflow

pytestmark = pytest.mark.django_db

CHANGE = "executions_execution_change"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DELAY = ("delay", {"unit": 3_600_000, "duration": 1})
SUM = ("calculation", {"engine": "math.js", "expression": "1+2"})
LOOP = ("loop", {"target": 5}, {0: [SUM, SUM]})


def ran(*nodes):
    execution = start(build(list(nodes)), {})
    drain()
    return Execution.objects.get(pk=execution.pk)


def many(number, execution=None):
    execution = execution or run()
    now = execution.created_at
    known = {"execution": execution, "status": 1, "created_at": now, "updated_at": now, "started_at": now}
    Job.objects.bulk_create(Job(number=each, node_key=f"key{each:04}", **known) for each in range(1, number + 1))
    return execution


def numbers(text):
    return [int(number) for number in re.findall(r'id="job-(\d+)"', text)]


@pytest.mark.parametrize("jobs", [1, 30, 450])
def test_the_page_takes_a_fixed_number_of_queries(pages, django_assert_num_queries, jobs):
    workflow = build([SUM, SUM])
    execution = many(jobs, run(workflow))
    for number in (1, 2):
        run(parent_execution=execution, parent_job=number)
    page = pages()
    page.get(CHANGE, execution.pk)
    # Session, user, run, what is marked in it, children, reruns, jobs, runs that they started, last number; the version
    # and its nodes; what its jobs came to by node; the tasks that the header counts.
    with django_assert_num_queries(13):
        page.get(CHANGE, execution.pk)


def test_values_are_loaded_no_further_than_they_are_shown(pages, django_assert_num_queries):
    execution = run()
    job(execution, result={"text": "x" * 50_000}, input=["y" * 50_000], log="z" * 50_000)
    page = pages()
    text = page.get(CHANGE, execution.pk)
    assert 3_000 < text.count("x") < 5_000
    assert text.count("y" * 3_000) == 1
    assert text.count("Show it whole") == 2
    assert "x" * 10_000 in page.get("executions_job_change", Job.objects.get().pk)


def test_the_page_shows_context_output_error_and_jobs_in_order(pages):
    workflow = build([("parallel", {}, {1: [SUM]})])
    outer, inner = workflow.nodes.order_by("pk")
    execution = run(workflow, output={"answer": 42}, status=-2, error="It broke <b>", reason="timeout")
    job(execution, 2, node=inner, parent=1, upstream=1, result={"inner": 1}, log="a line")
    job(execution, 1, node=outer, status=-1, attempts=[{"number": 1, "message": "first"}], attempt=2)
    text = pages().get(CHANGE, execution.pk)
    assert "It broke &lt;b&gt;" in text
    shown = words(text)
    for part in (
        '"answer": 42',
        '"big": "context"',
        "Timed out",
        '"inner": 1',
        "INFO a line",
        "Lost first",
        "attempt 2",
    ):
        assert part in shown
    assert "in #1 : Branch 1" in shown
    assert numbers(text) == [1, 2]
    assert 'class="sluice-indent-1"' in text


def test_rounds_of_a_loop_are_numbered_on_every_page(pages, monkeypatch):
    monkeypatch.setattr(steps, "JOBS", 4)
    execution, page = ran(LOOP), pages()
    first = page.get(CHANGE, execution.pk)
    assert numbers(first) == [1, 2, 3, 4]
    assert re.findall(r"Round \d", first) == ["Round 1", "Round 2"]
    second = page.get(CHANGE, execution.pk, query="?after=4")
    assert re.findall(r"Round \d", second) == ["Round 3", "Round 4"]
    assert "Jobs 5 to 8 of 11" in words(second)


def test_jobs_come_in_pages_with_links_both_ways(pages):
    execution, page = many(251), pages()
    first = page.get(CHANGE, execution.pk)
    assert numbers(first) == list(range(1, 101))
    assert "Further jobs" in first
    assert "Previous jobs" not in first
    second = page.get(CHANGE, execution.pk, query="?after=200")
    assert numbers(second) == list(range(201, 252))
    assert 'href="?after=100#jobs"' in second
    assert "Further jobs" not in second
    assert numbers(page.get(CHANGE, execution.pk, query="?after=151"))[-1] == 251
    for bad in ("x", "9" * 30, "-1"):
        assert numbers(page.get(CHANGE, execution.pk, query=f"?after={bad}"))[0] == 1


@pytest.mark.parametrize(
    ("query", "found"),
    [("?in=1", [2, 3]), ("?in=9", []), ("?show=failed", [3]), ("?show=waiting", [4]), ("?show=x", [1, 2, 3, 4])],
)
def test_jobs_are_narrowed(pages, query, found):
    execution = run(status=0)
    job(execution, 1)
    job(execution, 2, parent=1)
    job(execution, 3, parent=1, status=-1)
    job(execution, 4, status=0, wait="timer", ended_at=None)
    text = pages().get(CHANGE, execution.pk, query=query)
    assert numbers(text) == found
    assert ("No such jobs" in text) == (not found)


def test_a_job_links_to_its_node_itself_its_parent_and_the_runs_it_started(pages):
    execution = ran(LOOP)
    child = run(parent_execution=execution, parent_job=2)
    loop, inner = Node.objects.order_by("pk")[:2]
    text = pages().get(CHANGE, execution.pk)
    for address in (
        f"/admin/workflows/node/{loop.pk}/change/",
        f"/admin/workflows/node/{inner.pk}/change/",
        f"/admin/executions/job/{Job.objects.get(number=2).pk}/change/",
        "?after=0#job-1",
        "?in=1#jobs",
        f"/admin/executions/execution/{child.pk}/change/",
        f"/admin/executions/execution/?workflow={execution.key}",
    ):
        assert f'href="{address}"' in text


def test_who_may_not_see_nodes_gets_no_link_to_them(pages):
    execution = ran(SUM)
    text = pages("executions.view_execution", "executions.view_job").get(CHANGE, execution.pk)
    assert "calculation" in text
    assert "/admin/workflows/node/" not in text


def test_without_the_workflow_depth_is_that_of_the_parents_on_the_page(pages):
    execution = ran(("loop", {"target": 1}, {0: [("loop", {"target": 1}, {0: [SUM]})]}))
    Node.objects.all().delete()
    Workflow.objects.all().delete()
    forget_graphs()
    text = pages().get(CHANGE, execution.pk).partition('id="run-jobs"')[2]
    assert re.findall(r'<th scope="row" class="sluice-indent-(\d)"', text) == ["0", "1", "2"]
    assert "deleted node n3" in text


def test_relatives_are_linked_with_their_statuses_and_deleted_ones_read_as_such(pages):
    parent = run(status=0)
    execution = run(parent_execution=parent, parent_job=3, rerun_of=parent, attempt=2)
    page = pages()
    shown = words(page.get(CHANGE, execution.pk))
    assert f"Parent #{parent.pk} Started job 3" in shown
    assert f"Rerun of #{parent.pk} Started" in shown
    assert f"Children #{execution.pk} Resolved" in words(page.get(CHANGE, parent.pk))
    assert f"Reruns #{execution.pk} Resolved" in words(page.get(CHANGE, parent.pk))
    Execution.objects.filter(pk=parent.pk).delete()
    assert f"Parent deleted execution {parent.pk}" in words(page.get(CHANGE, execution.pk))


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"status": None}, "Queued: a worker takes it next."),
        ({"status": None, "parked": "lane", "lane": "x-1"}, "Queued until those before it in its lane x-1 have ended."),
        ({"status": 0, "parked": "hold"}, "Kept back: Held."),
        ({"status": 0}, "At work."),
        ({"status": 1}, "Ended as Resolved after 0 ms."),
        ({"status": -2, "error": "No.\nNever."}, "Ended as Error after 0 ms: No. Never."),
        ({"status": -3, "reason": "timeout"}, "Ended as Aborted (Timed out) after 0 ms."),
        ({"status": -3, "started_at": None}, "Ended as Aborted after no time."),
    ],
)
def test_a_sentence_tells_how_it_stands(pages, columns, sentence):
    assert sentence in words(pages().get(CHANGE, run(**columns).pk))


@pytest.mark.parametrize(
    ("of_run", "of_job", "sentence"),
    [
        ({"status": 0}, {"status": 0, "wait": "outside"}, "Waits at “calculation” (job 2) for an answer from outside."),
        (
            {"status": 0},
            {"status": 0, "wait": "timer", "due_at": NOON},
            "Waits at “calculation” (job 2) until 2026-",
        ),
        (
            {"status": 0},
            {"status": 0, "wait": "call", "due_at": NOON},
            "Waits at “calculation” (job 2) for the answer to its call, until 2026-11-21 ",
        ),
        ({"status": 0}, {"status": 0}, "At work at “calculation” (job 2)."),
        ({"status": 0}, {"status": 0, "wait": "branch"}, "At work."),
        ({"status": -1, "error": "No."}, {"status": -1}, "Ended as Failed at “calculation” (job 2) after 0 ms: No."),
        ({"status": -1}, {"status": -1}, "Ended as Failed at “calculation” (job 2) after 0 ms."),
    ],
)
def test_it_names_the_job_that_tells_most(pages, of_run, of_job, sentence):
    workflow = build([SUM])
    execution = run(workflow, **of_run)
    job(execution, 1, status=-1 if execution.ended_at else 1)
    job(execution, 2, node=workflow.nodes.get(), **of_job)
    text = words(pages().get(CHANGE, execution.pk)).replace(" (job 2) )", " (job 2))")
    assert sentence in text.replace(" .", ".")


@pytest.mark.parametrize(("error", "times"), [("No.", 1), ("No.\nNever.", 2), ("No." * 200, 2)])
def test_an_error_that_is_no_sentence_stands_whole_below_it(pages, error, times):
    text = pages().get(CHANGE, run(status=-2, error=error).pk)
    assert text.count(">" + error[:3]) + text.count(": No.") == times
    assert (error in text) == (len(error) < 300 or times == 2)


def test_a_paused_one_says_since_when(pages):
    execution = run(status=0, paused_at=timezone.now() - timedelta(hours=1))
    assert "it goes on when it is resumed" in words(pages().get(CHANGE, execution.pk))


def test_who_may_not_see_jobs_is_told_no_job(pages):
    execution = run(status=-1)
    job(execution, 1, status=-1)
    text = words(pages("executions.view_execution").get(CHANGE, execution.pk))
    assert "Ended as Failed after 0 ms." in text


def test_there_is_no_script_or_style_of_its_own_in_the_page(pages):
    execution = ran(LOOP)
    page = pages().get(CHANGE, execution.pk)
    content = page[page.index('<div id="content"') : page.index("</main>")]
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", content)


def test_numbers_are_written_plainly_whatever_the_locale(pages, settings):
    settings.USE_THOUSAND_SEPARATOR = True
    execution = run()
    job(execution, 1234, parent=1233)
    text = pages().get(CHANGE, execution.pk)
    assert 'id="job-1234"' in text
    assert "?after=1232#job-1233" in text


@pytest.mark.parametrize(("query", "marked"), [("", "all of them"), ("?show=failed", "only failed ones")])
def test_each_choice_of_jobs_leads_to_the_others(pages, query, marked):
    execution = ran(SUM)
    text = pages().get(CHANGE, execution.pk, query=query)
    assert f"<strong>{marked}</strong>" in text
    assert ('href="?#jobs">All</a>' in text) == bool(query)
