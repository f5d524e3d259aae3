"""Reads the tables after a fault and says what is wrong with them; an empty list is what a promise looks like."""

from collections import Counter

from executions.models import Execution, Job
from executions.statuses import ExecutionStatus
from workflows.statuses import JobStatus


def faults() -> list[str]:
    """What no crash, freeze or race may leave behind, whatever the workflow."""
    return [fault for execution in Execution.objects.all() for fault in _of(execution)]


def _of(execution: Execution) -> list[str]:
    found = []
    name = f"execution {execution.pk}"
    jobs = list(Job.objects.filter(execution=execution).order_by("number"))
    if execution.ended_at is None and execution.due_at is None and not _somebody_comes(execution, jobs):
        found.append(f"{name} waits for nobody")
    if (execution.ended_at is None) != (execution.status in (None, ExecutionStatus.STARTED)):
        found.append(f"{name} has status {execution.status} and ended at {execution.ended_at}")
    if execution.ended_at is not None and (execution.paused_at or execution.parked):
        found.append(f"{name} ended paused or parked")
    numbers = Counter(job.number for job in jobs)
    if any(count > 1 for count in numbers.values()) or sorted(numbers) != list(range(1, len(numbers) + 1)):
        found.append(f"{name} has jobs numbered {sorted(numbers.elements())}")
    for job in jobs:
        if (job.status == JobStatus.PENDING) != (job.ended_at is None):
            found.append(f"{name}, job {job.number}: status {job.status}, ended at {job.ended_at}")
        if job.parent is not None and job.parent not in numbers:
            found.append(f"{name}, job {job.number} has no parent {job.parent}")
    return found


def _somebody_comes(execution: Execution, jobs: list[Job]) -> bool:
    if execution.paused_at is not None or execution.parked is not None:
        return True
    pending = [job for job in jobs if job.status == JobStatus.PENDING]
    return any(job.wait == "outside" or (job.wait == "performer" and job.due_at is not None) for job in pending)
