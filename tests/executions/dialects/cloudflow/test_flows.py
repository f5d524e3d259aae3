"""Flows: made of definitions, changed into further versions, deleted with all of them, and shown as definitions."""

import json
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
from workflows.models import Category, HistoryEntry, Node, Workflow

pytestmark = pytest.mark.django_db

NEW = """\
Type: StateMachine
SpecVersion: v1
Name: {name}
StartAt: first
States:
  - Type: Pass
    Name: first
    OutputConstructor:
      answer.$: $Input.n
    End: true
"""
OLD = """\
version: v1
type: flow
name: {name}
steps:
  - type: pass
    name: first
"""
CYCLE = """\
Type: StateMachine
SpecVersion: v1
Name: flow
StartAt: first
States:
  - Type: Pass
    Name: first
    Next: second
  - Type: Pass
    Name: second
    Next: first
"""
MADE = {"Description": "What it does", "Type": "FDL"}


def new(name, **changed):
    return {"Name": name, "Definition": NEW.format(name=name), **MADE, **changed}


@pytest.mark.parametrize("form", [NEW, OLD])
def test_a_flow_is_made_and_runs(cloud, form):
    text = form.format(name="flow")
    made = cloud("CreateFlow", **new("flow", Definition=text))
    row = Workflow.objects.get()
    assert made == {
        "Name": "flow", "Id": row.key, "Type": "FDL", "Definition": text, "Description": "What it does", "RoleArn": "",
        "ExecutionMode": "Standard", "ResourceGroupId": "", "CreatedTime": made["CreatedTime"],
        "LastModifiedTime": made["LastModifiedTime"],
    }  # fmt: skip
    assert (row.enabled, row.current, row.created_by) == (True, True, cloud.new.row.user)
    cloud("StartExecution", FlowName="flow", ExecutionName="e", Input='{"n": 5}')
    drain_all()
    run = cloud("DescribeExecution", FlowName="flow", ExecutionName="e")
    assert run["Status"] == "Succeeded"
    assert run["FlowDefinition"] == text
    if form is NEW:
        assert json.loads(run["Output"]) == {"answer": 5}
    assert made == cloud("DescribeFlow", Name="flow")
    assert [each["Name"] for each in cloud("ListFlows")["Flows"]] == ["flow"]


@pytest.mark.django_db(transaction=True)
def test_an_express_flow_answers_at_once(cloud):
    assert cloud("CreateFlow", **new("flow", ExecutionMode="Express"))["ExecutionMode"] == "Express"
    found = cloud("StartSyncExecution", FlowName="flow", Input='{"n": 5}')
    assert json.loads(found["Output"]) == {"answer": 5}


@pytest.mark.parametrize("mode", ["", "Standard"])
def test_no_mode_is_the_standard(cloud, mode):
    assert cloud("CreateFlow", **new("flow", ExecutionMode=mode))["ExecutionMode"] == "Standard"


def test_what_every_client_sends_is_passed_over(cloud):
    cloud("CreateFlow", **new("flow", RoleArn="acs:ram::1:role/x", ResourceGroupId="rg", ExternalStorageLocation="/"))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"Definition": NEW.format(name="other")}, "Definition"),
        ({"Definition": "Type: ["}, "YAML"),
        ({"Definition": "- a"}, "FDL"),
        ({"Definition": NEW.format(name="flow").replace("Type: Pass", "Type: Dance")}, "States"),
        ({"Definition": CYCLE}, "first"),
        ({"Type": "JSON"}, "Type"),
        ({"ExecutionMode": "Fast"}, "ExecutionMode"),
        ({"Name": "1flow"}, "Name"),
        ({"Description": "x" * 5000}, "Description"),
        ({"Environment": '{"Variables": []}'}, "Environment"),
    ],
)
def test_what_is_no_flow_is_refused_by_name_and_place(cloud, changed, named):
    assert named in cloud.refused("CreateFlow", "InvalidArgument", **new("flow", **changed))
    assert not Workflow.objects.exists()


