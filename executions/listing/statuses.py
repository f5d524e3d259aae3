"""Statuses by name, for those who would rather not read numbers."""

from executions.statuses import ExecutionStatus
from workflows.statuses import JobStatus

STATUSES: dict[str, int | None] = {"queued": None, **{status.name.lower(): status.value for status in ExecutionStatus}}
JOB_STATUSES: dict[str, int | None] = {status.name.lower(): status.value for status in JobStatus}

_NAMES = {number: name for name, number in STATUSES.items()}


def status_name(status: int | None) -> str:
    return _NAMES[status]


def job_status_name(status: int) -> str:
    """A number of a kind's own is named by its sign (spec 2.3)."""
    if status == JobStatus.PENDING:
        return "pending"
    return _NAMES.get(status) or ("resolved" if status > 0 else "failed")
