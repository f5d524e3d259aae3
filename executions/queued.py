"""A queued run before it is written: what events and steps that start one have in common."""

import hashlib
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from executions.models import Execution
from executions.statuses import Parked
from executions.store import attributes
from workflows.conf import conf
from workflows.errors import Invalid, Refused
from workflows.expressions import render
from workflows.expressions.text import to_text
from workflows.graph import Graph
from workflows.options import WorkflowOptions
from workflows.statuses import JobStatus
from workflows.triggers.base import Listener

_LONGEST_LANE = 200


def queued(
    version: Graph | Listener,
    options: WorkflowOptions,
    context: Any,
    *,
    stack: Sequence[Sequence[int]],
    solo: bool,
    created_by_id: int | None,
    **columns: Any,
) -> Execution:
    """The unsaved row, but for its times: the database sets those. `context` is what JSON can hold; `columns` may name
    another queue and priority than the options.

    One whose lane can't be rendered is born ended, in ERROR.
    """
    execution = Execution(
        workflow_id=version.workflow_id,
        key=version.key,
        title=version.title,
        version=version.version,
        type=version.type,
        context=context,
        stack=[list(entry) for entry in stack],
        queue=columns.pop("queue", None) or options.queue or conf().QUEUE,
        priority=options.priority if (priority := columns.pop("priority", None)) is None else priority,
        solo=solo,
        created_by_id=created_by_id,
        **columns,
    )
    if options.search_attributes:
        execution.found_by = attributes.evaluate(options.search_attributes, context, version.key)
    if options.flows:
        execution.solo = True
        try:
            _set_flow(execution, options)
        except Invalid as error:
            execution.status = JobStatus.ERROR
            execution.error = _("The lane could not be rendered: %s") % error
            if execution.parent_job is not None:
                execution.agenda = [["tell", "parent"]]
    return execution


def _set_flow(execution: Execution, options: WorkflowOptions) -> None:
    """What it waits by. Raises `Invalid` for a template that can't be rendered."""
    if (template := options.lane_template) is not None:
        execution.lane = _rendered(template, execution)
    # Whom a person or another run started by himself stands for no event.
    if options.debounce is not None and not execution.manually and execution.parent_job is None:
        # Of its workflow alone: one event may set off several.
        execution.debounce_key = _fitting(f"{execution.key}:{_rendered(options.debounce.key, execution) or ''}")
        execution.delay = options.debounce.seconds
        execution.parked = Parked.DEFERRED


def _rendered(template: str, execution: Execution) -> str | None:
    """The key's text, "workflow:…" for an empty template; None where it renders to nothing."""
    if not template:
        return f"workflow:{execution.key}"
    text = to_text(render(template, {"$context": execution.context})).replace("\x00", "").strip()
    return _fitting(text) or None


def _fitting(text: str) -> str:
    return text if len(text) <= _LONGEST_LANE else hashlib.sha256(text.encode()).hexdigest()


def check_stack(workflow_id: int, options: WorkflowOptions, stack: Sequence[Sequence[int]]) -> None:
    """Raises `Refused` if the version stands as often among the new run's ancestors as it may."""
    if sum(1 for _execution, version in stack if version == workflow_id) >= options.stack_limit:
        raise Refused(
            _(
                "Workflow %(id)s was not started again: it is among its own ancestors as often as its stack limit, "
                "%(limit)d, allows."
            )
            % {"id": workflow_id, "limit": options.stack_limit}
        )
