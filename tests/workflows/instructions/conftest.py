"""Nodes and steps made by hand: a kind is tested without database, graph rows or processor."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from executions.store.side import close_side
from workflows.graph import GraphNode
from workflows.instructions.base import Instruction, Step, StepJob

MakeNode = Callable[..., GraphNode]
MakeStep = Callable[..., Step]


@pytest.fixture(autouse=True)
def _no_side_connection() -> Iterator[None]:
    """Synchronous runs leave one open, in the way of whoever removes the database."""
    yield
    close_side()


def _make_node(
    kind: type[Instruction[Any]], config: Any = None, branches: Mapping[int, int] | None = None
) -> GraphNode:
    """A node with id 1 and key "n1"; `branches`: how many nodes stand in each (ids index * 10 + 10, + 11 ...)."""
    node = GraphNode(1, "n1", kind.type, "", config or {}, {}, None)
    node.__dict__["instruction"] = kind()
    for index, length in sorted((branches or {}).items()):
        before = node
        for place in range(length):
            number = index * 10 + 10 + place
            inner = GraphNode(number, f"n{number}", "end", "", {}, {}, index if place == 0 else None, upstream=before)
            inner.parent = node
            if place == 0:
                node.branches[index] = inner
            else:
                before.downstream = inner
            before = inner
    return node


@pytest.fixture
def make_node() -> MakeNode:
    return _make_node


@pytest.fixture
def make_step() -> MakeStep:
    """`make_step(Kind, config, branches, scope, job, **fields of Step)`; a node may stand for the first three."""

    def make(
        kind: type[Instruction[Any]] | GraphNode,
        config: Any = None,
        branches: Mapping[int, int] | None = None,
        scope: Mapping[str, Any] | None = None,
        job: StepJob | None = None,
        **fields: Any,
    ) -> Step:
        node = kind if isinstance(kind, GraphNode) else _make_node(kind, config, branches)
        full: dict[str, Any] = {"$context": {}, "$jobsMapByNodeKey": {}, "$system": {}, "$scopes": {}, "$env": {}}
        full |= scope or {}
        full["ctx"] = full
        return Step(node, full, datetime(2026, 1, 1, tzinfo=UTC), job=job, execution_id=7, **fields)

    return make
