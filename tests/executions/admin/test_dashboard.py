"""The dashboard: who may see it, what it says, and that it costs the same however much has happened."""

from datetime import timedelta

import pytest
from django.utils import timezone

from executions.dashboard import totals
from executions.models import WorkerSeen
from tests.building import build
from tests.executions.rows import job, run
from tests.pages import words

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "executions_execution_dashboard"
HOSTILE = "<script>alert(1)</script>"


def happened(times: int, **columns):
    end = timezone.now() - timedelta(minutes=5)
    workflow = build([("calculation", {})], **columns)
    for index in range(times):
        execution = run(workflow, status=-2 if index == 0 else 1, ended_at=end, started_at=end - timedelta(seconds=2))
        job(execution, status=-2 if index == 0 else 1, started_at=end - timedelta(seconds=1), ended_at=end)
        run(workflow, status=None, due_at=end)
    for _ in range(2):
        totals.count_up(seconds=5)
    return workflow


@pytest.mark.parametrize("times", [1, 30])
def test_it_takes_so_many_queries_whatever_happened(pages, django_assert_num_queries, times):
    happened(times)
    page = pages("executions.view_execution", "executions.view_job")
    # Session, user, its permissions (two), the clock, totals (two), what is not in them, nodes (two), unended (two),
    # queues (two), workers, the header.
    with django_assert_num_queries(16):
        page.get(PAGE)


def test_it_tells_what_happened(pages):
    happened(4)
    now = timezone.now()
    WorkerSeen.objects.create(name="here:1", since=now, seen_at=now)
    WorkerSeen.objects.create(name="there:2", since=now, seen_at=now - timedelta(minutes=5))
    text = words(pages().get(PAGE))
    assert "Ended 4 Failed or in error 25.0 %" in text
    assert "Queued 4 Running or waiting 0 Due now 4 Oldest due for 5 min" in text
    assert "Workers seen 1" in text
    assert "calculation calculation in A test 4 1.0 s" in text
    assert "calculation calculation in A test 1 25.0 %" in text
    assert "sluice 4 0 5 min" in text
    assert "there:2" in text
    assert "Resolved" in text


def test_charts_have_a_table_beside_them_and_nothing_inline(pages):
    happened(4)
    page = pages().get(PAGE, query="?hours=168")
    assert page.count("<g><title>") == 2 * 168
    assert 'role="img" aria-label="Executions that ended, by the hour"' in page
    assert 'id="hours-table"' in page
    assert " style=" not in page.replace("<svg xmlns", "")


def test_nothing_has_happened(pages):
    text = words(pages().get(PAGE))
    assert "None has ended." in text
    assert "No worker has been seen for a day." in text


def test_jobs_are_for_those_who_may_see_them(pages):
    happened(1)
    assert "Slowest nodes" not in pages("executions.view_execution").get(PAGE)


def test_titles_are_never_html(pages):
    workflow = happened(2, title=HOSTILE)
    workflow.nodes.update(title=HOSTILE)
    page = pages().get(PAGE)
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_its_permission_and_method(pages):
    pages("executions.view_job").get(PAGE, status=403)
    boss = pages()
    boss.post(PAGE, status=405)
    assert "/dashboard/" in boss.get("index")
