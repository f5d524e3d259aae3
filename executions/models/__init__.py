"""What happened: runs, their steps' jobs, tasks for people, and what the engine notes beside them."""

from executions.models.notes import EventKey, Holding, Lane
from executions.models.operations import BulkOperation
from executions.models.people import Task, TaskQuerySet, TaskType
from executions.models.runs import Attribute, Execution, ExecutionQuerySet, Job
from executions.models.schedules import Schedule, ScheduledRow

__all__ = [
    "Attribute",
    "BulkOperation",
    "EventKey",
    "Execution",
    "ExecutionQuerySet",
    "Holding",
    "Job",
    "Lane",
    "Schedule",
    "ScheduledRow",
    "Task",
    "TaskQuerySet",
    "TaskType",
]
