"""Lists of a workflow's runs: newest first, of a window of time, by ids from one index first."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet

from executions.dialects.clouds import numbered
from executions.dialects.functiongraph import attempts, query
from executions.dialects.functiongraph.asked import Asked
from executions.dialects.functiongraph.query import Place
from executions.dialects.functiongraph.shapes import BRIEF_COLUMNS, brief, user_names
from executions.models import Execution
from workflows.models import Workflow


def list_executions(asked: Asked) -> Any:
    """`ListWorkflowExecutions`: no total."""
    place, status = query.clamped(asked.query), query.status(asked.query)
    window = query.window(asked.query)
    workflow = asked.workflow()
    return {"executions": _page(asked, workflow, _runs(workflow, window, status), place)}


def page_of_executions(asked: Asked) -> Any:
    """`ShowWorkflowExecutionForPage`: with the exact total."""
    place, window = query.strict(asked.query), query.window(asked.query)
    workflow = asked.workflow()
    runs = _runs(workflow, window, Q())
    total = numbered.total(runs)
    found = _page(asked, workflow, runs, place, total)
    return {"total": total, "size": len(found), "executions": found}


def _runs(workflow: Workflow, window: query.Window, status: Q) -> QuerySet[Execution]:
    # Who sees a workflow sees all its runs. All that is asked for stands in the index "execution_key_created", in its
    # order; ids follow their times but for what began at the same moment.
    runs = Execution.objects.filter(status, key=workflow.key, created_at__gte=window.since)
    if window.before is not None:
        runs = runs.filter(created_at__lt=window.before)
    return attempts.last_ones(runs, workflow.key, window).order_by("-created_at", "-id")


def _page(
    asked: Asked, workflow: Workflow, runs: QuerySet[Execution], place: Place, total: int | None = None
) -> Sequence[dict[str, Any]]:
    found = numbered.page(runs, place.offset, place.limit, BRIEF_COLUMNS, total) if place.limit else []
    shown = attempts.shown_ids(found)
    names = user_names(run.created_by_id for run in found)
    return [brief(run, shown[run.pk], workflow, asked.project, names) for run in found]
