"""Runs started by `execute` and `execute-async` (spec cloud-dialects 3)."""

from threading import Thread

import pytest
from django.db import connection
from django.db.models import Q

from executions.dialects.iflyrpa import views
from executions.models import Execution
from executions.store.side import close_side
from executions.testing import drain
from tests.building import build
from workflows import versions

OUTPUT = ("output", {"value": {"sum": "{{$context.a}}"}})
DELAY = ("delay", {"duration": 1, "unit": 3_600_000, "endStatus": 1})
FAILS = ("end", {"endStatus": -1})
BOTH = pytest.mark.parametrize("path", ["workflows/execute", "workflows/execute-async"])


@pytest.mark.django_db
def test_async_answers_the_id_of_a_queued_run(rpa):
    client, flow = rpa(), build([OUTPUT])
    found = client.post("workflows/execute-async", {"project_id": flow.key, "params": {"a": 5}})
    run = Execution.objects.get()
    assert found == {"executionId": str(run.pk)}
    assert (run.status, run.context, run.created_by, run.manually) == (None, {"a": 5}, client.user, True)
    drain()
    shown = client.get(f"executions/{run.pk}")["execution"]
    assert (shown["status"], shown["result"], shown["version"]) == ("COMPLETED", {"sum": 5}, 1)


@pytest.mark.django_db
@pytest.mark.parametrize("params", [{}, {"params": None}, {"params": {}}])
def test_no_params_are_an_empty_context(rpa, params):
    rpa().post("workflows/execute-async", {"project_id": build([]).key, **params})
    assert Execution.objects.get().context == {}


@pytest.mark.django_db
def test_what_robots_are_told_is_taken_and_left(rpa):
    body = {"project_id": build([]).key, "exec_position": "CRONTAB", "recording_config": "{}", "anything": 1}
    client = rpa()
    client.post("workflows/execute-async", body)
    assert client.get("executions/get")["executions"][0]["exec_position"] == "EXECUTOR"


@pytest.mark.django_db
def test_a_project_is_a_key_or_a_name(rpa):
    client, flow = rpa(), build([], name="report")
    # Whoever takes another's key for a name gets nothing of it.
    build([], name="b" + flow.key[1:])
    for project in (flow.key, "report"):
        client.post("workflows/execute-async", {"project_id": project})
    assert {*Execution.objects.values_list("key", flat=True)} == {flow.key}


def shown(user):
    return ~Q(title="Hidden")


@BOTH
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("columns", "asked", "told"),
    [
        ({}, {"project_id": "nothing"}, "no workflow 'nothing'"),
        ({}, {"project_id": ""}, "no workflow"),
        ({"title": "Hidden"}, {}, "no workflow"),
        ({"enabled": False}, {}, "not enabled"),
        ({}, {"version": 2}, "no version 2"),
        ({}, {"version": -1}, "no version -1"),
        ({}, {"version": 10**30}, "no version 1000"),
        ({"config": {"fields": [{"name": "a", "required": True}]}}, {}, "'a' is required"),
        ({"config": {"fields": [{"name": "a", "type": "number"}]}}, {"params": {"a": "x"}}, "number"),
        ({}, {"idempotency_key": "中"}, "ASCII"),
    ],
)
def test_what_can_not_be_started_is_a_failure_with_200(rpa, settings, path, columns, asked, told):
    client, flow = rpa("workflows.execute_workflow"), build([], **columns)
    settings.SLUICE = {"VISIBLE": f"{__name__}.shown"}
    assert told in client.refused("POST", path, {"project_id": flow.key, **asked})
    assert not Execution.objects.exists()


@BOTH
@pytest.mark.django_db
def test_a_key_for_some_workflows_starts_no_others(rpa, path):
    first, second = build([], title="First"), build([], title="Second")
    client = rpa(workflows=[first.key])
    assert client.refused("POST", path, {"project_id": second.key})
    assert not Execution.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "version"), [({}, 2), ({"version": None}, 2), ({"version": 2}, 2), ({"version": 1}, 1)]
)
def test_a_version_may_be_named(rpa, asked, version):
    first = build([OUTPUT])
    versions.enable(versions.revise(first))
    rpa().post("workflows/execute-async", {"project_id": first.key, **asked})
    assert Execution.objects.get().version == version


