"""A run's log as lines: what its steps wrote, and what its rows tell, made when it is read.

A line is {"timestamp", "level", "message", "nodeId", "executionId"}; nodeId is null for what belongs to no job.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from executions.models import Execution, Job
from executions.statuses import ExecutionStatus, Reason
from workflows.graph import Graph
from workflows.jsonable import iso_milliseconds, jsonable
from workflows.models import HistoryEntry
from workflows.statuses import JobStatus

#: Ascending.
LEVELS = ("DEBUG", "INFO", "WARN", "ERROR")

RUN_COLUMNS = (
    "id", "key", "workflow_id", "status", "reason", "error", "manually", "rerun_of_id", "attempt",
    "parent_execution_id", "created_at", "started_at", "ended_at", "turn",
)  # fmt: skip
#: Neither input nor result: those may be large, and what they say of a failure stands with its attempt.
JOB_COLUMNS = ("id", "number", "node_id", "node_key", "status", "log", "attempt", "attempts", "started_at", "ended_at")

_GIVEN_UP = (JobStatus.ABORTED, JobStatus.CANCELED, JobStatus.REJECTED)


class Line(NamedTuple):
    #: Names the line within its run or job, so that a reader who comes again knows it.
    identity: tuple[str, Any]
    at: datetime
    level: str
    message: str
    node_id: int | None


@dataclass(frozen=True)
class Wanted:
    """Which lines a reader asked for."""

    #: This level and those above.
    level: str = LEVELS[0]
    node_ids: Sequence[int] = ()
    node_keys: Sequence[str] = ()
    since: datetime | None = None

    @property
    def jobs_only(self) -> bool:
        """The run's own lines are of no node."""
        return bool(self.node_ids or self.node_keys)

    def takes(self, line: Line) -> bool:
        loud = LEVELS.index(line.level) >= LEVELS.index(self.level)
        return loud and (self.since is None or line.at >= self.since)


def titles(graph: Graph | None) -> dict[int, str]:
    return {node.id: node.title or node.key for node in graph.nodes.values()} if graph else {}


def before_jobs(run: Execution) -> Iterator[Line]:
    """How the run came to be, and its start."""
    if run.rerun_of_id is not None:
        text = _("Queued: attempt %(attempt)d, a rerun of execution %(id)s.")
        text %= {"attempt": run.attempt, "id": run.rerun_of_id}
    elif run.parent_execution_id is not None:
        text = _("Queued by execution %s.") % run.parent_execution_id
    else:
        text = _("Queued by hand.") if run.manually else _("Queued.")
    yield Line(("queued", 0), run.created_at, "INFO", text, None)
    if run.started_at is not None:
        yield Line(("started", 0), run.started_at, "INFO", _("Started."), None)


def of_history(execution_id: int) -> list[Line]:
    """What people did to the run and its jobs, oldest first; one query."""
    entries = HistoryEntry.objects.of_execution(execution_id).order_by("id")
    return [Line(("history", entry.pk), entry.at, "INFO", _told(entry), None) for entry in entries]


def _told(entry: HistoryEntry) -> str:
    known = {"what": entry.action_title, "who": entry.actor_name, "reason": entry.reason}
    if entry.actor_name:
        return (_("%(what)s by %(who)s: %(reason)s") if entry.reason else _("%(what)s by %(who)s.")) % known
    return (_("%(what)s: %(reason)s") if entry.reason else _("%(what)s.")) % known


def after_jobs(run: Execution) -> Iterator[Line]:
    """Its end, with the reason and the error."""
    if run.ended_at is None or run.status is None:
        return
    text = _("Ended: %s.") % ExecutionStatus(run.status).label
    # Who canceled it, and why, is told by the history's line.
    if run.reason and run.reason != Reason.CANCELED:
        text = _("Ended: %(status)s, %(reason)s.") % {
            "status": ExecutionStatus(run.status).label,
            "reason": run.get_reason_display(),
        }
    yield Line(("ended", 0), run.ended_at, _level_of(run.status), f"{text} {run.error or ''}".rstrip(), None)


