"""The resources there are: ours by name, and the host's models that workflows may use ("shop.Order")."""

from executions.dialects.nocobase.grammar import Target
from executions.dialects.nocobase.resources import (
    approvals,
    categories,
    executions,
    jobs,
    models,
    nodes,
    related,
    sessions,
    tasks,
    workflows,
)
from executions.dialects.nocobase.resources.base import Resource
from workflows.collections import resolve
from workflows.errors import Invalid

#: What the client writes for a parent's key that it was not told.
_NO_KEY = (None, "undefined", "null")

_RESOURCES: dict[str, type[Resource]] = {
    each.name: each
    for each in (
        sessions.Auth,
        sessions.Roles,
        workflows.Workflows,
        workflows.WorkflowRevisions,
        nodes.Nodes,
        nodes.WorkflowNodes,
        nodes.Branches,
        executions.Executions,
        executions.WorkflowExecutions,
        jobs.Jobs,
        jobs.ExecutionJobs,
        categories.Categories,
        tasks.ManualTasks,
        tasks.Copies,
        tasks.TaskTotals,
        tasks.TaskStats,
        approvals.Approvals,
        approvals.ApprovalTasks,
    )
}


def resource_of(target: Target) -> type[Resource] | None:
    known = _RESOURCES.get(target.name)
    # The client takes the dot of a model's name for a relation, of a parent whose key it was not told.
    if known is not None:
        return known
    try:
        if target.parent is not None and "." in target.parent:
            return related.rows_inside(resolve(target.parent), target.resource)
        # The client takes the dot of a model's name for a relation.
        return models.rows_of(resolve(target.name)) if target.parent_pk in _NO_KEY else None
    except Invalid:
        return None


def resources() -> dict[str, type[Resource]]:
    """All of ours by name."""
    return dict(_RESOURCES)
