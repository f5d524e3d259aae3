"""Runs and jobs as JSON, and the shapes of what clients may send."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy
from rest_framework import serializers

from executions.api.described import EXPANDED
from executions.listing.statuses import job_status_name, status_name
from executions.models import Execution, Job
from workflows.api.serializers import Described, Input, ObjectField, Reasoned, RecordSerializer, StorableJSONField
from workflows.listing.pages import MAX_NUMBER
from workflows.statuses import JobStatus


class ExecutionSerializer(RecordSerializer[Execution]):
    status_name = serializers.SerializerMethodField()
    parent = serializers.SerializerMethodField()  # type: ignore[assignment]
    duration = serializers.SerializerMethodField()

    heavy = frozenset({"context", "output", "stack"})
    described = EXPANDED
    needs = {
        "status_name": ("status",),
        "parent": ("parent_execution",),
        "duration": ("started_at", "ended_at"),
    }

    class Meta:
        model = Execution
        fields = (
            "id", "workflow", "key", "title", "version", "type", "name", "event_key", "status", "status_name", "reason",
            "error", "context", "output", "manually", "tags", "stack", "parent", "parent_job", "rerun_of", "attempt",
            "lane", "parked", "paused_at", "queue", "priority", "due_at", "created_by", "created_at", "started_at",
            "expires_at", "ended_at", "updated_at", "duration",
        )  # fmt: skip
        read_only_fields = fields

    def get_status_name(self, execution: Execution) -> str:
        return status_name(execution.status)

    def get_parent(self, execution: Execution) -> int | None:
        return execution.parent_execution_id

    def get_duration(self, execution: Execution) -> float | None:
        """Seconds from start to end."""
        if execution.started_at is None or execution.ended_at is None:
            return None
        return (execution.ended_at - execution.started_at).total_seconds()


class JobSerializer(RecordSerializer[Job]):
    status_name = serializers.SerializerMethodField()

    heavy = frozenset({"input", "result", "meta", "log", "attempts"})
    needs = {"status_name": ("status",)}

    class Meta:
        model = Job
        fields = (
            "id", "execution", "number", "node", "node_key", "parent", "upstream", "status", "status_name", "input",
            "result", "meta", "log", "wait", "queue", "due_at", "attempt", "attempts", "started_at", "ended_at",
            "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_status_name(self, job: Job) -> str:
        return job_status_name(job.status)


class ValuesField(ObjectField):
    openapi = {**ObjectField.openapi, "example": {"amount": 120}}


class Execute(Input):
    values = ValuesField(required=False, allow_null=True)


class Rerun(Reasoned):
    node_id = serializers.IntegerField(min_value=0, max_value=MAX_NUMBER, required=False, allow_null=True)
    failed = serializers.BooleanField(required=False)


class JobStatusField(Described, serializers.Field[int, Any, Any, Any]):
    """A status with which a job may end, by name or number, as the filters take it."""

    default_error_messages = {"invalid": gettext_lazy("Choose one of {known}, or its number.")}

    def __init__(self, statuses: Sequence[JobStatus], **kwargs: Any) -> None:
        self.numbers = {status.name.lower(): status.value for status in statuses}
        self.openapi = {  # type: ignore[misc]
            "anyOf": [
                {"type": "integer", "enum": sorted(self.numbers.values())},
                {"type": "string", "enum": sorted(self.numbers)},
            ]
        }
        super().__init__(required=False, default=statuses[0], **kwargs)

    def to_internal_value(self, data: Any) -> int:
        text = str(data).strip().lower() if isinstance(data, str | int) and not isinstance(data, bool) else ""
        number = next((number for name, number in self.numbers.items() if text in (name, str(number))), None)
        if number is None:
            self.fail("invalid", known=", ".join(self.numbers))
        return number

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        if data is None:
            self.fail("invalid", known=", ".join(self.numbers))
        return super().validate_empty_values(data)

    def to_representation(self, value: int) -> int:
        return value


class CompleteJob(Reasoned):
    result = StorableJSONField(required=False, allow_null=True)
    status = JobStatusField([JobStatus.RESOLVED])


class FailJob(Reasoned):
    result = StorableJSONField(required=False, allow_null=True)
    status = JobStatusField([status for status in JobStatus if status < 0])
