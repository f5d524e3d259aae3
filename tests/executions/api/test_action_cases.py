"""What people do to runs and jobs over the API: the numbered cases. Where a run's state is in the way it is 409."""

import pytest

from executions import operations, start
from executions.models import Execution, Job
from executions.testing import drain
from tests.building import build
from tests.executions.rows import run

# What is rerun is due by the database's clock, which stands still inside a test's own transaction.
pytestmark = pytest.mark.django_db(transaction=True)

HOUR = ("delay", {"unit": 3_600_000, "duration": 1})
READ = ("calculation", {"engine": "math.js", "expression": "{{$context.n}} + 1"})


@pytest.fixture
def waiting(db):
    execution = start(build([READ, HOUR]), {"n": 1})
    drain()
    execution.refresh_from_db()
    return execution


def pending(execution):
    return Job.objects.get(execution=execution, status=0)


@pytest.mark.parametrize(("may", "status", "left"), [([], 403, 1), (["executions.delete_execution"], 204, 0)])
def test_case_109_who_may_not_delete_is_refused(client, may, status, left):
    execution = run()
    path = f"executions/{execution.pk}/"
    client("executions.view_execution", *may)("DELETE", path, status=status)
    assert Execution.objects.count() == left


@pytest.mark.parametrize("action", [pytest.param("cancel", id="case_110"), pytest.param("rerun", id="case_113")])
def test_what_is_not_there_is_not_found(client, action):
    client()("POST", f"executions/77777/{action}/", {}, status=404)


def test_case_110_an_ended_run_can_not_be_cancelled(client):
    execution = run(status=1)
    client()("POST", f"executions/{execution.pk}/cancel/", {}, status=409)
    assert Execution.objects.get().status == 1


def test_case_113_a_queued_run_has_nothing_to_rerun_and_an_ended_one_is_begun_anew(client):
    workflow = build([READ])
    queued, ended, api = run(workflow, status=None), run(workflow), client()
    api("POST", f"executions/{queued.pk}/rerun/", {}, status=409)
    assert api("POST", f"executions/{ended.pk}/rerun/", {}, status=201)["rerun_of"] == ended.pk


def test_case_117_a_node_that_runs_again_has_the_newest_job_before_it_as_input(waiting):
    read, hour = waiting.workflow.nodes.order_by("pk")
    Execution.objects.filter(pk=waiting.pk).update(context={"n": 5})
    operations.rerun(waiting.pk, node_id=read.pk)
    drain()
    operations.rerun(waiting.pk, node_id=hour.pk)
    drain()
    newest = Job.objects.filter(execution=waiting, node=read).latest("number")
    assert newest.result == 6
    assert pending(waiting).upstream == newest.number


def test_case_119_who_may_not_is_refused(client, waiting):
    path = f"jobs/{pending(waiting).pk}/fail/"
    client("executions.view_execution", "executions.view_job")("POST", path, {"status": -1}, status=403)
    assert pending(waiting)


@pytest.mark.parametrize("status", [-1, -2, -5])
def test_case_119_a_failure_of_the_job_is_the_runs(client, waiting, status):
    client()("POST", f"jobs/{pending(waiting).pk}/fail/", {"status": status})
    drain()
    assert Execution.objects.get().status == status


def test_case_119_a_job_that_shall_go_on_waiting_waits(client, waiting):
    api = client()
    for action in ("complete", "fail"):
        api("POST", f"jobs/{pending(waiting).pk}/{action}/", {"status": 0}, status=400)
    assert (Execution.objects.get().status, pending(waiting).ended_at) == (0, None)
