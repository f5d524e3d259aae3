"""A run as the workflow that it sets off is told of it: its columns, the node that failed, the error.

What is marked as sensitive is masked for good: the new run's own marks would not cover it.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.db.models.functions import Now

from executions.listing.statuses import status_name
from executions.masking import Mask, learn_results
from executions.models import Execution, Job
from executions.recording import message_of
from executions.reruns import innermost_failure
from executions.store import session
from executions.timeline import seconds
from workflows import sensitivity
from workflows.errors import SluiceError
from workflows.graph import Graph, load_graph
from workflows.jsonable import jsonable
from workflows.models import Workflow
from workflows.sensitivity import RESULTS

_COLUMNS = (
    "id", "key", "title", "version", "type", "name", "tags", "status", "reason", "manually", "attempt",
    "parent_execution_id", "created_at", "started_at", "ended_at", "output", "error", "workflow_id", "context", "now",
)  # fmt: skip
#: Failed jobs among which those that ended their runs are looked for.
_MOST_JOBS = 5_000

Row = dict[str, Any]
#: (node id, its key, the job's result), what failed last first.
Failures = list[tuple[int | None, str, Any]]


def read(db: BaseDatabaseWrapper, rows: "QuerySet[Any, Any]") -> list[Any]:
    """These rows by this connection, which need not be one of Django's own."""
    return list(rows.query.get_compiler(connection=db).results_iter(tuple_expected=True))


def contexts(
    db: BaseDatabaseWrapper, ids: Collection[int], graphs: Mapping[int, Graph | None]
) -> dict[int, dict[str, Any]]:
    """By run: {"execution", "node", "error"}. `graphs`, by run, are known already; others are loaded."""
    runs = Execution.objects.filter(pk__in=ids).annotate(now=Now()).values_list(*_COLUMNS)
    rows: list[Row] = [dict(zip(_COLUMNS, row, strict=True)) for row in read(db, runs)]
    failures = _failures(db, rows)
    masks = _masks(db, rows)
    return {row["id"]: _context(row, graphs, failures.get(row["id"], []), masks.get(row["id"])) for row in rows}


def describe(execution_id: int, mode: str) -> dict[str, Any] | None:
    """What this run would give now."""
    found = contexts(session.connection(), [execution_id], {}).get(execution_id)
    return None if found is None else {"event": mode, **found}


def _context(row: Row, graphs: Mapping[int, Graph | None], failures: Failures, mask: Mask | None) -> dict[str, Any]:
    node, error = None, row["error"]
    graph = (graphs[row["id"]] if row["id"] in graphs else _graph(row["workflow_id"])) if failures else None
    failed = innermost_failure(graph, row["status"], [node_id for node_id, _key, _result in failures])
    if failed is not None:
        result = next(result for node_id, _key, result in failures if node_id == failed.id)
        error = error or message_of(result)
        if mask is not None:
            mask.learn(result, failed.key)
            result = mask.masked(result, RESULTS, failed.key)
        node = {"id": failed.id, "key": failed.key, "title": failed.title, "type": failed.type, "result": result}
    execution = {name: row[name] for name in _COLUMNS[:11]}
    execution |= {
        "status_name": status_name(row["status"]),
        "parent": row["parent_execution_id"],
        **{name: row[name] for name in ("created_at", "started_at", "ended_at")},
        "duration": seconds(row["started_at"], row["ended_at"] or row["now"]),
        "output": row["output"] if mask is None else mask.masked(row["output"]),
    }
    shown: dict[str, Any] = jsonable(
        {"execution": execution, "node": node, "error": error if mask is None else mask.masked(error)}
    )
    return shown


def _graph(workflow_id: int | None) -> Graph | None:
    try:
        return load_graph(workflow_id or 0)
    except SluiceError:
        return None


def _failures(db: BaseDatabaseWrapper, rows: Collection[Row]) -> dict[int, Failures]:
    """The failed jobs of runs that a node's failure may have ended."""
    failed = [row["id"] for row in rows if row["ended_at"] and (row["status"] or 0) < 0 and not row["reason"]]
    found: dict[int, Failures] = defaultdict(list)
    if failed:
        jobs = Job.objects.filter(execution__in=failed, status__lt=0, ended_at__isnull=False)
        jobs = jobs.order_by("-ended_at", "-number")
        columns = ("execution_id", "node_id", "node_key", "result")
        for execution_id, *failure in read(db, jobs.values_list(*columns)[:_MOST_JOBS]):
            found[execution_id].append((failure[0], failure[1], failure[2]))
    return found


def _masks(db: BaseDatabaseWrapper, rows: Collection[Row]) -> dict[int, Mask]:
    """What is marked, by run; none of a run where nothing is."""
    names = sensitivity.field_names()
    marks: dict[str, frozenset[sensitivity.Mark]] = {}
    marking = Workflow.objects.filter(key__in={row["key"] for row in rows}, options__has_key="sensitive")
    for key, options in read(db, marking.values_list("key", "options")):
        if found := sensitivity.marks_in(options):
            marks[key] = marks.get(key, frozenset()) | found
    masks = {
        row["id"]: Mask(names, marks.get(row["key"], frozenset()), row["context"])
        for row in rows
        if names or row["key"] in marks
    }
    learn_results(masks, lambda jobs: read(db, jobs))
    return masks
