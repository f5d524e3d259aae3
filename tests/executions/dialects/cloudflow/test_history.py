"""GetExecutionHistory: every event once, numbered alike however far the run is, and paged exactly."""

import json

import pytest

from executions import operations
from executions.drain import drain_all
from executions.models import Execution, Job
from tests.building import build

pytestmark = pytest.mark.django_db

STEP = ("calculation", {"engine": "math.js", "expression": "6 * 7"})
BAD = ("calculation", {"engine": "math.js", "expression": "1 +* 2"})
WAIT = ("delay", {"duration": 1, "unit": 3_600_000, "endStatus": 1})
EVENT = {"EventId", "ScheduleEventId", "StepName", "Time", "Type", "EventDetail"}
TYPES = {
    "StepEntered", "StepStarted", "StepSucceeded", "StepFailed", "StepExited", "BranchEntered", "BranchExited",
    "IterationEntered", "IterationExited", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSubmitFailed",
    "TaskSucceeded", "TaskFailed", "TaskTimedOut", "ExecutionStarted", "ExecutionStopped", "ExecutionSucceeded",
    "ExecutionFailed", "ExecutionTimedOut",
}  # fmt: skip


def started(cloud, steps, **columns):
    build(steps, name="flow", **columns)
    cloud("StartExecution", FlowName="flow", ExecutionName="e", Input='{"n": 1}')
    drain_all()


def history(cloud, **given):
    events = cloud("GetExecutionHistory", FlowName="flow", ExecutionName="e", Limit=1000, **given)["Events"]
    for number, event in enumerate(events, 1):
        assert set(event) == EVENT
        assert event["EventId"] == number
        assert 0 < event["ScheduleEventId"] <= number
        assert event["Type"] in TYPES
        json.loads(event["EventDetail"])
    assert [event["Time"] for event in events] == sorted(event["Time"] for event in events)
    return events


def types(events):
    return [(event["Type"], event["StepName"]) for event in events]


def test_a_run_from_its_begin_to_its_end(cloud):
    started(cloud, [STEP, ("output", {"value": 42})])
    events = history(cloud)
    assert types(events) == [
        ("ExecutionStarted", ""),
        *(
            (kind, step)
            for step in ("calculation", "output")
            for kind in ("StepEntered", "StepStarted", "StepSucceeded", "StepExited")
        ),
        ("ExecutionSucceeded", ""),
    ]
    details = {event["EventId"]: json.loads(event["EventDetail"]) for event in events}
    assert details[1] == {"input": {"n": 1}}
    assert details[4] == {"output": 42}
    assert details[10] == {"output": 42}
    assert [event["ScheduleEventId"] for event in events] == [1, 2, 2, 2, 2, 6, 6, 6, 6, 1]


@pytest.mark.parametrize(
    ("end", "last"),
    [("fails", "ExecutionFailed"), ("is stopped", "ExecutionStopped"), ("times out", "ExecutionTimedOut")],
)
def test_ends(cloud, end, last):
    started(cloud, [BAD if end == "fails" else WAIT])
    if end == "is stopped":
        operations.cancel(Execution.objects.get().pk)
    if end == "times out":
        operations.cancel(Execution.objects.get().pk)
        Execution.objects.update(reason="timeout")
    events = types(history(cloud))
    assert events[-1] == (last, "")
    assert events[-3][0] == "StepFailed"


def test_nothing_has_happened_to_what_is_queued(cloud):
    build([STEP], name="flow")
    cloud("StartExecution", FlowName="flow", ExecutionName="e")
    assert history(cloud) == []


def test_rounds_and_branches_are_entered_and_left(cloud):
    loop = ("loop", {"target": 3}, {0: [STEP]})
    started(cloud, [("parallel", {"mode": "all"}, {1: [loop], 2: [STEP, STEP]})])
    found = [kind for kind, _step in types(history(cloud))]
    for name, times in (("Branch", 2), ("Iteration", 3)):
        assert found.count(f"{name}Entered") == found.count(f"{name}Exited") == times
    assert found.count("StepEntered") == found.count("StepExited") == Job.objects.count()


@pytest.mark.django_db(transaction=True)
def test_a_call_is_a_task(cloud):
    started(cloud, [("request", {"url": "http://127.0.0.1:9/", "method": "GET"})])
    found = [kind for kind, _step in types(history(cloud))]
    assert found[:5] == ["ExecutionStarted", "StepEntered", "StepStarted", "TaskScheduled", "TaskStarted"]
    assert found[5:] == ["TaskFailed", "StepFailed", "StepExited", "ExecutionFailed"]


@pytest.mark.django_db(transaction=True)
def test_events_keep_their_numbers_while_the_run_goes_on(cloud):
    """Branches wait side by side and end in another order than they began; what was told stays as it was."""
    waits = {index: [STEP, WAIT, STEP] for index in (1, 2, 3)}
    started(cloud, [("parallel", {"mode": "all"}, waits), STEP])
    told = [history(cloud)]
    waiting = list(Job.objects.filter(node__type="delay").order_by("number"))
    assert len(waiting) == 3
    for job in (waiting[1], waiting[2], waiting[0]):
        operations.complete_job(job.pk, result=1)
        told.append(history(cloud))
        drain_all()
        told.append(history(cloud))
    assert types(told[-1])[-1] == ("ExecutionSucceeded", "")
    for before, after in zip(told, told[1:], strict=False):
        assert after[: len(before)] == before
        assert len(after) > len(before)


@pytest.mark.parametrize("limit", [1, 7, 60, 1000])
def test_pages_have_each_event_once(cloud, limit):
    started(cloud, [("loop", {"target": 6}, {0: [STEP, STEP]})])
    whole = history(cloud)
    pages = cloud.pages("GetExecutionHistory", "Events", FlowName="flow", ExecutionName="e", Limit=limit)
    assert [event for page in pages for event in page] == whole
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)


def test_a_token_is_an_events_number(cloud):
    started(cloud, [STEP])
    page = cloud("GetExecutionHistory", FlowName="flow", ExecutionName="e", Limit=2)
    assert page["NextToken"] == str(page["Events"][-1]["EventId"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Limit", "0"),
        ("Limit", "1001"),
        ("Limit", "x"),
        ("NextToken", "x"),
        ("NextToken", "-1"),
        ("NextToken", "99999"),
    ],
)
def test_what_makes_no_sense_is_refused(cloud, name, value):
    started(cloud, [STEP])
    given = {"FlowName": "flow", "ExecutionName": "e", name: value}
    assert cloud.refused("GetExecutionHistory", "InvalidArgument", **given).startswith(name)


def test_of_what_is_not_there(cloud):
    cloud.refused("GetExecutionHistory", "FlowNotExists", FlowName="flow", ExecutionName="e")
    build([STEP], name="flow")
    cloud.refused("GetExecutionHistory", "ExecutionNotExists", FlowName="flow", ExecutionName="e")
    cloud.refused("GetExecutionHistory", "MissingRequiredParams", FlowName="flow")


def test_large_values_are_cut(cloud):
    started(cloud, [STEP, ("output", {"value": "{{$context.n}}"})])
    Job.objects.filter(node_key="n2").update(result="x" * 100_000)
    [event] = [each for each in history(cloud) if each["Type"] == "StepSucceeded" and each["StepName"] == "output"]
    assert len(event["EventDetail"]) < 70_000


def test_a_long_history_costs_as_many_queries_as_a_short_one(cloud, django_assert_max_num_queries):
    started(cloud, [("loop", {"target": 100}, {0: [STEP]})])
    with django_assert_max_num_queries(12):
        assert len(history(cloud)) > 600
