"""The inbox over HTTP: tasks for people, their answers, and how many there are."""

from collections.abc import Collection, Sequence
from typing import Any

from django import forms
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from executions.api.approvals import APPROVAL_INPUTS, ApprovalActions
from executions.api.described import TASK_COUNTS, TASK_FORMS, TASKS_READ
from executions.inbox import reading, showing
from executions.inbox.kinds import kind_of
from executions.listing.filtersets import StatusField
from executions.listing.statuses import JOB_STATUSES, job_status_name
from executions.masking import hide_tasks
from executions.models import Execution, Task, TaskType
from workflows.api.base import RecordViewSet
from workflows.api.parameters import flag
from workflows.api.serializers import Input, Reasoned, RecordSerializer, StorableJSONField, TextField
from workflows.errors import Refused
from workflows.listing.filters import FlagFilter, ListFilter, StrictFilterSet, ids, since, texts, until

#: Fields that tell what the task stands in.
_SHOWN = frozenset({"node_title", "description", "data", "forms"})


class TaskSerializer(RecordSerializer[Task]):
    status_name = serializers.SerializerMethodField()
    workflow_key = serializers.CharField(source="key")
    workflow_title = serializers.SerializerMethodField()
    node_title = serializers.SerializerMethodField()
    description = serializers.SerializerMethodField()
    data = serializers.SerializerMethodField()  # type: ignore[assignment]
    forms = serializers.SerializerMethodField()

    heavy = frozenset({"result", "meta", *_SHOWN})
    needs = {
        "status_name": ("status",),
        "workflow_key": ("key",),
        "workflow_title": ("execution",),
        **dict.fromkeys(_SHOWN, ("execution", "job", "node", "node_key", "meta",
                                                                        "type", "status", "user", "result")),
    }  # fmt: skip
    described = TASK_FORMS

    class Meta:
        model = Task
        fields = (
            "id", "type", "user", "title", "status", "status_name", "workflow_key", "workflow_title", "execution",
            "job", "node", "node_key", "node_title", "round", "order", "description", "data", "forms", "result", "meta",
            "read_at", "decided_at", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_status_name(self, task: Task) -> str:
        return job_status_name(task.status)

    def get_workflow_title(self, task: Task) -> str:
        return self.context["titles"].get(task.execution_id, "") if "titles" in self.context else ""

    def _shown(self, task: Task) -> showing.Shown:
        known: dict[int, showing.Shown] = self.context["shown"]
        if task.pk not in known:
            known[task.pk] = showing.show(task, self.context["request"].user, self.context.get("around"))
        return known[task.pk]

    def get_node_title(self, task: Task) -> str:
        return self._shown(task).node_title

    def get_description(self, task: Task) -> str:
        return self._shown(task).description

    def get_data(self, task: Task) -> dict[str, Any]:
        return dict(self._shown(task).data)

    def get_forms(self, task: Task) -> list[dict[str, Any]]:
        return [showing.as_json(form) for form in self._shown(task).forms]


class Submit(Reasoned):
    result = StorableJSONField()


class Delegate(Reasoned):
    to = StorableJSONField()


class ReadAll(Input):
    type = TextField(required=False)
    workflow_key = TextField(required=False)


class TaskFilter(StrictFilterSet):
    id = ids("pk")
    type = ListFilter(field_name="type", each=forms.ChoiceField(choices=TaskType.choices))
    status = ListFilter(field_name="status", each=StatusField(JOB_STATUSES))
    workflow_key = texts("key")
    execution = ids("execution")
    job = ids("job")
    node_key = texts("node_key")
    user = ids("user")
    read = FlagFilter(method="by_read")
    everybody = FlagFilter(method="whose")
    created_since = since("created_at")
    created_until = until("created_at")

    def by_read(self, queryset: QuerySet[Task], name: str, value: bool) -> QuerySet[Task]:
        return queryset.filter(read_at__isnull=not value)

    def whose(self, queryset: QuerySet[Task], name: str, value: bool) -> QuerySet[Task]:
        """The view has chosen the rows already."""
        return queryset


#: Parameters that mean all that one may see, not one's own alone.
_EVERYBODYS = ("everybody", "user", "execution")
#: What its person alone may do.
_OWN = frozenset({"submit", "delegate", "read", "unread", *APPROVAL_INPUTS})


class TaskViewSet(ApprovalActions, RecordViewSet[Task]):
    """Tasks, newest first: one's own. `everybody`, `user` or `execution` ask for those of others as well, which takes
    the permission `executions.view_task`."""

    queryset = Task.objects.all()
    record_class = TaskSerializer
    filterset_class = TaskFilter
    permission_classes = [IsAuthenticated]
    inputs = {"submit": Submit, "delegate": Delegate, "read_all": ReadAll, **APPROVAL_INPUTS}
    answers = {"counts": {200: TASK_COUNTS}, "read_all": {200: TASKS_READ}}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # First of all: whose it is, whatever was sent.
        if self.action in _OWN:
            reading.refuse_others(self.get_object(), request.user)

    def get_queryset(self) -> QuerySet[Task]:
        if self.action == "list":
            asked = self.request.query_params
            wide = any(asked.get(name) for name in _EVERYBODYS[1:]) or flag(self.request, _EVERYBODYS[0])
            return reading.readable(self.request.user) if wide else reading.of(self.request.user)
        return reading.readable(self.request.user)

    def decorate(self, records: Sequence[Task], names: Collection[str]) -> None:
        hide_tasks(records, by=self.request.user)
        self.titles: dict[int, str] = {}
        if "workflow_title" in names:
            wanted = {record.execution_id for record in records if record.execution_id is not None}
            self.titles = dict(Execution.objects.filter(pk__in=wanted).order_by().values_list("pk", "title"))

        self.around = showing.around(records, self.request.user) if _SHOWN & {*names} else None

    def get_serializer_context(self) -> dict[str, Any]:
        more = {"titles": getattr(self, "titles", {}), "around": getattr(self, "around", None), "shown": {}}
        return {**super().get_serializer_context(), **more}

    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: str) -> Response:
        """Answers a task of one's own: {"result": {form: {field: value}, "_": action}}."""
        body, task = self.body(), self.get_object()
        kind = kind_of(task.type)
        if kind is None:
            raise Refused(showing.nothing_to_answer(task))
        return self.answer(kind.submit(task.pk, body["result"], by=request.user, reason=body.get("reason")))

    @action(detail=True, methods=["post"])
    def delegate(self, request: Request, pk: str) -> Response:
        """Hands a task of one's own over to another user, by id or user name."""
        body, task = self.body(), self.get_object()
        kind = kind_of(task.type)
        if kind is None:
            raise Refused(showing.nothing_to_answer(task))
        return self.answer(kind.delegate(task.pk, body["to"], by=request.user, reason=body.get("reason")))

    @action(detail=True, methods=["post"])
    def read(self, request: Request, pk: str) -> Response:
        """Notes that one has read it."""
        return self.answer(reading.mark_read(self.get_object(), by=request.user))

    @action(detail=True, methods=["post"])
    def unread(self, request: Request, pk: str) -> Response:
        """Notes that one has not read it."""
        return self.answer(reading.mark_read(self.get_object(), by=request.user, read=False))

    def read_all(self, request: Request) -> Response:
        """Marks all of one's own as read, or those of a type or a workflow."""
        body = self.body()
        number = reading.mark_all_read(by=request.user, type=body.get("type"), key=body.get("workflow_key"))
        return Response({"read": number})

    def counts(self, request: Request) -> Response:
        """How many of one's own there are and how many are pending (of copies: unread), by type and by workflow."""
        return Response(reading.counts(request.user))
