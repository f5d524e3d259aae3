"""A person from whom a workflow is hidden meets neither it nor its runs: not at any route, page or action, nor by the
way."""

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import transaction
from django.db.models import Q
from django.test import Client
from django.utils import timezone

from executions import bulk
from executions.flow import holds
from executions.listing.filtersets import ExecutionFilter
from executions.models import AccessKey, Application, Attribute, Execution, Job, SavedFilter, Task
from executions.roles import ROLES
from executions.store.attributes import TAG
from tests.doors import DOORS, Door
from tests.executions.rows import job, run
from workflows import history, secrets
from workflows.actions import Action
from workflows.models import Category, HistoryEntry, Node, Workflow
from workflows.visibility import visible_rows

pytestmark = pytest.mark.once

#: Ids that stand for nothing else on any page.
WORKFLOW, NODE, RUN, CHILD, JOB, TASK, SEEN = (*range(8_810_001, 8_810_007), 8_820_001)
MARKS = [str(pk) for pk in (WORKFLOW, NODE, RUN, CHILD, JOB, TASK)] + ["Concealed", "c0nceal3d"]


def rule(user: Any) -> Q:
    return Q(title__startswith="Shown")


def _workflow(pk: int, key: str, title: str) -> Workflow:
    found = Workflow.objects.create(
        pk=pk, key=key, title=title, type="manual", current=True, enabled=True, options={"search_attributes": {}}
    )
    Node.objects.create(pk=pk + 1, workflow=found, key="n1", type="delay", title=title, config={"duration": 1})
    return found


def _entry(kind: str, pk: int, action: Action, workflow: Workflow, title: str, **columns: Any) -> HistoryEntry:
    subject = history.Subject(kind, pk, title, workflow=workflow.pk, workflow_key=workflow.key, **columns)
    history.record(action, subject)
    return HistoryEntry.objects.latest("pk")


@pytest.fixture
def hidden(db: None, settings: Any) -> dict[str, Any]:
    """One of each kind that is hidden; beside a run that may be seen, whose parent and child are not."""
    settings.SLUICE = {**settings.SLUICE, "VISIBLE": f"{__name__}.rule"}
    shown, workflow = _workflow(SEEN, "shown", "Shown"), _workflow(WORKFLOW, "c0nceal3d", "Concealed")
    execution = run(workflow, pk=RUN, status=0, event_key="event", name="name", created_at=timezone.now())
    seen = run(shown, pk=SEEN + 2, status=0, parent_execution=execution, parent_job=1, stack=[[RUN, WORKFLOW]])
    run(workflow, pk=CHILD, parent_execution=seen, parent_job=1, event_key="event")
    job(seen, 1, pk=SEEN + 4, status=0, ended_at=None, wait="outside", node_key="n1")
    for each in Execution.objects.all():
        Attribute.objects.create(execution=each, key=each.key, name=TAG, text="urgent")
        Attribute.objects.create(execution=each, key=each.key, name="size", text="5", number=5)
    entry = _entry("execution", RUN, Action.EXECUTION_PAUSE, workflow, "Concealed", execution=RUN)
    _entry("workflow", SEEN, Action.WORKFLOW_ENABLE, shown, "Shown")
    operation = bulk.start("cancel", {"key": "c0nceal3d"})
    known = {"type": "manual", "job": 1, "node_key": "n1", "created_at": timezone.now(), "updated_at": timezone.now()}
    for pk, each in ((TASK, execution), (SEEN + 5, seen)):
        Task.objects.create(pk=pk, user_id=SEEN, execution=each, key=each.key, title=each.title, **known)
        Application.objects.create(
            pk=pk, key=each.key, workflow_id=each.workflow_id, user_id=SEEN, status=2, collection="shop.Customer",
            data={"name": each.title}, snapshot={"name": each.title}, execution=each, created_at=timezone.now(),
            updated_at=timezone.now(),
        )  # fmt: skip
    return {
        "workflow": workflow,
        "node": Node.objects.get(pk=NODE),
        "category": Category.objects.create(title="A category"),
        "secret": secrets.create("TOKEN", "hush"),
        "execution": execution,
        "job": job(execution, 1, pk=JOB, status=0, ended_at=None, wait="outside"),
        "task": Task.objects.get(pk=TASK),
        "application": Application.objects.get(pk=TASK),
        "bulk": operation,
        "bulkoperation": operation,
        "filter": SavedFilter.objects.create(owner_id=SEEN, name="Concealed", query="workflow=c0nceal3d"),
        "hold": holds.hold("workflow", workflow.key),
        "history": entry,
        "historyentry": entry,
    }


