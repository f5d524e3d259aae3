"""One version's nodes as a linked tree, cached once the version is frozen."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.utils.timezone import get_default_timezone
from django.utils.translation import gettext as _

from workflows.errors import Invalid, NotFound, SluiceError
from workflows.models import Node, Workflow
from workflows.options import WorkflowOptions
from workflows.policy import ERROR_BRANCH, Policy

if TYPE_CHECKING:
    from datetime import tzinfo

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
    #: Heads of the kind's own branches by index, ascending.
    branches: "dict[int, GraphNode]" = field(default_factory=dict, repr=False)
    #: The first node of its error branch, which is none of those.
    error_head: "GraphNode | None" = field(default=None, repr=False)
    #: The node whose branch this node stands in, or None on the main line.
    parent: "GraphNode | None" = field(default=None, repr=False)
    #: Whether that is the parent's error branch.
    in_error_branch: bool = False

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

    @property
    def heads(self) -> "dict[int, GraphNode]":
        """The first node of every branch, the error branch last."""
        return self.branches if self.error_head is None else {**self.branches, ERROR_BRANCH: self.error_head}

    def takes_error(self, other: "GraphNode") -> bool:
        """Whether the other node stands in this one's error branch, at any depth."""
        node: GraphNode | None = other if self.error_head is not None else None
        while node is not None and node.parent is not self:
            node = node.parent
        return node is not None and node.in_error_branch

    @property
    def branch(self) -> int | None:
        """The index of the branch that it stands in; None on the main line."""
        node = self
        while node.branch_index is None and node.upstream is not None:
            node = node.upstream
        return node.branch_index

    @property
    def block(self) -> "GraphNode | None":
        """The outermost node whose atomic branch it stands in, at any depth: all of that is done, or nothing."""
        found, node = None, self
        while node.parent is not None:
            if node.branch == node.parent.instruction.atomic_branch:
                found = node.parent
            node = node.parent
        return found

    def line(self) -> "Iterator[GraphNode]":
        """This node and those after it on its line."""
        node: GraphNode | None = self
        while node is not None:
            yield node
            node = node.downstream

    def below(self) -> "Iterator[GraphNode]":
        """Every node in the branches of this one, at any depth."""
        stack = list(self.heads.values())
        while stack:
            for node in stack.pop().line():
                yield node
                stack.extend(node.heads.values())


class Graph:
    """The tree of one version. Raises `Invalid` for rows that form none (two heads, a cycle, a loose end)."""

    def __init__(self, workflow: Workflow, rows: Iterable[Node]) -> None:
        self.workflow_id: int = workflow.pk
        self.key = workflow.key
        self.version = workflow.version
        self.title = workflow.title
        self.type = workflow.type
        self.sync = workflow.sync
        #: Its name; "" is the project's.
        self.time_zone = workflow.time_zone
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
                if row.branch_index == ERROR_BRANCH:
                    node.upstream.error_head = node
                elif row.branch_index is not None:
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
            before, for_error = first.upstream, first.branch_index == ERROR_BRANCH
            for node in first.line():
                if node.id in seen or node.upstream is not before:
                    raise Invalid(_("The links of node %s don't form a tree.") % node.id, field="nodes")
                seen.add(node.id)
                node.parent, node.in_error_branch = parent, for_error
                node.branches = dict(sorted(node.branches.items()))
                lines.extend((head, node) for head in node.heads.values())
                before = node
        if len(seen) != len(self.nodes):
            loose = sorted(set(self.nodes) - seen)
            raise Invalid(_("Nodes %s hang on nothing.") % loose, field="nodes")

    @property
    def zone(self) -> "tzinfo":
        """Where its days begin. Raises `Invalid` (field "time_zone") for a zone that this machine does not know."""
        # Not kept: a test may change the project's.
        return self._own_zone or get_default_timezone()

    @cached_property
    def _own_zone(self) -> "tzinfo | None":
        try:
            return ZoneInfo(self.time_zone) if self.time_zone else None
        except (KeyError, OSError, ValueError):
            raise Invalid(
                _('There is no time zone %s here; choose one like "Europe/Berlin", or install tzdata.')
                % self.time_zone,
                field="time_zone",
            ) from None

    @cached_property
    def env_names(self) -> frozenset[str]:
        """Names of the secrets that templates of its nodes ask for."""
        from workflows.env import env_names

        return env_names([node.raw_config for node in self.nodes.values()])

    @cached_property
    def asking(self) -> frozenset[int]:
        """Nodes whose jobs may wait for tasks of people; one of a kind that nobody here knows counts as such."""

        def asks(node: GraphNode) -> bool:
            try:
                return node.instruction.asks
            except SluiceError:
                return True

        return frozenset(node.id for node in self.nodes.values() if asks(node))

    @cached_property
    def solo(self) -> bool:
        """Whether runs are claimed one at a time: some step touches the host, or one run decides on another."""
        from workflows.instructions.base import Effect
        from workflows.triggers import triggers

        kind = triggers().get(self.type)
        if self.options.flows or (kind is not None and kind.solo):
            return True
        try:
            return any(
                node.effect is not Effect.PURE or node.instruction.atomic_branch is not None
                for node in self.nodes.values()
            )
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
            stack.extend((depth + 1, head) for head in reversed(node.heads.values()))


_cache: "OrderedDict[int, Graph]" = OrderedDict()
_cache_lock = Lock()


def load_graph(workflow_id: int) -> Graph:
    """The graph of a version.

    Raises `NotFound` if it was deleted, `Invalid` if its rows form no tree or nobody here knows its time zone.
    """
    with _cache_lock:
        graph = _cache.get(workflow_id)
        if graph is not None:
            _cache.move_to_end(workflow_id)
            return graph
    workflow = Workflow.objects.filter(pk=workflow_id).first()
    if workflow is None:
        raise NotFound(_("Workflow %s was deleted.") % workflow_id)
    graph = Graph(workflow, Node.objects.filter(workflow_id=workflow_id))
    # An unknown zone ends a run here, with a sentence, and not in the middle of a batch.
    graph.zone  # noqa: B018
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
