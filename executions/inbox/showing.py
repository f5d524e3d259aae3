"""A task as its person sees it: where it comes from, what it is about, what there is to fill in."""

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from executions.graphs import graph_of
from executions.inbox.forms import json_schema
from executions.inbox.kinds import TaskForm, Tool, kind_of
from executions.masking import Mask, hide_tasks, masks_of
from executions.models import Execution, Job, Task
from executions.run import Run
from executions.runclock import CarriedClock
from executions.scope import Steps
from executions.statuses import ExecutionStatus
from executions.store import claims, session
from workflows.errors import SluiceError
from workflows.expressions import render
from workflows.graph import Graph, GraphNode
from workflows.jsonable import jsonable
from workflows.statuses import JobStatus
from workflows.templating import references

#: Roots of which a person is shown what their task refers to; no secrets.
_SHOWN_ROOTS = ("$context", "$jobsMapByNodeKey", "$scopes")
#: Keys of a configuration that are for editors.
_EDITORS = ("schema", "assignees", "users", "delegate", "addSigners", "data")
MOST_SHOWN = 30


@dataclass
class Shown:
    task: Task
    execution: Execution | None
    workflow_title: str
    node_title: str
    description: str = ""
    #: (path without its root's name, value) of what the node's texts refer to.
    data: list[tuple[str, Any]] = field(default_factory=list)
    #: Whether whoever looks may still answer it.
    open: bool = False
    #: Empty once it is decided.
    forms: list[TaskForm] = field(default_factory=list)
    #: What else its person may do with it.
    tools: Collection[Tool] = ()
    #: What fields and actions of all its forms are called, by name and key.
    labels: dict[str, str] = field(default_factory=dict)
    actions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Around:
    """What tasks stand in, read once for all of them."""

    executions: Mapping[int, Execution]
    #: By run and job: the number of the job that it stands under.
    parents: Mapping[tuple[int | None, int], int | None]
    masks: Mapping[int, Mask]
    now: datetime


def around(tasks: Collection[Task], by: Any) -> Around:
    """Reads their runs without their locks."""
    ids = {task.execution_id for task in tasks if task.execution_id is not None}
    jobs = Job.objects.filter(execution__in=ids, number__in={task.job for task in tasks}).order_by()
    return Around(
        Execution.objects.filter(pk__in=ids).defer("output").in_bulk(),
        {(run, number): parent for run, number, parent in jobs.values_list("execution", "number", "parent")},
        masks_of({task.execution_id for task in tasks if task.execution_id is not None and task.user_id != by.pk}),
        session.database_now(),
    )


def show(task: Task, by: Any, known: Around | None = None) -> Shown:
    """A few queries more, for what the texts of its node refer to. `known` of several tasks, whose rows are masked."""
    if known is None:
        hide_tasks([task], by=by)
        known = around([task], by)
    execution = known.executions.get(task.execution_id or 0)
    graph = graph_of(execution) if execution is not None else None
    node = graph.nodes.get(task.node_id or 0) if graph is not None else None
    title = execution.title if execution is not None else ""
    shown = Shown(task, execution, title, (node.title if node is not None else "") or task.node_key)
    if isinstance(task.meta, dict):
        shown.description = str(task.meta.get("description") or "")
    if execution is None or graph is None or node is None:
        return shown
    try:
        run, scope = _scope(execution, graph, node, task, known)
        mask = known.masks.get(execution.pk) if task.user_id != by.pk else None
        shown.data = [(path, run.env.masked(jsonable(value))) for path, value in _data(node, scope, mask)]
        if (kind := kind_of(task.type)) is not None:
            forms = kind.forms(task, node, scope, by)
            shown.labels = {
                name: str(each.label or name) for form in forms for name, each in (form.fields or {}).items()
            }
            shown.actions = {action.key: action.title for form in forms for action in form.actions}
            about = ((name, run.env.masked(jsonable(value))) for name, value in kind.about(node, scope))
            # As it stands now goes before as it was.
            shown.data = list({**dict(shown.data), **dict(about)}.items())
            if is_open(task, execution) and task.user_id == by.pk:
                shown.open = True
                shown.forms = forms
                turn = any(form.actions for form in forms)
                # Whose turn it is not may still hand it over, but not decide.
                shown.tools = [tool for tool in kind.tools(node) if turn or tool is not Tool.RETURN_TO]
        if mask is not None:
            shown.data = [(path, mask.masked(value)) for path, value in shown.data]
    except SluiceError:
        # The version can't be read here; its answer would say so.
        return shown
    return shown


def nothing_to_answer(task: Task) -> str:
    return _("Task %s is there to be read; it takes no such answer.") % task.pk


def is_open(task: Task, execution: Execution | None) -> bool:
    """Whether an answer would still be taken."""
    started = execution is not None and execution.status == ExecutionStatus.STARTED
    return started and task.status == JobStatus.PENDING and kind_of(task.type) is not None


def as_json(form: TaskForm) -> dict[str, Any]:
    return {
        "key": form.key,
        "title": form.title,
        "type": form.type,
        "schema": json_schema(form.fields),
        "values": jsonable(form.values),
        "actions": [{"key": each.key, "status": each.status, "title": each.title} for each in form.actions],
        "error": form.error or None,
    }


def _scope(
    execution: Execution, graph: Graph, node: GraphNode, task: Task, known: Around
) -> tuple[Run, Mapping[str, Any]]:
    """What the node's templates find, read only."""
    run = Run(
        execution.pk, graph.workflow_id, execution.key, execution.status, execution.turn, execution.queue,
        execution.solo, deque(), claims.reader,
    )  # fmt: skip
    run.graph = graph
    run._context, run._context_loaded = execution.context, True
    parent = known.parents.get((execution.pk, task.job))
    return run, Steps(run, CarriedClock(known.now)).step(node, parent, None, None).scope


def _data(node: GraphNode, scope: Mapping[str, Any], mask: Mask | None) -> Iterator[tuple[str, Any]]:
    """What title, description and forms name, each once; what is missing is left out."""
    config = {name: value for name, value in node.raw_config.items() if name not in _EDITORS}
    seen: set[str] = set()
    for reference in references(config):
        path = ".".join(reference.segments)
        if reference.segments[0] not in _SHOWN_ROOTS or path in seen or len(seen) == MOST_SHOWN:
            continue
        seen.add(path)
        value = render("{{%s}}" % path, scope)  # noqa: UP031 - braces are what it is about
        if value is not None:
            if mask is not None:
                value = mask.found(jsonable(value), *reference.segments)
            yield path.removeprefix("$context.").removeprefix("data.") or path, value
