"""A run as a picture: the nodes and links of its version, each with what its jobs came to.

The jobs are aggregated by the database: a run of 100,000 jobs costs as many queries as one of three.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Max, Min, OuterRef, Subquery
from django.utils.translation import gettext as _

from executions.models import Execution, Job
from workflows.errors import SluiceError
from workflows.graph import Graph, GraphNode, load_graph


def graph_of(execution: Execution) -> Graph | None:
    """The graph of the run's version; None where that was deleted, or its rows form no tree."""
    try:
        return load_graph(execution.workflow_id) if execution.workflow_id else None
    except (SluiceError, ValueError):
        return None


class _Tally:
    """What the jobs of one node came to."""

    def __init__(self) -> None:
        self.jobs = 0
        self.latest = 0
        self.status: int | None = None
        self.statuses: dict[int, int] = {}
        self.node_id: int | None = None
        self.start: datetime | None = None
        self.end: datetime | None = None

    def add(self, row: dict[str, Any]) -> None:
        self.jobs += row["jobs"]
        self.statuses[row["status"]] = row["jobs"]
        if row["latest"] > self.latest:
            self.latest, self.status, self.node_id = row["latest"], row["status"], row["node_id"]
        self.start = min(filter(None, (self.start, row["start"])), default=None)
        self.end = max(filter(None, (self.end, row["end"])), default=None)

    def shown(self) -> dict[str, Any]:
        return {
            "jobs": self.jobs,
            "latest": self.latest or None,
            "status": self.status,
            "statuses": self.statuses,
            "start": self.start,
            "end": self.end,
        }


def picture(execution: Execution, graph: Graph | None) -> dict[str, Any]:
    """{"nodes", "edges", "note"}: `note` says what is missing where the version is gone. One to three queries."""
    tallies = _tallies(execution)
    if graph is None:
        note = _("The workflow was deleted; this is what the jobs tell: nodes that ran, in the order they ran.")
        return {
            "nodes": [_lost(key, tally) for key, tally in sorted(tallies.items(), key=lambda item: item[1].latest)],
            "edges": list(_followed(execution)),
            "note": note,
        }
    nodes = [_drawn(node, tallies.pop(node.key, _Tally())) for _depth, node in graph.walk()]
    # Nodes deleted while the run was queued; their jobs are those of an earlier attempt.
    nodes += [_lost(key, tally) for key, tally in tallies.items()]
    return {"nodes": nodes, "edges": list(_links(graph)), "note": None}


def _tallies(execution: Execution) -> dict[str, _Tally]:
    found: dict[str, _Tally] = {}
    rows = (
        Job.objects.filter(execution=execution)
        .order_by()
        .values("node_key", "node_id", "status")
        .annotate(jobs=Count("id"), latest=Max("number"), start=Min("started_at"), end=Max("ended_at"))
    )
    for row in rows:
        found.setdefault(row["node_key"], _Tally()).add(dict(row))
    return found


def _drawn(node: GraphNode, tally: _Tally) -> dict[str, Any]:
    return {
        "id": node.id,
        "key": node.key,
        "title": node.title or node.key,
        "type": node.type,
        "parent": node.parent.id if node.parent else None,
        "deleted": False,
        **tally.shown(),
    }


def _lost(key: str, tally: _Tally) -> dict[str, Any]:
    title = _("deleted node %s") % key
    known = {"id": tally.node_id, "key": key, "title": title, "type": None, "parent": None, "deleted": True}
    return {**known, **tally.shown()}


def _links(graph: Graph) -> Iterator[dict[str, Any]]:
    for _depth, node in graph.walk():
        for index, head in node.heads.items():
            yield _edge(node.key, head.key, "branch", index)
        if node.downstream is not None:
            yield _edge(node.key, node.downstream.key, "sequence", None)


def _followed(execution: Execution) -> Iterator[dict[str, Any]]:
    """Who followed whom, of the jobs alone: the head of a branch follows the very job it ran under."""
    before = Job.objects.filter(execution=OuterRef("execution"), number=OuterRef("upstream")).values("node_key")[:1]
    jobs = Job.objects.filter(execution=execution, upstream__isnull=False).order_by().annotate(before=Subquery(before))
    branch = jobs.filter(parent=F("upstream")).values_list("before", "node_key").distinct()
    sequence = jobs.exclude(parent__isnull=False, parent=F("upstream")).values_list("before", "node_key").distinct()
    for kind, pairs in (("branch", branch), ("sequence", sequence)):
        for source, target in sorted(pairs, key=str):
            yield _edge(source, target, kind, None)


def _edge(source: str, target: str, kind: str, index: int | None) -> dict[str, Any]:
    return {"source": source, "target": target, "kind": kind, "index": index}
