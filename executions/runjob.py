"""What a run in memory has besides its own row: its jobs, and the tasks and child runs that they ask for."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from workflows.instructions.base import StepJob, TaskRequest
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.graph import Graph

KEPT_ATTEMPTS = 50


@dataclass(slots=True)
class RunJob(StepJob):
    """A job of the run. `id` is None until the journal's insert has made one; `changed` marks an update."""

    id: int | None = None
    parent: int | None = None
    upstream: int | None = None
    input: Any = None
    log: str | None = None
    wait: str | None = None
    queue: str | None = None
    due_at: datetime | None = None
    attempt: int = 1
    attempts: list[dict[str, Any]] | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    changed: bool = True
    #: (a result, its JSON text) where that was made already; see `result_text`.
    written: tuple[Any, str | None] | None = None

    @property
    def pending(self) -> bool:
        return self.status == JobStatus.PENDING

    @property
    def result_text(self) -> str | None:
        """The JSON text of the result as it is now, if there is one yet."""
        written = self.written
        return written[1] if written is not None and written[0] is self.result else None

    def sleep(self) -> None:
        """Nobody shall come for this job any more."""
        self.wait = None
        self.due_at = None
        self.changed = True


@dataclass(slots=True)
class ChildRun:
    """A run that a step asked for; the journal inserts it in the commit of the job that waits for it."""

    graph: "Graph"
    context: Any
    job: RunJob


@dataclass(slots=True)
class RunTask:
    """A task that a step asked for; the journal inserts it in the commit of its job."""

    request: TaskRequest
    job: RunJob
    status: int
    decided_at: datetime | None = None
