"""Every operation with every role, against the table of docs/cloudflow.md; keys that are limited; what is hidden."""

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import transaction
from django.db.models import Q

from executions import start
from executions.dialects.cloudflow.registry import actions
from executions.drain import drain_all
from executions.models import Execution, Job
from executions.roles import ROLES
from executions.tasktokens import token_of
from tests.building import build
from tests.executions.dialects.cloudflow.client import CloudFlow
from tests.executions.dialects.cloudflow.test_flows import new
from tests.people import boss, person
from workflows.models import HistoryEntry, Node, Workflow

# Synchronous executions stand on a connection of their own, which nothing here takes back.
pytestmark = [pytest.mark.django_db, pytest.mark.once]

DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "cloudflow.md"
WHO = ("staff", *ROLES, "superuser")
ACTIONS = actions()
FLOW = {"FlowName": "flow"}
RUN = {**FLOW, "ExecutionName": "e"}
PLAN = {**FLOW, "ScheduleName": "s"}
GIVEN: dict[str, dict[str, Any]] = {
    "ListExecutions": FLOW, "StartExecution": FLOW, "StartSyncExecution": {"FlowName": "express"}, "StopExecution": RUN,
    "DescribeExecution": RUN, "GetExecutionHistory": RUN, "ListFlows": {}, "DescribeFlow": {"Name": "flow"},
    "CreateFlow": new("made"), "UpdateFlow": {"Name": "flow", "Description": "x"}, "DeleteFlow": {"Name": "flow"},
    "ReportTaskSucceeded": {"Output": "{}"}, "ReportTaskFailed": {"Error": "x"},
    "CreateSchedule": {**FLOW, "ScheduleName": "new", "CronExpression": "@daily"},
    "UpdateSchedule": {**PLAN, "Description": "x"}, "DeleteSchedule": PLAN, "DescribeSchedule": PLAN,
    "ListSchedules": FLOW,
}  # fmt: skip


def documented() -> dict[str, tuple[dict[str, bool], tuple[str, ...]]]:
    """action -> (who is let in, the permissions it asks for)."""
    rows = {}
    for line in DOCUMENT.read_text().splitlines():
        name, *cells = (cell.strip() for cell in line.strip().strip("|").split("|"))
        if re.match(r"\| `\w+` \|", line) and len(cells) == len(WHO) + 1:
            *answers, needs = cells
            assert set(answers) <= {"yes", "-"}, line
            found = dict(zip(WHO, (cell == "yes" for cell in answers), strict=True))
            rows[name.strip("`")] = found, tuple(re.findall(r"`([\w.]+)`", needs))
    return rows


DOCUMENTED = documented()


@pytest.fixture
def things(db) -> CloudFlow:
    """One of each kind, in a state in which as much as possible may be done to it."""
    build([("callback", {})], name="flow")
    build([], name="express", sync=True)
    root = CloudFlow(boss())
    root("StartExecution", **RUN)
    root("CreateSchedule", **PLAN, CronExpression="@daily")
    drain_all()
    token = token_of(Job.objects.get())
    for name in ("ReportTaskSucceeded", "ReportTaskFailed"):
        GIVEN[name]["TaskToken"] = token
    return root


def state() -> list[Any]:
    kinds = (Workflow, Node, Execution, Job, HistoryEntry)
    return [list(kind.objects.order_by("pk").values_list()) for kind in kinds]


class _Undo(Exception):
    """Takes back what a call that was let in has done."""


def may(name: str, cloud: CloudFlow) -> bool:
    before, allowed = state(), False
    try:
        with transaction.atomic():
            answer = cloud.raw(name, **GIVEN[name])
            assert answer.status_code in (200, 403), answer.content
            allowed = answer.status_code == 200
            assert allowed or answer.json()["Code"] == "AccessDenied"
            assert allowed or state() == before, "refused, and done all the same"
            raise _Undo
    except _Undo:
        return allowed


@pytest.fixture
def people(things) -> dict[str, CloudFlow]:
    call_command("sluice_roles", verbosity=0, stdout=StringIO())
    users = get_user_model().objects
    found = {"staff": CloudFlow(users.create(username="staff", is_staff=True)), "superuser": things}
    for role in ROLES:
        user = users.create(username=role, is_staff=True)
        user.groups.add(Group.objects.get(name=f"Sluice {role}"))
        found[role] = CloudFlow(user)
    return found


