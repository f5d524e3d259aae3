"""Ending a waiting job by hand."""

import pytest

from executions import start
from executions.models import Execution, Job
from executions.testing import drain
from tests.building import build
from tests.executions.rows import job, run
from tests.pages import words
from workflows.conf import conf
from workflows.models import HistoryEntry

pytestmark = pytest.mark.django_db

CHANGE = "executions_execution_change"
DELAY = ("delay", {"unit": 3_600_000, "duration": 1})
LOOP = ("loop", {"target": 2}, {0: [DELAY]})


def waiting(*nodes):
    start(build(list(nodes) or [DELAY]), {})
    drain()
    return Job.objects.order_by("-number").first()


def test_complete_gives_the_result_and_leads_back_to_the_job(pages):
    row, page = waiting(), pages()
    assert "Complete job" in words(page.get("executions_job_complete", row.pk))
    [message] = page.post("executions_job_complete", row.pk, result='{"a": 1}', reason="Long enough.")
    assert message == f"Completed job 1 of #{row.execution_id}; the execution goes on."
    assert page.answer.url == f"/admin/executions/execution/{row.execution_id}/change/?after=0#job-1"
    row.refresh_from_db()
    assert (row.status, row.result) == (1, {"a": 1})
    assert HistoryEntry.objects.of_execution(row.execution_id).get().reason == "Long enough."


def fail(page, row, **data):
    return page.http.post(f"/admin/executions/job/{row.pk}/fail/", data)


@pytest.mark.parametrize(
    ("data", "status", "result"), [({"status": "-5"}, -5, None), ({"status": "-1", "result": '"x"'}, -1, "x")]
)
def test_fail_ends_it_as_was_chosen(pages, data, status, result):
    row = waiting()
    assert fail(pages(), row, **data).status_code == 302
    row.refresh_from_db()
    assert (row.status, row.result) == (status, result)
    assert Execution.objects.get().status == status


@pytest.mark.parametrize(("data", "error"), [({"status": "1"}, "valid choice"), ({}, "required")])
def test_a_failure_needs_a_status_of_one(pages, data, error):
    row = waiting()
    assert error in words(fail(pages(), row, **data).content.decode())
    row.refresh_from_db()
    assert row.status == 0


@pytest.mark.parametrize(
    ("data", "error"), [({"result": "{"}, "not valid JSON"), ({"reason": "x" * 2001}, "at most 2000")]
)
def test_what_does_not_fit_is_told_at_the_form(pages, data, error):
    row = waiting()
    assert error in pages().errors("executions_job_complete", row.pk, **data)
    row.refresh_from_db()
    assert row.status == 0


def test_one_that_has_ended_is_refused(pages):
    row = job(run())
    assert "has ended" in pages().errors("executions_job_complete", row.pk)


@pytest.mark.parametrize("name", ["complete", "fail"])
def test_a_job_that_is_none_is_not_found(pages, name):
    pages().get(f"executions_job_{name}", 77, status=404)


def test_buttons_stand_where_they_fit(pages):
    loop, page = waiting(LOOP), pages()
    text = page.get(CHANGE, loop.execution_id)
    outer = Job.objects.get(number=1)
    assert f"/admin/executions/job/{loop.pk}/complete/" in text
    assert f"/admin/executions/job/{loop.pk}/fail/" in text
    assert f"/admin/executions/job/{outer.pk}/complete/" not in text
    assert "Fail this job" in page.get("executions_job_change", loop.pk)
    assert "Fail this job" not in page.get("executions_job_change", outer.pk)
    Execution.objects.update(status=1, ended_at=loop.created_at)
    assert "/complete/" not in page.get(CHANGE, loop.execution_id)
    assert "Fail this job" not in page.get("executions_job_change", loop.pk)


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", ["complete", "fail"])
def test_each_needs_its_permission(pages, method, name):
    row = waiting()
    path = f"/admin/executions/job/{row.pk}/{name}/"
    looker = pages("executions.view_execution", "executions.view_job")
    assert "login" in getattr(pages(None).http, method)(path).url
    assert getattr(looker.http, method)(path, {"status": "-1"}).status_code == 403
    assert f"job/{row.pk}/{name}" not in looker.get(CHANGE, row.execution_id)
    row.refresh_from_db()
    assert row.status == 0


def test_who_may_only_finish_is_not_led_to_what_they_may_not_see(pages):
    row, page = waiting(), pages("executions.change_job")
    page.post("executions_job_complete", row.pk, result="")
    assert page.answer.url == "/admin/"


def test_a_job_of_a_hidden_workflow_is_not_there(pages, settings):
    settings.SLUICE = {"VISIBLE": "tests.executions.test_bulk.only_shown"}
    conf.cache_clear()
    row = waiting()
    page = pages("executions.view_job", "executions.change_job")
    page.get("executions_job_complete", row.pk, status=404)
    assert page.http.get(f"/admin/executions/job/{row.pk}/change/").status_code == 302
    assert "0 jobs" in words(page.get("executions_job_changelist"))
