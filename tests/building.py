"""Workflows for tests, from nested lists: a step is (type, config) or (type, config, {branch index: [steps]})."""

from collections.abc import Sequence
from typing import Any

from workflows.models import Node, Workflow

Steps = Sequence[tuple[Any, ...]]


def build(steps: Steps, *, type: str = "manual", **columns: Any) -> Workflow:
    """An enabled current version; nodes are keyed n1, n2 ... in reading order."""
    columns = {"title": "A test", "enabled": True, "current": True, **columns}
    workflow = Workflow.objects.create(type=type, **columns)
    _line(workflow, steps, None, None)
    return workflow


def _line(workflow: Workflow, steps: Steps, upstream: Node | None, index: int | None) -> None:
    before, branch = upstream, index
    for step in steps:
        kind, config, *rest = step
        branches = rest[0] if rest else {}
        policy = rest[1] if len(rest) > 1 else {}
        number = Node.objects.filter(workflow=workflow).count() + 1
        node = Node.objects.create(
            workflow=workflow,
            key=f"n{number}",
            type=kind,
            title=kind,
            config=config,
            policy=policy,
            upstream=before,
            branch_index=branch,
        )
        if before is not None and branch is None:
            Node.objects.filter(pk=before.pk).update(downstream=node)
        for branch_index, below in branches.items():
            _line(workflow, below, node, branch_index)
        before, branch = node, None


def fired(amount: str = "{{$context.data.amount}}", limit: int = 100) -> tuple[str, dict[str, Any]]:
    """A condition on the context's amount."""
    return ("condition", {"engine": "math.js", "expression": f"{amount} > {limit}", "rejectOnFalse": False})
