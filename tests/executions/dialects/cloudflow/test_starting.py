"""StartExecution and StartSyncExecution: names used once, inputs checked, and flows of the right mode."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from executions.drain import drain_all
from executions.models import Execution
from executions.store.side import close_side
from tests.building import build
from tests.executions.dialects.cloudflow.client import CloudFlow
from tests.people import boss
from workflows import versions

pytestmark = pytest.mark.django_db

STEP = ("calculation", {"engine": "math.js", "expression": "6 * 7"})
ECHO = ("output", {"value": "{{$context.n}}"})
WAIT = ("delay", {"duration": 1, "unit": 3_600_000})


@pytest.fixture
def flow(db):
    return build([WAIT, ECHO], name="flow")


def test_a_start_answers_the_execution(cloud, flow):
    found = cloud("StartExecution", FlowName="flow", ExecutionName="e1", Input='{"n": "值 +&=*~"}')
    run = Execution.objects.get()
    assert found["Name"] == run.name == "e1"
    assert found["Status"] == "Starting"
    assert json.loads(found["Input"]) == {"n": "值 +&=*~"} == run.context
    assert run.created_by == cloud.new.row.user
    assert found == cloud("DescribeExecution", FlowName="flow", ExecutionName="e1")
    drain_all()
    assert cloud("DescribeExecution", FlowName="flow", ExecutionName="e1")["Status"] == "Running"


def test_without_a_name_one_is_made_up_and_kept(cloud, flow):
    first, second = (cloud("StartExecution", FlowName="flow")["Name"] for _ in range(2))
    assert first != second
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,127}", first)
    assert {first, second} == set(Execution.objects.values_list("name", flat=True))


def test_a_name_that_runs_answers_its_run(cloud, flow):
    first = cloud("StartExecution", FlowName="flow", ExecutionName="e", Input='{"n": 1}')
    drain_all()
    again = cloud("StartExecution", FlowName="flow", ExecutionName="e", Input='{"n": 2}')
    assert again == {**first, "Status": "Running"}
    assert Execution.objects.count() == 1


def test_a_name_that_has_ended_is_refused(cloud):
    build([STEP], name="flow")
    cloud("StartExecution", FlowName="flow", ExecutionName="e")
    drain_all()
    cloud.refused("StartExecution", "ExecutionAlreadyExists", FlowName="flow", ExecutionName="e")
    cloud("StartExecution", FlowName="flow", ExecutionName="E")


def test_names_are_each_flows_own(cloud, flow):
    build([STEP], name="other")
    for name in ("flow", "other"):
        assert cloud("StartExecution", FlowName=name, ExecutionName="e")["FlowName"] == name
    assert Execution.objects.count() == 2


@pytest.mark.parametrize("name", ["1a", "a b", "x" * 129, "中", "a:b", "run-1", "run-999"])
@pytest.mark.parametrize("action", ["StartExecution", "StartSyncExecution"])
def test_names_that_there_can_not_be(cloud, flow, action, name):
    told = cloud.refused(action, "InvalidArgument", FlowName="flow", ExecutionName=name)
    assert told.startswith("ExecutionName")


@pytest.mark.parametrize("name", ["_", "a", "x" * 128, "run-", "run-0", "run-01", "run", "Run-1"])
def test_names_that_there_can_be(cloud, flow, name):
    assert cloud("StartExecution", FlowName="flow", ExecutionName=name)["Name"] == name


@pytest.mark.parametrize("value", ["{", "[]", "1", "null", '"text"', '{"a": NaN}', '{"a": "\\u0000"}', "[" * 5000])
def test_an_input_is_an_object(cloud, flow, value):
    told = cloud.refused("StartExecution", "InvalidArgument", FlowName="flow", Input=value)
    assert told.startswith("Input")
    assert not Execution.objects.exists()


def test_an_input_has_64_kib_at_most(cloud, flow):
    fits, larger = (json.dumps({"a": "x" * (65_536 - 9 + more)}) for more in (0, 1))
    assert len(fits) == 65_536
    cloud("StartExecution", FlowName="flow", Input=fits)
    cloud.refused("StartExecution", "EntityTooLarge", FlowName="flow", Input=larger)


def test_inputs_that_the_flow_asks_for(cloud):
    build([STEP], name="flow", config={"fields": [{"name": "n", "type": "number", "required": True}]})
    assert "n" in cloud.refused("StartExecution", "InvalidArgument", FlowName="flow", Input='{"n": "x"}')
    cloud("StartExecution", FlowName="flow", Input='{"n": 3}')


@pytest.mark.parametrize(("name", "value"), [("CallbackFnFTaskToken", "token"), ("Qualifier", "v1")])
def test_what_is_not_supported_is_refused_by_its_name(cloud, flow, name, value):
    told = cloud.refused("StartExecution", "InvalidArgument", FlowName="flow", **{name: value})
    assert told.startswith(name)


def test_a_flow_that_is_switched_off_does_not_start(cloud, flow):
    versions.disable(flow)
    cloud.refused("StartExecution", "PreconditionFailed", FlowName="flow")


def test_modes_are_kept_apart(cloud, flow):
    build([STEP], name="express", sync=True)
    assert "Express" in cloud.refused("StartExecution", "InvalidArgument", FlowName="express")
    assert "Standard" in cloud.refused("StartSyncExecution", "InvalidArgument", FlowName="flow")


@pytest.mark.parametrize("action", ["StartExecution", "StartSyncExecution"])
def test_no_flow_is_told(cloud, action):
    cloud.refused(action, "FlowNotExists", FlowName="none")


@pytest.mark.django_db(transaction=True)
class TestTogether:
    def test_a_synchronous_one_answers_its_end(self, cloud):
        build([STEP, ECHO], name="express", sync=True)
        found = [cloud("StartSyncExecution", FlowName="express", ExecutionName="e", Input='{"n": 7}') for _ in range(2)]
        names = [each.pop("Name") for each in found]
        assert all(re.fullmatch(r"e:[0-9a-f-]{36}", name) for name in names)
        assert len(set(names)) == 2
        for each in found:
            assert each["Output"] == "7"
            assert each["Status"] == "Succeeded"
            assert set(each) == {"FlowName", "Status", "Output", "StartedTime", "StoppedTime"}
        shown = cloud("ListExecutions", FlowName="express", ExecutionNamePrefix="e:")["Executions"]
        assert {each["Name"] for each in shown} == set(names)

    def test_a_synchronous_one_that_fails_says_why(self, cloud):
        build([("end", {"endStatus": -1})], name="express", sync=True)
        found = cloud("StartSyncExecution", FlowName="express")
        assert (found["Status"], found["ErrorCode"]) == ("Failed", "FnF.Failed")
        assert found["ErrorMessage"]

    def test_a_name_of_a_synchronous_one_has_room_for_its_appendix(self, cloud):
        build([STEP], name="express", sync=True)
        assert cloud("StartSyncExecution", FlowName="express", ExecutionName="x" * 91)
        cloud.refused("StartSyncExecution", "InvalidArgument", FlowName="express", ExecutionName="x" * 92)

    @pytest.mark.engine
    def test_of_many_at_once_one_begins(self):
        """Each on a connection of its own; some may see the first one's row and some its commit."""
        build([WAIT], name="flow")
        cloud = CloudFlow(boss())
        together = Barrier(6)

        def begin(number):
            mine = CloudFlow.__new__(CloudFlow)
            mine.new, mine.http = cloud.new, type(cloud.http)(raise_request_exception=False)
            try:
                together.wait(30)
                return mine("StartExecution", FlowName="flow", ExecutionName="e", Input=f'{{"n": {number}}}')
            finally:
                close_side()
                connections.close_all()

        with ThreadPoolExecutor(6) as threads:
            answers = list(threads.map(begin, range(6)))
        assert Execution.objects.count() == 1
        assert {answer["Input"] for answer in answers} == {json.dumps(Execution.objects.get().context)}

    def test_a_wait_is_over_with_the_run(self, cloud):
        build([STEP, ECHO], name="flow")
        cloud("StartExecution", FlowName="flow", ExecutionName="e", Input='{"n": 1}')

        def work():
            try:
                drain_all()
            finally:
                close_side()
                connections.close_all()

        with ThreadPoolExecutor(1) as threads:
            threads.submit(work)
            found = cloud("DescribeExecution", FlowName="flow", ExecutionName="e", WaitTimeSeconds=30)
        assert (found["Status"], found["Output"]) == ("Succeeded", "1")
