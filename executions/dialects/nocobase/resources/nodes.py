"""Nodes: the tree of a version and its editing (spec nocobase-http 4.3)."""

from collections.abc import Mapping
from typing import Any

from django.db import router, transaction
from django.utils.translation import gettext as _

from executions.dialects.nocobase.call import to_id
from executions.dialects.nocobase.errors import named, not_found
from executions.dialects.nocobase.resources.base import Answer, Resource, action
from executions.dialects.nocobase.resources.parents import Inside
from executions.dialects.nocobase.resources.records import NodeRecord
from workflows import editing
from workflows.errors import Invalid
from workflows.models import Node, Workflow
from workflows.trying import try_node
from workflows.visibility import visible

_MOST_INDEX = 2**31 - 1
_UNKNOWN = "Node not found"
#: Our names of a node's place -> the client's.
_PLACE = {"upstream": "upstreamId", "branch_index": "branchIndex"}


class Nodes(Resource):
    name = "flow_nodes"
    record = NodeRecord
    writing = {"update": "workflows.change_node", "destroy": "workflows.delete_node"}

    @action("workflows.view_node", reads=True)
    def list(self) -> Answer:
        return self.listed()

    @action("workflows.view_node", reads=True)
    def get(self) -> Answer:
        return self.got()

    @action("workflows.change_node", aimed=True)
    def update(self) -> Any:
        """Title, configuration and policy; with `upstream`, the canvas hangs a node and its line into a branch."""
        values, row = self.call.values, self.one(_UNKNOWN)
        changes = {name: values[name] for name in ("title", "config", "policy") if name in values}
        if changes.get("title", "") is None:
            changes["title"] = ""
        with transaction.atomic(using=router.db_for_write(Node)):
            if changes:
                row = editing.change_node(row, by=self.user, lenient=True, **changes)
            if "upstream" in self.call.names("updateAssociationValues") or "upstreamId" in values:
                self._hang(row, values)
        return self.shown([Node.objects.get(pk=row.pk)])

    def _hang(self, row: Node, values: Mapping[str, Any]) -> None:
        """One by one: each move closes the gap behind it, so the line comes to stand in the branch as it stood."""
        upstream = values.get("upstream")
        pk = to_id(upstream.get("id") if isinstance(upstream, Mapping) else values.get("upstreamId"))
        index = _index(values.get("branchIndex"), "branchIndex")
        if pk is None or index is None:
            raise Invalid(_("Name the branching node and its branch."), field="upstream")
        alone = (row.upstream_id, row.branch_index) != (pk, None)
        with named(branch_index="branchIndex"):
            place = editing.move_node(row, upstream=pk, branch_index=index, by=self.user)
        while not alone and (following := Node.objects.filter(upstream=pk, branch_index=None).first()):
            place = editing.move_node(following, upstream=place, by=self.user)

    @action("workflows.change_node")
    def move(self) -> Any:
        row, place = self.one(_UNKNOWN), self._place()
        with named(**_PLACE):
            moved = editing.move_node(row, by=self.user, **place)
        return self.shown([moved])[0]

    @action("workflows.add_node")
    def duplicate(self) -> Any:
        row, place, config = self.one(_UNKNOWN), self._place(), self.call.values.get("config")
        with named(**_PLACE):
            copy = editing.copy_node(row, config=config, by=self.user, lenient=True, **place)
        return self.shown([copy])[0]

    @action("workflows.delete_node", aimed=True)
    def destroy(self) -> Any:
        """The deleted node; `keepBranch` names the branch that takes its place."""
        row, keep = self.one(_UNKNOWN), self.call.whole("keepBranch")
        [shown] = self.shown([row])
        if keep is not None and not Node.objects.filter(upstream=row, branch_index=keep).exists():
            raise Invalid(_("Branch %s not found") % keep, field="keepBranch")
        editing.remove_node(row, keep_branch=keep, by=self.user)
        return shown

    @action("workflows.delete_node")
    def destroy_branch(self) -> Answer:
        """The head of the deleted branch, or no content where there was none."""
        row, index = self.one(_UNKNOWN), self.call.whole("branchIndex")
        if index is None:
            raise Invalid(_("branchIndex is required"), field="branchIndex")
        head = Node.objects.filter(upstream=row, branch_index=_index(index, "branchIndex")).first()
        shown = None if head is None else self.shown([head])[0]
        editing.remove_branch(row, index, shift=self.call.flag("shift"), by=self.user, lenient=True)
        return Answer(status=204) if shown is None else Answer(shown)

    @action("workflows.change_node", throttle="execute")
    def test(self) -> Any:
        """What a node of this type and configuration would come to; nothing is saved."""
        values = self.call.values
        type, config = values.get("type"), values.get("config")
        if not isinstance(type, str) or not type:
            raise Invalid(_("Node type is required"), field="type")
        trial = try_node(type, {} if config is None else config, lenient=True, by=self.user)
        log = "\n".join(message for _level, message in trial.log)
        return {"status": int(trial.status), "result": trial.result, **({"log": log} if log else {})}

    def _place(self) -> dict[str, Any]:
        """Where it is to stand: without `upstreamId` the branch is not looked at."""
        values = self.call.values
        raw = values.get("upstreamId")
        if raw in (None, "", 0):
            return {"upstream": None}
        pk = to_id(raw)
        if pk is None:
            raise Invalid(_("Name a node by its id."), field="upstreamId")
        return {"upstream": pk, "branch_index": _index(values.get("branchIndex"), "branchIndex")}


class WorkflowNodes(Inside, Nodes):
    """The nodes of one version, and the way to a new one."""

    name = "workflows.nodes"
    offered = ("list", "get", "create", "update", "destroy")
    column = "workflow_id"

    @action("workflows.add_node")
    def create(self) -> Any:
        values = self.call.values
        found = visible(Workflow.objects.filter(pk=self.parent_id), self.user).first() if self.parent_id else None
        if found is None:
            raise not_found()
        editing.refuse_frozen(found)
        type = values.get("type")
        if not isinstance(type, str) or not type:
            raise Invalid(_("Node type is required"), field="type")
        given = {name: values[name] for name in ("title", "config", "policy") if values.get(name) is not None}
        with named(**_PLACE):
            node = editing.add_node(found, type=type, by=self.user, lenient=True, **given, **self._place())
        return self.shown([node])[0]


class Branches(Inside, Nodes):
    """What follows a node: the heads of its branches and, as there, the next one on its own line."""

    name = "flow_nodes.branches"
    offered = ("list", "get")
    column = "upstream_id"


def _index(raw: Any, field: str) -> int | None:
    if raw is None:
        return None
    if isinstance(raw, str) and raw.removeprefix("-").isdecimal() and raw.isascii() and len(raw) < 11:
        raw = int(raw)
    if isinstance(raw, bool) or not isinstance(raw, int) or abs(raw) > _MOST_INDEX:
        raise Invalid(_("A branch is named by a whole number."), field=field)
    return raw