@pytest.mark.parametrize("name", ACTIONS)
def test_an_operation_lets_in_whom_the_table_says(name, people):
    found = {who: may(name, people[who]) for who in WHO}
    needs = ", ".join(f"`{each}`" for each in ACTIONS[name].permissions)
    line = f"| `{name}` | {' | '.join('yes' if found[who] else '-' for who in WHO)} | {needs} |"
    assert DOCUMENTED.get(name) == (found, ACTIONS[name].permissions), f"docs/cloudflow.md should say:\n{line}"


@pytest.mark.parametrize("name", ACTIONS)
def test_an_operation_asks_for_each_of_its_permissions_alone(name, things):
    needed = ACTIONS[name].permissions
    assert may(name, CloudFlow(person(*needed, username="may")))
    for each in needed:
        others = [other for other in set().union(*ROLES.values()) if other != each]
        assert not may(name, CloudFlow(person(*others, username=f"without {each}"[:150])))


def test_the_table_has_no_row_without_an_operation():
    assert set(DOCUMENTED) == set(ACTIONS) == set(GIVEN)


def test_who_only_starts_is_shown_no_values(things):
    mine = CloudFlow(person("workflows.execute_workflow"))
    found = mine("StartExecution", **RUN, Input='{"a": 1}')
    assert set(found) == {"FlowName", "Name", "Status", "StartedTime"}


@pytest.mark.parametrize("missing", ["workflows.view_workflow", "workflows.view_node"])
def test_a_definition_is_for_who_may_see_nodes(things, missing):
    needed = {"executions.view_execution", "workflows.view_workflow", "workflows.view_node"}
    assert CloudFlow(person(*needed, username="all"))("DescribeExecution", **RUN)["FlowDefinition"]
    assert CloudFlow(person(*(needed - {missing})))("DescribeExecution", **RUN)["FlowDefinition"] == ""


def test_a_flow_is_shown_without_its_nodes_to_who_may_not_see_them(things):
    mine = CloudFlow(person("workflows.view_workflow"))
    assert mine("DescribeFlow", Name="flow")["Definition"] == ""
    assert {each["Definition"] for each in mine("ListFlows")["Flows"]} == {""}


AIMED = [name for name in ACTIONS if name not in ("ListFlows", "CreateFlow")]


def gone(name: str, cloud: CloudFlow) -> None:
    code = "InvalidArgument" if name.startswith("Report") else "FlowNotExists"
    before = state()
    cloud.refused(name, code, **GIVEN[name])
    assert state() == before


@pytest.mark.parametrize("name", AIMED)
def test_to_a_key_of_another_workflow_it_is_not_there(name, things):
    other = build([], name="other")
    gone(name, CloudFlow(things.new.row.user, workflows=[other.key]))


def test_a_limited_key_has_its_own_workflows_and_makes_none(things):
    flow = Workflow.objects.get(name="flow")
    mine = CloudFlow(things.new.row.user, workflows=["flow"])
    assert [each["Id"] for each in mine("ListFlows")["Flows"]] == [flow.key]
    assert mine("ListExecutions", FlowName="flow")["Executions"]
    mine.refused("CreateFlow", "AccessDenied", **GIVEN["CreateFlow"])
    assert mine("CreateSchedule", **GIVEN["CreateSchedule"])


def shown(user):
    return ~Q(title="Hidden")


@pytest.mark.parametrize("name", AIMED)
def test_what_is_hidden_is_not_there(name, things, settings):
    Workflow.objects.exclude(type="schedule").update(title="Hidden")
    settings.SLUICE = {"VISIBLE": f"{__name__}.shown"}
    mine = CloudFlow(person(*set().union(*ROLES.values())))
    gone(name, mine)
    assert mine("ListFlows")["Flows"] == []


def test_a_name_that_is_hidden_is_taken(things, settings):
    Workflow.objects.update(title="Hidden")
    settings.SLUICE = {"VISIBLE": f"{__name__}.shown"}
    CloudFlow(person(*set().union(*ROLES.values()))).refused("CreateFlow", "FlowAlreadyExists", **new("flow"))


def test_a_key_of_another_interface_opens_nothing(things):
    mine = CloudFlow(things.new.row.user, dialects=["iflyrpa"])
    mine.refused("ListFlows", "InvalidAccessKeyID")


def test_runs_started_are_their_callers(things):
    mine = CloudFlow(person("workflows.execute_workflow"))
    mine("StartExecution", **FLOW, ExecutionName="mine")
    assert Execution.objects.get(name="mine").created_by == mine.new.row.user
    assert start(Workflow.objects.get(name="flow"), {}).created_by is None
