"""Every route of the native API, page and action of the admin, with every role, against the one table of the docs."""

import re
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone

from executions import accesskeys, bulk, start
from executions.drain import drain_all
from executions.flow import holds
from executions.models import AccessKey, Application, BulkOperation, Execution, Hold, Job, SavedFilter, Task
from executions.roles import ROLES
from tests.building import build
from tests.doors import DOORS, Door
from tests.people import person
from workflows import secrets
from workflows.models import Category, HistoryEntry, Node, RevokedToken, Secret, Workflow

pytestmark = pytest.mark.once

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "permissions.md"
WHO = ("anonymous", "staff", *ROLES, "superuser")


@dataclass(frozen=True)
class Row:
    """Who is let in, and the permissions that suffice together."""

    may: dict[str, bool]
    needs: tuple[str, ...]


def documented() -> dict[str, Row]:
    """door -> its row, from the tables of docs/permissions.md."""
    rows: dict[str, Row] = {}
    for line in DOCUMENT.read_text().splitlines():
        name, *cells = (cell.strip() for cell in line.strip().strip("|").split("|"))
        if line.startswith("| `") and len(cells) == len(WHO) + 1:
            *answers, needs = cells
            assert set(answers) <= {"yes", "-"}, line
            name = name.strip("`")
            assert name not in rows, f"{name} stands there twice"
            may = {who: cell == "yes" for who, cell in zip(WHO, answers, strict=True)}
            rows[name] = Row(may, tuple(re.findall(r"`([\w.]+)`", needs)))
    return rows


DOCUMENTED = documented()


def row_of(door: Door, found: dict[str, bool]) -> str:
    """The line that the document should have."""
    return f"| `{door.name}` | " + " | ".join("yes" if found[who] else "-" for who in WHO) + " | its permission |"


@pytest.fixture
def people(db: None) -> dict[str, Any]:
    call_command("sluice_roles", verbosity=0, stdout=StringIO())
    users = get_user_model().objects
    found: dict[str, Any] = {"anonymous": None, "staff": users.create(username="staff", is_staff=True)}
    for role in ROLES:
        found[role] = users.create(username=role, is_staff=True)
        found[role].groups.add(Group.objects.get(name=f"Sluice {role}"))
    found["superuser"] = users.create(username="superuser", is_staff=True, is_superuser=True)
    return found


@pytest.fixture
def things(db: None) -> dict[str, Any]:
    """One of each kind, in a state in which as much as possible may be done to it."""
    draft = build([("condition", {"engine": "math.js", "expression": "1 > 0"}, {1: [("delay", {"duration": 1})]})])
    waiting = build([("delay", {"duration": 3_600_000})], title="Waits")
    execution = start(waiting, {"data": {}})
    assert execution is not None
    drain_all()
    operation = bulk.start("cancel", {"id": execution.pk})
    entry = HistoryEntry.objects.get(action="bulk.start")
    asked = get_user_model().objects.create(username="asked")
    known = {"key": waiting.key, "node_key": "n1", "created_at": timezone.now(), "updated_at": timezone.now()}
    key = accesskeys.create(asked).row
    # Such a one may be revoked, and deleted too.
    AccessKey.objects.update(expires_at=timezone.now())
    return {
        "accesskey": key,
        "task": Task.objects.create(type="manual", user=asked, execution=execution, job=1, title="A task", **known),
        "application": Application.objects.create(
            key=waiting.key,
            workflow=waiting,
            user=asked,
            status=0,
            collection="shop.Customer",
            data={},
            created_at=timezone.now(),
            updated_at=timezone.now(),
        ),
        "workflow": draft,
        "node": Node.objects.filter(workflow=draft).order_by("id").first(),
        "category": Category.objects.create(title="A category"),
        "secret": secrets.create("TOKEN", "hush"),
        "execution": execution,
        "job": Job.objects.get(execution=execution),
        "bulk": operation,
        "bulkoperation": operation,
        "filter": SavedFilter.objects.create(owner=asked, name="Failed", query="status=error", shared=True),
        "hold": holds.hold("queue", "night"),
        "history": entry,
        "historyentry": entry,
    }


def _state() -> list[Any]:
    """All that a refused request must leave as it is."""
    return [
        *Workflow.objects.order_by("id").values_list("pk", "title", "enabled", "current", "updated_at"),
        *Node.objects.order_by("id").values_list("pk", "upstream", "downstream", "branch_index", "updated_at"),
        *Category.objects.order_by("id").values_list("pk", "title"),
        *Execution.objects.order_by("id").values_list("pk", "status", "turn", "paused_at"),
        *Job.objects.order_by("id").values_list("pk", "status", "updated_at"),
        *BulkOperation.objects.order_by("id").values_list("pk", "state"),
        *SavedFilter.objects.order_by("id").values_list("pk", "query"),
        *Hold.objects.order_by("id").values_list("pk", "active"),
        *AccessKey.objects.order_by("id").values_list("pk", "revoked_at", "sealed"),
        *Task.objects.order_by("id").values_list("pk", "user", "status", "read_at"),
        *Application.objects.order_by("id").values_list("pk", "user", "status", "data"),
        *HistoryEntry.objects.order_by("id").values_list("pk"),
        *Secret.objects.order_by("id").values_list("name", "sealed"),
        *RevokedToken.objects.order_by("token").values_list("token"),
    ]