@pytest.fixture
def seen(person: Client, hidden: dict[str, Any]) -> dict[str, Any]:
    entry = HistoryEntry.objects.get(object_kind="workflow")
    # Of the reader's own, for the other workflow too: it could be seen when the key was made.
    owner = get_user_model().objects.get(username="someone")
    known = {"user": owner, "created_by": owner, "created_at": timezone.now(), "sealed": secrets.seal("hush")}
    return {
        "accesskey": AccessKey.objects.create(access_key_id="AKkey", workflows=["c0nceal3d", "shown"], **known),
        "workflow": Workflow.objects.get(pk=SEEN),
        "node": Node.objects.get(pk=SEEN + 1),
        "category": hidden["category"],
        "secret": hidden["secret"],
        "execution": Execution.objects.get(pk=SEEN + 2),
        "job": Job.objects.get(pk=SEEN + 4),
        "task": Task.objects.get(pk=SEEN + 5),
        "application": Application.objects.get(pk=SEEN + 5),
        "hold": holds.hold("workflow", "shown"),
        "history": entry,
        "historyentry": entry,
    }


@pytest.fixture
def person(db: None) -> Client:
    """Somebody who may do everything, to what may be seen."""
    call_command("sluice_roles", stdout=StringIO())
    user = get_user_model().objects.create(username="someone", is_staff=True)
    user.groups.set(Group.objects.filter(name__in=[f"Sluice {role}" for role in ROLES]))
    further = ("reveal_values", "view_accesskey", "add_accesskey", "delete_accesskey")
    user.user_permissions.set(Permission.objects.filter(codename__in=further))
    client = Client()
    client.force_login(user)
    return client


def _state() -> list[Any]:
    return [
        *Workflow.objects.order_by("id").values_list(),
        *Node.objects.order_by("id").values_list(),
        *Execution.objects.order_by("id").values_list("pk", "status", "turn", "paused_at"),
        *Job.objects.order_by("id").values_list("pk", "status", "updated_at"),
        *HistoryEntry.objects.order_by("id").values_list("pk"),
    ]


def _ask(door: Door, person: Client, url: str) -> Any:
    if door.in_api:
        body = _BODIES.get(door.url_name, door.body)
        return person.generic(door.method, url, body, content_type="application/json")
    return person.get(url) if door.method == "GET" else person.post(url, {"confirmed": "yes"})


#: Bodies that would do where the thing could be seen.
_BODIES = {
    "sluice-workflow-detail": '{"title": "x"}',
    "sluice-workflow-nodes": '{"type": "delay"}',
    "sluice-node-copy": '{"upstream": null}',
}
_HIDDEN_KINDS = {
    *("task", "hold", "workflow", "node", "execution", "job", "bulk", "bulkoperation", "filter", "history"),
    *("application", "historyentry"),
}
_TO_HIDDEN = [door for door in DOORS if door.kinds & _HIDDEN_KINDS]
_READ = [door for door in DOORS if door.method == "GET" and not door.kinds & {"bulk", "bulkoperation"}]
_ACTIONS = [door for door in DOORS if door.action and door.name.split("/")[3] in _HIDDEN_KINDS]


def _name(door: Door) -> str:
    return door.name


@pytest.mark.parametrize("door", _TO_HIDDEN, ids=_name)
def test_no_address_of_what_is_hidden_leads_to_it(door, person, hidden):
    before = _state()
    answer = _ask(door, person, door.url(hidden))
    if door.in_api:
        assert answer.status_code == 404, answer.content
    elif answer.status_code == 302:
        # As Django answers for what there is not.
        assert answer["Location"] == "/admin/"
    else:
        # 403: what nobody may do to anything of this kind.
        assert answer.status_code in (403, 404), answer.content
    text = answer.content.decode()
    assert not [mark for mark in ("Concealed", "c0nceal3d") if mark in text]
    assert _state() == before


@pytest.mark.parametrize("door", _READ, ids=_name)
def test_nothing_that_is_read_tells_of_what_is_hidden(door, person, seen):
    url = door.url(seen)
    for query in ("", *_MORE.get(door.url_name, ())):
        answer = person.get(url + query, headers={"accept": "application/json, text/html"})
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert answer.status_code in ((200, 403) if "/admin/" in url else (200,)), (query, body)
        # The search box, and links to the same search, have what was typed.
        text = body.decode().replace(f'value="{query.removeprefix("?q=")}"', "")
        text = text.replace(query.removeprefix("?") or " ", " ")
        assert not [mark for mark in MARKS if mark in text], query


