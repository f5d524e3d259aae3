"""A wait for a report from outside."""

import json
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.db import connection

from executions import operations, start, tasktokens
from executions.models import Execution, Job
from executions.testing import drain, simulate
from tests.building import build
from tests.web import Server
from workflows.errors import BadToken, NotFound, Refused
from workflows.models import Node


def started(*steps: Any) -> Execution:
    build([*steps, ("output", {"value": "{{$jobsMapByNodeKey.n1}}"})], name="flow")
    run = start("flow", {})
    drain()
    return Execution.objects.get(pk=run.pk)


def waiting(run: Execution) -> Job:
    return run.jobs.get(wait="outside")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("result", [{"paid": True}, "yes", None, [1]])
def test_goes_on_with_what_was_reported(result: Any) -> None:
    run = started(("callback", {}))
    job = tasktokens.job_of(waiting(run).result["token"])
    assert tasktokens.token_of(job) == waiting(run).result["token"]
    operations.complete_job(job.pk, result=result)
    drain()
    run.refresh_from_db()
    assert (run.status, run.output) == (1, result)


@pytest.mark.django_db(transaction=True)
def test_fails_as_it_was_reported() -> None:
    run = started(("callback", {}))
    operations.fail_job(waiting(run).pk, result={"message": "no stock"})
    drain()
    run.refresh_from_db()
    assert (run.status, run.error) == (-1, "no stock")


@pytest.mark.django_db
def test_a_token_names_one_job_of_one_execution() -> None:
    first = started(("callback", {}))
    second = start("flow", {})
    drain()
    tokens = {waiting(run).result["token"] for run in (first, second)}
    assert {tasktokens.job_of(token).execution_id for token in tokens} == {first.pk, second.pk}
    Execution.objects.filter(pk=first.pk).delete()
    Job.objects.filter(execution=first.pk).delete()
    with pytest.raises(NotFound):
        tasktokens.job_of(tasktokens.token_of(Job(execution_id=first.pk, number=1)))


@pytest.mark.django_db(transaction=True)
def test_asked_for_again_it_waits_for_another_token() -> None:
    run = started(("callback", {}))
    old, node = waiting(run), Node.objects.get(workflow=run.workflow_id, key="n1")
    operations.rerun(run.pk, node_id=node.pk, overwrite=True)
    with pytest.raises(Refused):
        tasktokens.job_of(old.result["token"])
    drain()
    job = waiting(run)
    assert job.pk == old.pk
    with pytest.raises(Refused):
        tasktokens.job_of(old.result["token"])
    assert tasktokens.token_of(job) == job.result["token"]
    assert tasktokens.job_of(job.result["token"]).pk == job.pk


@pytest.mark.parametrize("token", ["", "1-1", "1-1:forged", "x" * 5000, "\x00", "1-1:" + "A" * 43, "é"])
def test_what_we_did_not_sign_is_no_token(token: str) -> None:
    with pytest.raises(BadToken):
        tasktokens.job_of(token)


@pytest.mark.django_db
def test_ends_with_its_time_out() -> None:
    run = started(("callback", {}, {}, {"timeout": 60_000}))
    job = waiting(run)
    assert job.due_at is not None
    assert job.due_at - job.started_at >= timedelta(seconds=59)


@pytest.mark.django_db
def test_waits_in_a_simulation_until_it_is_answered() -> None:
    workflow = build([("callback", {}), ("output", {"value": "{{$jobsMapByNodeKey.n1}}"})])
    assert simulate(workflow).status == 0
    assert simulate(workflow, complete={"n1": {"ok": 1}}).output == {"ok": 1}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("early", [True, False], ids=["before the call has ended", "after it"])
def test_a_call_beside_it_hands_the_token_out(early: bool, settings: Any) -> None:
    settings.SLUICE = {"REQUEST_ALLOW": ["127.0.0.1"]}
    tokens: list[str] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        tokens.append(json.loads(body)["task"])
        if early:
            report(tokens[0])
            connection.close()
        request.send_response(204)
        request.end_headers()

    def report(token: str) -> None:
        operations.complete_job(tasktokens.job_of(token).pk, result={"paid": 7})

    server = Server(answer)
    call = {"url": server.url, "method": "POST", "data": {"task": "{{$jobsMapByNodeKey.n2.token}}"}}
    both = ("parallel", {}, {0: [("callback", {})], 1: [("request", call)]})
    build([both, ("output", {"value": "{{$jobsMapByNodeKey.n2}}"})], name="flow")
    run = start("flow", {})
    drain()
    server.close()
    run.refresh_from_db()
    if not early:
        assert run.status == 0
        report(tokens[0])
        drain()
        run.refresh_from_db()
    assert (run.status, run.output, len(tokens)) == (1, {"paid": 7}, 1)
