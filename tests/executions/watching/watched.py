"""Workflows that watch runs, and what they were told."""

from typing import Any

from executions.models import Execution
from tests.building import build
from workflows.models import Workflow
from workflows.triggers import listening

WAIT = ("delay", {"duration": 1, "unit": 3_600_000})
#: Ends a run FAILED.
FAIL = ("end", {"endStatus": -1})


def watch(*, steps: Any = (), title: str = "Watches", options: Any = None, **config: Any) -> Workflow:
    workflow = build(list(steps), type="execution", title=title, config=config, options=options or {})
    listening.refresh(force=True)
    return workflow


def runs_of(workflow: Workflow) -> list[Execution]:
    return list(Execution.objects.filter(key=workflow.key).order_by("id"))


def told(workflow: Workflow) -> list[dict[str, Any]]:
    """The contexts of its runs, oldest first."""
    return [run.context for run in runs_of(workflow)]
