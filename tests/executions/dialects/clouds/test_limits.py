"""A key that is limited to some workflows reaches no others through them: neither by what its workflows are made to
call, nor by what they are started with. And nobody's call waits for another's."""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from rest_framework.request import Request

from executions.dialects.clouds.view import CloudView
from executions.models import Execution
from tests.building import build
from tests.executions.dialects.cloudflow.client import CloudFlow
from tests.executions.dialects.functiongraph.clients import FunctionGraph
from tests.executions.dialects.iflyrpa.clients import Rpa
from tests.executions.rows import run
from tests.people import boss
from workflows.models import Workflow

pytestmark = pytest.mark.django_db

CALLING = """\
Type: StateMachine
SpecVersion: v1
Name: mine
Sluice: {{Form: nodes}}
StartAt: call
States:
  - Type: Task
    Name: call
    Action: Sluice:subflow
    Parameters: {{workflow: {called}, values: {{}}}}
    End: true
"""
CALLS = {
    "name": "mine",
    "start": "call",
    "states": [
        {"id": "call", "name": "call", "type": "Operation", "transition": "end",
         "actions": [{"function_ref": {"ref_name": "f"}}]},
        {"id": "end", "name": "end", "type": "End", "end": True},
    ],
}  # fmt: skip


@pytest.fixture
def workflows():
    return {name: build([], name=name, key=f"k-{name}") for name in ("mine", "too", "private")}


@pytest.mark.parametrize("called", ["private", "k-private"])
def test_a_definition_calls_what_the_key_reaches(workflows, called):
    user, limits = boss(), {"workflows": ["mine", "too"]}
    fdl, graph = CloudFlow(user, **limits), FunctionGraph(user, **limits)
    told = fdl.refused("UpdateFlow", "InvalidArgument", Name="mine", Definition=CALLING.format(called=called))
    assert f"no workflow '{called}'" in told
    body = {**CALLS, "functions": [{"name": "f", "operation": called}]}
    code, told = graph.refused("PUT", "/workflows/k-mine", body, status=400)
    assert (code, f"no workflow '{called}'" in told) == ("FSS.0400", True)
    assert Workflow.objects.count() == 3
    assert fdl("UpdateFlow", Name="mine", Definition=CALLING.format(called=called.replace("private", "too")))
    graph("PUT", "/workflows/k-mine", {**body, "functions": [{"name": "f", "operation": "too"}]})
    # A key without limits may call all.
    CloudFlow(user)("UpdateFlow", Name="mine", Definition=CALLING.format(called=called))


def test_a_start_tells_of_no_other_workflows_run(workflows):
    build([], name="after", key="k-after", type="execution", config={"mode": "ended"})
    user, limits = boss(), {"workflows": ["after", "mine"]}
    fdl, graph, rpa = (kind(user, **limits) for kind in (CloudFlow, FunctionGraph, Rpa))
    other, mine = (
        run(workflows[name], status=1, output={"hush": "nobody's"}, ended_at="2026-01-01T00:00:00Z")
        for name in ("private", "mine")
    )
    asked = {"execution": other.pk}
    known = Execution.objects.count()
    assert "no execution" in fdl.refused("StartExecution", "InvalidArgument", FlowName="after", Input=json.dumps(asked))
    graph.refused("POST", "/workflows/k-after/executions", {"input": asked}, status=400)
    rpa.refused("POST", "workflows/execute-async", {"project_id": "after", "params": asked})
    assert Execution.objects.count() == known
    fdl("StartExecution", FlowName="after", Input=json.dumps({"execution": mine.pk}))


class SlowBody(io.BytesIO):
    """One that is read for as long as its client likes."""

    def __init__(self, reading: Event, goes_on: Event) -> None:
        super().__init__(b"")
        self.reading, self.goes_on = reading, goes_on

    def read(self, size: int | None = -1) -> bytes:
        self.reading.set()
        assert self.goes_on.wait(60)
        return super().read(size)


def test_who_sends_slowly_holds_up_nobody_else(rf):
    reading, goes_on = Event(), Event()

    def view(body):
        found = CloudView()
        found.request = Request(rf.generic("POST", "/"))
        found.request._request._stream = body
        return found

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(lambda: view(SlowBody(reading, goes_on)).raw)
        assert reading.wait(30)
        with ThreadPoolExecutor(1) as other:
            quick = other.submit(lambda: view(io.BytesIO(b"x")).raw)
            try:
                assert quick.result(30) == b"x"
            finally:
                goes_on.set()
        assert slow.result(30) == b""
