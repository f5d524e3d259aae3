"""Adding, changing, moving, copying and removing nodes: the link rules of spec 3.9.

Each operation is one transaction under the lock of the workflow's row, which is also what the freezing of a version
takes: an edit comes wholly before the first run or is refused. All raise `Frozen` for a version that has runs,
`NotFound` for what is gone and `Invalid`, naming the field, for the rest; nothing is written then.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import router, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from workflows.conf import conf
from workflows.errors import Frozen, Invalid, NotFound
from workflows.graph import Graph
from workflows.instructions import get_instruction
from workflows.instructions.base import UNSET
from workflows.links import Links, Place
from workflows.models import Node, Workflow
from workflows.validation import check_columns, check_node, check_policy, who

_MOST_INDEX = 2**31 - 1


def add_node(
    workflow: Workflow,
    *,
    type: str,
    title: str = "",
    config: dict[str, Any] | None = None,
    policy: dict[str, Any] | None = None,
    upstream: Node | int | None = None,
    branch_index: int | None = None,
    by: Any = None,
) -> Node:
    """A new node at a place: the workflow's head, after `upstream`, or the head of one of its branches.

    What stood there follows it. A user `by` needs the permissions of the models that the node writes.
    """
    with _editing(workflow.pk, by) as links:
        node = Node(workflow=links.workflow, type=type, title=title, config=config or {}, policy=policy or {})
        _insert(links, node, upstream, branch_index, by)
    return node


def copy_node(
    node: Node,
    *,
    upstream: Node | int | None,
    branch_index: int | None = None,
    config: dict[str, Any] | None = None,
    by: Any = None,
) -> Node:
    """A node like this one, with a key of its own, at another place; its branches are not copied."""
    with _editing(node.workflow_id, by) as links:
        origin = links.get(node.pk)
        copy = Node(
            workflow=links.workflow,
            type=origin.type,
            title=origin.title,
            config=origin.config if config is None else config,
            policy=origin.policy,
        )
        _insert(links, copy, upstream, branch_index, by)
    return copy


def change_node(node: Node, *, title: Any = UNSET, config: Any = UNSET, policy: Any = UNSET, by: Any = None) -> Node:
    """Changes what is given. The branches that have nodes must still be allowed by the new configuration."""
    given = {"title": title, "config": config, "policy": policy}
    given = {name: value for name, value in given.items() if value is not UNSET}
    with _editing(node.workflow_id, by) as links:
        row = links.get(node.pk)
        for name, value in given.items():
            setattr(row, name, value)
        _check(row, links.workflow, by)
        for index in links.branches(row):
            _check_branch(row, index, field="config")
        row.save(update_fields=[*given, "updated_at"])
    _mirror(node, row)
    return row


def move_node(node: Node, *, upstream: Node | int | None, branch_index: int | None = None, by: Any = None) -> Node:
    """Takes a node with its branches to another place; what followed it closes the gap.

    A node can't go into its own branches, nor to where it stands.
    """
    with _editing(node.workflow_id, by) as links:
        row = links.get(node.pk)
        place = _place(links, upstream, branch_index)
        if place == links.place_of(row):
            raise Invalid(_("The node stands there already; choose another place."), field="upstream")
        if place.upstream is row:
            raise Invalid(_("A node can't follow itself; choose another node."), field="upstream")
        if place.upstream is not None and links.is_below(place.upstream, row):
            raise Invalid(
                _("A node can't move into its own branches; choose a node outside of them."), field="upstream"
            )
        links.detach(row)
        links.insert(row, place)
    _mirror(node, row)
    return row


def remove_node(node: Node, *, keep_branch: int | None = None, by: Any = None) -> None:
    """Removes a node with all in its branches, or puts the nodes of one of them, `keep_branch`, in its place."""
    with _editing(node.workflow_id, by) as links:
        row = links.get(node.pk)
        if keep_branch is None:
            links.remove(row)
            return
        head = links.branches(row).get(_index(keep_branch, "keep_branch"))
        if head is None:
            raise Invalid(
                _("Branch %(index)s has no nodes to keep; there are: %(known)s.")
                % {"index": keep_branch, "known": ", ".join(map(str, sorted(links.branches(row)))) or _("none")},
                field="keep_branch",
            )
        links.replace(row, head)


def remove_branch(node: Node, index: int, *, shift: bool = False, by: Any = None) -> None:
    """Removes all nodes of a branch; `shift` then lowers the higher indexes by one, also if the branch was empty.

    Only kinds whose branches are mere places take `shift`: elsewhere a number says which case it is.
    """
    with _editing(node.workflow_id, by) as links:
        row = links.get(node.pk)
        if shift and not get_instruction(row.type).shifts:
            raise Invalid(
                _("The branches of node %s have fixed meanings, so none can close the gap; remove it without shift.")
                % row,
                field="shift",
            )
        links.remove_branch(row, _index(index, "branch_index"), shift=shift)


@contextmanager
def _editing(workflow_id: int, by: Any) -> Iterator[Links]:
    """The links of a locked version; written, checked and the version stamped on leaving."""
    alias = router.db_for_write(Workflow)
    with transaction.atomic(using=alias):
        versions = Workflow.objects.using(alias).filter(pk=workflow_id)
        workflow = versions.select_for_update().first()
        if workflow is None:
            raise NotFound(_("Workflow %s was deleted.") % workflow_id)
        if workflow.frozen:
            raise Frozen(_("This version has runs and is read-only; make a new version and change that."))
        links = Links(workflow, Node.objects.using(alias).filter(workflow=workflow))
        # The rules hold of trees only: rows that form none are refused here, and never committed below.
        Graph(workflow, links.nodes.values())
        yield links
        Graph(workflow, links.nodes.values())
        links.write(alias)
        versions.update(updated_at=timezone.now(), updated_by=who(by))


def _insert(links: Links, node: Node, upstream: Node | int | None, branch_index: int | None, by: Any) -> None:
    limit = conf().NODES_LIMIT
    if limit is not None and len(links.nodes) >= limit:
        raise Invalid(
            _('A workflow has at most %d nodes; split it in two, or raise SLUICE["NODES_LIMIT"].') % limit,
            field="nodes",
        )
    _check(node, links.workflow, by)
    place = _place(links, upstream, branch_index)
    # Saved out of the way of its neighbours first: they need its id, and it their place.
    node.save()
    links.insert(node, place)


def _check(node: Node, workflow: Workflow, by: Any) -> None:
    check_node(node.type, node.config, workflow, by)
    check_policy(node.policy)
    check_columns(node, ("title", "type"))


def _place(links: Links, upstream: Node | int | None, branch_index: Any) -> Place:
    """The place that is meant. Without `upstream` it is the head, and a branch is not looked at (spec 3.9)."""
    if upstream is None:
        return Place(None, None)
    pk = upstream.pk if isinstance(upstream, Node) else upstream
    if type(pk) is not int:
        raise Invalid(_("Name the node to follow by its id, a whole number."), field="upstream")
    found = links.nodes.get(pk)
    if found is None:
        if Node.objects.filter(pk=pk).exists():
            raise Invalid(_("Node %s belongs to another workflow; choose one of this.") % pk, field="upstream")
        raise NotFound(_("There is no node %s.") % pk, field="upstream")
    if branch_index is None:
        return Place(found, None)
    index = _index(branch_index, "branch_index")
    _check_branch(found, index, field="branch_index")
    return Place(found, index)


def _index(value: Any, field: str) -> int:
    if type(value) is not int or abs(value) > _MOST_INDEX:
        raise Invalid(_("A branch is named by a whole number."), field=field)
    return value


def _check_branch(node: Node, index: int, *, field: str) -> None:
    """Raises `Invalid` where the node's kind, as it is configured, has no such branch."""
    try:
        instruction = get_instruction(node.type)
        allowed = instruction.branches(instruction.parse(node.config))
    except Invalid as error:
        raise Invalid(
            _("Node %(node)s must be put right first: %(error)s") % {"node": node, "error": error}, field=field
        ) from None
    if allowed is None or any(branch.index == index for branch in allowed):
        return
    raise Invalid(
        _("Node %(node)s has no branch %(index)s; it may have: %(known)s.")
        % {"node": node, "index": index, "known": ", ".join(str(branch.index) for branch in allowed) or _("none")},
        field=field,
    )


def _mirror(node: Node, row: Node) -> None:
    """Brings the caller's object up to date with the row as it was saved."""
    for name in ("title", "config", "policy", "upstream_id", "downstream_id", "branch_index", "updated_at"):
        setattr(node, name, getattr(row, name))
