"""A run's jobs as the tree they are: each may stand under the very job of the branching node that it ran under."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from executions import recording
from executions.run import Run
from executions.runjob import RunJob
from workflows.graph import GraphNode
from workflows.statuses import JobStatus


def pending_below(run: Run, top: int) -> Iterator[RunJob]:
    """The pending jobs below this one, at any depth, in the order of their numbers."""
    for number in sorted(run.pending):
        job = run.known[number]
        above = job.parent
        while above is not None and above != top:
            above = run.job(above).parent
        if above is not None:
            yield job


def quiet_below(run: Run, decided_job: RunJob, now: datetime) -> None:
    """What still waits below a decided job wakes nobody any more."""
    for job in pending_below(run, decided_job.number):
        run.close_tasks(job, now)
        if job.due_at is not None:
            job.due_at = None
            job.changed = True


def start_over(run: Run, job: RunJob, now: datetime) -> None:
    """What a failed attempt left in its branches comes to nothing before the next one begins."""
    for below in list(pending_below(run, job.number)):
        run.close_job(below, JobStatus.ABORTED, now)
    for move in list(run.agenda):
        if _is_in(run, move[3] if move[0] == "run" else move[1], job.number):
            run.agenda.remove(move)
    assert job.attempts is not None, "It failed, so there is an attempt to tell of."
    # Who counts rounds and branches begun leaves out the jobs up to here.
    job.attempts[-1]["jobs"] = run.last_number


def _is_in(run: Run, number: int | None, top: int) -> bool:
    """Whether it is the top job itself or one below."""
    while number is not None and number != top:
        number = run.job(number).parent
    return number is not None


def assign(run: Run, key: str, value: Any, by: RunJob, now: datetime) -> None:
    """A further result for the node with this key, as a resolved job. Raises `KeyError` for a key that is none."""
    node = run.graph.by_key.get(key)
    if node is None:
        raise KeyError(key)
    job = run.add_job(node.id, node.key, _place_of(run, node, by), by.number, now)
    job.result = value
    # A rerun must not take it for one that ran.
    job.meta = {"assignedBy": by.number}
    run.close_job(job, JobStatus.RESOLVED, now)


def _place_of(run: Run, node: GraphNode, by: RunJob) -> int | None:
    """The job that the node stands under: around `by`, else where it last ran."""
    above, wanted = by.parent, node.parent.id if node.parent is not None else None
    while above is not None and run.job(above).node_id != wanted:
        above = run.job(above).parent
    if above is None and wanted is not None and (latest := run.latest(node.id)) is not None:
        above = latest.parent
    return above


def as_end(run: Run, job: RunJob) -> RunJob:
    """The job as the end of its line: a failure that the policy passes over counts as resolved."""
    if job.status < 0 and run.graph.nodes[job.node_id].policy.on_error == "continue":
        return replace(job, status=JobStatus.RESOLVED)
    return job


def said_before(run: Run, job: RunJob) -> str | None:
    """The message that a variable right before an end gives: what the failure is."""
    before = run.job(job.upstream) if job.upstream is not None else None
    if before is None or run.graph.nodes[before.node_id].type != "variable":
        return None
    return recording.message_of(before.result)
