"""How a graph is drawn: what is opened, shown and closed, one after another.

A flat sequence and no tree of objects, so that a template renders any depth in one loop without recursion.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from workflows.canvas.tree import Row, branches
from workflows.errors import SluiceError
from workflows.graph import Graph, GraphNode
from workflows.policy import ERROR_BRANCH

#: A "way" is a column without a name beside an error branch: where the line goes as long as nothing fails.
What = Literal["place", "card", "card_end", "fork", "fork_end", "branch", "branch_end", "way", "way_end"]
#: How the branches of a node stand: beside each other, in the frame of what is repeated, or of one transaction.
Frame = Literal["", "loop", "block"]

#: The kind whose node ends the whole run; nothing leads on from it.
_END = "end"


@dataclass(frozen=True)
class Part:
    """One thing to draw. Every "card", "fork", "branch" and "way" is closed by its "..._end"."""

    what: What
    depth: int = 0
    #: The card's node; of a branch and its first place the node that branches, of other places the one before.
    node: GraphNode | None = None
    #: Of a place: what `tree.parse_place` takes. "" is the start.
    place: str = ""
    #: Of a branch: its label. Of a place: where it is, in words.
    label: str | Promise = ""
    index: int | None = None
    #: Of a branch: whether nodes stand in it.
    filled: bool = False
    #: Of a branch that begins to be with its first node.
    new: bool = False
    frame: Frame = ""
    #: What the caller knows of the card's node (`extras` of `lay_out`).
    extra: Any = None

    @property
    def name(self) -> str:
        return self._row.name

    @property
    def kind(self) -> str | Promise:
        return self._row.kind

    @property
    def group(self) -> str | Promise:
        """That of the kind, or nothing for one that is not installed."""
        assert self.node is not None
        try:
            return self.node.instruction.group
        except SluiceError:
            return ""

    @property
    def number(self) -> str:
        """The node's id as addresses hold it."""
        return str(self.node.id) if self.node else ""

    @property
    def testable(self) -> bool:
        """Whether the node can be tried alone."""
        assert self.node is not None
        try:
            return self.node.instruction.testable
        except SluiceError:
            return False

    @property
    def _row(self) -> Row:
        assert self.node is not None
        return Row(self.depth, self.node)


@dataclass(frozen=True)
class Canvas:
    parts: tuple[Part, ...] = field(default=())

    @property
    def places(self) -> list[Part]:
        return [part for part in self.parts if part.what == "place"]


def lay_out(graph: Graph, *, extras: Mapping[int, Any] | None = None, places: bool = False) -> Canvas:
    """What there is to draw of a graph, in reading order.

    `extras` are by node id what the cards show besides. With `places`, and only then, the spots where a node may go
    are among the parts, and so are branches that stand empty because they could take any number.
    """
    return Canvas(tuple(_parts(graph, extras or {}, places)))


def _parts(graph: Graph, extras: Mapping[int, Any], places: bool) -> Iterator[Part]:
    if places:
        yield Part("place", label=_("At the start"))
    # What is still to come, the next last; nodes stand for themselves and all that belongs to them.
    stack: list[Part] = [Part("card", 0, graph.head)] if graph.head else []
    while stack:
        part = stack.pop()
        if part.what != "card":
            yield part
            continue
        node = part.node
        assert node is not None
        yield Part("card", part.depth, node, frame=_frame(node), extra=extras.get(node.id))
        after = [Part("card_end", part.depth, node)]
        if places:
            after.append(Part("place", part.depth, node, str(node.id), _("After %s") % part.name))
        if node.downstream is not None:
            after.append(Part("card", part.depth, node.downstream))
        stack.extend(reversed([*_fork(node, part.depth + 1, places), *after]))


def _fork(node: GraphNode, depth: int, places: bool) -> Iterator[Part]:
    found = [row for row in branches(node, depth) if places or not row.new]
    own = [row for row in found if row.index != ERROR_BRANCH]
    frame = _frame(node)
    if own == found or (own and not frame):
        yield from _columns(found, frame, places)
        return
    # Alone, the error branch would look like the only way on; in the frame, like a part of what is repeated or undone.
    yield Part("fork", depth, node)
    yield Part("way", depth, node)
    yield from _columns(own, frame, places)
    yield Part("way_end", depth, node)
    yield from _branch(found[-1], places)
    yield Part("fork_end", depth, node)


def _columns(found: list[Row], frame: Frame, places: bool) -> Iterator[Part]:
    """Branches of a node beside each other, if there are any."""
    if not found:
        return
    yield Part("fork", found[0].depth, found[0].node, frame=frame)
    for row in found:
        yield from _branch(row, places)
    yield Part("fork_end", found[0].depth, found[0].node)


def _branch(row: Row, places: bool) -> Iterator[Part]:
    head = row.node.heads.get(row.index) if row.index is not None else None
    known = {"index": row.index, "label": row.label, "filled": row.filled, "new": row.new}
    yield Part("branch", row.depth, row.node, row.place, **known)  # type: ignore[arg-type]
    if places:
        where = _("First in %(node)s: %(branch)s") % {"node": row.name, "branch": row.label}
        yield Part("place", row.depth, row.node, row.place, where, index=row.index, new=row.new)
    if head is not None:
        yield Part("card", row.depth, head)
    yield Part("branch_end", row.depth, row.node, **known)  # type: ignore[arg-type]


def _frame(node: GraphNode) -> Frame:
    try:
        if node.instruction.atomic_branch is not None:
            return "block"
        return "loop" if node.instruction.repeats else ""
    except SluiceError:
        return ""
