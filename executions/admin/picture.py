"""A run as its workflow is drawn: on each card what its jobs came to, how many they are, and how long they took."""

from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import ngettext

from executions.admin import shown, timeline
from executions.admin.steps import JOBS, Steps
from executions.graphs import picture
from executions.models import Execution
from workflows.canvas import Canvas, lay_out
from workflows.graph import Graph, GraphNode


@dataclass(frozen=True)
class Card:
    """What a card shows besides its node; `jobs` 0 has not run."""

    jobs: int
    tone: str = ""
    badge: SafeString | str = ""
    rounds: str = ""
    time: str = ""


@dataclass(frozen=True)
class Drawn:
    """`canvas` None where the version is gone; `note` says so."""

    canvas: Canvas | None
    note: str | None
    timeline: timeline.Timeline | None


def draw(execution: Execution, steps: Steps) -> Drawn:
    """One query, two more where the version is gone."""
    known = picture(execution, steps.graph)
    by_id = {node["id"]: node for node in known["nodes"]}
    canvas = None
    if steps.graph is not None:
        canvas = lay_out(
            steps.graph, extras={node.id: _card(node, by_id, execution) for node in steps.graph.nodes.values()}
        )
    if steps.narrowed or steps.last <= JOBS:
        line = timeline.of_jobs(execution, steps.rows)
    else:
        line = timeline.of_nodes(execution, known["nodes"], _depths(steps.graph))
    return Drawn(canvas, known["note"], line)


def _card(node: GraphNode, tallies: dict[int, dict[str, Any]], execution: Execution) -> Card:
    tally = tallies[node.id]
    if not tally["jobs"]:
        return Card(0)
    end = tally["end"] if tally["status"] else execution.ended_at
    return Card(
        tally["jobs"],
        shown.job_tone(tally["status"]),
        shown.job_badge(tally["status"]),
        _rounds(node, tallies),
        shown.duration(tally["start"], end),
    )


def _rounds(node: GraphNode, tallies: dict[int, dict[str, Any]]) -> str:
    """Of a loop how often it has begun; of what ran more than once, how often."""
    head = next(iter(node.branches.values()), None)
    if node.type == "loop" and head is not None:
        number = tallies[head.id]["jobs"]
        return str(ngettext("%d round", "%d rounds", number) % number)
    number = tallies[node.id]["jobs"]
    return f"×\u2009{number}" if number > 1 else ""


def _depths(graph: Graph | None) -> dict[int, int]:
    return {node.id: depth for depth, node in graph.walk()} if graph else {}
