"""A queued run before it is written: what events and steps that start one have in common."""

import hashlib
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from executions.models import Execution
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
    """The unsaved row, but for its times: the database sets those. `context` is what JSON can hold.

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
        queue=options.queue or conf().QUEUE,
        priority=options.priority,
        solo=solo,
        created_by_id=created_by_id,
        **columns,
    )
    if options.search_attributes:
        execution.found_by = attributes.evaluate(options.search_attributes, context, version.key)
    if options.lane:
        _set_lane(execution, options.lane)
    return execution


def _set_lane(execution: Execution, template: str) -> None:
    execution.solo = True
    try:
        lane = to_text(render(template, {"$context": execution.context})).replace("\x00", "").strip()
    except Invalid as error:
        execution.status = JobStatus.ERROR
        execution.error = _("The lane could not be rendered: %s") % error
        if execution.parent_job is not None:
            execution.agenda = [["tell", "parent"]]
        return
    if len(lane) > _LONGEST_LANE:
        lane = hashlib.sha256(lane.encode()).hexdigest()
    execution.lane = lane or None


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
