"""Edits that a person can take back, and edits of a version that somebody else changed meanwhile.

Around each edit the nodes' rows are compared, and what they were is kept by person and version. An edit can be taken
back while nothing else was done to the version since.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import router, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from workflows import blocks, history
from workflows.actions import Action
from workflows.editing import locked_links
from workflows.errors import Moved, NotFound, Refused
from workflows.graph import Graph
from workflows.links import Links
from workflows.models import Node, Undo, Workflow
from workflows.validation import check_node

#: Edits of one person in one version that can be taken back.
KEPT = 30
_COLUMNS = ("key", "type", "title", "config", "policy", "upstream_id", "downstream_id", "branch_index")
_SETTINGS = ("type", "title", "config", "policy")


@dataclass
class Edit:
    """An edit under way."""

    #: What it did, in a sentence; without one it is not kept.
    what: str = ""


def stamp(workflow: Workflow) -> str:
    """Which state of a version somebody has seen; another after each change of it or of its nodes."""
    return workflow.updated_at.isoformat()


@contextmanager
def undoable(workflow: Workflow, *, by: Any, seen: str = "") -> Iterator[Edit]:
    """Around an edit of a version's nodes: one transaction, remembered so that `undo` takes it back.

    Raises `Moved` if `seen` is given and no longer the version's `stamp`, and `NotFound`.
    """
    alias = router.db_for_write(Workflow)
    with transaction.atomic(using=alias):
        found = Workflow.objects.using(alias).select_for_update().filter(pk=workflow.pk).first()
        if found is None:
            raise NotFound(_("Workflow %s was deleted.") % workflow.pk)
        if seen and seen != stamp(found):
            raise Moved(_("Somebody changed this version since you opened it; look at it before you change it again."))
        before, edit = _rows(workflow.pk, alias), Edit()
        yield edit
        after = _rows(workflow.pk, alias)
        touched = [pk for pk in {**before, **after} if before.get(pk) != after.get(pk)]
        if touched and edit.what:
            _keep(found, by, edit.what, {pk: before.get(pk) for pk in touched}, alias)


def last(workflow: Workflow, user: Any) -> Undo | None:
    """The edit that `undo` would take back."""
    newest = _of(workflow, user, router.db_for_read(Undo)).defer("nodes").first()
    return newest if newest is not None and newest.after == workflow.updated_at else None


def undo(workflow: Workflow, *, by: Any) -> str:
    """Takes back this person's newest edit of the version, and answers what that was.

    Raises `Refused` if there is none or something else was done since, `Frozen`, and `Invalid` where the person may
    not save what comes back.
    """
    alias = router.db_for_write(Workflow)
    with transaction.atomic(using=alias):
        with locked_links(workflow.pk, by) as links:
            entry = _of(workflow, by, alias).first()
            if entry is None:
                raise Refused(_("There is no edit of yours to take back."))
            if entry.after != links.workflow.updated_at:
                raise Refused(_("The version was changed since your last edit, which can't be taken back any more."))
            _restore(links, {int(pk): row for pk, row in entry.nodes.items()}, by)
            history.record(
                Action.NODE_UNDO, history.of_workflow(links.workflow), by=by, changes={"edit": [entry.what, None]}
            )
        now = Workflow.objects.using(alias).values_list("updated_at", flat=True).get(pk=workflow.pk)
        # The edit before is the newest again, unless somebody came between the two.
        _of(workflow, by, alias).filter(after=entry.before).update(after=now)
        entry.delete(using=alias)
    what: str = entry.what
    return what


def _restore(links: Links, rows: dict[int, dict[str, Any] | None], by: Any) -> None:
    links.forget([links.nodes[pk] for pk, row in rows.items() if row is None and pk in links.nodes])
    kept = {pk: row for pk, row in rows.items() if row is not None}
    for pk, row in kept.items():
        settings = {name: row[name] for name in _SETTINGS}
        known = links.nodes.get(pk)
        if known is None:
            _allow(links, row, by)
            # Without links first: its neighbours may not be back yet.
            known = links.nodes[pk] = Node(pk=pk, workflow=links.workflow, key=row["key"], **settings)
            known.save(force_insert=True)
        elif settings != {name: getattr(known, name) for name in _SETTINGS}:
            _allow(links, row, by)
            Node.objects.filter(pk=pk).update(**settings, updated_at=timezone.now())
    for pk, row in kept.items():
        node = links.nodes[pk]
        for name in _COLUMNS:
            setattr(node, name, row[name])
    graph = Graph(links.workflow, links.nodes.values())
    for pk in kept:
        blocks.check(graph.nodes[pk], "nodes")


def _allow(links: Links, row: dict[str, Any], by: Any) -> None:
    """Whoever brings a node back needs what saving it needs; its keys were accepted once."""
    check_node(row["type"], row["config"], links.workflow, by, stored=row["config"], lenient=True)


def _keep(workflow: Workflow, by: Any, what: str, nodes: dict[int, Any], alias: str) -> None:
    now: datetime = Workflow.objects.using(alias).values_list("updated_at", flat=True).get(pk=workflow.pk)
    rows = Undo.objects.using(alias)
    rows.create(workflow=workflow, user=by, what=what[:255], nodes=nodes, before=workflow.updated_at, after=now)
    old = _of(workflow, by, alias).values_list("pk", flat=True)[KEPT : KEPT + 1]
    rows.filter(workflow=workflow, user=by, pk__lte=next(iter(old), 0)).delete()


def _of(workflow: Workflow, user: Any, alias: str) -> Any:
    return Undo.objects.using(alias).filter(workflow=workflow, user=user).order_by("-pk")


def _rows(workflow_id: int, alias: str) -> dict[int, dict[str, Any]]:
    rows = Node.objects.using(alias).filter(workflow=workflow_id).order_by()
    return {row.pop("pk"): row for row in rows.values("pk", *_COLUMNS)}
