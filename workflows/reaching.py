"""Whether the nodes that a template names can have a result when its node runs; nothing is run."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from django.utils.translation import gettext as _

from workflows.errors import Invalid
from workflows.graph import Graph, GraphNode
from workflows.instructions.base import Instruction
from workflows.templating import Reference, references


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is wrong at a place of a node's configuration; `fatal` unless it may be meant."""

    place: str
    message: str
    fatal: bool


class Reach:
    """Which nodes of a graph have run when another runs."""

    def __init__(self, graph: Graph, *, saved: bool) -> None:
        """`saved`: scopes may go by the nodes' ids too."""
        self.graph = graph
        self.saved = saved
        self.assigned = _assigned(graph)
        #: (head's id, place on the line) by the node's id.
        self._places: dict[int, tuple[int, int]] = {}
        heads = [graph.head] if graph.head is not None else []
        for head in heads:
            for place, node in enumerate(head.line()):
                self._places[node.id] = head.id, place
                heads.extend(node.heads.values())

    def doubts(self, node: GraphNode) -> Iterator[Doubt]:
        """What the node's templates name that is not there, or not always."""
        kind = _kind(node)
        if kind is None:
            return
        for found in references(node.raw_config, verbatim=kind.verbatim, expressions=kind.expressions):
            root, *rest = found.segments
            if not rest or not rest[0]:
                continue
            if root == "$jobsMapByNodeKey" and rest[0] not in self.assigned:
                doubt = _of_result(self, node, found, rest[0])
            else:
                doubt = _of_scope(self, node, found, rest[0]) if root == "$scopes" else None
            if doubt is not None and (doubt.fatal or not found.has_default):
                yield doubt

    def line(self, node: GraphNode) -> int:
        """The id of the first node on its line."""
        return self._places[node.id][0]

    def is_before(self, node: GraphNode, other: GraphNode) -> bool:
        """Whether the one stands before the other on its line, or before or as a branching node around it."""
        line, place = self._places[node.id]
        for each in (other, *_around(other)):
            its_line, its_place = self._places[each.id]
            if its_line == line:
                return place < its_place or (node is each and node is not other)
        return False


def _assigned(graph: Graph) -> set[str]:
    """Keys of the nodes to which a variable node gives a result, wherever they stand."""
    configs = [node.raw_config for node in graph.nodes.values() if node.type == "variable"]
    targets = (config.get("target") for config in configs if isinstance(config, dict))
    return {target for target in targets if isinstance(target, str) and target in graph.by_key}


def _of_result(reach: Reach, node: GraphNode, found: Reference, key: str) -> Doubt | None:
    named = reach.graph.by_key.get(key)
    if named is None:
        return Doubt(found.place, _unknown(reach.graph, key), fatal=True)
    if reach.is_before(named, node) or _ran_all(reach, node, named) or _waits_beside(node, named):
        return None
    sentence, fatal = _why(reach, node, named)
    return Doubt(found.place, sentence % key, fatal)


def _ran_all(reach: Reach, node: GraphNode, named: GraphNode) -> bool:
    """Whether it stands in a parallel before the node that goes on only when all its branches have ended well."""
    outside, inside = named, set(_around(node))
    while (above := outside.parent) is not None and above not in inside and not outside.in_error_branch:
        goes_on = "onError" in above.raw_policy and above.raw_policy["onError"] not in ("fail", "ask")
        if above.type != "parallel" or above.raw_config.get("mode") not in (None, "all") or goes_on:
            break
        outside = above
    return outside is not named and reach.is_before(outside, node)


def _waits_beside(node: GraphNode, named: GraphNode) -> bool:
    """Whether it is a wait that begins an earlier branch of a parallel around both: it waits already, and its result
    says for what."""
    fork, kind = named.parent, _kind(named)
    if fork is None or fork.type != "parallel" or named.upstream is not fork or kind is None or not kind.waits_outside:
        return False
    mine = next((each for each in (node, *_around(node)) if each.parent is fork), None)
    return mine is not None and not mine.in_error_branch and (mine.branch or 0) > (named.branch or 0)


def _why(reach: Reach, node: GraphNode, named: GraphNode) -> tuple[str, bool]:
    """(sentence, whether it is never there) of a node that does not stand before."""
    around, its_around = [node, *_around(node)], list(_around(named))
    shared = set(its_around).intersection(around)
    if any(_repeats(each) and not each.takes_error(node) for each in shared):
        return _("Node %s has no result before the second round; give a default."), False
    if named is node:
        return _("Node %s is this node, which has no result yet; name an earlier one."), True
    fork = next((each for each in around[1:] if each in shared), None)
    mine, its = _below(fork, around), _below(fork, [named, *its_around])
    if fork is not None and mine.in_error_branch and not its.in_error_branch:
        return _("Node %s stands in a branch that may not run; give a default."), False
    if fork is not None and reach.line(mine) != reach.line(its):
        kind = _kind(fork)
        return _("Node %s stands in another branch; name one before the branches."), kind is None or not kind.decides
    if reach.is_before(its, node):
        return _("Node %s stands in a branch that may not run; give a default."), False
    return _("Node %s runs after this node; name one before it."), True


def _below(fork: GraphNode | None, inside: list[GraphNode]) -> GraphNode:
    """Of a node and those around it, from within, the one right in a branch of `fork`, or None: on the main line."""
    return next(each for each in inside if each.parent is fork)


def _of_scope(reach: Reach, node: GraphNode, found: Reference, key: str) -> Doubt | None:
    for each in (node, *_around(node)):
        if key == each.key or (reach.saved and key == str(each.id)):
            kind = _kind(each)
            if each.takes_error(node):
                return None
            if kind is not None and type(kind).local_scope is Instruction.local_scope:
                return Doubt(
                    found.place, _("Node %s gives its branches nothing; name a loop around.") % key, fatal=True
                )
            return None
    if key not in reach.graph.by_key:
        return Doubt(found.place, _unknown(reach.graph, key), fatal=True)
    sentence = _("Node %s is not around this node; name a loop in which it stands.")
    return Doubt(found.place, sentence % key, fatal=True)


def _unknown(graph: Graph, key: str) -> str:
    titled = [node.key for node in graph.nodes.values() if node.title == key]
    near = titled[:1] or get_close_matches(key, graph.by_key, n=1, cutoff=0.6)
    if near:
        return _('No node of this version has the key %(key)s. Did you mean "%(near)s"?') % {
            "key": key[:80],
            "near": near[0],
        }
    return _("No node of this version has the key %s; name one that stands before.") % key[:80]


def _around(node: GraphNode) -> Iterator[GraphNode]:
    """The branching nodes in whose branches the node stands, from within."""
    parent = node.parent
    while parent is not None:
        yield parent
        parent = parent.parent


def _kind(node: GraphNode) -> Instruction[Any] | None:
    try:
        return node.instruction
    except Invalid:
        return None


def _repeats(node: GraphNode) -> bool:
    kind = _kind(node)
    return kind is not None and kind.repeats
