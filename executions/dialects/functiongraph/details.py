"""One run with what became of its nodes. Masked values stay masked."""

import json
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from executions.dialects.functiongraph.asked import Asked
from executions.dialects.functiongraph.shapes import brief, job_status, milliseconds, moment, user_names
from executions.graphs import graph_of
from executions.logs import begun_at, label_of
from executions.masking import cut, hide_jobs, hide_runs
from executions.models import Execution, Job
from executions.recording import message_of
from workflows.statuses import JobStatus

#: Jobs that one answer tells of, the youngest.
MOST_JOBS = 1_000
#: Characters of a value, as JSON, that are shown where the whole is not asked for.
SHOWN = 10_000
_FULL = "x-get-workflow-full-history-data"
_COLUMNS = ("execution", "number", "node", "node_key", "status", "attempt", "attempts", "started_at", "ended_at")


def show_execution(asked: Asked) -> Any:
    """`ShowWorkflowExecution`; what became of its nodes for who may see jobs. Up to nine queries."""
    workflow = asked.workflow()
    shown_id, run = asked.run(workflow)
    hide_runs([run])
    whole = asked.headers.get(_FULL, "").lower() == "true"
    return {
        **brief(run, shown_id, workflow, asked.project, user_names([run.created_by_id])),
        # Taken and kept nowhere: no step here calls a function that they could go to.
        "headers": {},
        "input": run.context,
        "output": run.output,
        "node_execution_details": _nodes(run, whole=whole) if asked.caller.may("executions.view_job") else [],
    }


def errors_of(run: Execution) -> list[dict[str, Any]]:
    """What failed in a run that failed, as the answer to a synchronous start tells it; never empty.

    The run's own values are masked already.
    """
    jobs = list(_jobs(run).filter(status__lt=0)[:MOST_JOBS])
    hide_jobs(jobs)
    found = [
        {
            "node_id": job.node_key,
            "error_message": _message(run, job, _value(job, "result", whole=False)) or label_of(job.status),
            "begin_time": moment(begun_at(job)),
            "end_time": moment(job.ended_at),
        }
        for job in reversed(jobs)
    ]
    of_run = {
        "node_id": "",
        "error_message": run.error or label_of(run.status or 0),
        "begin_time": moment(run.created_at),
        "end_time": moment(run.ended_at),
    }
    return found or [of_run]


def _jobs(run: Execution, *, whole: bool = False) -> QuerySet[Job]:
    jobs = Job.objects.filter(execution=run.pk).order_by("-number")
    if whole:
        return jobs.only("input", "result", *_COLUMNS)
    return jobs.only(*_COLUMNS).annotate(**cut(("input", "result"), SHOWN))


def _nodes(run: Execution, *, whole: bool) -> Sequence[dict[str, Any]]:
    """In the order in which they ran first."""
    graph = graph_of(run)
    titles = {key: node.title for key, node in graph.by_key.items()} if graph is not None else {}
    jobs = list(_jobs(run, whole=whole)[:MOST_JOBS])
    hide_jobs(jobs)
    nodes: dict[str, dict[str, Any]] = {}
    for job in reversed(jobs):
        node = nodes.setdefault(
            job.node_key,
            {"node_id": job.node_key, "node_name": titles.get(job.node_key) or job.node_key, "executions": []},
        )
        node["execution_id"] = str(job.pk)
        node["executions"].append(_job(run, job, whole=whole))
    return list(nodes.values())


def _job(run: Execution, job: Job, *, whole: bool) -> dict[str, Any]:
    result = _value(job, "result", whole=whole)
    # What still waited when the run ended waits for ever.
    dropped = job.status == JobStatus.PENDING and run.ended_at is not None
    return {
        "status": job_status(JobStatus.CANCELED if dropped else job.status),
        "input": _value(job, "input", whole=whole),
        "output": result,
        "begin_time": milliseconds(begun_at(job)),
        "end_time": milliseconds(run.ended_at if dropped else job.ended_at),
        "error_message": _message(run, job, result),
        "request_id": str(job.pk),
    }


def _message(run: Execution, job: Job, result: Any) -> str | None:
    """Why it failed, as it says itself, else as its run does; None where it did not."""
    if job.status >= 0:
        return None
    return (job.attempts or [{}])[-1].get("message") or message_of(result) or run.error


def _value(job: Job, name: str, *, whole: bool) -> Any:
    """A value or, where it is long and not asked for as a whole, the beginning of its JSON as a text."""
    if whole:
        return getattr(job, name)
    text = getattr(job, f"shown_{name}")
    if text is None:
        return None
    return json.loads(text) if len(text) <= SHOWN else f"{text[:SHOWN]} …"
