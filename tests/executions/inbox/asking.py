"""Runs that ask people, for tests of the inbox."""

from typing import Any

from django.contrib.auth import get_user_model

from executions import start
from executions.models import Execution, Job, Task
from executions.testing import drain
from tests.building import build

YES, NO, LATER = ({"key": key, "status": status} for key, status in (("yes", 1), ("no", -5), ("later", 0)))
FIELDS = {"properties": {"note": {"type": "string"}, "days": {"type": "integer", "minimum": 0}}, "required": ["note"]}
FORM = {"type": "custom", "schema": FIELDS, "actions": [YES, NO, LATER]}
OUTPUT = ("output", {"value": "{{$jobsMapByNodeKey.n1}}"})


def user(name: str, **columns: Any) -> Any:
    return get_user_model().objects.create(username=name, **columns)


def manual(*people: Any, forms: Any = None, **config: Any) -> tuple[str, dict[str, Any]]:
    """A step that asks these users."""
    ids = [getattr(person, "pk", person) for person in people]
    return ("manual", {"assignees": ids, "forms": {"f": FORM} if forms is None else forms, **config})


def ask(*steps: Any, context: Any = None, **columns: Any) -> Execution:
    """A run of these steps, drained."""
    execution = start(build(list(steps), **columns), context or {})
    assert execution is not None
    drain()
    execution.refresh_from_db()
    return execution


def tasks(execution: Execution) -> list[Task]:
    return list(Task.objects.filter(execution=execution).order_by("id"))


def statuses(execution: Execution) -> dict[str, int]:
    """Status of each person's task."""
    names = dict(get_user_model().objects.values_list("pk", "username"))
    return {names[task.user_id]: task.status for task in tasks(execution)}


def of(person: Any, execution: Execution | None = None) -> Task:
    mine = Task.objects.filter(user=person)
    return (mine.filter(execution=execution) if execution else mine).get()


def job(execution: Execution, key: str = "n1") -> Job:
    return Job.objects.filter(execution=execution, node_key=key).latest("number")
