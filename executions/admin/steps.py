"""The jobs on the page of a run: in order, a page at a time, indented under the jobs whose branches they ran in."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Max, QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from executions import logs
from executions.admin import shown
from executions.graphs import graph_of
from executions.masking import cut, hide_jobs
from executions.models import Execution, Job
from workflows.admin.base import STYLES
from workflows.canvas import tree
from workflows.graph import Graph, GraphNode
from workflows.instructions.base import Wait
from workflows.listing.pages import as_id
from workflows.visibility import visible_rows

RUN_STYLES = {"all": [*STYLES["all"], "executions/run.css"]}
#: Jobs of one page.
JOBS = 100
#: Characters of one value, and of one log, on the page of a run; the job's own page has them whole.
SHOWN = 4_000
#: Runs that jobs of a page started.
_CHILDREN = 200
_DEEPEST = 20
#: What a page can be narrowed to.
_SHOWS: Mapping[str, Mapping[str, Any]] = {"failed": {"status__lt": 0}, "waiting": {"status": 0}}
_COLUMNS = (
    "id", "execution", "number", "node", "node_key", "parent", "upstream", "status", "wait", "due_at", "attempt",
    "attempts", "started_at", "ended_at", "created_at",
)  # fmt: skip


@dataclass
class Step:
    """A job as the page shows it."""

    job: Job
    title: str
    #: When its run ended: what waits then waits no longer.
    run_ended: datetime | None = None
    kind: str = ""
    depth: int = 0
    #: The branch of the parent's node that it stands in.
    branch: str | Promise = ""
    #: Of the first job of a loop's round: which round.
    round: int | None = None
    branching: bool = False
    node_url: str = ""
    #: The runs it started, as links with badges.
    children: list[tuple[Any, Any]] = field(default_factory=list)
    #: Of a job that people may end.
    finishable: bool = False

    @property
    def before_parent(self) -> int:
        """A page that begins with the parent, wherever that stands."""
        return (self.job.parent or 1) - 1

    @property
    def badge(self) -> str:
        return shown.job_badge(self.job.status)

    @property
    def started(self) -> str:
        return shown.moment(logs.begun_at(self.job))

    @property
    def due(self) -> str:
        return shown.moment(self.job.due_at)

    @property
    def wait(self) -> str:
        return shown.wait_text(self.job.wait)

    @property
    def duration(self) -> str:
        return shown.duration(logs.begun_at(self.job), self.job.ended_at or self.run_ended)

    @property
    def values(self) -> list[tuple[str, str, bool]]:
        """(label, text, whether it was cut) of what went in and what came out."""
        found = ((_("Input"), self.job.shown_input), (_("Result"), self.job.shown_result))  # type: ignore[attr-defined]
        return [(label, *_readable(text)) for label, text in found if text not in (None, "null")]

    @property
    def attempts(self) -> Iterator[tuple[Any, str, str, str, Any, str]]:
        return shown_attempts(self.job)

    @property
    def log(self) -> list[tuple[str, str, str]]:
        return shown_log(self.job, self.job.shown_log)  # type: ignore[attr-defined]


def shown_attempts(job: Job) -> Iterator[tuple[Any, str, str, str, Any, str]]:
    """(number, start, end, duration, badge, message) of each finished attempt, where there was more than a success."""
    for entry in job.attempts or ():
        start, end = logs.moment_of(entry.get("start")), logs.moment_of(entry.get("end"))
        status = entry.get("status")
        badge = shown.lost_badge() if status is None else shown.job_badge(status)
        yield (
            entry.get("number"),
            shown.moment(start),
            shown.moment(end),
            shown.duration(start, end),
            badge,
            entry.get("message") or "",
        )


def shown_log(job: Job, text: str | None) -> list[tuple[str, str, str]]:
    """(time, level, message) of each line that the job wrote."""
    return [(shown.time_of_day(line.at), line.level, line.message) for line in logs.written(job, text)]


def _readable(text: str) -> tuple[str, bool]:
    """JSON indented, or as much of it as is shown."""
    if len(text) > SHOWN:
        return text[:SHOWN] + " …", True
    return json.dumps(json.loads(text), ensure_ascii=False, indent=2), False


class Steps:
    """One page of jobs.

    The query `?after=` is the last number of the page before, `?in=` shows only the jobs under that one, `?show=` only
    failed or waiting ones. Four to six queries, however many jobs there are.
    """

    def __init__(
        self,
        execution: Execution,
        query: Mapping[str, str],
        user: Any,
        site: str,
        revealed: Collection[int] = (),
    ) -> None:
        self.execution = execution
        self.user = user
        self.site = site
        self.after = as_id(query.get("after", "")) or 0
        self.inside = as_id(query.get("in", ""))
        self.show = query.get("show") if query.get("show") in _SHOWS else None
        self.graph = graph_of(execution)
        self.may_see_nodes = user.has_perm("workflows.view_node")
        self.may_finish = user.has_perm("executions.change_job") and execution.ended_at is None
        jobs = list(self._jobs()[: JOBS + 1])
        hide_jobs(jobs, revealed=revealed)
        self.more = jobs[JOBS - 1].number if len(jobs) > JOBS else None
        self.last: int = Job.objects.filter(execution=execution).aggregate(last=Max("number"))["last"] or 0
        self.rows = self._steps(jobs[:JOBS])

    def _jobs(self) -> QuerySet[Job]:
        jobs = Job.objects.filter(execution=self.execution, number__gt=self.after)
        if self.inside is not None:
            jobs = jobs.filter(parent=self.inside)
        if self.show:
            jobs = jobs.filter(**_SHOWS[self.show])
        return jobs.only(*_COLUMNS).annotate(**cut(("input", "result", "log"), SHOWN)).order_by("number")

    def _steps(self, jobs: Sequence[Job]) -> list[Step]:
        branches = _branches(self.graph) if self.graph else {}
        children = self._children(jobs)
        rounds = self._rounds(jobs)
        depths: dict[int, int] = {}
        steps = []
        for job in jobs:
            node = self.graph.nodes.get(job.node_id) if self.graph and job.node_id else None
            title = shown.node_title(job, node)
            step = Step(job, title, self.execution.ended_at, children=children[job.number])
            if node is not None:
                step.kind, step.branch, step.branching = node.type, branches.get(node.id, ""), bool(node.heads)
                step.node_url = self._node_url(node)
                step.depth = _depth(node)
            elif job.parent is not None:
                # Without the workflow, depth is known only of what stands on this page.
                step.depth = min(depths.get(job.parent, 0) + 1, _DEEPEST)
            depths[job.number] = step.depth
            if job.parent is not None and job.upstream == job.parent and _in_loop(node):
                rounds[job.parent] += 1
                step.round = rounds[job.parent]
            step.finishable = self.may_finish and job.status == 0 and job.wait != Wait.BRANCH
            steps.append(step)
        return steps

    def _node_url(self, node: GraphNode) -> str:
        if not self.may_see_nodes:
            return ""
        return reverse("admin:workflows_node_change", args=[node.id], current_app=self.site)

    def _children(self, jobs: Sequence[Job]) -> dict[int | None, list[tuple[Any, Any]]]:
        """The runs that jobs of this page started, by the jobs' numbers."""
        found: dict[int | None, list[tuple[Any, Any]]] = defaultdict(list)
        children: QuerySet[Execution] = self.execution.children.filter(
            parent_job__in=[job.number for job in jobs]
        ).order_by("id")
        rows = visible_rows(children, self.user)
        for row in rows.only("id", "parent_execution", "parent_job", *shown.BADGE_COLUMNS)[:_CHILDREN]:
            found[row.parent_job].append((shown.execution_link(row.pk, self.site), shown.execution_badge(row)))
        return found

    def _rounds(self, jobs: Sequence[Job]) -> Counter[int]:
        """How many rounds of the loops on this page began on the pages before."""
        nodes = self.graph.nodes if self.graph else {}
        loops = {job.parent for job in jobs if job.parent is not None and _in_loop(nodes.get(job.node_id or 0))}
        if not loops or not (self.after or self.show):
            return Counter()
        began = Job.objects.filter(execution=self.execution, parent__in=loops, upstream=F("parent"))
        before = began.filter(number__lt=jobs[0].number).order_by().values_list("parent").annotate(Count("id"))
        return Counter({parent: number for parent, number in before if parent is not None})

    @property
    def narrowed(self) -> bool:
        return self.inside is not None or self.show is not None

    @property
    def pages(self) -> list[tuple[str, str]]:
        """(text, query) of the links to other pages."""
        kept = (f"&in={self.inside}" if self.inside is not None else "") + (f"&show={self.show}" if self.show else "")
        links = [(_("First jobs"), f"?after=0{kept}")] if self.after else []
        if self.after > JOBS and not self.narrowed:
            links.append((_("Previous jobs"), f"?after={self.after - JOBS}"))
        if self.more:
            links.append((_("Further jobs"), f"?after={self.more}{kept}"))
            if not self.narrowed:
                links.append((_("Last jobs"), f"?after={max(self.last - JOBS, 0)}"))
        return links

    @property
    def range(self) -> str:
        """Which of how many this page shows."""
        if not self.rows or (not self.pages and not self.narrowed):
            return ""
        known = {"first": self.rows[0].job.number, "last": self.rows[-1].job.number, "all": self.last}
        return _("Jobs %(first)d to %(last)d of %(all)d") % known


def _in_loop(node: GraphNode | None) -> bool:
    return node is not None and node.parent is not None and node.parent.type == "loop" and not node.in_error_branch


def _depth(node: GraphNode) -> int:
    depth, above = 0, node.parent
    while above is not None:
        depth, above = depth + 1, above.parent
    return min(depth, _DEEPEST)


def _branches(graph: Graph) -> dict[int, str | Promise]:
    """The label of the branch each node stands in, by node id."""
    return {
        inner.id: row.label
        for node in graph.nodes.values()
        if node.heads
        for row in tree.branches(node)
        if row.filled and row.index is not None
        for inner in node.heads[row.index].line()
    }
