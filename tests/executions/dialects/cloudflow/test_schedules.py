"""Schedules: workflows that call the flow, under the names and in the words of CloudFlow."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from executions import run_now
from executions.dialects.cloudflow.cron import times
from executions.dialects.cloudflow.errors import Fault
from executions.drain import drain_all
from executions.models import Execution
from tests.building import build
from workflows.models import Node, Workflow

pytestmark = pytest.mark.django_db

DAILY = "0 0 4 * * *"


@pytest.fixture
def flow(db):
    return build([("output", {"value": "{{$context.n}}"})], name="flow")


def made(cloud, name="daily", **given):
    return cloud("CreateSchedule", **{
        "FlowName": "flow", "ScheduleName": name, "CronExpression": DAILY, "Payload": '{"n": 1}', "Enable": "True",
        "Description": "Each day", **given})  # fmt: skip


def test_a_schedule_has_the_vendors_shape(cloud, flow):
    found = made(cloud)
    row = Workflow.objects.get(type="schedule")
    assert found == {
        "ScheduleId": row.key, "ScheduleName": "daily", "Description": "Each day", "CronExpression": DAILY,
        "Payload": '{"n": 1}', "Enable": True, "CreatedTime": found["CreatedTime"],
        "LastModifiedTime": found["LastModifiedTime"],
    }  # fmt: skip
    assert found == cloud("DescribeSchedule", FlowName="flow", ScheduleName="daily")
    assert cloud("ListSchedules", FlowName="flow") == {"Schedules": [found]}
    assert (row.enabled, row.current, row.name, row.time_zone) == (True, True, None, "UTC")
    assert cloud("ListFlows")["Flows"][0]["Name"] == "flow"
    assert len(cloud("ListFlows")["Flows"]) == 1


def test_when_it_fires_it_starts_the_flow_with_its_payload(cloud, flow):
    made(cloud)
    run_now(Workflow.objects.get(type="schedule"), {})
    drain_all()
    run = Execution.objects.get(key=flow.key)
    assert (run.context, run.output, run.status) == ({"n": 1}, 1, 1)
    assert cloud("ListExecutions", FlowName="flow")["Executions"][0]["Input"] == '{"n": 1}'


@pytest.mark.parametrize("enable", ["False", "false"])
def test_one_may_be_made_idle(cloud, flow, enable):
    assert made(cloud, Enable=enable)["Enable"] is False
    assert Workflow.objects.get(type="schedule").enabled is False


def test_without_a_word_it_is_enabled_and_gives_nothing(cloud, flow):
    found = cloud("CreateSchedule", FlowName="flow", ScheduleName="s", CronExpression="@every 1h")
    assert (found["Enable"], found["Payload"], found["Description"]) == (True, "", "")
    assert Node.objects.get(type="subflow").config["values"] == {}


NOW = datetime(2026, 3, 1, 10, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "repeat", "zone", "starts"),
    [
        ("0 0 4 * * *", "0 0 4 * * *", "UTC", "2026-03-02T04:00:00Z"),
        ("0 4 * * *", "0 4 * * *", "UTC", "2026-03-02T04:00:00Z"),
        ("CRON_TZ=Asia/Shanghai 0 0 4 * * *", "0 0 4 * * *", "Asia/Shanghai", "2026-03-01T20:00:00Z"),
        ("TZ=Europe/Berlin 0 4 * * MON", "0 4 * * MON", "Europe/Berlin", "2026-03-02T03:00:00Z"),
        ("@every 10m", 600_000, "UTC", "2026-03-01T10:40:15Z"),
        ("@every 1h30m", 5_400_000, "UTC", "2026-03-01T12:00:15Z"),
        ("@every 1500ms", 1_000, "UTC", "2026-03-01T10:30:16Z"),
        ("@daily", "0 0 * * *", "UTC", "2026-03-02T00:00:00Z"),
        (" @hourly ", "0 * * * *", "UTC", "2026-03-01T11:00:00Z"),
    ],
)
def test_ways_of_saying_when(monkeypatch, text, repeat, zone, starts):
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    found = times(text)
    assert (found.config["repeat"], found.time_zone, found.config["startsOn"]) == (repeat, zone, starts)


@pytest.mark.parametrize(
    "text",
    [
        "x", "* *", "61 * * * *", "0 0 30 2 *", "@every", "@every 0s", "@every 10", "@every 1d", "@reboot",
        "0 0 4 * * * 2026",
        "CRON_TZ=Mars/Base 0 4 * * *", "CRON_TZ=UTC", "@every 999999999h", "CRON_TZ=../x 0 4 * * *", "@every 999ms",
        "0 4 * * *" + " " * 300, "@every " + "1h" * 200,
    ],
)  # fmt: skip
def test_what_says_nothing(text):
    with pytest.raises(Fault) as refused:
        times(text)
    assert refused.value.code == "InvalidArgument"
    assert str(refused.value).startswith("CronExpression")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ScheduleName", "1a"), ("CronExpression", "x"), ("Payload", "[]"), ("Payload", "{"), ("Enable", "maybe"),
        ("Payload", '{"a": "{{$env.TOKEN}}"}'), ("Description", "x" * 5000), ("FlowName", "a b"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_by_its_name(cloud, flow, name, value):
    given = {"FlowName": "flow", "ScheduleName": "s", "CronExpression": DAILY, name: value}
    assert cloud.refused("CreateSchedule", "InvalidArgument", **given).startswith(name)
    assert not Workflow.objects.filter(type="schedule").exists()


def test_a_payload_that_the_flow_cant_take_is_refused(cloud):
    build([], name="flow", config={"fields": [{"name": "n", "type": "number", "required": True}]})
    told = cloud.refused(
        "CreateSchedule", "InvalidArgument", FlowName="flow", ScheduleName="s", CronExpression=DAILY, Payload="{}"
    )
    assert "n" in told
    assert Workflow.objects.count() == 1


def test_names_are_unique_within_a_flow(cloud, flow):
    build([], name="other")
    made(cloud)
    given = {"FlowName": "flow", "ScheduleName": "daily", "CronExpression": DAILY}
    cloud.refused("CreateSchedule", "ScheduleAlreadyExists", **given)
    cloud("CreateSchedule", **{**given, "FlowName": "other"})
    cloud("CreateSchedule", **{**given, "ScheduleName": "Daily"})
    assert len(cloud("ListSchedules", FlowName="flow")["Schedules"]) == 2


@pytest.mark.parametrize("fired", [False, True])
@pytest.mark.parametrize(
    "changed",
    [
        {"CronExpression": "@every 5m"},
        {"Payload": '{"n": 2}'},
        {"Payload": ""},
        {"Description": "Other"},
        {"Description": ""},
        {"Enable": "False"},
        {"CronExpression": "@every 5m", "Payload": '{"n": 2}', "Description": "Other", "Enable": "false"},
        {},
    ],
)
def test_what_is_given_is_changed_and_the_rest_stays(cloud, flow, changed, fired):
    before = made(cloud)
    if fired:
        run_now(Workflow.objects.get(type="schedule"), {})
        drain_all()
    cloud("UpdateSchedule", FlowName="flow", ScheduleName="daily", **changed)
    after = cloud("DescribeSchedule", FlowName="flow", ScheduleName="daily")
    told = {name: value.lower() != "false" if name == "Enable" else value for name, value in changed.items()}
    assert after == {**before, **told, "LastModifiedTime": after["LastModifiedTime"]}
    row = Workflow.objects.get(type="schedule", current=True)
    assert row.enabled is after["Enable"]
    node = Node.objects.get(workflow=row)
    assert node.config["values"] == ({} if after["Payload"] == "" else {"n": int(after["Payload"][-2])})
    assert row.config["repeat"] == (300_000 if after["CronExpression"] == "@every 5m" else DAILY)


def test_a_change_that_is_refused_changes_nothing(cloud, flow):
    before = made(cloud)
    given = {"FlowName": "flow", "ScheduleName": "daily", "Description": "Other"}
    cloud.refused("UpdateSchedule", "InvalidArgument", CronExpression="x", **given)
    cloud.refused("UpdateSchedule", "ScheduleNotExists", **{**given, "ScheduleName": "none"})
    cloud.refused("UpdateSchedule", "FlowNotExists", **{**given, "FlowName": "none"})
    assert cloud("DescribeSchedule", FlowName="flow", ScheduleName="daily") == before


def test_one_is_deleted(cloud, flow):
    made(cloud)
    given = {"FlowName": "flow", "ScheduleName": "daily"}
    assert cloud("DeleteSchedule", **given) == {}
    assert not Workflow.objects.filter(type="schedule").exists()
    for action in ("DeleteSchedule", "DescribeSchedule"):
        cloud.refused(action, "ScheduleNotExists", **given)
    assert made(cloud)["ScheduleName"] == "daily"


def test_they_go_with_their_flow(cloud, flow):
    build([], name="other")
    made(cloud)
    made(cloud, "second")
    cloud("CreateSchedule", FlowName="other", ScheduleName="daily", CronExpression=DAILY)
    cloud("DeleteFlow", Name="flow")
    assert Workflow.objects.filter(type="schedule").count() == 1
    build([], name="flow")
    assert cloud("ListSchedules", FlowName="flow")["Schedules"] == []


@pytest.mark.parametrize("limit", [1, 2, 60])
def test_pages_go_by_name(cloud, flow, limit):
    for name in ("c", "a", "b", "e", "d"):
        made(cloud, name)
    pages = cloud.pages("ListSchedules", "Schedules", FlowName="flow", Limit=limit)
    assert [each["ScheduleName"] for page in pages for each in page] == ["a", "b", "c", "d", "e"]
    assert all(len(page) <= limit for page in pages)


@pytest.mark.parametrize(("name", "value"), [("Limit", "0"), ("Limit", "1001"), ("NextToken", "daily")])
def test_lists_refuse_what_makes_no_sense(cloud, flow, name, value):
    cloud.refused("ListSchedules", "InvalidArgument", FlowName="flow", **{name: value})


def test_it_next_fires_at_the_first_of_its_times(cloud, flow):
    """Not at the moment at which it was made."""
    made(cloud, CronExpression="@every 1h")
    starts = datetime.fromisoformat(Workflow.objects.get(type="schedule").config["startsOn"])
    assert timedelta(minutes=59) < starts - timezone.now() <= timedelta(hours=1)
