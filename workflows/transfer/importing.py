"""Writing what a plan says: all of it, or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import router, transaction

from workflows import history, versions
from workflows.actions import Action
from workflows.errors import refuse
from workflows.models import Node, Workflow
from workflows.transfer.planning import Item, Plan, plan
from workflows.transfer.readers import Definition


@dataclass(frozen=True)
class Imported:
    """A definition and the version that was made of it."""

    item: Item
    workflow: Workflow


def perform(
    definitions: Sequence[Definition], *, enable: bool = False, by: Any = None
) -> tuple[Plan, Sequence[Imported]]:
    """Makes a version of each definition that is not here yet; answers the plan and what was made.

    In one transaction. Raises `Invalid` with every fault of the file by its path, and `Busy` where somebody else makes
    a version of one of these workflows at the same moment; nothing is done then.
    """
    alias = router.db_for_write(Workflow)
    with transaction.atomic(using=alias):
        todo = plan(definitions, enable=enable, by=by)
        refuse(todo.errors)
        # In the order of their keys: two imports of the same workflows must not wait for each other.
        ordered = sorted((item for item in todo.items if item.writes), key=lambda item: item.definition.key or "")
        made = {item.definition.place: _version(item, by) for item in ordered}
        for item in ordered:
            _write_nodes(made[item.definition.place], item.nodes, by)
        for item in ordered:
            if item.enable:
                versions.enable(made[item.definition.place], by=by)
    return todo, [Imported(item, made[item.definition.place]) for item in todo.items if item.writes]


def _version(item: Item, by: Any) -> Workflow:
    key = {"key": item.definition.key} if item.definition.key else {}
    # No file says them, so they stay.
    categories = [*item.known.categories.all()] if item.known is not None else []
    return versions.create_workflow(
        type=item.definition.columns["type"], **item.columns, **key, categories=categories, by=by, lenient=True
    )  # fmt: skip


def _write_nodes(workflow: Workflow, drafts: Sequence[Node], by: Any) -> None:
    """In the order of the file: an insert, a read where the database tells no ids, an update of the links."""
    alias = router.db_for_write(Workflow)
    rows = Node.objects.using(alias)
    copied = ("key", "title", "type", "config", "policy", "branch_index")
    made = rows.bulk_create(
        [Node(workflow=workflow, **{name: getattr(row, name) for name in copied}) for row in drafts]
    )
    if any(node.pk is None for node in made):
        # MySQL doesn't tell the ids of rows inserted together.
        made = list(rows.filter(workflow=workflow))
    by_key = {node.key: node for node in made}
    matching = {row.pk: by_key[row.key] for row in drafts}
    for row in drafts:
        node = matching[row.pk]
        node.upstream = matching.get(row.upstream_id or 0)
        node.downstream = matching.get(row.downstream_id or 0)
    rows.bulk_update(made, ["upstream", "downstream"])
    with history.gathering() as entries:
        for row in drafts:
            node = matching[row.pk]
            known = {"type": node.type, "title": node.title, "config": node.config, "policy": node.policy,
                     "upstream": node.upstream and str(node.upstream), "branch_index": node.branch_index}  # fmt: skip
            changes = history.changed({}, {name: value for name, value in known.items() if value not in ("", {})})
            history.record(Action.NODE_ADD, history.of_node(node, workflow), by=by, changes=changes)
    history.add(entries)
