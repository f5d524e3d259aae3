"""One version's nodes as a linked tree, cached once the version is frozen."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from workflows.errors import Invalid, NotFound
from workflows.models import Node, Workflow
from workflows.options import WorkflowOptions
from workflows.policy import Policy

if TYPE_CHECKING:
    from workflows.instructions.base import Effect, Instruction, NodeConfig

_CACHED_GRAPHS = 512


@dataclass(eq=False)
class GraphNode:
    """A node with its links as objects. `config` and `compiled` are made on first use and raise what is wrong there."""

    id: int
    key: str
    type: str
    title: str
    raw_config: dict[str, Any]
    raw_policy: dict[str, Any]
    branch_index: int | None
    # Out of the repr: a long line would exhaust the stack.
    upstream: "GraphNode | None" = field(default=None, repr=False)
    downstream: "GraphNode | None" = field(default=None, repr=False)
    #: Branch heads by index, ascending.
    branches: "dict[int, GraphNode]" = field(default_factory=dict, repr=False)
    #: The branching node whose branch this node stands in, or None on the main line.
    parent: "GraphNode | None" = field(default=None, repr=False)

    @cached_property
    def instruction(self) -> "Instruction[Any]":
        from workflows.instructions import get_instruction

        return get_instruction(self.type)

    @cached_property
    def config(self) -> "NodeConfig":
        config: NodeConfig = self.instruction.parse(self.raw_config)
        return config

    @cached_property
    def policy(self) -> Policy:
        return Policy.model_validate(self.raw_policy)

    @cached_property
    def compiled(self) -> Any:
        return self.instruction.compile(self.config)

    @cached_property
    def effect(self) -> "Effect":
        return self.instruction.effect_of(self.config)

    def line(self) -> "Iterator[GraphNode]":
        """This node and those after it on its line."""
        node: GraphNode | None = self
        while node is not None:
            yield node
            node = node.downstream

    def below(self) -> "Iterator[GraphNode]":
        """Every node in the branches of this one, at any depth."""
        stack = list(self.branches.values())
        while stack:
            for node in stack.pop().line():
                yield node
                stack.extend(node.branches.values())


class Graph:
    """The tree of one version. Raises `Invalid` for rows that form none (two heads, a cycle, a loose end)."""

    def __init__(self, workflow: Workflow, rows: Iterable[Node]) -> None:
        self.workflow_id: int = workflow.pk
        self.key = workflow.key
        self.version = workflow.version
        self.title = workflow.title
        self.type = workflow.type
        self.sync = workflow.sync
        self.frozen = workflow.frozen
        self.options = WorkflowOptions.model_validate(workflow.options)
        self.nodes: dict[int, GraphNode] = {}
        self.by_key: dict[str, GraphNode] = {}
        self.head: GraphNode | None = None
        self._link(list(rows))

    def _link(self, rows: list[Node]) -> None:
        for row in rows:
            node = GraphNode(row.pk, row.key, row.type, row.title, row.config, row.policy, row.branch_index)
            self.nodes[node.id] = node
            self.by_key[node.key] = node
        heads = []
        for row in rows:
            node = self.nodes[row.pk]
            if row.upstream_id is None:
                heads.append(node)
            else:
                node.upstream = self._at(row.upstream_id, row)
                if row.branch_index is not None:
                    node.upstream.branches[row.branch_index] = node
            if row.downstream_id is not None:
                node.downstream = self._at(row.downstream_id, row)
        if len(heads) > 1 or (rows and not heads):
            raise Invalid(_("A workflow has exactly one first node; this one has %d.") % len(heads), field="nodes")
        if heads and heads[0].branch_index is not None:
            raise Invalid(
                _("The first node of a workflow stands in no branch, but node %s does.") % heads[0].id, field="nodes"
            )
        self.head = heads[0] if heads else None
        self._set_parents()

    def _at(self, pk: int, row: Node) -> GraphNode:
        try:
            return self.nodes[pk]
        except KeyError:
            raise Invalid(
                _("Node %(node)s is linked to node %(other)s, which is not in this workflow.")
                % {"node": row.pk, "other": pk},
                field="nodes",
            ) from None

    def _set_parents(self) -> None:
        seen: set[int] = set()
        lines: list[tuple[GraphNode, GraphNode | None]] = [(self.head, None)] if self.head else []
        while lines:
            first, parent = lines.pop()
            before = first.upstream
            for node in first.line():
                if node.id in seen or node.upstream is not before:
                    raise Invalid(_("The links of node %s don't form a tree.") % node.id, field="nodes")
                seen.add(node.id)
                node.parent = parent
                node.branches = dict(sorted(node.branches.items()))
                lines.extend((head, node) for head in node.branches.values())
                before = node
        if len(seen) != len(self.nodes):
            loose = sorted(set(self.nodes) - seen)
            raise Invalid(_("Nodes %s hang on nothing.") % loose, field="nodes")

    @cached_property
    def solo(self) -> bool:
        """Whether runs are claimed one at a time: some step touches the host, or runs share a lane."""
        from workflows.instructions.base import Effect

        if self.options.lane:
            return True
        try:
            return any(node.effect is not Effect.PURE for node in self.nodes.values())
        except Exception:
            # What is wrong with the node ends its run with a sentence; alone it can't hold up others.
            return True

    def walk(self) -> "Iterator[tuple[int, GraphNode]]":
        """Every node with its depth, in the order people read a workflow."""
        stack: list[tuple[int, GraphNode]] = [(0, self.head)] if self.head else []
        while stack:
            depth, node = stack.pop()
            yield depth, node
            if node.downstream is not None:
                stack.append((depth, node.downstream))
            stack.extend((depth + 1, head) for head in reversed(node.branches.values()))


_cache: "OrderedDict[int, Graph]" = OrderedDict()
_cache_lock = Lock()


def load_graph(workflow_id: int) -> Graph:
    """The graph of a version. Raises `NotFound` if it was deleted, `Invalid` if its rows form no tree."""
    with _cache_lock:
        graph = _cache.get(workflow_id)
        if graph is not None:
            _cache.move_to_end(workflow_id)
            return graph
    workflow = Workflow.objects.filter(pk=workflow_id).first()
    if workflow is None:
        raise NotFound(_("Workflow %s was deleted.") % workflow_id)
    graph = Graph(workflow, Node.objects.filter(workflow_id=workflow_id))
    if graph.frozen:
        with _cache_lock:
            _cache[workflow_id] = graph
            if len(_cache) > _CACHED_GRAPHS:
                _cache.popitem(last=False)
    return graph


def forget_graphs() -> None:
    """Empties the cache: of a frozen version too the options may change, and the version may be deleted."""
    with _cache_lock:
        _cache.clear()
