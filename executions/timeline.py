"""When each step of a run began and ended, as bars on a line of time need it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from executions.logs import begun_at
from executions.models import Execution, Job
from workflows.graph import Graph

RUN_COLUMNS = ("id", "key", "workflow_id", "status", "paused_at", "created_at", "started_at", "ended_at")
JOB_COLUMNS = (
    "id", "number", "node_id", "node_key", "parent", "upstream", "status", "wait", "attempt", "attempts", "started_at",
    "ended_at",
)  # fmt: skip


def bounds(run: Execution) -> dict[str, Any]:
    """The run's own moments; `waited` and `duration` in seconds."""
    return {
        "id": run.pk,
        "status": run.status,
        "created_at": run.created_at,
        "start": run.started_at,
        "end": run.ended_at,
        "paused_at": run.paused_at,
        "waited": seconds(run.created_at, run.started_at),
        "duration": seconds(run.started_at, run.ended_at),
    }


def bar(job: Job, graph: Graph | None) -> dict[str, Any]:
    """One job; `upstream` is the number of the job it followed, `parent` that of the one whose branch it ran in."""
    node = graph.nodes.get(job.node_id) if graph and job.node_id else None
    start = begun_at(job)
    return {
        "id": job.pk,
        "number": job.number,
        "node": job.node_id,
        "node_key": job.node_key,
        "title": (node.title or node.key) if node else None,
        "type": node.type if node else None,
        "upstream": job.upstream,
        "parent": job.parent,
        "start": start,
        "end": job.ended_at,
        "duration": seconds(start, job.ended_at),
        "status": job.status,
        "wait": job.wait,
        "attempt": job.attempt,
        "attempts": [_attempt(entry) for entry in job.attempts or ()],
    }


def _attempt(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: entry.get(name) for name in ("number", "start", "end", "status", "message")}


def seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else max((end - start).total_seconds(), 0.0)
