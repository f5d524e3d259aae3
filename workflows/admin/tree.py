"""A version's nodes as rows of an indented table, its branches labelled, and the places where a node can stand."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from workflows.errors import SluiceError
from workflows.graph import Graph, GraphNode

#: Deeper rows are not indented further; their level is told in words as well.
_DEEPEST = 20


@dataclass(frozen=True)
class Row:
    """A node, or a branch of `node` if `label` is set."""

    depth: int
    node: GraphNode
    label: str | Promise = ""
    index: int | None = None
    #: Of a branch: whether nodes stand in it.
    filled: bool = False

    @property
    def place(self) -> str:
        """What to give for a node that shall follow here."""
        return str(self.node.id) if self.index is None else f"{self.node.id}:{self.index}"

    @property
    def indent(self) -> int:
        return min(self.depth, _DEEPEST)

    @property
    def name(self) -> str:
        return self.node.title or str(self.kind)

    @property
    def kind(self) -> str | Promise:
        """The kind's title, or the bare type of a kind that is not installed."""
        try:
            return self.node.instruction.title
        except SluiceError:
            return self.node.type


def rows(graph: Graph) -> Iterator[Row]:
    """Every node and branch in the order people read a workflow; also branches without nodes."""
    stack: list[Row] = [Row(0, graph.head)] if graph.head else []
    while stack:
        row = stack.pop()
        yield row
        if row.index is not None:
            head = row.node.branches.get(row.index)
            if head is not None:
                stack.append(Row(row.depth + 1, head))
            continue
        if row.node.downstream is not None:
            stack.append(Row(row.depth, row.node.downstream))
        stack.extend(
            Row(row.depth + 1, row.node, label, index, index in row.node.branches)
            for index, label in reversed(branches(row.node))
        )


def branches(node: GraphNode) -> list[tuple[int, str | Promise]]:
    """(index, label) of each branch the node has or may have; one more where it may have any."""
    try:
        declared = node.instruction.branches(node.config)
    except SluiceError:
        # What is wrong with the node shows on its own page; the tree shows what stands.
        declared = []
    if declared is None:
        following = max(node.branches, default=0) + 1
        return [*((index, _("Branch %d") % index) for index in node.branches), (following, _("New branch"))]
    known: dict[int, str | Promise] = {branch.index: branch.label for branch in declared}
    for index in node.branches:
        known.setdefault(index, _("Branch %d") % index)
    return list(known.items())


def places(graph: Graph, without: GraphNode | None = None) -> list[tuple[str, str]]:
    """Choices of where a node can stand: first, after each node, first in each branch; not inside `without`."""
    barred: Collection[int] = {without.id, *(node.id for node in without.below())} if without else ()
    found = [("", _("At the start"))]
    for row in rows(graph):
        if row.node.id not in barred:
            names = {"node": row.name, "branch": row.label}
            text = _("After %(node)s") if row.index is None else _("First in %(node)s: %(branch)s")
            found.append((row.place, "\u2003" * row.indent + text % names))
    return found


def parse_place(place: str) -> dict[str, Any]:
    """`upstream` and `branch_index`, as `editing` takes them, of a choice of `places`."""
    upstream, _colon, index = place.partition(":")
    return {"upstream": int(upstream) if upstream else None, "branch_index": int(index) if index else None}
