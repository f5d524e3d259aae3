"""ListExecutions: shapes, every filter, every limit, and pages that lose and repeat nothing."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from django.db import connections
from django.utils import timezone

from executions import operations, start
from executions.drain import drain_all
from executions.models import Execution
from executions.statuses import Reason
from executions.store.side import close_side
from tests.building import build
from workflows import versions
from workflows.models import Workflow

pytestmark = pytest.mark.django_db

STEP = ("calculation", {"engine": "math.js", "expression": "6 * 7"})
ANSWER = ("output", {"value": "{{$context.n}}"})
BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def flow(db):
    return build([STEP, ANSWER], name="flow")


def rows(flow, *statuses, **columns):
    """Ended and other runs, a second apart, the first the oldest."""
    made = []
    for index, status in enumerate(statuses):
        at = BEGAN + timedelta(seconds=index)
        ended = {} if status in (None, 0) else {"ended_at": at + timedelta(milliseconds=5)}
        made.append(
            Execution.objects.create(
                workflow=flow, key=flow.key, title=flow.title, version=1, type="manual", queue="sluice", status=status,
                created_at=at, updated_at=at, **{"context": {}, **ended, **columns},
            )
        )  # fmt: skip
    return made


def names(page):
    return [each["Name"] for each in page["Executions"]]


def test_an_execution_has_the_vendors_shape(cloud, flow):
    start(flow, {"n": 5, "text": "值"}, name="first")
    drain_all()
    [found] = cloud("ListExecutions", FlowName="flow")["Executions"]
    definition = found.pop("FlowDefinition")
    assert "flow" in definition
    run = Execution.objects.get()
    assert found == {
        "FlowName": "flow", "Name": "first", "Status": "Succeeded", "Input": '{"n": 5, "text": "值"}', "Output": "5",
        "StartedTime": run.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "StoppedTime": run.ended_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }  # fmt: skip


def test_one_that_runs_has_no_end_and_no_output(cloud, flow):
    start(flow, {"n": 5})
    [found] = cloud("ListExecutions", FlowName="flow")["Executions"]
    assert found["Status"] == "Starting"
    assert not {"StoppedTime", "Output"} & set(found)


def test_metadata_only_leaves_values_out(cloud, flow):
    start(flow, {"n": 5}, name="first")
    drain_all()
    for flag, short in (("True", True), ("true", True), ("False", False), ("", False)):
        [found] = cloud("ListExecutions", FlowName="flow", MetadataOnly=flag)["Executions"]
        assert ({"Input", "Output", "FlowDefinition"} & set(found) == set()) is short


def test_the_newest_comes_first(cloud, flow):
    made = rows(flow, 1, 0, None)
    found = cloud("ListExecutions", FlowName="flow")
    assert names(found) == [f"run-{run.pk}" for run in reversed(made)]
    assert "NextToken" not in found


STATUSES = (None, 0, 1, -1, -2, -3, -4, -5, -6)


@pytest.mark.parametrize(
    ("status", "meant"),
    [
        ("Starting", [None]), ("Running", [0]), ("Succeeded", [1]), ("Failed", [-6, -5, -2, -1]), ("Stopped", [-4, -3]),
        ("TimedOut", []),
    ],
)  # fmt: skip
def test_each_status_lists_what_it_means(cloud, flow, status, meant):
    rows(flow, *STATUSES)
    found = cloud("ListExecutions", FlowName="flow", Status=status)
    runs = [Execution.objects.get(pk=int(name.removeprefix("run-"))) for name in names(found)]
    assert [run.status for run in runs] == meant
    assert {each["Status"] for each in found["Executions"]} <= {status}


def test_what_a_time_limit_ended_is_timed_out_and_not_stopped(cloud, flow):
    [run] = rows(flow, -3, reason=Reason.TIMEOUT)
    for status, meant in (("TimedOut", [f"run-{run.pk}"]), ("Stopped", [])):
        assert names(cloud("ListExecutions", FlowName="flow", Status=status)) == meant
    assert cloud("DescribeExecution", FlowName="flow", ExecutionName=f"run-{run.pk}")["Status"] == "TimedOut"


def test_a_failure_without_output_tells_its_error(cloud, flow):
    [run] = rows(flow, -2, error="It broke.")
    found = cloud("DescribeExecution", FlowName="flow", ExecutionName=f"run-{run.pk}")
    assert json.loads(found["Output"]) == {"ErrorCode": "FnF.Error", "ErrorMessage": "It broke."}


@pytest.mark.parametrize(
    ("begin", "end", "meant"),
    [
        ("2026-01-01T12:00:01.000Z", None, [2, 1]),
        ("2026-01-01T12:00:01.0001Z", None, [2]),
        (None, "2026-01-01T12:00:01Z", [1, 0]),
        (None, "2026-01-01T12:00:00.999999Z", [0]),
        ("2026-01-01T12:00:01Z", "2026-01-01T12:00:01.000Z", [1]),
        ("2026-01-01T20:00:01+08:00", "2026-01-01T12:00:01Z", [1]),
        ("2020-12-02T02:39:20.402Z", "2020-12-02T02:23:54.817Z", []),
        ("9999-12-31T23:59:59.999Z", None, []),
        (None, "9999-12-31T23:59:59.999Z", [2, 1, 0]),
        ("0001-01-01T00:00:00Z", None, [2, 1, 0]),
    ],
)
def test_ranges_include_both_ends(cloud, flow, begin, end, meant):
    made = rows(flow, 1, 1, 1)
    found = cloud("ListExecutions", FlowName="flow", StartedTimeBegin=begin, StartedTimeEnd=end)
    assert names(found) == [f"run-{made[index].pk}" for index in meant]


def test_a_moment_that_was_shown_includes_its_run(cloud, flow):
    [run] = rows(flow, 1)
    Execution.objects.filter(pk=run.pk).update(created_at=BEGAN + timedelta(microseconds=402_789))
    shown = cloud("ListExecutions", FlowName="flow")["Executions"][0]["StartedTime"]
    assert names(cloud("ListExecutions", FlowName="flow", StartedTimeBegin=shown, StartedTimeEnd=shown))


@pytest.mark.parametrize(
    ("prefix", "meant"),
    [
        ("run", ["run_b", "runner", None]), ("runn", ["runner"]), ("run-", [None]), ("Run", ["Run"]),
        ("r", ["run_b", "runner", None]), ("run_", ["run_b"]), ("%", []), ("nothing", []), ("run-0", []),
        ("run-99999999999999999999", []),
    ],
)  # fmt: skip
def test_a_prefix_finds_names_the_made_up_ones_too(cloud, flow, prefix, meant):
    for name in (None, "Run", "runner", "run_b"):
        rows(flow, 1, name=name)
    found = [None if name.startswith("run-") else name for name in names(
        cloud("ListExecutions", FlowName="flow", ExecutionNamePrefix=prefix))]  # fmt: skip
    assert found == meant


def test_a_prefix_of_a_made_up_name_finds_its_numbers(cloud, flow):
    made = rows(flow, *[1] * 12)
    for run in made:
        for length in range(1, len(str(run.pk)) + 1):
            digits = str(run.pk)[:length]
            wanted = [f"run-{each.pk}" for each in reversed(made) if str(each.pk).startswith(digits)]
            assert names(cloud("ListExecutions", FlowName="flow", ExecutionNamePrefix=f"run-{digits}")) == wanted


WRONG = {
    "Limit": ["0", "101", "-1", "ten", "1.5", "1" * 30],
    "Status": ["succeeded", "Paused", "1"],
    "StartedTimeBegin": ["yesterday", "2026-01-01", "2026-01-01T12:00:00", "2026-13-01T00:00:00Z", "1", "2026-W01-1"],
    "StartedTimeEnd": ["never"],
    "NextToken": ["x", "1", "eyJ9:x", "a" * 5000],
    "ExecutionNamePrefix": ["x" * 129],
    "FlowName": ["1flow", "my flow", "x" * 129, "中文"],
    "MetadataOnly": ["yes"],
    "Qualifier": ["v1"],
    "MapRunName": ["map"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in WRONG for value in WRONG[name]])
def test_a_value_that_makes_no_sense_is_refused_by_its_name(cloud, flow, name, value):
    told = cloud.refused("ListExecutions", "InvalidArgument", **{"FlowName": "flow", name: value})
    assert told.startswith(f"{name}: ")


@pytest.mark.parametrize("limit", [1, 60, 100])
def test_limits(cloud, flow, limit):
    rows(flow, *[1] * 101)
    assert len(cloud("ListExecutions", FlowName="flow", Limit=limit)["Executions"]) == limit
    assert len(cloud("ListExecutions", FlowName="flow")["Executions"]) == 60


def test_no_flow_is_told(cloud):
    assert "nothing" in cloud.refused("ListExecutions", "FlowNotExists", FlowName="nothing")
    assert "FlowName" in cloud.refused("ListExecutions", "MissingRequiredParams")
    assert "FlowName" in cloud.refused("ListExecutions", "MissingRequiredParams", FlowName="")


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"Status": "Failed"},
        {"Status": "Stopped"},
        {"StartedTimeBegin": "2026-01-01T12:00:03Z"},
        {"StartedTimeEnd": "2026-01-01T12:00:13Z", "Status": "Failed"},
        {"ExecutionNamePrefix": "run-"},
        {"ExecutionNamePrefix": "a", "Status": "Stopped"},
    ],
)
@pytest.mark.parametrize("limit", [1, 3, 7])
def test_pages_have_each_run_once_while_others_begin(cloud, flow, filters, limit):
    made = rows(flow, *[-1, -3, -2, 1] * 3) + rows(flow, *[-1, -3, -2, 1], tags=["named"])
    for index, run in enumerate(made[12:]):
        Execution.objects.filter(pk=run.pk).update(name=f"a{index}")
    wanted = names(cloud("ListExecutions", FlowName="flow", Limit=100, **filters))
    found, token = [], None
    while True:
        page = cloud("ListExecutions", FlowName="flow", Limit=limit, NextToken=token, **filters)
        found += names(page)
        token = page.get("NextToken")
        if token is None:
            break
        start(flow, {})
        at = timezone.now()
        Execution.objects.filter(status=None).update(status=-3, ended_at=at)
    assert wanted
    assert found == wanted


@pytest.mark.django_db(transaction=True)
@pytest.mark.engine
@pytest.mark.parametrize("filters", [{}, {"StartedTimeBegin": "2026-01-01T00:00:00Z"}, {"Status": "Starting"}])
def test_pages_have_each_run_once_while_another_thread_begins_more(cloud, flow, filters):
    wanted = [f"run-{run.pk}" for run in reversed(rows(flow, *[None] * 60))]
    walked = Event()

    def begin():
        try:
            while not walked.is_set():
                start(flow, {})
        finally:
            close_side()
            connections.close_all()

    with ThreadPoolExecutor(1) as threads:
        threads.submit(begin)
        try:
            pages = cloud.pages("ListExecutions", "Executions", FlowName="flow", Limit=3, **filters)
        finally:
            walked.set()
    found = [each["Name"] for page in pages for each in page]
    assert len(set(found)) == len(found)
    assert found[-60:] == wanted


def test_a_token_is_good_for_its_own_list_alone(cloud, flow):
    other = build([STEP], name="other")
    rows(flow, 1, 1, 1)
    rows(other, 1, 1, 1)
    token = cloud("ListExecutions", FlowName="flow", Limit=1)["NextToken"]
    assert cloud("ListExecutions", FlowName="flow", Limit=2, NextToken=token)
    for given in ({"FlowName": "other"}, {"FlowName": "flow", "Status": "Succeeded"}):
        cloud.refused("ListExecutions", "InvalidArgument", NextToken=token, **given)


def test_other_flows_are_left_out_and_older_versions_are_not(cloud, flow):
    other = build([STEP], name="other")
    rows(other, 1)
    [old] = rows(flow, 1)
    twin = versions.revise(flow)
    versions.enable(twin)
    [new] = rows(twin, 1)
    assert names(cloud("ListExecutions", FlowName="flow")) == [f"run-{new.pk}", f"run-{old.pk}"]


def test_a_later_flow_of_the_same_name_has_none_of_the_old_runs(cloud, flow):
    rows(flow, 1, 1)
    cloud("DeleteFlow", Name="flow")
    cloud.refused("ListExecutions", "FlowNotExists", FlowName="flow")
    build([STEP], name="flow")
    assert names(cloud("ListExecutions", FlowName="flow")) == []


def test_a_page_costs_as_many_queries_whatever_it_shows(cloud, flow, django_assert_num_queries):
    twin = versions.revise(flow)
    rows(flow, *[1] * 20)
    rows(twin, *[1] * 20)
    # Its key's use is noted, once a minute; and the current version is rendered.
    cloud("ListFlows")
    # The key, its user, the flow, the ids, the rows, the versions; once what is marked, and the nodes of the other one.
    for limit, queries in ((1, 8), (40, 6), (1, 6)):
        with django_assert_num_queries(queries):
            cloud("ListExecutions", FlowName="flow", Limit=limit)
    with django_assert_num_queries(5):
        cloud("ListExecutions", FlowName="flow", Limit=40, MetadataOnly=True)


def test_marked_values_are_masked(cloud):
    steps = [STEP, ("output", {"value": "{{$context.pin}}"})]
    secret = build(steps, name="secret", options={"sensitive": ["$context.pin"]})
    start(secret, {"pin": "hush-hush", "n": 1}, name="one")
    drain_all()
    for found in (
        cloud("ListExecutions", FlowName="secret"),
        cloud("DescribeExecution", FlowName="secret", ExecutionName="one"),
        cloud("GetExecutionHistory", FlowName="secret", ExecutionName="one"),
    ):
        assert "hush-hush" not in json.dumps(found)


def test_unnamed_workflows_have_no_face(cloud):
    build([STEP], title="Plain")
    assert cloud("ListFlows")["Flows"] == []


# One execution.


def test_one_is_found_by_its_name_or_its_made_up_one(cloud, flow):
    [named], [plain] = rows(flow, 1, name="named"), rows(flow, 1)
    for name in ("named", f"run-{plain.pk}"):
        assert cloud("DescribeExecution", FlowName="flow", ExecutionName=name)["Name"] == name
    for name in (f"run-{named.pk}", "Named", "run-0", "run-99999999999999999999", "none", "e 1", "run-９"):
        cloud.refused("DescribeExecution", "ExecutionNotExists", FlowName="flow", ExecutionName=name)


def test_another_flows_execution_is_not_found(cloud, flow):
    [other] = rows(build([STEP], name="other"), 1)
    cloud.refused("DescribeExecution", "ExecutionNotExists", FlowName="flow", ExecutionName=f"run-{other.pk}")


@pytest.mark.parametrize("seconds", ["-1", "61", "x"])
def test_the_wait_is_bounded(cloud, flow, seconds):
    rows(flow, 1, name="e")
    given = {"FlowName": "flow", "ExecutionName": "e"}
    cloud.refused("DescribeExecution", "InvalidArgument", WaitTimeSeconds=seconds, **given)
    cloud("DescribeExecution", WaitTimeSeconds=60, **given)


def test_a_wait_ends_when_its_time_is_over(cloud, flow):
    rows(flow, 0, name="e")
    begun = timezone.now()
    found = cloud("DescribeExecution", FlowName="flow", ExecutionName="e", WaitTimeSeconds=1)
    assert found["Status"] == "Running"
    assert timezone.now() - begun >= timedelta(seconds=1)


# Stopping.


def test_stopping_ends_it_and_keeps_why(cloud):
    from workflows.models import HistoryEntry

    build([("delay", {"duration": 1, "unit": 3_600_000})], name="slow")
    cloud("StartExecution", FlowName="slow", ExecutionName="e")
    drain_all()
    found = cloud("StopExecution", FlowName="slow", ExecutionName="e", Error="Tired", Cause="It took too long.")
    assert found["Status"] == "Stopped"
    assert "StoppedTime" in found
    assert HistoryEntry.objects.get(action="execution.cancel").reason == "Tired: It took too long."
    assert HistoryEntry.objects.get(action="execution.cancel").origin == "cloudflow"
    cloud.refused("StopExecution", "ExecutionAlreadyCompleted", FlowName="slow", ExecutionName="e")


@pytest.mark.parametrize(("name", "most"), [("Error", 128), ("Cause", 4096)])
def test_reasons_are_bounded(cloud, name, most):
    build([("delay", {"duration": 1, "unit": 3_600_000})], name="slow")
    cloud("StartExecution", FlowName="slow", ExecutionName="e")
    given = {"FlowName": "slow", "ExecutionName": "e"}
    cloud.refused("StopExecution", "InvalidArgument", **given, **{name: "x" * (most + 1)})
    assert cloud("StopExecution", **given, **{name: "x" * most})["Status"] == "Stopped"


def test_what_ended_meanwhile_can_no_longer_be_stopped(cloud, flow, monkeypatch):
    rows(flow, 0, name="e")
    ended = operations.cancel

    def first(pk, **given):
        ended(pk)
        return ended(pk, **given)

    monkeypatch.setattr(operations, "cancel", first)
    cloud.refused("StopExecution", "ExecutionAlreadyCompleted", FlowName="flow", ExecutionName="e")


def test_the_definition_is_that_of_the_runs_own_version(cloud, flow):
    rows(flow, 1)
    twin = versions.revise(flow, title="Newer")
    versions.enable(twin)
    rows(twin, 1)
    Workflow.objects.filter(pk=flow.pk).delete()
    new, old = cloud("ListExecutions", FlowName="flow")["Executions"]
    assert new["FlowDefinition"]
    assert old["FlowDefinition"] == ""
