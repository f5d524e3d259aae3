"""Applications over HTTP: begin one, fill it in, submit it, take it back (spec nocobase-engine 4.7)."""

from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from executions.api.described import APPLICATION_PARTS, STARTABLE
from executions.applications import reading, starting
from executions.inbox.forms import form_fields, json_schema
from executions.listing.filtersets import StatusField
from executions.models import Application, ApplicationStatus
from workflows.api.base import RecordViewSet
from workflows.api.parameters import flag
from workflows.api.serializers import (
    FlagField,
    Input,
    ObjectField,
    Reasoned,
    RecordSerializer,
    StorableJSONField,
    TextField,
)
from workflows.errors import SluiceError
from workflows.listing.filters import FlagFilter, ListFilter, StrictFilterSet, ids, since, texts, until
from workflows.triggers.approval import DATA

STATUSES: dict[str, int | None] = {status.name.lower(): status.value for status in ApplicationStatus}
_NAMES = {number: name for name, number in STATUSES.items()}


class ApplicationSerializer(RecordSerializer[Application]):
    status_name = serializers.SerializerMethodField()
    workflow_key = serializers.CharField(source="key")
    workflow_title = serializers.SerializerMethodField()
    data = serializers.SerializerMethodField()  # type: ignore[assignment]
    row = serializers.SerializerMethodField()
    records = serializers.SerializerMethodField()

    heavy = frozenset({"data", "row", "records"})
    needs = {
        "status_name": ("status",),
        "workflow_key": ("key",),
        "workflow_title": ("key", "execution"),
        "data": ("data", "user", "execution"),
        "row": ("snapshot", "workflow", "object_id", "user", "execution"),
        "records": ("execution", "user"),
        "error": ("error", "execution"),
    }
    described = APPLICATION_PARTS

    class Meta:
        model = Application
        fields = (
            "id", "user", "status", "status_name", "workflow", "workflow_key", "workflow_title", "collection", "adds",
            "object_id", "execution", "round", "data", "row", "records", "error", "submitted_at", "decided_at",
            "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_status_name(self, application: Application) -> str:
        return _NAMES[application.status]

    def get_workflow_title(self, application: Application) -> str:
        return str(self.context["titles"].get(application.key, ""))

    def get_data(self, application: Application) -> Any:
        return reading.masked(application, application.data, by=self.context["request"].user)

    def get_row(self, application: Application) -> Any:
        return reading.shown(application, by=self.context["request"].user)

    def get_records(self, application: Application) -> Any:
        return reading.records(application, by=self.context["request"].user)


class Apply(Input):
    workflow = TextField()
    data = ObjectField()  # type: ignore[assignment]
    object_id = StorableJSONField(required=False, allow_null=True)
    submit = FlagField(required=False)


class FillInApplication(Input):
    data = ObjectField()  # type: ignore[assignment]


class SubmitApplication(Input):
    data = ObjectField(required=False, allow_null=True)  # type: ignore[assignment]


class ApplicationFilter(StrictFilterSet):
    id = ids("pk")
    status = ListFilter(field_name="status", each=StatusField(STATUSES))
    workflow_key = texts("key")
    execution = ids("execution")
    user = ids("user")
    everybody = FlagFilter(method="whose")
    created_since = since("created_at")
    created_until = until("created_at")

    def whose(self, queryset: QuerySet[Application], name: str, value: bool) -> QuerySet[Application]:
        """The view has chosen the rows already."""
        return queryset


#: What its applicant alone may do.
_OWN = frozenset({"partial_update", "submit", "withdraw"})


class ApplicationViewSet(RecordViewSet[Application]):
    """Applications, newest first: one's own. `everybody`, `user` or `execution` ask for those of others as well, which
    takes the permission `executions.view_application`."""

    queryset = Application.objects.all()
    record_class = ApplicationSerializer
    filterset_class = ApplicationFilter
    permission_classes = [IsAuthenticated]
    inputs = {"create": Apply, "partial_update": FillInApplication, "submit": SubmitApplication, "withdraw": Reasoned}
    answers = {"create": {201: ApplicationSerializer}, "startable": {200: STARTABLE}}
    # The workflow that a body names.
    refusals = {"create": (404,)}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # First of all: whose it is, whatever was sent.
        if self.action in _OWN:
            starting.find(self.get_object().pk, request.user)

    def get_queryset(self) -> QuerySet[Application]:
        if self.action == "list":
            asked = self.request.query_params
            wide = any(asked.get(name) for name in ("user", "execution")) or flag(self.request, "everybody")
            return reading.readable(self.request.user) if wide else reading.of(self.request.user)
        return reading.readable(self.request.user)

    def decorate(self, records: Sequence[Application], names: Collection[str]) -> None:
        reading.hide_errors(records)
        wanted = "workflow_title" in names
        self.titles = reading.titles(records) if wanted else {}

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "titles": getattr(self, "titles", {})}

    def create(self, request: Request) -> Response:
        """Applies for a new row, or for changes of the row `object_id`; with `submit` false it is kept as a draft."""
        body = self.body()
        made = starting.create(
            body["workflow"], body["data"], by=request.user, object_id=body.get("object_id"),
            submit=body.get("submit", True),
        )  # fmt: skip
        return self.answer(made, status=201)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Fills in anew what is a draft, was returned or withdrawn, or has failed; `data` replaces what was there."""
        body = self.body()
        return self.answer(starting.change(self.get_object().pk, body.get("data"), by=request.user))

    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: str) -> Response:
        """Submits it, again where it came back, with these `data` or those that it has."""
        body = self.body()
        return self.answer(starting.change(self.get_object().pk, body.get("data"), by=request.user, submit=True))

    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        """Takes it back until the first approver has decided."""
        body = self.body()
        return self.answer(starting.withdraw(self.get_object().pk, by=request.user, reason=body.get("reason")))

    def startable(self, request: Request) -> Response:
        """The workflows by which one may apply, each with the form that is filled in."""
        found = []
        for workflow in reading.startable(request.user):
            config = reading.config_of(workflow)
            try:
                schema = json_schema(form_fields(config, DATA))
            except SluiceError:
                continue
            found.append(
                {
                    "key": workflow.key,
                    "title": workflow.title,
                    "description": workflow.description,
                    "collection": config.collection,
                    "drafts": config.form.draft,
                    "schema": schema,
                }
            )
        return Response({"results": found})
