"""A run in time: a bar for each job, or where there are too many of them for each node."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from executions import logs
from executions.admin import shown
from executions.admin.steps import Step
from executions.models import Execution

#: Percent of the width that a bar has at least, so that it can be seen.
_THIN = 0.4


@dataclass(frozen=True)
class Piece:
    """From and how far, in percent of the width, as SVG takes them."""

    x: str
    width: str
    tone: str


@dataclass(frozen=True)
class Row:
    title: str
    #: What opens its panel, as a query.
    query: str
    depth: int
    badge: str
    text: str
    #: How many jobs it stands for.
    jobs: int = 1
    pieces: list[Piece] = field(default_factory=list)


@dataclass(frozen=True)
class Timeline:
    begin: datetime
    end: datetime
    rows: list[Row]
    #: Whether a row is a node with all its jobs.
    by_node: bool

    @property
    def span(self) -> str:
        return shown.span_text(self.end - self.begin)


_Span = tuple[datetime, datetime, str]


def of_jobs(execution: Execution, steps: Sequence[Step]) -> Timeline | None:
    """The jobs that the page shows; the width is what they took."""
    now = execution.ended_at or timezone.now()
    spans = {step.job.number: _spans_of(step, now) for step in steps}
    scale = _Scale(span for found in spans.values() for span in found)
    rows = [
        Row(
            step.title, f"job={step.job.number}", step.depth, step.badge, step.duration,
            pieces=[scale.piece(span) for span in spans[step.job.number]],
        )
        for step in steps
    ]  # fmt: skip
    return Timeline(scale.begin, scale.end, rows, by_node=False) if rows else None


def of_nodes(execution: Execution, nodes: Iterable[Mapping[str, Any]], depths: Mapping[int, int]) -> Timeline | None:
    """All jobs of a run, as `graphs.picture` tells them."""
    now = execution.ended_at or timezone.now()
    ran = [node for node in nodes if node["jobs"]]
    spans = {node["key"]: _span(node["start"], node["end"] if node["status"] else now, node["status"]) for node in ran}
    scale = _Scale(span for found in spans.values() for span in found)
    rows = [
        Row(
            node["title"], f"job={node['latest']}", depths.get(node["id"], 0), shown.job_badge(node["status"]),
            _text(spans[node["key"]]), node["jobs"], [scale.piece(span) for span in spans[node["key"]]],
        )
        for node in ran
    ]  # fmt: skip
    return Timeline(scale.begin, scale.end, rows, by_node=True) if rows else None


def _spans_of(step: Step, now: datetime) -> list[_Span]:
    """One for each attempt that has ended, and one for what is left."""
    found: list[_Span] = []
    for entry in step.job.attempts or ():
        if entry.get("number") != step.job.attempt:
            found += _span(logs.moment_of(entry.get("start")), logs.moment_of(entry.get("end")), entry.get("status"))
    last = step.job.started_at or (None if found else logs.begun_at(step.job))
    return found + _span(last, step.job.ended_at or now, step.job.status)


def _span(start: datetime | None, end: datetime | None, status: int | None) -> list[_Span]:
    tone = "bad" if status is None else shown.job_tone(status)
    return [] if start is None or end is None else [(start, max(start, end), tone)]


def _text(spans: Sequence[_Span]) -> str:
    return shown.span_text(spans[0][1] - spans[0][0]) if spans else ""


class _Scale:
    """Where a moment stands between the first and the last of them."""

    def __init__(self, spans: Iterable[_Span]) -> None:
        known = list(spans) or [(timezone.now(), timezone.now(), "")]
        self.begin = min(start for start, _end, _tone in known)
        self.end = max(end for _start, end, _tone in known)
        # What took no time at all still has a width.
        self._whole = max(self.end - self.begin, timedelta(microseconds=1))

    def piece(self, span: _Span) -> Piece:
        start, end, tone = span
        width = max(100 * ((end - start) / self._whole), _THIN)
        x = min(100 * ((start - self.begin) / self._whole), 100 - width)
        # Never with a comma, whatever the language.
        return Piece(f"{x:.3f}%", f"{width:.3f}%", tone)
