"""The links of one version's nodes, changed in memory and written in one go."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from django.utils.translation import gettext as _

from workflows.errors import NotFound
from workflows.models import Node, Workflow
from workflows.policy import ERROR_BRANCH


class Place(NamedTuple):
    """Where a node stands: after `upstream`, at the head of its `branch`, or, both None, first of all."""

    upstream: Node | None
    branch: int | None


class Links:
    """What each operation does to the neighbours of a node. It trusts the checks of its callers."""

    def __init__(self, workflow: Workflow, rows: Iterable[Node]) -> None:
        self.workflow = workflow
        self.nodes: dict[int, Node] = {row.pk: row for row in rows}
        self._written = {pk: _links(row) for pk, row in self.nodes.items()}
        self._removed: list[int] = []

    def get(self, pk: int) -> Node:
        """Raises `NotFound`."""
        try:
            return self.nodes[pk]
        except KeyError:
            raise NotFound(_("There is no node %s any more.") % pk) from None

    def place_of(self, node: Node) -> Place:
        return Place(self._maybe(node.upstream_id), node.branch_index)

    def branches(self, node: Node) -> dict[int, Node]:
        """The heads of its branches by index."""
        return {
            row.branch_index: row
            for row in self.nodes.values()
            if row.upstream_id == node.pk and row.branch_index is not None
        }

    def is_below(self, node: Node, top: Node) -> bool:
        """Whether a node stands in a branch of `top`, at any depth."""
        return any(row is node for row in self._below(top))

    def insert(self, node: Node, place: Place) -> None:
        """Puts a node with its branches, new or detached, at a place; what stood there follows it."""
        after = self._standing(place, node)
        self.nodes[node.pk] = node
        node.upstream_id = place.upstream.pk if place.upstream else None
        node.branch_index = place.branch
        if place.upstream and place.branch is None:
            place.upstream.downstream_id = node.pk
        self._follow(node, after)

    def detach(self, node: Node) -> None:
        """Takes a node with its branches out of its line; what follows it takes its place."""
        self._take_place(self._maybe(node.downstream_id), self.place_of(node))
        node.upstream_id = node.downstream_id = node.branch_index = None

    def remove(self, node: Node) -> None:
        self.forget([node, *self._below(node)])
        self._take_place(self._maybe(node.downstream_id), self.place_of(node))

    def replace(self, node: Node, head: Node) -> None:
        """Puts the line of a branch's `head` in the place of the branching node, whose other branches go."""
        *_, tail = self._line(head)
        place, after = self.place_of(node), self._maybe(node.downstream_id)
        kept = {row.pk for first in self._line(head) for row in (first, *self._below(first))}
        self.forget([node, *(row for row in self._below(node) if row.pk not in kept)])
        self._take_place(head, place)
        self._follow(tail, after)

    def remove_branch(self, node: Node, index: int, *, shift: bool) -> None:
        heads = self.branches(node)
        if index in heads:
            lines = self._line(heads.pop(index))
            self.forget([row for first in lines for row in (first, *self._below(first))])
        if shift:
            for other, head in heads.items():
                if other > index and other != ERROR_BRANCH:
                    # Over the number that is none of the kind's own.
                    head.branch_index = other - 1 if other - 1 != ERROR_BRANCH else other - 2

    def write(self, alias: str) -> None:
        """Writes what changed: at most three statements, whatever the number of nodes."""
        rows = Node.objects.using(alias)
        if self._removed:
            rows.filter(pk__in=self._removed).delete()
        changed = [row for pk, row in self.nodes.items() if _links(row) != self._written.get(pk)]
        # Uniqueness of a branch's head is checked row by row, so who leaves one must be out before the next comes in.
        leaving = [row.pk for row in changed if (was := self._written.get(row.pk)) and was[2] is not None]
        if leaving:
            rows.filter(pk__in=leaving).update(branch_index=None)
        if changed:
            rows.bulk_update(changed, ["upstream", "downstream", "branch_index"])

    def _maybe(self, pk: int | None) -> Node | None:
        return self.nodes.get(pk) if pk is not None else None

    def _standing(self, place: Place, but: Node) -> Node | None:
        """Who stands at a place now, `but` aside."""
        upstream = place.upstream.pk if place.upstream else None
        return next(
            (
                row
                for row in self.nodes.values()
                if row is not but and row.upstream_id == upstream and row.branch_index == place.branch
            ),
            None,
        )

    def _follow(self, node: Node, after: Node | None) -> None:
        node.downstream_id = after.pk if after else None
        if after:
            after.upstream_id, after.branch_index = node.pk, None

    def _take_place(self, node: Node | None, place: Place) -> None:
        if place.upstream and place.branch is None:
            place.upstream.downstream_id = node.pk if node else None
        if node:
            node.upstream_id = place.upstream.pk if place.upstream else None
            node.branch_index = place.branch

    def _line(self, node: Node | None) -> Iterator[Node]:
        while node is not None:
            yield node
            node = self._maybe(node.downstream_id)

    def _below(self, node: Node) -> Iterator[Node]:
        heads: dict[int, list[Node]] = {}
        for row in self.nodes.values():
            if row.upstream_id is not None and row.branch_index is not None:
                heads.setdefault(row.upstream_id, []).append(row)
        stack = heads.get(node.pk, [])
        while stack:
            for row in self._line(stack.pop()):
                yield row
                stack.extend(heads.get(row.pk, ()))

    def forget(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            del self.nodes[node.pk]
            self._removed.append(node.pk)


def _links(node: Node) -> tuple[int | None, int | None, int | None]:
    return node.upstream_id, node.downstream_id, node.branch_index
