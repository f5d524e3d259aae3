"""Runs and jobs as JSON, and the shapes of what clients may send."""

from typing import Any

from django.utils.translation import gettext_lazy
from rest_framework import serializers

from executions.api.statuses import JOB_STATUSES, job_status_name, status_name
from executions.models import Execution, Job
from workflows.api.pagination import MAX_NUMBER
from workflows.api.serializers import Input, RecordSerializer, StorableJSONField
from workflows.statuses import JobStatus


class ExecutionSerializer(RecordSerializer[Execution]):
    status_name = serializers.SerializerMethodField()
    parent = serializers.SerializerMethodField()  # type: ignore[assignment]
    duration = serializers.SerializerMethodField()

    heavy = frozenset({"context", "output", "stack"})
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


class Execute(Input):
    values = StorableJSONField(required=False, allow_null=True)


class Rerun(Input):
    node_id = serializers.IntegerField(min_value=0, max_value=MAX_NUMBER, required=False, allow_null=True)


class JobStatusField(serializers.IntegerField):
    """A status by name or number, as the filters take it."""

    default_error_messages = {"invalid": gettext_lazy("Give a status by its name or as a whole number.")}

    def to_internal_value(self, data: Any) -> int:
        named = JOB_STATUSES.get(data.strip().lower()) if isinstance(data, str) else None
        return super().to_internal_value(data if named is None else named)


class CompleteJob(Input):
    result = StorableJSONField(required=False, allow_null=True)
    status = JobStatusField(min_value=1, max_value=2**15 - 1, required=False, default=JobStatus.RESOLVED)


class FailJob(Input):
    result = StorableJSONField(required=False, allow_null=True)
    status = JobStatusField(min_value=-(2**15), max_value=-1, required=False, default=JobStatus.FAILED)