@pytest.mark.parametrize("name", ["Name", "Definition", "Type", "Description"])
def test_what_is_required(cloud, name):
    assert name in cloud.refused("CreateFlow", "MissingRequiredParams", **new("flow", **{name: None}))


def test_an_empty_description_is_one(cloud):
    assert cloud("CreateFlow", **new("flow", Description=""))["Description"] == ""


def test_names_are_unique(cloud):
    cloud("CreateFlow", **new("flow"))
    cloud.refused("CreateFlow", "FlowAlreadyExists", **new("flow"))
    cloud("CreateFlow", **new("Flow"))
    assert Workflow.objects.count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.engine
def test_of_many_made_at_once_one_is():
    cloud = CloudFlow(boss())
    together = Barrier(4)

    def make(_number):
        try:
            together.wait(30)
            return cloud.raw("CreateFlow", **new("flow")).json().get("Code")
        finally:
            close_side()
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        codes = list(threads.map(make, range(4)))
    assert sorted(codes, key=str) == sorted([None, *["FlowAlreadyExists"] * 3], key=str)
    assert Workflow.objects.count() == 1


def test_another_definition_is_another_version(cloud):
    cloud("CreateFlow", **new("flow"))
    cloud("StartExecution", FlowName="flow", ExecutionName="old", Input='{"n": 5}')
    drain_all()
    first = Workflow.objects.get()
    text = NEW.format(name="flow").replace("first", "begin")
    found = cloud("UpdateFlow", Name="flow", Definition=text)
    assert (found["Definition"], found["Id"], found["Description"]) == (text, first.key, "What it does")
    assert found["CreatedTime"] < found["LastModifiedTime"]
    cloud("StartExecution", FlowName="flow", ExecutionName="new", Input='{"n": 6}')
    newer, older = cloud("ListExecutions", FlowName="flow")["Executions"]
    assert (newer["FlowDefinition"], older["FlowDefinition"]) == (text, NEW.format(name="flow"))
    assert [(row.version, row.current, row.enabled) for row in Workflow.objects.order_by("version")] == [
        (1, None, False), (2, True, True),
    ]  # fmt: skip


def test_the_same_definition_makes_no_version(cloud):
    cloud("CreateFlow", **new("flow"))
    assert (
        cloud("UpdateFlow", Name="flow", Definition=NEW.format(name="flow"), Description="Other")["Description"]
        == "Other"
    )
    assert Workflow.objects.count() == 1


def test_a_flow_that_was_switched_off_stays_so(cloud):
    cloud("CreateFlow", **new("flow"))
    versions.disable(Workflow.objects.get())
    text = NEW.format(name="flow").replace("first", "begin")
    assert cloud("UpdateFlow", Name="flow", Definition=text)["Definition"] == text
    assert Workflow.objects.get(current=True).enabled is False


def test_an_update_that_is_refused_changes_nothing(cloud):
    cloud("CreateFlow", **new("flow"))
    cloud.refused("UpdateFlow", "InvalidArgument", Name="flow", Definition=CYCLE, Description="Other")
    cloud.refused("UpdateFlow", "InvalidArgument", Name="flow", Definition=NEW.format(name="x"), Description="Other")
    cloud.refused("UpdateFlow", "FlowNotExists", Name="none", Description="Other")
    assert Workflow.objects.get().description == "What it does"


def test_deleting_takes_all_versions_and_leaves_the_runs(cloud):
    cloud("CreateFlow", **new("flow"))
    cloud("StartExecution", FlowName="flow", ExecutionName="e", Input='{"n": 5}')
    drain_all()
    cloud("UpdateFlow", Name="flow", Definition=NEW.format(name="flow").replace("first", "begin"))
    assert cloud("DeleteFlow", Name="flow") == {}
    assert not Workflow.objects.exists()
    assert not Node.objects.exists()
    assert Execution.objects.count() == 1
    for action, given in (("DeleteFlow", {"Name": "flow"}), ("DescribeFlow", {"Name": "flow"})):
        cloud.refused(action, "FlowNotExists", **given)
    cloud("CreateFlow", **new("flow"))
    cloud.refused("DescribeExecution", "ExecutionNotExists", FlowName="flow", ExecutionName="e")
    assert cloud("StartExecution", FlowName="flow", ExecutionName="e")["Status"] == "Starting"


