"""Two versions' nodes side by side: row by row in the order people read them, what is alike in one row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import Any, Literal

from django.utils.translation import gettext as _

from workflows.comparison import Change, Comparison, NodePlace
from workflows.graph import Graph, GraphNode
from workflows.instructions import instructions
from workflows.policy import ERROR_BRANCH

State = Literal["same", "added", "removed", "changed", "moved"]
#: Rows in a run of nodes that are alike from which on they are folded, and those left at its ends.
_FOLDED, _LEFT = 8, 2


@dataclass(frozen=True)
class Cell:
    """One node of one version."""

    key: str
    title: str
    kind: str
    depth: int
    #: Of the first node of a branch: the branch.
    branch: str


@dataclass(frozen=True)
class Row:
    """A node of either version, or of both."""

    state: State
    before: Cell | None
    after: Cell | None
    changes: Sequence[Change] = ()
    #: Of a node that moved: where it stood, and where it stands.
    places: tuple[str, str] | None = None


@dataclass(frozen=True)
class Stretch:
    """Rows that follow each other; folded where nothing about them differs."""

    folded: bool
    rows: Sequence[Row]


def stretches(comparison: Comparison, before: Graph, after: Graph) -> list[Stretch]:
    """All nodes of both versions."""
    found: list[Stretch] = []
    for alike, group in groupby(_rows(comparison, before, after), key=lambda row: row.state == "same"):
        rows = list(group)
        if alike and len(rows) >= _FOLDED:
            found += [
                Stretch(False, rows[:_LEFT]), Stretch(True, rows[_LEFT:-_LEFT]), Stretch(False, rows[-_LEFT:]),
            ]  # fmt: skip
        else:
            found.append(Stretch(False, rows))
    return found


def new_rows(graph: Graph) -> list[Row]:
    """The nodes of a version that is compared with none."""
    return [Row("added", None, _cell(depth, node)) for depth, node in graph.walk()]


def _rows(comparison: Comparison, before: Graph, after: Graph) -> Iterator[Row]:
    changes = {node.key: node.changes for node in comparison.changed}
    places = {
        node.key: (_place(node.before, before), _place(node.after, after))
        for node in comparison.moved
        if node.before is not None and node.after is not None
    }
    old = {node.key: _cell(depth, node) for depth, node in before.walk()}
    new = {node.key: _cell(depth, node) for depth, node in after.walk()}
    for left, right in _aligned(list(old), list(new), frozenset(places)):
        key = right or left or ""
        if right is None:
            # Where it stands now it has a row of its own.
            state: State = "moved" if key in new else "removed"
            yield Row(state, old[key], None, (), places.get(key))
            continue
        if key not in old:
            state = "added"
        elif left is None:
            # What stands below a node that moved has moved along with it.
            state = "moved"
        else:
            state = "changed" if key in changes else "same"
        yield Row(state, old[key] if left else None, new[key], changes.get(key, ()), places.get(key))


def _aligned(old: Sequence[str], new: Sequence[str], moved: frozenset[str]) -> Iterator[tuple[str | None, str | None]]:
    """Pairs of what stands at the same place; a node that moved is no landmark for others, and stands alone twice."""
    stayed = [key for key in old if key not in moved], [key for key in new if key not in moved]
    matcher = SequenceMatcher(None, *stayed, autojunk=False)
    landmarks = {key for block in matcher.get_matching_blocks() for key in stayed[0][block.a : block.a + block.size]}
    behind = iter(new)
    for key in old:
        if key not in landmarks:
            yield key, None
            continue
        for other in behind:
            if other == key:
                break
            yield None, other
        yield key, key
    yield from ((None, other) for other in behind)


def _cell(depth: int, node: GraphNode) -> Cell:
    kind = instructions().get(node.type)
    title = str(kind.title) if kind else node.type
    branch = "" if node.branch_index is None else _branch(node.upstream, node.branch_index)
    return Cell(node.key, node.title or title, title, min(depth, 8), branch)


def _branch(parent: GraphNode | None, index: int) -> str:
    """What the parent calls the branch."""
    if index == ERROR_BRANCH:
        return _("On error")
    try:
        known: Any = parent.instruction.branches(parent.config) if parent is not None else None
    except Exception:
        known = None
    label = next((branch.label for branch in known or () if branch.index == index), None)
    return str(label) if label else _("Branch %d") % index


def _place(place: NodePlace, graph: Graph) -> str:
    parts = []
    if place.parent is not None:
        parent = graph.by_key[place.parent]
        parts.append(_("in “%(branch)s” of “%(node)s”") % {
            "branch": _branch(parent, place.branch or 0), "node": parent.title or parent.key,
        })  # fmt: skip
    if place.upstream is not None:
        upstream = graph.by_key[place.upstream]
        parts.append(_("after “%s”") % (upstream.title or upstream.key))
    elif place.parent is None:
        parts.append(_("first of all"))
    return ", ".join(parts)
