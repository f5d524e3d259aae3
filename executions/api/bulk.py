"""Bulk operations over HTTP: asked for with a filter, looked at while they are done, stopped."""

from django import forms
from django.db.models import Q, QuerySet
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from executions import bulk
from executions.models import BulkOperation
from workflows.api.base import RecordViewSet
from workflows.api.permissions import lacking
from workflows.api.serializers import FlagField, ObjectField, Reasoned, RecordSerializer
from workflows.listing.filters import ListFilter, StrictFilterSet, ids, since, until
from workflows.visibility import narrowed


class BulkOperationSerializer(RecordSerializer[BulkOperation]):
    heavy = frozenset({"refusals"})
    described = {
        "filter": {"type": "object", "additionalProperties": True},
        "refusals": {
            "type": "array",
            "description": "The first that were refused or failed: [execution, sentence].",
            "items": {"type": "array", "minItems": 2, "maxItems": 2, "items": {}},
        },
    }

    class Meta:
        model = BulkOperation
        fields = (
            "id", "action", "filter", "reason", "state", "error", "total", "done", "refused", "failed", "refusals",
            "created_by", "created_at", "started_at", "ended_at",
        )  # fmt: skip
        read_only_fields = fields


class WhereField(ObjectField):
    openapi = {**ObjectField.openapi, "example": {"status": ["queued", "started"], "workflow": 12}}


class BulkRequest(Reasoned):
    """`filter` takes the parameters of the list of executions; without any, `all` must be true."""

    action = serializers.ChoiceField(choices=BulkOperation.Action.choices)
    filter = WhereField(required=False, allow_null=True)
    all = FlagField(required=False, default=False)


class BulkOperationFilter(StrictFilterSet):
    id = ids("pk")
    action = ListFilter(field_name="action", each=forms.ChoiceField(choices=BulkOperation.Action.choices))
    state = ListFilter(field_name="state", each=forms.ChoiceField(choices=BulkOperation.State.choices))
    created_by = ids("created_by")
    created_since = since("created_at")
    created_until = until("created_at")


class BulkOperationViewSet(RecordViewSet[BulkOperation]):
    """Bulk operations, newest first: one's own; with the permission `executions.view_bulkoperation` everybody's."""

    queryset = BulkOperation.objects.all()
    record_class = BulkOperationSerializer
    filterset_class = BulkOperationFilter
    permission_classes = [IsAuthenticated]
    inputs = {"stop": Reasoned, "begin": BulkRequest}
    answers = {"begin": {202: BulkOperationSerializer}}

    def get_queryset(self) -> QuerySet[BulkOperation]:
        user = self.request.user
        # Another's tell of runs that this one may not see.
        everybody = user.has_perm("executions.view_bulkoperation") and not narrowed(user)
        mine = Q() if everybody else Q(created_by=user.pk)
        return super().get_queryset().filter(mine)

    def begin(self, request: Request) -> Response:
        """Does one thing to all executions that there are now and that the filter finds, in the background."""
        body = self.body()
        self._require(bulk.PERMISSIONS[BulkOperation.Action(body["action"])])
        # How many a filter finds tells what stands in them.
        self._require("executions.view_execution")
        where = body.get("filter") or {}
        operation = bulk.start(body["action"], where, all=body["all"], by=request.user, reason=body.get("reason"))
        return self.answer(operation, status=202)

    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """Ends a bulk operation; what was done stays done."""
        body = self.body()
        operation = self.get_object()
        self._require(bulk.PERMISSIONS[BulkOperation.Action(operation.action)])
        return self.answer(bulk.stop(operation.pk, by=request.user, reason=body.get("reason")))

    def _require(self, permission: str) -> None:
        if not self.request.user.has_perm(permission):
            raise PermissionDenied(lacking(permission))
