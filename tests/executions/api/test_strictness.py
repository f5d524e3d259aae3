"""What may be sent about executions and jobs, and what is told of what may not."""

import re

import pytest

from executions import drain
from executions.dispatcher import start
from executions.models import Execution, Job
from tests.building import build

pytestmark = pytest.mark.django_db(transaction=True)

WAIT = ("delay", {"duration": 1, "unit": 3_600_000})


@pytest.fixture
def job():
    execution = start(build([WAIT]), {})
    drain.drain_all()
    return Job.objects.get(execution=execution)


@pytest.mark.parametrize("status", ["resolved", 1, "queued", "foo", "pending", 0, -77, "1.5", True, None, [], {}])
def test_failing_explains_its_statuses(client, job, status):
    errors = client().errors("POST", f"jobs/{job.pk}/fail/", {"status": status})
    assert errors == {
        "status": "Choose one of failed, error, aborted, canceled, rejected, retry_needed, or its number."
    }


@pytest.mark.parametrize("status", ["failed", -1, "foo", 2, "started"])
def test_so_does_completing(client, job, status):
    errors = client().errors("POST", f"jobs/{job.pk}/complete/", {"status": status})
    assert errors == {"status": "Choose one of resolved, or its number."}


@pytest.mark.parametrize("status", ["error", "ERROR", " error ", -2, "-2"])
def test_a_status_is_taken_by_name_and_number(client, job, status):
    assert client()("POST", f"jobs/{job.pk}/fail/", {"status": status})["status"] == -2


@pytest.mark.parametrize(("action", "given", "status"), [("complete", "resolved", 1), ("fail", "-2", -2)])
def test_a_form_takes_both_too(client, job, action, given, status):
    http = client().http
    page = http.get(f"/api/v1/jobs/{job.pk}/{action}/", headers={"accept": "text/html"}).content.decode()
    [field] = re.findall(r"<input[^>]*name=.status.[^>]*>", page)
    assert 'type="text"' in field
    answer = http.post(f"/api/v1/jobs/{job.pk}/{action}/", {"status": given})
    assert answer.status_code == 200, answer.content
    assert answer.json()["status"] == status


@pytest.mark.parametrize("values", ["a text", ["a"], 5, True])
@pytest.mark.parametrize("parameter", ["", "?async=1"])
def test_values_are_an_object(client, values, parameter):
    workflow = build([WAIT])
    errors = client().errors("POST", f"workflows/{workflow.pk}/execute/{parameter}", {"values": values})
    assert set(errors) == {"values"}
    assert not Execution.objects.exists()


@pytest.mark.parametrize("body", [{}, {"values": None}, {"values": {}}])
def test_no_values_are_an_empty_object(client, body):
    workflow = build([WAIT])
    shown = client()("POST", f"workflows/{workflow.pk}/execute/", body, status=201)
    assert shown["execution"]["context"] == {}


def test_moments_of_the_log_are_written_as_all_others(client, job):
    api, path = client(), f"executions/{job.execution_id}/logs/"
    lines = api("GET", path)["results"]
    assert lines
    assert all(re.fullmatch(r"[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z", line["timestamp"]) for line in lines)
    assert api("GET", f"{path}?since={lines[-1]['timestamp']}")["results"][-1] == lines[-1]
