"""Runs and jobs as rows, without an engine that made them."""

from typing import Any

from django.utils import timezone

from executions.models import Execution, Job
from workflows.models import Workflow


def run(workflow: Workflow | None = None, **columns: Any) -> Execution:
    """An ended, resolved run; `status` None is queued, 0 waits."""
    now = timezone.now()
    status = columns.setdefault("status", 1)
    ended = None if status in (None, 0) else now
    known = {
        "workflow_id": workflow.pk if workflow else 999_999,
        "key": workflow.key if workflow else "gone",
        "title": workflow.title if workflow else "Gone",
        "version": workflow.version if workflow else 1,
        "type": workflow.type if workflow else "manual",
        "context": {"big": "context"},
        "queue": "sluice",
        "created_at": now,
        "updated_at": now,
        "started_at": None if status is None else now,
        "ended_at": ended,
    }
    return Execution.objects.create(**{**known, **columns})


def job(execution: Execution, number: int = 1, **columns: Any) -> Job:
    now = timezone.now()
    known = {
        "node_key": "n1",
        "status": 1,
        "created_at": now,
        "updated_at": now,
        "started_at": now,
        "ended_at": now,
    }
    return Job.objects.create(execution=execution, number=number, **{**known, **columns})
