"""A version's nodes as rows of an indented list, with their branches, and what names a place among them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from pydantic import ValidationError as PydanticError

from workflows.errors import SluiceError
from workflows.graph import Graph, GraphNode
from workflows.policy import ERROR_BRANCH

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
    #: A branch that begins to be with its first node.
    new: bool = False

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
            head = row.node.heads.get(row.index)
            if head is not None:
                stack.append(Row(row.depth + 1, head))
            continue
        if row.node.downstream is not None:
            stack.append(Row(row.depth, row.node.downstream))
        stack.extend(reversed(branches(row.node, row.depth + 1)))


def branches(node: GraphNode, depth: int = 0) -> list[Row]:
    """The branches that the node has or may have; one more where it may have any."""
    try:
        declared = node.instruction.branches(node.config)
    except SluiceError:
        # What is wrong with the node shows on its own page; the tree shows what stands.
        declared = []
    labels: dict[int, str | Promise] = {branch.index: branch.label for branch in declared or ()}
    for index in node.branches:
        labels.setdefault(index, _("Branch %d") % index)
    found = [Row(depth, node, label, index, index in node.branches) for index, label in labels.items()]
    if declared is None:
        found.append(Row(depth, node, _("New branch"), max(node.branches, default=0) + 1, new=True))
    if node.error_head is not None or _branches_on_error(node):
        filled = node.error_head is not None
        label = _("On error") if _branches_on_error(node) else _("On error (its policy does not lead here)")
        found.append(Row(depth, node, label, ERROR_BRANCH, filled))
    return found


def _branches_on_error(node: GraphNode) -> bool:
    try:
        return node.policy.on_error == "branch"
    except PydanticError:
        return False


def parse_place(place: str) -> dict[str, Any]:
    """`upstream` and `branch_index`, as `editing` takes them, of a place ("12", "12:0" or "")."""
    upstream, _colon, index = place.partition(":")
    return {"upstream": int(upstream) if upstream else None, "branch_index": int(index) if index else None}
