"""What differs between two versions."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from workflows.graph import Graph, GraphNode
from workflows.models import Node, Workflow

#: What a version has of its own; the rest tells which version it is or when it was saved.
_COLUMNS = ("name", "title", "description", "type", "trigger_title", "config", "sync", "options", "time_zone")
_NODE_FIELDS = {"title": "title", "type": "type", "config": "raw_config", "policy": "raw_policy"}
_ABSENT = object()


@dataclass(frozen=True)
class Change:
    """One value that differs; `path` is dotted ("config.conditions.0.engine"). A side that has none shows None."""

    path: str
    kind: Literal["added", "removed", "changed"]
    before: Any
    after: Any


@dataclass(frozen=True)
class NodePlace:
    """Where a node stands, in keys: in a branch of `parent` (None: the main line), after `upstream` (None: first)."""

    parent: str | None
    branch: int | None
    upstream: str | None


@dataclass(frozen=True)
class NodeDifference:
    """A node by its key; of a removed one, title and type are those it had."""

    key: str
    title: str
    type: str
    changes: tuple[Change, ...] = ()
    before: NodePlace | None = None
    after: NodePlace | None = None


@dataclass(frozen=True)
class Comparison:
    """What became of version `a` in version `b`. Nodes are known by their keys, which versions share."""

    columns: list[Change]
    added: list[NodeDifference]
    removed: list[NodeDifference]
    changed: list[NodeDifference]
    #: Nodes in another line, or in another order among the nodes that were there before.
    moved: list[NodeDifference]

    def __bool__(self) -> bool:
        return bool(self.columns or self.added or self.removed or self.changed or self.moved)


def compare(a: Workflow, b: Workflow) -> Comparison:
    """Reads the nodes of both; one query. Raises `Invalid` if the rows of one form no tree."""
    rows: dict[int, list[Node]] = defaultdict(list)
    for row in Node.objects.filter(workflow__in={a.pk, b.pk}):
        rows[row.workflow_id].append(row)
    return compare_rows(a, rows[a.pk], b, rows[b.pk])


def compare_rows(a: Workflow, a_nodes: Iterable[Node], b: Workflow, b_nodes: Iterable[Node]) -> Comparison:
    """As `compare`, of versions whose nodes are at hand; neither need be saved."""
    before, after = Graph(a, a_nodes), Graph(b, b_nodes)
    return Comparison(
        columns=[change for name in _COLUMNS for change in _changes(name, getattr(a, name), getattr(b, name))],
        added=[_difference(node, after=_place(node)) for node in _only(after, before)],
        removed=[_difference(node, before=_place(node)) for node in _only(before, after)],
        changed=_changed(before, after),
        moved=_moved(before, after),
    )


def _only(these: Graph, those: Graph) -> Iterator[GraphNode]:
    return (node for _, node in these.walk() if node.key not in those.by_key)


def _changed(before: Graph, after: Graph) -> list[NodeDifference]:
    found = []
    for _, node in after.walk():
        old = before.by_key.get(node.key)
        if old is None:
            continue
        changes = tuple(
            change
            for name, attribute in _NODE_FIELDS.items()
            for change in _changes(name, getattr(old, attribute), getattr(node, attribute))
        )
        if changes:
            found.append(_difference(node, changes))
    return found


def _moved(before: Graph, after: Graph) -> list[NodeDifference]:
    """An insertion shifts what follows it without moving it, so orders are compared among common nodes only."""
    old, new = _lines(before, after), _lines(after, before)
    stayed: set[str] = set()
    for line, keys in new.items():
        there = old.get(line, [])
        for block in SequenceMatcher(None, there, keys, autojunk=False).get_matching_blocks():
            stayed.update(there[block.a : block.a + block.size])
    return [
        _difference(node, before=_place(before.by_key[node.key]), after=_place(node))
        for _, node in after.walk()
        if node.key in before.by_key and node.key not in stayed
    ]


def _lines(these: Graph, those: Graph) -> dict[tuple[str | None, int | None], list[str]]:
    """The keys of each line, in order, of nodes that both have."""
    lines: dict[tuple[str | None, int | None], list[str]] = {}
    for _, first in these.walk():
        if first.upstream is None or first.branch_index is not None:
            line = (first.upstream.key if first.upstream else None, first.branch_index)
            lines[line] = [node.key for node in first.line() if node.key in those.by_key]
    return lines


def _place(node: GraphNode) -> NodePlace:
    first = node
    while first.branch_index is None and first.upstream is not None:
        first = first.upstream
    after = node.upstream if node is not first else None
    return NodePlace(node.parent.key if node.parent else None, first.branch_index, after.key if after else None)


def _difference(node: GraphNode, changes: tuple[Change, ...] = (), **places: NodePlace) -> NodeDifference:
    return NodeDifference(node.key, node.title, node.type, changes, **places)


def _changes(path: str, before: Any, after: Any) -> Iterator[Change]:
    """Goes into objects and lists, so that a change names the innermost value."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            yield from _changes(f"{path}.{name}", before.get(name, _ABSENT), after.get(name, _ABSENT))
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            yield from _changes(f"{path}.{index}", _at(before, index), _at(after, index))
    elif before is _ABSENT:
        yield Change(path, "added", None, after)
    elif after is _ABSENT:
        yield Change(path, "removed", before, None)
    # True is 1 in Python, not in JSON.
    elif before != after or isinstance(before, bool) is not isinstance(after, bool):
        yield Change(path, "changed", before, after)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What differs between two objects' values by name; a name that `before` lacks was None."""
    return [change for name in after for change in _changes(name, before.get(name), after[name])]


def differs(before: Any, after: Any) -> bool:
    """Whether two JSON values differ."""
    return any(_changes("", before, after))


def _at(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else _ABSENT
