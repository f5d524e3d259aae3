"""The resources there are: ours by name, and the host's models that workflows may use ("shop.Order")."""

from executions.dialects.nocobase.grammar import Target
from executions.dialects.nocobase.resources import (
    approvals,
    categories,
    executions,
    jobs,
    models,
    nodes,
    sessions,
    tasks,
    workflows,
)
from executions.dialects.nocobase.resources.base import Resource
from workflows.collections import resolve
from workflows.errors import Invalid

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
    if known is not None or target.parent_pk not in (None, "undefined"):
        return known
    try:
        return models.rows_of(resolve(target.name))
    except Invalid:
        return None


def resources() -> dict[str, type[Resource]]:
    """All of ours by name."""
    return dict(_RESOURCES)
