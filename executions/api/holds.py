"""What is held, over HTTP: made, listed, released."""

from django import forms
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from executions.flow import holds
from executions.models import Hold
from workflows.api.base import RecordViewSet
from workflows.api.parameters import REASON
from workflows.api.serializers import Reasoned, RecordSerializer, TextField
from workflows.listing.filters import ListFilter, StrictFilterSet, ids, texts

_SCOPES = [(scope.value, scope.label) for scope in holds.SCOPES]


class HoldSerializer(RecordSerializer[Hold]):
    class Meta:
        model = Hold
        fields = ("id", "scope", "target", "reason", "created_by", "created_at")
        read_only_fields = fields


class HoldRequest(Reasoned):
    """`target` is the name of a queue, or the key or name of a workflow; of everything it is empty."""

    scope = serializers.ChoiceField(choices=_SCOPES)
    target = TextField(required=False, allow_blank=True, default="", max_length=128)


class HoldFilter(StrictFilterSet):
    id = ids("pk")
    scope = ListFilter(field_name="scope", each=forms.ChoiceField(choices=_SCOPES))
    target = texts("target")


class HoldViewSet(RecordViewSet[Hold]):
    """What is kept from starting, newest first; what was released is in the history."""

    queryset = Hold.objects.all()
    record_class = HoldSerializer
    filterset_class = HoldFilter
    permissions = {
        "list": "executions.view_hold",
        "retrieve": "executions.view_hold",
        "create": "executions.add_hold",
        "destroy": "executions.delete_hold",
    }
    inputs = {"create": HoldRequest, "destroy": Reasoned}
    parameters = {"destroy": [REASON]}
    answers = {"create": {201: HoldSerializer}}
    refusals = {"create": (404, 409)}

    def get_queryset(self) -> QuerySet[Hold]:
        return holds.held(self.request.user)

    def create(self, request: Request) -> Response:
        """Keeps executions of a queue, of a workflow or all of them from starting; what has begun goes on."""
        # Asked for what there is not, nothing is done.
        self.asked_fields(self.record_class.Meta.fields)
        body = self.body()
        hold = holds.hold(body["scope"], body["target"], by=request.user, reason=body.get("reason"))
        return self.answer(hold, status=201)

    def destroy(self, request: Request, pk: str) -> Response:
        """Lets go what this alone kept back."""
        reason = self.body().get("reason") or request.query_params.get("reason")
        holds.release(self.get_object().pk, by=request.user, reason=reason)
        return Response(status=204)
