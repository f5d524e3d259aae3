"""Every action with every role, against the table of docs/nocobase.md; a refusal changes nothing."""

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from config.shop.models import Customer, Order
from executions import start
from executions.dialects.nocobase.grammar import Target
from executions.dialects.nocobase.registry import resource_of, resources
from executions.dialects.nocobase.resources.base import PUBLIC
from executions.drain import drain_all
from executions.models import Application, Execution, Job, Task
from executions.roles import ROLES
from tests.building import build
from tests.executions.dialects.nocobase.clients import NocoBase
from tests.people import person
from workflows.models import Category, HistoryEntry, Node, Workflow

pytestmark = pytest.mark.once

DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "nocobase.md"
WHO = ("anonymous", "staff", *ROLES, "superuser")
MODEL = "shop.Order"
#: Rows inside others, as the grammar spells them, and how they are addressed.
INSIDE = {
    "shop.Customer.orders": "shop.Customer/{customer}/orders",
    "shop.Order.customer": "shop.Order/{order}/customer",
}


def documented() -> dict[str, tuple[dict[str, bool], str]]:
    """action -> (who is let in, the permission it asks for)."""
    rows = {}
    for line in DOCUMENT.read_text().splitlines():
        name, *cells = (cell.strip() for cell in line.strip().strip("|").split("|"))
        if re.match(r"\| `[\w.]+:\w+`", line) and len(cells) == len(WHO) + 1:
            *answers, needs = cells
            assert set(answers) <= {"yes", "-"}, line
            rows[name.strip("`")] = (dict(zip(WHO, (cell == "yes" for cell in answers), strict=True)), needs.strip("`"))
    return rows


DOCUMENTED = documented()


def actions() -> dict[str, Any]:
    found = {f"{name}:{action}": mark for name, each in resources().items() for action, mark in each.actions().items()}
    targets = {MODEL: Target(MODEL)}
    for name in INSIDE:
        parent, _dot, relation = name.rpartition(".")
        targets[name] = Target(relation, parent=parent, parent_pk="1")
    for name, target in targets.items():
        rows = resource_of(target)
        assert rows is not None
        found |= {f"{name}:{action}": mark for action, mark in rows.actions().items()}
    return found


ACTIONS = actions()


@pytest.fixture
def people(db: None) -> dict[str, Any]:
    call_command("sluice_roles", verbosity=0, stdout=StringIO())
    users = get_user_model().objects
    found: dict[str, Any] = {"anonymous": None, "staff": users.create(username="staff", is_staff=True)}
    for role in ROLES:
        found[role] = users.create(username=role, is_staff=True)
        found[role].groups.add(Group.objects.get(name=f"Sluice {role}"))
    found["superuser"] = users.create(username="superuser", is_superuser=True)
    return found


@pytest.fixture
def things(db: None) -> dict[str, Any]:
    """The key of one of each kind, in a state in which as much as possible may be done to it."""
    draft = build([("condition", {"engine": "math.js", "expression": "1 > 0"}, {1: [("delay", {"duration": 1})]})])
    run = start(build([("delay", {"duration": 3_600_000})], title="Waits"), {"data": {}})
    drain_all()
    asked = get_user_model().objects.create(username="asked")
    known = {"key": run.key, "node_key": "n1", "created_at": timezone.now(), "updated_at": timezone.now()}
    task = Task.objects.create(type="manual", user=asked, execution=run, job=1, title="A task", **known)
    copy = Task.objects.create(type="cc", user=asked, execution=run, job=2, title="A copy", **known)
    node = Node.objects.filter(workflow=draft).order_by("id").first()
    category = Category.objects.create(title="A category")
    Order.objects.create(customer=Customer.objects.create(name="Ann"))
    return {
        "workflows": draft.pk, "flow_nodes": node.pk, "executions": run.pk, "workflowCategories": category.pk,
        "jobs": Job.objects.get(execution=run).pk, "workflowManualTasks": task.pk, "workflowCcTasks": copy.pk,
        "approvals": 1, "approvalRecords": task.pk, MODEL: Order.objects.get().pk,
        "shop.Customer.orders": Order.objects.get().pk, "shop.Order.customer": Customer.objects.get().pk,
    }  # fmt: skip


def address(name: str, things: dict[str, Any]) -> str:
    resource, _colon, action = name.rpartition(":")
    if resource in INSIDE:
        path = INSIDE[resource].format(customer=things["shop.Order.customer"], order=things[MODEL])
        return f"{path}:{action}?filterByTk={things[resource]}"
    if resource == MODEL or "." not in resource:
        return f"{name}?filterByTk={things[resource]}&branchIndex=1" if resource in things else name
    parent, _dot, child = resource.partition(".")
    return f"{parent}/{things[parent]}/{child}:{action}?filterByTk={things.get(child, 1)}"


def state() -> list[Any]:
    kinds = (Workflow, Node, Category, Execution, Job, Task, Application, HistoryEntry, Order)
    return [list(kind.objects.order_by("pk").values_list()) for kind in kinds]


class _Undo(Exception):
    """Takes back what a call that was let in has done."""


def may(name: str, user: Any, things: dict[str, Any]) -> bool:
    client, before, allowed = NocoBase(user), state(), False
    try:
        with transaction.atomic():
            answer = client.raw("POST", address(name, things), {})
            assert answer.status_code < 500, answer.content[:2000]
            allowed = answer.status_code not in (401, 403)
            assert allowed or state() == before, "refused, and done all the same"
            raise _Undo
    except _Undo:
        return allowed


def asks_for(name: str) -> str:
    permission = ACTIONS[name].permission
    return "-" if permission in (None, PUBLIC) else permission


RESOURCES = sorted({name.rpartition(":")[0] for name in ACTIONS})


def of(resource: str) -> list[str]:
    return [name for name in ACTIONS if name.rpartition(":")[0] == resource]


@pytest.mark.parametrize("resource", RESOURCES)
def test_actions_let_in_whom_the_table_says(resource, people, things):
    wrong = []
    for name in of(resource):
        found = {who: may(name, people[who], things) for who in WHO}
        if DOCUMENTED.get(name) != (found, asks_for(name)):
            needs = "-" if asks_for(name) == "-" else f"`{asks_for(name)}`"
            wrong.append(f"| `{name}` | {' | '.join('yes' if found[who] else '-' for who in WHO)} | {needs} |")
    assert not wrong, "docs/nocobase.md should say:\n" + "\n".join(wrong)


@pytest.mark.parametrize("resource", RESOURCES)
def test_actions_ask_for_their_permissions_alone(resource, things):
    for name in of(resource):
        if asks_for(name) == "-":
            continue
        needed = [asks_for(name), *_FURTHER.get(name, ())]
        assert may(name, person(*needed, username=f"may {name}"), things)
        others = [each for each in set().union(*ROLES.values()) if each != asks_for(name)]
        assert not may(name, person(*others, username=f"may not {name}"), things)


#: What more is asked where it is done.
_FURTHER = {
    f"{MODEL}:trigger": ["workflows.execute_workflow"],
    "shop.Customer.orders:trigger": ["shop.view_customer", "workflows.execute_workflow"],
    **{
        f"shop.Customer.orders:{action}": ["shop.view_customer"]
        for action in ("list", "get", "create", "update", "destroy")
    },
    **{f"shop.Order.customer:{action}": ["shop.view_order"] for action in ("list", "get")},
}


def test_the_table_has_no_row_without_an_action():
    assert set(DOCUMENTED) == set(ACTIONS)