class _Undo(Exception):
    """Takes back what a request that was let in has done."""


def _may(door: Door, user: Any, url: str, things: dict[str, Any]) -> bool:
    """Whether this person is let in; a refusal changes nothing, whatever was sent."""
    client = Client()
    if user is not None:
        client.force_login(user)
    before = _state()
    allowed = False
    try:
        with transaction.atomic():
            allowed = _knock(door, client, url, things, everywhere=user is not None and user.is_superuser)
            if not allowed:
                assert _state() == before, "refused, and done all the same"
            raise _Undo
    except _Undo:
        return allowed


def _knock(door: Door, client: Client, url: str, things: dict[str, Any], *, everywhere: bool) -> bool:
    """`everywhere`: nothing is hidden from this person, so the address must lead somewhere."""
    if door.action is not None:
        return _offered(door, client, url, things)
    before = _state()
    if door.in_api:
        answer = client.generic(door.method, url, door.body, content_type="application/json")
        refused = answer.status_code in (401, 403)
        nowhere = answer.status_code == 404
    else:
        # The answer to what a page may ask, so that the thing itself is done.
        answer = client.get(url) if door.method == "GET" else client.post(url, {"confirmed": "yes"})
        leads = answer["Location"] if answer.status_code == 302 else ""
        refused = answer.status_code == 403 or "/login/" in leads
        # There too goes who deleted something, and may not look at its list.
        nowhere = answer.status_code == 404 or (leads == "/admin/" and _state() == before)
    assert answer.status_code < 500, answer.content[:2000]
    assert answer.status_code != 405, f"{door.name} is no way in"
    assert not (everywhere and nowhere), f"{url} leads nowhere"
    return not refused and not nowhere


def _offered(door: Door, client: Client, url: str, things: dict[str, Any]) -> bool:
    page = client.get(url)
    offered = page.status_code == 200 and f'<option value="{door.action}">' in page.content.decode()
    kind = door.name.split("/")[3]
    before = _state()
    data = {"action": door.action, "_selected_action": [things[kind].pk], "confirmed": "yes", "post": "yes"}
    answer = client.post(url, data)
    assert answer.status_code < 500
    if offered and door.action not in _IDLE:
        assert _state() != before, "offered, and not done"
    return offered


#: Actions of which nothing comes here: the task and the access key are another's; the workflow is enabled, runs and is
#: not paused; the last three only lead to a page or a file.
_IDLE = (
    *("mark_read", "mark_unread", "revoke_selected", "enable_selected", "resume_selected", "delete_selected"),
    *("tool_run_now", "tool_hold", "export_selected"),
)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_a_way_in_lets_in_whom_the_table_says(door, people, things):
    url = door.url(things)
    found = {who: _may(door, people[who], url, things) for who in WHO}
    known = DOCUMENTED[door.name].may if door.name in DOCUMENTED else None
    assert known == found, f"docs/permissions.md should say:\n{row_of(door, found)}"


_GUARDED = [door for door in DOORS if door.name in DOCUMENTED and DOCUMENTED[door.name].needs]


@pytest.mark.parametrize("door", _GUARDED, ids=lambda door: door.name)
def test_a_way_in_asks_for_the_permissions_that_the_table_says(door, people, things):
    url, needs = door.url(things), DOCUMENTED[door.name].needs
    assert _may(door, person(*needs), url, things)
    for missing in needs:
        # In the admin whoever may change something may look at it.
        but = {missing, missing.replace(".view_", ".change_")}
        others = set().union(*ROLES.values()) - but
        assert not _may(door, person(*others, username=f"without {missing}"), url, things)


def test_the_table_has_no_row_without_a_way_in():
    assert DOCUMENTED
    assert not set(DOCUMENTED) - {door.name for door in DOORS}


def test_ways_in_of_every_sort_are_found():
    names = {door.name for door in DOORS}
    assert len(names) == len(DOORS)
    assert names >= {
        "POST /api/v1/token/refresh/",
        "GET /api/v1/schema/",
        "POST /api/v1/workflows/validate/",
        "GET /api/v1/executions/{execution_pk}/history/",
        "POST /api/v1/executions/bulk/ delete",
        "DELETE /api/v1/nodes/{pk}/branches/{index}/",
        "POST /admin/workflows/node/{object_id}/delete/",
        "GET /admin/executions/execution/run/{workflow_id}/",
        "/admin/executions/execution/ cancel_selected",
        "/admin/workflows/workflow/ tool_run_now",
    }


@pytest.mark.parametrize("role", ROLES)
def test_the_roles_are_made_again_as_they_should_be(people, role):
    group = Group.objects.get(name=f"Sluice {role}")
    group.permissions.clear()
    call_command("sluice_roles", stdout=StringIO())
    assert {f"{each.content_type.app_label}.{each.codename}" for each in group.permissions.all()} == ROLES[role]


def test_a_refusal_is_told_from_a_welcome(people, things):
    """A check of the check: the same door, with and without its permission, and what was let in was done."""
    cancel = next(door for door in DOORS if door.name.endswith("executions/{pk}/cancel/"))
    url = cancel.url(things)
    assert not _may(cancel, people["viewer"], url, things)
    assert _may(cancel, people["operator"], url, things)
    client = Client()
    client.force_login(people["operator"])
    before = _state()
    assert _knock(cancel, client, url, things, everywhere=False)
    assert _state() != before
