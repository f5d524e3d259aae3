"""Records as FunctionGraph's clients read them (spec 2.2)."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q

from executions.models import Execution
from executions.statuses import ExecutionStatus, Reason
from workflows.models import Workflow
from workflows.statuses import JobStatus

#: Where a URN names a region: there is but this one.
REGION = "local"
_URN = re.compile(r"urn:fss:[^:]{1,64}:([0-9A-Za-z]{1,64}):workflow:default:([^:]{1,128}):latest")

_FAILURES = (
    *(ExecutionStatus.FAILED, ExecutionStatus.ERROR),
    *(ExecutionStatus.REJECTED, ExecutionStatus.RETRY_NEEDED),
)
_STOPS = (ExecutionStatus.ABORTED, ExecutionStatus.CANCELED)
_TIMED_OUT = Q(reason=Reason.TIMEOUT)
#: The runs of each status (spec 0).
STATUSES: dict[str, Q] = {
    "success": Q(status=ExecutionStatus.RESOLVED),
    "fail": Q(status__in=_FAILURES) & ~_TIMED_OUT,
    "running": Q(status=None) | Q(status=ExecutionStatus.STARTED),
    "timeout": Q(status__in=(*_FAILURES, *_STOPS)) & _TIMED_OUT,
    "cancel": Q(status__in=_STOPS) & ~_TIMED_OUT,
}
#: What a brief is made of.
BRIEF_COLUMNS = (*("id", "key", "status", "reason", "rerun_of", "created_at", "ended_at", "updated_at", "created_by"),)


def status_of(status: int | None, reason: str | None = None) -> str:
    if status is None or status == ExecutionStatus.STARTED:
        return "running"
    if status == ExecutionStatus.RESOLVED:
        return "success"
    if reason == Reason.TIMEOUT:
        return "timeout"
    return "cancel" if status in _STOPS else "fail"


def job_status(status: int) -> str:
    """A kind's own numbers count by their signs."""
    if status == JobStatus.PENDING:
        return "running"
    if status > 0:
        return "success"
    return "cancel" if status in (JobStatus.ABORTED, JobStatus.CANCELED) else "fail"


def moment(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def milliseconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1000)


def name_of(workflow: Workflow) -> str:
    """Its key, where it has no name."""
    return str(workflow.name or workflow.key)


def urn_of(workflow: Workflow, project: str) -> str:
    return f"urn:fss:{REGION}:{project}:workflow:default:{name_of(workflow)}:latest"


def named_by(urn: str, project: str) -> str | None:
    """The name in a URN of this project, whatever region it says; None where it is none."""
    found = _URN.fullmatch(urn)
    return found[2] if found is not None and found[1] == project else None


def user_names(ids: Iterable[int | None]) -> dict[int | None, str]:
    wanted = {pk for pk in ids if pk is not None}
    if not wanted:
        return {}
    model = get_user_model()
    return {user.pk: user.get_username() for user in model._default_manager.filter(pk__in=wanted)}


def brief(
    run: Execution, shown_id: int, workflow: Workflow, project: str, names: Mapping[int | None, str]
) -> dict[str, Any]:
    """A run; `names` are those of users by id."""
    return {
        "workflow_id": workflow.key,
        "workflow_urn": urn_of(workflow, project),
        "execution_id": str(shown_id),
        "status": status_of(run.status, run.reason),
        "begin_time": moment(run.created_at),
        "end_time": moment(run.ended_at),
        "last_update_time": moment(run.updated_at),
        "created_by": names.get(run.created_by_id, ""),
    }
