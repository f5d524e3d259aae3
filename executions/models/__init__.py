"""What happened: runs, their steps' jobs, tasks for people, and what the engine notes beside them."""

from executions.models.applications import Application, ApplicationStatus
from executions.models.counts import CountsMark, RunCount
from executions.models.filters import SavedFilter
from executions.models.holds import Hold
from executions.models.keys import AccessKey, Dialect
from executions.models.notes import EventKey, Holding, Lane
from executions.models.operations import BulkOperation
from executions.models.people import Task, TaskQuerySet, TaskType
from executions.models.runs import Attribute, Execution, ExecutionQuerySet, Job
from executions.models.schedules import Schedule, ScheduledRow
from executions.models.totals import NodeTotal, RunTotal, TotalsMark, WorkerSeen
from executions.models.watches import RunWatch

__all__ = [
    "AccessKey",
    "Application",
    "ApplicationStatus",
    "Attribute",
    "BulkOperation",
    "CountsMark",
    "Dialect",
    "EventKey",
    "Execution",
    "ExecutionQuerySet",
    "Hold",
    "Holding",
    "Job",
    "Lane",
    "NodeTotal",
    "RunCount",
    "RunTotal",
    "RunWatch",
    "SavedFilter",
    "Schedule",
    "ScheduledRow",
    "Task",
    "TaskQuerySet",
    "TaskType",
    "TotalsMark",
    "WorkerSeen",
]
