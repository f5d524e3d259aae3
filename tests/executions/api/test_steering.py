"""What does not fit is refused, tells how things stand, and changes nothing; reasons are kept."""

import threading
import time

import pytest
from django.db import connection, transaction

from executions.models import Execution, Job
from tests.building import build
from tests.executions.rows import job, run
from workflows.conf import conf
from workflows.models import HistoryEntry

pytestmark = pytest.mark.django_db

DELAY = ("delay", {"unit": 3_600_000, "duration": 1})


def waiting(**columns):
    execution = run(build([DELAY], **columns), status=0)
    job(execution, node=execution.workflow.nodes.get(), status=0, wait="timer", ended_at=None)
    return execution


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "executions/{}/cancel/", 1),
        ("POST", "executions/{}/pause/", -2),
        ("POST", "executions/{}/resume/", 0),
        ("POST", "executions/{}/rerun/", None),
        ("DELETE", "executions/{}/", 0),
    ],
)
def test_a_conflict_tells_the_present_status_and_changes_nothing(client, method, path, status):
    execution = run(build([DELAY]), status=status)
    before = Execution.objects.values().get()
    answer = client()(method, path.format(execution.pk), {}, status=409)
    names = {1: "resolved", -2: "error", 0: "started", None: "queued"}
    assert answer["execution"] == {
        "id": execution.pk, "status": status, "status_name": names[status], "paused": False,
    }  # fmt: skip
    assert answer["errors"][0]["code"] == "refused"
    assert Execution.objects.values().get() == before
    assert not HistoryEntry.objects.exists()


@pytest.mark.parametrize("action", ["complete", "fail"])
def test_a_job_that_has_ended_tells_its_status_and_that_of_its_run(client, action):
    row = job(run(status=-3), status=-3)
    answer = client()("POST", f"jobs/{row.pk}/{action}/", {}, status=409)
    assert answer["job"] == {"id": row.pk, "status": -3, "status_name": "aborted"}
    assert answer["execution"]["status_name"] == "aborted"
    assert Job.objects.get().status == -3


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "executions/{e}/cancel/"),
        ("POST", "executions/{e}/pause/"),
        ("POST", "executions/{e}/rerun/"),
        ("POST", "jobs/{j}/complete/"),
        ("POST", "jobs/{j}/fail/"),
    ],
)
def test_a_reason_is_kept_in_the_history(client, method, path):
    execution = waiting()
    client()(method, path.format(e=execution.pk, j=Job.objects.get().pk), {"reason": " The customer called. "})
    entry = HistoryEntry.objects.of_execution(execution.pk).get()
    assert (entry.reason, entry.actor_name) == ("The customer called.", "boss")


@pytest.mark.parametrize(("query", "body"), [("?reason=Old", None), ("", {"reason": "Old"})])
def test_a_deletion_takes_its_reason_either_way(client, query, body):
    execution = run()
    client()("DELETE", f"executions/{execution.pk}/{query}", body, status=204)
    assert HistoryEntry.objects.of_execution(execution.pk).get().reason == "Old"


@pytest.mark.parametrize("reason", ["x" * 2001, "a\x00b", 5.5j])
def test_a_reason_that_can_not_be_kept_is_refused(client, reason):
    execution = waiting()
    body = {"reason": ["no", "text"] if isinstance(reason, complex) else reason}
    assert list(client().errors("POST", f"executions/{execution.pk}/cancel/", body)) == ["reason"]
    assert Execution.objects.get().status == 0


def test_a_reason_of_a_deletion_is_checked_too(client):
    execution = run()
    assert list(client().errors("DELETE", f"executions/{execution.pk}/?reason={'x' * 2001}")) == ["reason"]
    assert Execution.objects.exists()


@pytest.mark.postgres
@pytest.mark.mariadb
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "executions/{}/cancel/"), ("POST", "executions/{}/rerun/"), ("DELETE", "executions/{}/")],
)
def test_case_118_a_run_that_a_worker_holds_is_busy(client, method, path):
    execution = run(build([DELAY]), status=None)
    held, done = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            Execution.objects.select_for_update().get(pk=execution.pk)
            held.set()
            done.wait(20)
        connection.close()

    worker = threading.Thread(target=hold)
    worker.start()
    try:
        assert held.wait(10)
        begun = time.monotonic()
        answer = client()(method, path.format(execution.pk), {}, status=409)
        assert time.monotonic() - begun < 15
    finally:
        done.set()
        worker.join()
    assert "try again" in answer["errors"][0]["message"]
    assert answer["execution"]["status_name"] == "queued"
    assert Execution.objects.get().status is None


@pytest.fixture
def hidden(settings):
    """A run that people who are no superusers may not see."""
    settings.SLUICE = {"VISIBLE": "tests.executions.test_bulk.only_shown"}
    conf.cache_clear()
    return waiting(title="Hidden")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "executions/{e}/"),
        ("GET", "executions/{e}/jobs/"),
        ("GET", "executions/{e}/logs/"),
        ("GET", "executions/{e}/timeline/"),
        ("GET", "executions/{e}/graph/"),
        ("GET", "jobs/{j}/"),
        ("DELETE", "executions/{e}/"),
        ("POST", "executions/{e}/cancel/"),
        ("POST", "executions/{e}/pause/"),
        ("POST", "executions/{e}/rerun/"),
        ("POST", "jobs/{j}/complete/"),
        ("POST", "jobs/{j}/fail/"),
    ],
)
def test_what_is_hidden_is_not_there(client, hidden, method, path):
    api = client(
        "executions.view_execution", "executions.view_job", "executions.change_job", "executions.delete_execution",
        "executions.cancel_execution", "executions.pause_execution", "executions.rerun_execution",
    )  # fmt: skip
    address = path.format(e=hidden.pk, j=Job.objects.get().pk)
    api.errors(method, address, {} if method == "POST" else None, status=404)
    assert api("GET", "executions/")["results"] == api("GET", "jobs/")["results"] == []
    assert Execution.objects.get().status == 0
