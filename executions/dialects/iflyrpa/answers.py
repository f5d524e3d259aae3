"""The vendor's shapes: envelopes, executions and workflows."""

from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from rest_framework.response import Response

from executions.models import Execution
from executions.statuses import ExecutionStatus, Reason
from workflows.errors import SluiceError
from workflows.models import Workflow
from workflows.triggers import get_trigger

DONE, NOT_DONE = "0000", "5001"
PENDING = "PENDING"
#: What `execution` reads of a row; masking needs no more.
COLUMNS = (
    "key", "version", "status", "reason", "error", "context", "output", "created_by_id", "created_at", "ended_at",
)  # fmt: skip
#: Where all robots are; ours is the one there is.
POSITION = "EXECUTOR"


def success(data: Any, message: str = "") -> Response:
    return Response({"code": DONE, "msg": message, "data": data})


def failure(message: str, status: int = 200) -> Response:
    return Response({"code": NOT_DONE, "msg": message, "data": None}, status=status)


def detail(told: Any, status: int, headers: dict[str, str] | None = None) -> Response:
    """What no handler of the vendor's answers, but the framework around it."""
    return Response({"detail": told}, status=status, headers=headers)


def execution(row: Execution) -> dict[str, Any]:
    status = status_of(row.status)
    return {
        "id": str(row.pk),
        "project_id": row.key,
        "status": status,
        "parameters": _object(row.context) or {},
        "result": _object(row.output) if status == "COMPLETED" else None,
        "error": _error(row) if status == "FAILED" else None,
        "exec_position": POSITION,
        "version": row.version,
        "user_id": _id(row.created_by_id),
        "start_time": _moment(row.created_at),
        "end_time": _moment(row.ended_at),
    }


def unfinished(row: Execution) -> dict[str, Any]:
    """Of a run that took longer than its caller waits."""
    return {"id": str(row.pk), "status": PENDING}


def status_of(status: int | None) -> str:
    if status is None or status == ExecutionStatus.STARTED:
        return PENDING
    return "COMPLETED" if status == ExecutionStatus.RESOLVED else "FAILED"


def workflow(row: Workflow) -> dict[str, Any]:
    return {
        "project_id": row.key,
        "name": row.title,
        "english_name": row.name,
        "description": row.description,
        "version": row.version,
        "status": int(row.enabled),
        "parameters": _inputs(row),
        "user_id": _id(row.created_by_id),
        "example_project_id": None,
        "created_at": _moment(row.created_at),
        "updated_at": _moment(row.updated_at),
    }


def _object(value: Any) -> dict[str, Any] | None:
    """Clients are promised objects; what is none stands where the vendor's robots put it."""
    return value if value is None or isinstance(value, dict) else {"data": value}


def _error(row: Execution) -> str:
    """Never empty."""
    if row.error and row.error.strip():
        return row.error
    status = str(ExecutionStatus(row.status or 0).label)
    return f"{status}: {Reason(row.reason).label}" if row.reason in Reason.values else status


def _inputs(row: Workflow) -> list[dict[str, Any]] | None:
    """What a run asks for, or None where anything will do."""
    try:
        trigger = get_trigger(row.type)
        fields = trigger.manual_fields(trigger.parse(row.config))
    except (SluiceError, ValidationError):
        # A draft, or a kind whose package is gone: it has no inputs that anybody could name.
        return None
    inputs = [
        {"name": each.name, "type": each.kind, "title": str(each.title or each.name), "required": each.required}
        for each in fields
    ]
    return inputs or None


def _id(pk: Any) -> str | None:
    return None if pk is None else str(pk)


def _moment(moment: datetime | None) -> str | None:
    """UTC, without saying so."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()
