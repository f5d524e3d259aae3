"""Runs begun by a client, queued and in the call."""

import time
from types import SimpleNamespace

import pytest

from executions.dialects.clouds import waiting
from executions.drain import drain_all
from executions.models import Execution
from tests.building import build

pytestmark = pytest.mark.django_db(transaction=True)

ASYNC, SYNC = "/workflows/flow/executions", "/workflows/flow/sync-executions"
CALCULATION = ("calculation", {"engine": "math.js", "expression": "6 * {{$context.n}}"})
OUTPUT = ("output", {"value": "{{$jobsMapByNodeKey.n1}}"})


def test_a_start_is_queued(graph):
    build([CALCULATION, OUTPUT], key="flow")
    client = graph()
    found = client.post(ASYNC, {"headers": {"a": "1"}, "input": {"n": 7}})
    row = Execution.objects.get()
    assert found == {"execution_id": str(row.pk)}
    assert (row.status, row.created_by, row.context, row.manually) == (None, client.user, {"n": 7}, True)
    drain_all()
    assert client.get(f"{ASYNC}/{row.pk}")["output"] == 42


@pytest.mark.parametrize(
    ("body", "context"),
    [(None, {}), (b"", {}), ({}, {}), ({"input": None}, {}), ({"input": [1, "值"]}, [1, "值"]), ({"input": "x"}, "x"),
     ({"input": {"a": {"b": None}}, "headers": None, "other": 1}, {"a": {"b": None}})],
)  # fmt: skip
def test_inputs(graph, body, context):
    build([], key="flow")
    graph().post(ASYNC, body)
    assert Execution.objects.get().context == context


WRONG = [
    (b"{", 406, "FSS.0406"), (b"\xff", 406, "FSS.0406"), (b"nothing", 406, "FSS.0406"),
    (b'{"a": 1}}', 406, "FSS.0406"), (b"[" * 100_000, 406, "FSS.0406"),
    (b"[]", 400, "FSS.0400"), (b"1", 400, "FSS.0400"), (b"null", 400, "FSS.0400"),
    (b'{"headers": 1}', 400, "FSS.0400"), (b'{"headers": []}', 400, "FSS.0400"),
    (b'{"input": "\\u0000"}', 400, "FSS.0400"), (b'{"input": "\\ud800"}', 400, "FSS.0400"),
    (b'{"input": 1e999}', 400, "FSS.0400"), (b'{"input": NaN}', 400, "FSS.0400"),
]  # fmt: skip


@pytest.mark.parametrize("path", [ASYNC, SYNC])
@pytest.mark.parametrize(("body", "status", "code"), WRONG)
def test_bodies_that_are_none(graph, path, body, status, code):
    build([], key="flow", sync=path == SYNC)
    assert graph().refused("POST", path, body, status=status)[0] == code
    assert not Execution.objects.exists()


def test_a_body_that_is_too_large(graph, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    build([], key="flow")
    assert graph().refused("POST", ASYNC, {"input": "x" * 100}, status=413)[0] == "FSS.0413"


def test_inputs_that_the_workflow_does_not_take(graph):
    build([], key="flow", config={"fields": [{"name": "n", "type": "number", "required": True}]})
    code, message = graph().refused("POST", ASYNC, {"input": {"n": "x"}}, status=400)
    assert (code, "n: " in message) == ("FSS.0400", True)


@pytest.mark.parametrize("path", [ASYNC, SYNC])
def test_a_disabled_workflow_is_not_started(graph, path):
    build([], key="flow", enabled=False, sync=path == SYNC)
    assert graph().refused("POST", path, {}, status=400)[0] == "FSS.0400"
    assert not Execution.objects.exists()


@pytest.mark.parametrize("path", [ASYNC, SYNC])
def test_an_absent_workflow_is_not_started(graph, path):
    assert graph().refused("POST", path, {}, status=404)[0] == "FSS.0404"


def test_standard_workflows_do_not_start_in_the_call(graph):
    build([], key="flow")
    assert graph().refused("POST", SYNC, {}, status=400)[0] == "FSS.0400"
    assert not Execution.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestExpress:
    def test_a_start_in_the_call(self, graph):
        build([CALCULATION, OUTPUT], key="flow", sync=True)
        found = graph().post(SYNC, {"input": {"n": 7}})
        row = Execution.objects.get()
        assert (found["execution_id"], found["status"], found["output"]) == (str(row.pk), "success", 42)
        assert (found["errors"], row.ended_at is not None) == ([], True)
        assert found["begin_time"] <= found["end_time"]

    def test_a_failure(self, graph):
        build([("calculation", {"engine": "math.js", "expression": "1 +"})], key="flow", sync=True)
        found = graph().post(SYNC, {})
        assert (found["status"], found["output"]) == ("fail", None)
        [error] = found["errors"]
        assert set(error) == {"node_id", "error_message", "begin_time", "end_time"}
        assert (error["node_id"], bool(error["error_message"])) == ("n1", True)

    def test_an_end_with_a_failure(self, graph):
        build([("end", {"endStatus": -1})], key="flow", sync=True)
        found = graph().post(SYNC, {})
        assert found["status"] == "fail"
        assert all(isinstance(each["error_message"], str) for each in found["errors"])

    def test_one_that_waits_is_told_of_as_running(self, graph, settings):
        settings.SLUICE = {"SYNC_SECONDS": 0.2}
        build([("delay", {"duration": 3_600_000})], key="flow", sync=True)
        found = graph().post(SYNC, {})
        assert (found["status"], found["output"], found["end_time"], found["errors"]) == ("running", None, None, [])

    @pytest.mark.django_db(transaction=True)
    def test_one_that_waits_shortly_is_waited_for(self, graph, monkeypatch):
        build([("delay", {"duration": 1}), OUTPUT], key="flow", sync=True)
        clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _seconds: drain_all())
        monkeypatch.setattr(waiting, "time", clock)
        assert graph().post(SYNC, {})["status"] == "success"

    def test_the_asynchronous_start_runs_it_in_the_call_too(self, graph):
        build([CALCULATION, OUTPUT], key="flow", sync=True)
        found = graph().post(ASYNC, {"input": {"n": 7}})
        assert Execution.objects.get(pk=found["execution_id"]).output == 42

    def test_marked_values_stay_masked(self, graph):
        build([CALCULATION, OUTPUT], key="flow", sync=True, options={"sensitive": ["$jobsMapByNodeKey.n1"]})
        build([], key="unused")
        found = graph().post(SYNC, {"input": {"n": 7}})
        assert found["status"] == "success"