def test_a_workflow_that_was_drawn_is_shown_as_a_definition(cloud):
    wait = ("delay", {"duration": 1})
    build([("condition", {"engine": "math.js", "expression": "1 > 0"}, {1: [wait]}), ("output", {})], name="drawn")
    found = cloud("DescribeFlow", Name="drawn")
    assert "drawn" in found["Definition"]
    assert "condition" in found["Definition"]
    assert "\n" in found["Definition"]


def test_lists_go_by_name_whatever_is_changed_meanwhile(cloud):
    names = [f"flow{number}" for number in range(7)]
    for name in reversed(names):
        build([], name=name)
    found, token = [], None
    while True:
        page = cloud("ListFlows", Limit=2, NextToken=token)
        found += [each["Name"] for each in page["Flows"]]
        token = page.get("NextToken")
        if token is None:
            break
        cloud("UpdateFlow", Name=found[0], Definition=NEW.format(name=found[0]), Description=token)
    assert found == names


@pytest.mark.parametrize(("name", "value"), [("Limit", "0"), ("Limit", "1001"), ("NextToken", "flow")])
def test_lists_refuse_what_makes_no_sense(cloud, name, value):
    cloud.refused("ListFlows", "InvalidArgument", **{name: value})


def test_a_list_costs_as_many_queries_for_one_as_for_many(cloud, django_assert_num_queries):
    for number in range(20):
        build([("delay", {"duration": 1})], name=f"flow{number}")
    cloud("ListFlows", Limit=1)
    with django_assert_num_queries(4):
        cloud("ListFlows")
    with django_assert_num_queries(3):
        cloud("ListFlows")


@pytest.mark.parametrize("version", ["1", "x"])
def test_versions_have_no_face(cloud, version):
    build([], name="flow")
    cloud.refused("DescribeFlow", "InvalidArgument", Name="flow", FlowVersion=version)
    cloud("DescribeFlow", Name="flow", FlowVersion="LATEST")
    for action in ("PublishFlowVersion", "ListFlowVersions", "CreateFlowAlias", "DescribeMapRun", "DescribeRegions"):
        cloud.refused(action, "ActionNotSupported", FlowName="flow")


def test_changes_are_recorded_as_cloudflows(cloud):
    cloud("CreateFlow", **new("flow"))
    assert set(HistoryEntry.objects.filter(workflow_key__gt="").values_list("origin", flat=True)) == {"cloudflow"}


def test_what_a_definition_does_not_say_stays_in_the_new_version(cloud):
    cloud("CreateFlow", **new("flow"))
    kept = {"options": {"timeout": 0, "lane": "x"}, "trigger_title": "By hand"}
    versions.change_workflow(Workflow.objects.get(), categories=[Category.objects.create(title="Money")], **kept)
    cloud("UpdateFlow", Name="flow", Type="FDL", Definition=NEW.format(name="flow").replace("$Input.n", "$Input.m"))
    row = Workflow.objects.get(current=True)
    assert (row.version, {name: getattr(row, name) for name in kept}) == (2, kept)
    assert [category.title for category in row.categories.all()] == ["Money"]


@pytest.mark.parametrize("enabled", [True, False])
def test_a_draft_that_is_alike_becomes_the_current_version(cloud, enabled):
    cloud("CreateFlow", **new("flow"))
    text = NEW.format(name="flow").replace("$Input.n", "$Input.m")
    cloud("UpdateFlow", Name="flow", Type="FDL", Definition=text)
    first = Workflow.objects.get(version=1)
    versions.enable(first)
    if not enabled:
        versions.disable(first)
    assert cloud("UpdateFlow", Name="flow", Type="FDL", Definition=text)["Definition"] == text
    rows = Workflow.objects.order_by("version").values_list("version", "current", "enabled")
    assert list(rows) == [(1, None, False), (2, True, enabled)]
