"""Workflows that take applications, and the people in them, for tests."""

from typing import Any

from django.contrib.auth.models import Permission

from executions.applications import starting
from executions.inbox.approving import approve, reject, send_back
from executions.models import Application, Execution, Task
from executions.testing import drain
from tests.building import build
from tests.executions.inbox.asking import user
from workflows.models import Workflow

RESULT = ("output", {"value": "{{$context.data}}"})


def person(name: str, *permissions: str) -> Any:
    """A user with these permissions ("shop.add_customer")."""
    made = user(name)
    for each in permissions:
        app, codename = each.split(".")
        made.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return made


def approval(*names: str, **config: Any) -> tuple[str, dict[str, Any]]:
    return ("approval", {"assignees": list(names), **config})


def taking(
    *steps: Any, collection: str = "shop.Customer", enabled: bool = True, title: str = "A test", **config: Any
) -> Workflow:
    """A workflow that takes applications."""
    config = {"collection": collection, **config}
    return build(list(steps), type="approval", enabled=enabled, title=title, config=config)


def apply(workflow: Workflow, data: Any, by: Any, **more: Any) -> Application:
    made = starting.create(workflow.key, data, by=by, **more)
    drain()
    return fresh(made)


def fresh(application: Application) -> Application:
    return Application.objects.get(pk=application.pk)


def task(name: str) -> Task:
    return Task.objects.filter(user__username=name).latest("id")


def decide(name: str, what: str, **more: Any) -> None:
    """`what`: + approves, - rejects, < returns."""
    mine = task(name)
    {"+": approve, "-": reject, "<": send_back}[what](mine.pk, by=mine.user, **more)
    drain()


def run_of(application: Application) -> Execution:
    return Execution.objects.get(pk=fresh(application).execution_id)
