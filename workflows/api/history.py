"""Who changed what, when, from where and why: the log as a whole, and that of one workflow or node."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from workflows.actions import Action, Origin
from workflows.api.base import RecordViewSet, missing, to_id
from workflows.api.serializers import RecordSerializer
from workflows.listing.filters import ListFilter, StrictFilterSet, ids, kinds, since, texts, until
from workflows.models import HistoryEntry, Node, Workflow
from workflows.visibility import visible, visible_nodes, visible_rows

#: What something may be done to.
OBJECT_KINDS = ("workflow", "node", "execution", "job", "secret", "access_key", "bulk", "hold")


class HistorySerializer(RecordSerializer[HistoryEntry]):
    described = {
        "changes": {
            "type": "object",
            "description": "Field to [before, after].",
            "additionalProperties": {"type": "array", "minItems": 2, "maxItems": 2, "items": {}},
        }
    }

    class Meta:
        model = HistoryEntry
        fields = (
            "id", "at", "actor", "actor_name", "origin", "address", "action", "object_kind", "object_id", "title",
            "workflow", "workflow_key", "node_key", "execution", "bulk", "reason", "changes",
        )  # fmt: skip
        read_only_fields = fields


class HistoryFilter(StrictFilterSet):
    id = ids("pk")
    kind = kinds(
        "object_kind",
        lambda: OBJECT_KINDS,
        HistoryEntry,
        help_text=_("workflow, node, execution, job, secret, access_key or bulk."),
    )
    object = ids("object_id", help_text=_("Ids of objects; give their kind too."))
    workflow = ids("workflow", help_text=_("Ids of workflow versions."))
    workflow_key = texts("workflow_key", help_text=_("Keys of workflows: every version, its nodes and executions."))
    node_key = texts("node_key")
    execution = ids("execution", help_text=_("Executions and their jobs."))
    bulk = ids("bulk", help_text=_("Bulk operations that the changes were part of."))
    actor = ids("actor", help_text=_("Ids of users."))
    action = ListFilter(field_name="action", each=forms.ChoiceField(choices=Action.choices))
    origin = ListFilter(field_name="origin", each=forms.ChoiceField(choices=Origin.choices))
    at_since = since("at")
    at_until = until("at")


class HistoryViewSet(RecordViewSet[HistoryEntry]):
    """What people did to workflows, nodes, executions and jobs, newest first. Entries are never changed or deleted."""

    queryset = HistoryEntry.objects.all()
    record_class = HistorySerializer
    filterset_class = HistoryFilter
    permissions = {"list": "workflows.view_historyentry", "retrieve": "workflows.view_historyentry"}

    def get_queryset(self) -> QuerySet[HistoryEntry]:
        return visible_rows(super().get_queryset(), self.request.user, key="workflow_key")


class WorkflowHistoryViewSet(HistoryViewSet):
    """What people did to a workflow, on all its versions, and to its nodes; newest first."""

    permissions = {"list": "workflows.view_workflow"}

    def get_queryset(self) -> QuerySet[HistoryEntry]:
        return HistoryEntry.objects.of_workflow(self.workflow.key)

    @cached_property
    def workflow(self) -> Workflow:
        """Raises `NotFound`."""
        pk = self.kwargs["workflow_pk"]
        found = visible(Workflow.objects.filter(pk=to_id(pk, Workflow)), self.request.user).only("key").first()
        if found is None:
            raise missing(Workflow, pk)
        return found


class NodeHistoryViewSet(HistoryViewSet):
    """What people did to a node, in all versions of its workflow; newest first."""

    permissions = {"list": "workflows.view_node"}

    def get_queryset(self) -> QuerySet[HistoryEntry]:
        return HistoryEntry.objects.of_node(self.node.workflow.key, self.node.key)

    @cached_property
    def node(self) -> Node:
        """Raises `NotFound`."""
        pk: Any = self.kwargs["node_pk"]
        rows = visible_nodes(Node.objects.filter(pk=to_id(pk, Node)), self.request.user)
        found = rows.select_related("workflow").first()
        if found is None:
            raise missing(Node, pk)
        return found