def of_job(job: Job, names: Mapping[int, str]) -> list[Line]:
    """Begun, what it wrote, attempts that failed, ended; in order of time."""
    lines: list[Line] = []
    attempts: list[dict[str, Any]] = job.attempts or []
    begun = begun_at(job)
    if begun is not None:
        text = _("Began %(node)s (job %(number)s).") % {"node": name_of(job, names), "number": job.number}
        lines.append(Line(("begun", 0), begun, "INFO", text, job.node_id))
    lines.extend(written(job, job.log))
    for attempt in attempts:
        lines.extend(_of_attempt(job, attempt))
    if job.attempt > 1 and job.started_at and not any(each.get("number") == job.attempt for each in attempts):
        lines.append(_attempt_begun(job, job.attempt, job.started_at))
    if job.ended_at is not None:
        lines.append(_ended(job, attempts))
    return sorted(lines, key=lambda line: line.at)


def name_of(job: Job, names: Mapping[int, str]) -> str:
    return names.get(job.node_id or 0) or _("deleted node %s") % job.node_key


def begun_at(job: Job) -> datetime | None:
    """When its first attempt began; the row's own start is that of its latest."""
    first = (job.attempts or [{}])[0]
    return moment_of(first.get("start")) or job.started_at


def _of_attempt(job: Job, attempt: Mapping[str, Any]) -> Iterator[Line]:
    number = attempt.get("number") or 0
    start, end = moment_of(attempt.get("start")), moment_of(attempt.get("end"))
    if number > 1 and start is not None:
        yield _attempt_begun(job, number, start)
    if end is None or (job.ended_at is not None and number == job.attempt and not attempt.get("lost")):
        # The last attempt's end is the job's.
        return
    text = _("Attempt %d was lost.") if attempt.get("lost") else _("Attempt %d failed.")
    message = f"{text % number} {attempt.get('message') or ''}".rstrip()
    yield Line(("attempt ended", number), end, "WARN", message, job.node_id)


def _attempt_begun(job: Job, number: int, at: datetime) -> Line:
    return Line(("attempt", number), at, "INFO", _("Attempt %d began.") % number, job.node_id)


def written(job: Job, log: str | None) -> Iterator[Line]:
    """The lines of this log of the job's."""
    for index, text in enumerate((log or "").splitlines()):
        if not text:
            continue
        try:
            entry = json.loads(text)
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            entry = {"message": text}
        level = str(entry.get("level")).upper()
        at = moment_of(entry.get("timestamp")) or job.started_at or job.created_at
        # Written to the millisecond: never shown before the beginning that it followed.
        at = max(at, job.started_at) if job.started_at and (job.started_at - at).total_seconds() < 0.001 else at
        message = str(entry.get("message") or "")
        yield Line(("log", index), at, level if level in LEVELS else "INFO", message, job.node_id)


def _ended(job: Job, attempts: Sequence[Mapping[str, Any]]) -> Line:
    assert job.ended_at is not None
    text = _("Job %(number)s ended: %(status)s.") % {"number": job.number, "status": label_of(job.status)}
    last = attempts[-1] if attempts and attempts[-1].get("number") == job.attempt else {}
    message = f"{text} {last.get('message') or ''}".rstrip()
    return Line(("ended", 0), job.ended_at, _level_of(job.status), message, job.node_id)


def label_of(status: int) -> str:
    """A number of a kind's own reads as its sign (spec 2.3)."""
    if status not in JobStatus.values:
        status = JobStatus.RESOLVED if status > 0 else JobStatus.FAILED
    return str(JobStatus(status).label)


def _level_of(status: int) -> str:
    if status >= 0:
        return "INFO"
    return "WARN" if status in _GIVEN_UP else "ERROR"


def moment_of(text: Any) -> datetime | None:
    """A moment as attempts and log lines hold it; what is none reads as None."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def shown(lines: Iterable[Line], execution_id: int) -> list[dict[str, Any]]:
    return [
        {
            "timestamp": iso_milliseconds(line.at),
            "level": line.level,
            "message": jsonable(line.message),
            "nodeId": line.node_id,
            "executionId": execution_id,
        }
        for line in lines
    ]
