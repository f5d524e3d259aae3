"""Adding, changing, moving, copying and removing nodes: the link rules of spec 3.9.

Each operation is one transaction under the lock of the workflow's row, which is also what the freezing of a version
takes: an edit comes wholly before the first run or is refused. All raise `Frozen` for a version that has runs,
`NotFound` for what is gone and `Invalid`, naming the fields, for the rest; nothing is written then. Keys of a
configuration or a policy that are neither known nor there already are refused unless `lenient` (a dialect's) is set.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import router, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from workflows import blocks, history
from workflows.actions import Action
from workflows.conf import conf
from workflows.errors import Frozen, Invalid, NotFound, check_all
from workflows.graph import Graph
from workflows.instructions import get_instruction
from workflows.instructions.base import UNSET
from workflows.links import Links, Place
from workflows.models import Node, Workflow
from workflows.policy import ERROR_BRANCH
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
    lenient: bool = False,
) -> Node:
    """A new node at a place: the workflow's head, after `upstream`, or the head of one of its branches.

    What stood there follows it. A user `by` needs the permissions of the models that the node writes.
    """
    with locked_links(workflow.pk, by) as links:
        node = Node(workflow=links.workflow, type=type, title=title, config=config or {}, policy=policy or {})
        _insert(links, node, upstream, branch_index, by, lenient=lenient)
        _record(Action.NODE_ADD, links, node, by)
    return node


def copy_node(
    node: Node,
    *,
    upstream: Node | int | None,
    branch_index: int | None = None,
    config: dict[str, Any] | None = None,
    by: Any = None,
    lenient: bool = False,
) -> Node:
    """A node like this one, with a key of its own, at another place; its branches are not copied."""
    with locked_links(node.workflow_id, by) as links:
        origin = links.get(node.pk)
        copy = Node(
            workflow=links.workflow,
            type=origin.type,
            title=origin.title,
            config=origin.config if config is None else config,
            policy=origin.policy,
        )
        _insert(links, copy, upstream, branch_index, by, stored=_settings(origin), lenient=lenient)
        _record(Action.NODE_COPY, links, copy, by)
    return copy


def change_node(
    node: Node,
    *,
    title: Any = UNSET,
    config: Any = UNSET,
    policy: Any = UNSET,
    by: Any = None,
    lenient: bool = False,
) -> Node:
    """Changes what is given. The branches that have nodes must still be allowed by the new configuration."""
    given = {"title": title, "config": config, "policy": policy}
    given = {name: value for name, value in given.items() if value is not UNSET}
    with locked_links(node.workflow_id, by) as links:
        row = links.get(node.pk)
        stored = _settings(row)
        before = {name: getattr(row, name) for name in given}
        for name, value in given.items():
            setattr(row, name, value)
        _check(row, links.workflow, by, stored, lenient)
        for index in links.branches(row):
            _check_branch(row, index, field="config")
        if not lenient and "config" in given:
            _check_inside(links, row, "config")
        row.save(update_fields=[*given, "updated_at"])
        if changes := history.changed(before, given):
            history.record(Action.NODE_CHANGE, history.of_node(row, links.workflow), by=by, changes=changes)
    _mirror(node, row)
    return row


def move_node(node: Node, *, upstream: Node | int | None, branch_index: int | None = None, by: Any = None) -> Node:
    """Takes a node with its branches to another place; what followed it closes the gap.

    A node can't go into its own branches, nor to where it stands.
    """
    with locked_links(node.workflow_id, by) as links:
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
        changes = history.changed(_as_text(links.place_of(row)), _as_text(place))
        links.detach(row)
        links.insert(row, place)
        _check_inside(links, row, "upstream")
        history.record(Action.NODE_MOVE, history.of_node(row, links.workflow), by=by, changes=changes)
    _mirror(node, row)
    return row


def remove_node(node: Node, *, keep_branch: int | None = None, by: Any = None, reason: str | None = None) -> None:
    """Removes a node with all in its branches, or puts the nodes of one of them, `keep_branch`, in its place."""
    with locked_links(node.workflow_id, by) as links:
        row = links.get(node.pk)
        with _recorded(Action.NODE_REMOVE, links, row, by, reason, {"keep_branch": [None, keep_branch]}):
            _remove(links, row, keep_branch)


def _remove(links: Links, row: Node, keep_branch: int | None) -> None:
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


def remove_branch(
    node: Node,
    index: int,
    *,
    shift: bool = False,
    by: Any = None,
    reason: str | None = None,
    lenient: bool = False,
) -> None:
    """Removes all nodes of a branch; `shift` then lowers the higher indexes by one, also if the branch was empty.

    Only kinds whose branches are mere places take `shift`: elsewhere a number says which case it is. With `lenient`
    so do those whose cases are a list: that client takes the case out of the configuration by its next call.
    """
    with locked_links(node.workflow_id, by) as links:
        row = links.get(node.pk)
        kind = get_instruction(row.type)
        if shift and (index == ERROR_BRANCH or not (kind.shifts or (lenient and kind.listed and index > 0))):
            raise Invalid(
                _("The branches of node %s have fixed meanings, so none can close the gap; remove it without shift.")
                % row,
                field="shift",
            )
        with _recorded(Action.NODE_REMOVE_BRANCH, links, row, by, reason, {"branch_index": [index, None]}):
            links.remove_branch(row, _index(index, "branch_index"), shift=shift)


def refuse_frozen(workflow: Workflow) -> None:
    """Raises `Frozen` for a version that has runs."""
    if workflow.frozen:
        raise Frozen(
            _("Version %d has been executed and is read-only; make a new version and change that.") % workflow.version
        )


@contextmanager
def locked_links(workflow_id: int, by: Any) -> Iterator[Links]:
    """The links of a locked version; written, checked and the version stamped on leaving."""
    from workflows.triggers import listening

    alias = router.db_for_write(Workflow)
    with transaction.atomic(using=alias):
        versions = Workflow.objects.using(alias).filter(pk=workflow_id)
        workflow = versions.select_for_update().first()
        if workflow is None:
            raise NotFound(_("Workflow %s was deleted.") % workflow_id)
        refuse_frozen(workflow)
        links = Links(workflow, Node.objects.using(alias).filter(workflow=workflow))
        # The rules hold of trees only: rows that form none are refused here, and never committed below.
        was_solo = Graph(workflow, links.nodes.values()).solo
        yield links
        is_solo = Graph(workflow, links.nodes.values()).solo
        links.write(alias)
        if is_solo != was_solo:
            # The dispatchers have seen it as it was.
            listening.changed()
        # The text that it was made of doesn't say what it is now.
        versions.update(updated_at=timezone.now(), updated_by=who(by), definition_source=None)


def _insert(
    links: Links,
    node: Node,
    upstream: Node | int | None,
    branch_index: int | None,
    by: Any,
    *,
    stored: dict[str, Any] | None = None,
    lenient: bool = False,
) -> None:
    limit = conf().NODES_LIMIT
    if limit is not None and len(links.nodes) >= limit:
        raise Invalid(
            _('A workflow has at most %d nodes; split it in two, or raise SLUICE["NODES_LIMIT"].') % limit,
            field="nodes",
        )
    check_all(
        lambda: _check(node, links.workflow, by, stored or {}, lenient),
        lambda: _place(links, upstream, branch_index),
    )
    place = _place(links, upstream, branch_index)
    # Saved out of the way of its neighbours first: they need its id, and it their place.
    node.save()
    links.insert(node, place)
    if not lenient:
        _check_inside(links, node, "type")


def _check_inside(links: Links, node: Node, field: str) -> None:
    """Raises `Invalid` where the node, or one below it, waits and now stands inside a transaction."""
    blocks.check(Graph(links.workflow, links.nodes.values()).nodes[node.pk], field)


def _record(action: Action, links: Links, node: Node, by: Any) -> None:
    """A new node: what it is and where it stands."""
    known = {"type": node.type, "title": node.title, **_settings(node), **_as_text(links.place_of(node))}
    changes = history.changed({}, {name: value for name, value in known.items() if value not in ("", {})})
    history.record(action, history.of_node(node, links.workflow), by=by, changes=changes)


@contextmanager
def _recorded(
    action: Action, links: Links, node: Node, by: Any, reason: str | None, changes: dict[str, list[Any]]
) -> Iterator[None]:
    """Records what is removed inside, all nodes by name."""
    names = {pk: str(row) for pk, row in links.nodes.items()}
    yield
    gone = [name for pk, name in names.items() if pk not in links.nodes]
    changes = {name: pair for name, pair in {**changes, "nodes": [gone or None, None]}.items() if any(pair)}
    history.record(action, history.of_node(node, links.workflow), by=by, reason=reason, changes=changes)


def _as_text(place: Place) -> dict[str, Any]:
    return {"upstream": place.upstream and str(place.upstream), "branch_index": place.branch}


def _settings(node: Node) -> dict[str, Any]:
    return {"config": node.config, "policy": node.policy}


def _check(node: Node, workflow: Workflow, by: Any, stored: dict[str, Any], lenient: bool) -> None:
    """`stored` is what its settings were before: unknown keys among them may stay."""
    check_all(
        lambda: check_node(node.type, node.config, workflow, by, stored=stored.get("config"), lenient=lenient),
        lambda: check_policy(node.policy, node.type, node.config, stored=stored.get("policy"), lenient=lenient),
        lambda: check_columns(node, ("title", "type")),
    )


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
    """Raises `Invalid` where the node's kind, as it is configured, has no such branch; the error branch any has."""
    if index == ERROR_BRANCH:
        return
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