_FOUND = (
    "?tags=urgent&page_size=1", "?attr.size=5&page_size=1", "?attr.size__gt=1&page_size=1", "?key=c0nceal3d",
    "?title=Concealed", "?workflow=8810001", "?event_key=event", "?name=name", "?waiting_at=n1&page_size=1",
    "?parent=8820003", "?id=8810003", "?status=started&page_size=1", "?created_since=2020-01-01&page_size=1",
    "?name_prefix=n&page_size=1", "?page=1", "?expand=jobs,workflow,workflow.nodes",
)  # fmt: skip
_SEARCHED = (
    "?q=Concea",
    "?q=8810003",
    "?q=event",
    "?q=name",
    "?workflow=Concea",
    "?tags=urgent",
    "?attr.size__gt=1&all=",
)
#: Ways to ask for more than a list or a record shows by itself.
_MORE = {
    "sluice-execution-list": (*_FOUND, "?fields=" + ",".join(["id", "stack", "parent", "context"])),
    "sluice-execution-detail": ("?expand=jobs,workflow,workflow.nodes",),
    "sluice-execution-logs": ("?follow=0", "?level=info"),
    "sluice-job-list": ("?execution=8810003", "?page_size=1", "?status=pending"),
    "sluice-history-list": ("?workflow_key=c0nceal3d", "?execution=8810003", "?kind=bulk"),
    "sluice-workflow-list": ("?page_size=1", "?title=Conc"),
    "sluice-bulk-operation-list": ("?fields=id,filter,refusals",),
    "admin:executions_execution_changelist": _SEARCHED,
    "admin:workflows_workflow_changelist": ("?q=Concea", "?versions=all"),
    "admin:workflows_node_changelist": ("?q=Concea",),
    "admin:workflows_historyentry_changelist": ("?q=8810003",),
    "admin:executions_job_changelist": ("?q=8810003",),
}


def test_the_reader_does_see_what_is_shown(person, seen):
    """A check of the check: the same lists have the other workflow's rows."""
    for url, mark in (
        ("/api/v1/executions/?tags=urgent", f'"id":{SEEN + 2}'),
        ("/api/v1/workflows/", '"title":"Shown"'),
        ("/api/v1/jobs/", f'"id":{SEEN + 4}'),
        ("/admin/executions/execution/", f"/execution/{SEEN + 2}/change/"),
        ("/admin/workflows/node/", f"/node/{SEEN + 1}/change/"),
    ):
        assert mark in person.get(url).content.decode(), url


def test_whose_child_it_is_cannot_be_asked_where_the_parent_is_hidden(person, seen):
    assert person.get(f"/api/v1/executions/?parent={RUN}").json()["results"] == []
    assert Execution.objects.filter(parent_execution=RUN, pk=SEEN + 2).exists()


@pytest.mark.parametrize("door", _ACTIONS, ids=_name)
def test_no_action_reaches_what_is_hidden(door, person, hidden):
    before = _state()
    thing = hidden[door.name.split("/")[3]]
    for across in ("0", "1"):
        with transaction.atomic():
            data = {"action": door.action, "_selected_action": [thing.pk], "select_across": across, "confirmed": "yes"}
            answer = person.post(door.url(hidden), data if across == "0" else {**data, "_selected_action": [SEEN]})
            assert answer.status_code in (200, 302)
            if across == "0":
                assert _state() == before
            assert not [mark for mark in MARKS if mark in answer.content.decode()]
    assert [row for row in _state() if row[0] in (WORKFLOW, NODE, RUN, JOB)] == [
        row for row in before if row[0] in (WORKFLOW, NODE, RUN, JOB)
    ]


@pytest.mark.parametrize("door", [door for door in DOORS if door.url_name == "sluice-execution-bulk"], ids=_name)
@pytest.mark.parametrize("where", [{"all": True}, {"filter": {"key": "c0nceal3d"}}, {"filter": {"id": RUN}}])
def test_no_bulk_operation_reaches_what_is_hidden(door, where, person, hidden):
    bulk.stop(hidden["bulk"].pk)
    action = json.loads(door.body)["action"]
    answer = person.post(door.url(hidden), {"action": action, **where}, content_type="application/json")
    assert answer.status_code == 202
    while bulk.due("sluice"):
        bulk.work("sluice")
    shown = person.get(f"/api/v1/bulk-operations/{answer.json()['id']}/").content.decode()
    assert str(RUN) not in shown.replace(json.dumps(where.get("filter", {})).replace(" ", ""), "")
    found = Execution.objects.filter(pk__in=[RUN, CHILD]).order_by("pk").values_list("status", "paused_at")
    assert list(found) == [(0, None), (1, None)]
    assert not Execution.objects.filter(rerun_of__in=[RUN, CHILD]).exists()


def test_no_version_is_compared_with_a_hidden_one(person, hidden):
    for before in ("/api/v1/workflows", "/admin/workflows/workflow"):
        answer = person.get(f"{before}/{SEEN}/compare/{WORKFLOW}/")
        assert answer.status_code == 404
        assert "Concealed" not in answer.content.decode()


def test_every_filter_of_runs_takes_what_may_be_seen_only(person, hidden):
    """Whatever a filter asks, it asks of what may be seen."""
    user = get_user_model().objects.get(username="someone")
    for data in ({"tags": "urgent"}, {"attr.size": "5"}, {"attr.size__gt": "1"}, {"waiting_at": "n1"}, {"status": "0"}):
        filters = ExecutionFilter(data, queryset=visible_rows(Execution.objects.all(), user))
        assert [number for _value, number in filters.listing().keys("", 10)] == [SEEN + 2], data