@pytest.mark.django_db
def test_a_key_of_the_client_starts_once(rpa):
    client, flow = rpa(), build([])
    body = {"project_id": flow.key, "params": {"a": 1}, "idempotency_key": "order 7"}
    first, second = (client.post("workflows/execute-async", body) for _ in range(2))
    assert first == second
    assert client.refused("POST", "workflows/execute-async", {**body, "params": {"a": 2}})
    assert Execution.objects.count() == 1


@pytest.mark.django_db
def test_inside_a_transaction_of_the_host_execute_does_not_wait(rpa):
    client, flow = rpa(), build([OUTPUT])
    found = client.post("workflows/execute", {"project_id": flow.key})
    assert found == {"execution": {"id": str(Execution.objects.get().pk), "status": "PENDING"}}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("steps", "status", "result", "error"),
    [
        ([OUTPUT], "COMPLETED", {"sum": 5}, None),
        ([], "COMPLETED", None, None),
        ([FAILS], "FAILED", None, "Failed"),
        ([("calculation", {"engine": "math.js", "expression": "1 +"})], "FAILED", None, None),
    ],
)
@pytest.mark.parametrize("sync", [False, True])
def test_execute_answers_how_it_ended(rpa, steps, status, result, error, sync):
    client, flow = rpa(), build(steps, sync=sync)
    shown = client.post("workflows/execute", {"project_id": flow.key, "params": {"a": 5}})["execution"]
    assert (shown["status"], shown["result"]) == (status, result)
    assert shown["error"] if status == "FAILED" else shown["error"] is None
    assert error in (None, shown["error"])
    assert shown == client.get("executions/get")["executions"][0]
    close_side()


@pytest.mark.django_db(transaction=True)
def test_async_of_a_synchronous_workflow_runs_it(rpa):
    flow = build([OUTPUT], sync=True)
    found = rpa().post("workflows/execute-async", {"project_id": flow.key, "params": {"a": 5}})
    assert found == {"executionId": str(Execution.objects.get(status=1).pk)}
    close_side()


@pytest.mark.django_db(transaction=True)
def test_requests_in_transactions_are_no_hindrance(rpa, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    found = rpa().post("workflows/execute", {"project_id": build([OUTPUT]).key, "params": {"a": 5}})
    assert found["execution"]["result"] == {"sum": 5}


@pytest.mark.django_db(transaction=True)
def test_of_what_takes_too_long_execute_answers_the_id(rpa, monkeypatch):
    monkeypatch.setattr(views, "WAIT_SECONDS", 0.2)
    found = rpa().post("workflows/execute", {"project_id": build([DELAY]).key})
    assert found == {"execution": {"id": str(Execution.objects.get().pk), "status": "PENDING"}}


@pytest.mark.django_db(transaction=True)
def test_execute_sees_the_end_that_workers_bring(rpa):
    client, flow = rpa(), build([("delay", {"duration": 1, "unit": 1000, "endStatus": 1}), OUTPUT])
    answers = []

    def ask():
        answers.append(client.post("workflows/execute", {"project_id": flow.key, "params": {"a": 5}}))
        close_side()
        connection.close()

    caller = Thread(target=ask)
    caller.start()
    while caller.is_alive():
        drain()
        caller.join(0.05)
    assert [each["execution"]["result"] for each in answers] == [{"sum": 5}]


@pytest.mark.django_db
def test_starts_are_counted_as_such(rpa, settings):
    settings.SLUICE = {"THROTTLES": {"execute": "1/hour"}}
    client, body = rpa(), {"project_id": build([]).key}
    assert [client.raw("POST", "workflows/execute-async", body).status_code for _ in range(2)] == [200, 429]
    assert client.get("executions/get")["total"] == 1
