"""What the page of a run shows: its facts, and its jobs in order, a page at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from executions.admin import shown
from executions.models import Execution, Job
from workflows.admin import tree
from workflows.errors import SluiceError
from workflows.graph import Graph, load_graph

#: Jobs of one page.
JOBS = 200
#: Relatives listed on a page; the API gives them all.
_RELATIVES = 50
_DEEPEST = 20


@dataclass(frozen=True)
class Step:
    """A job as the page shows it."""

    job: Job
    title: str
    kind: str
    depth: int
    #: The branch of the parent's node that it stands in.
    branch: str | Promise = ""

    @property
    def badge(self) -> str:
        return shown.job_badge(self.job.status)

    @property
    def started(self) -> str:
        return shown.moment(self.job.started_at)

    @property
    def due(self) -> str:
        return shown.moment(self.job.due_at)

    @property
    def wait(self) -> str:
        return shown.wait_text(self.job.wait)

    @property
    def duration(self) -> str:
        return shown.duration(self.job.started_at, self.job.ended_at) if self.job.started_at else ""


class Steps:
    """The jobs after number `after`, in order, indented as their nodes stand in the workflow."""

    def __init__(self, execution: Execution, after: int) -> None:
        rows = list(Job.objects.filter(execution=execution, number__gt=after).order_by("number")[: JOBS + 1])
        self.after = after
        self.more = rows[JOBS - 1].number if len(rows) > JOBS else None
        graph = _graph(execution)
        branches = _branches(graph) if graph else {}
        self.rows = [_step(job, graph, branches) for job in rows[:JOBS]]


def _graph(execution: Execution) -> Graph | None:
    try:
        return load_graph(execution.workflow_id) if execution.workflow_id else None
    except (SluiceError, ValueError):
        # Deleted, or rows that form no tree: history is shown without titles and indentation.
        return None


def _branches(graph: Graph) -> dict[int, str | Promise]:
    """The label of the branch each node stands in, by node id."""
    return {
        inner.id: row.label
        for node in graph.nodes.values()
        if node.branches
        for row in tree.branches(node)
        if row.filled and row.index is not None
        for inner in node.branches[row.index].line()
    }


def _step(job: Job, graph: Graph | None, branches: Mapping[int, str | Promise]) -> Step:
    node = graph.nodes.get(job.node_id) if graph and job.node_id else None
    if node is None:
        return Step(job, _("deleted node %s") % job.node_key, "", 0)
    depth, above = 0, node.parent
    while above is not None:
        depth, above = depth + 1, above.parent
    return Step(job, node.title or node.key, node.type, min(depth, _DEEPEST), branches.get(node.id, ""))


def page_facts(execution: Execution, site: str) -> Iterator[tuple[str, Any]]:
    """(label, value) of what is known of a run; what is empty is left out."""
    yield _("Status"), shown.execution_badge(execution)
    facts: list[tuple[str, Any]] = [
        (_("Reason"), execution.get_reason_display()),
        (_("Workflow"), shown.workflow_link(execution, site)),
        (_("Trigger type"), shown.trigger_title(execution.type)),
        (_("Started by hand"), _("Yes") if execution.manually else None),
        (_("Name"), execution.name),
        (_("Event key"), execution.event_key),
        (_("Lane"), execution.lane),
        (_("Queue"), execution.queue),
        (_("Tags"), ", ".join(map(str, execution.tags or []))),
        (_("Created by"), _user(execution.created_by_id)),
        (pgettext("time", "Created"), shown.moment(execution.created_at)),
        (pgettext("time", "Started"), shown.moment(execution.started_at)),
        (_("Duration"), shown.duration(execution.started_at, execution.ended_at)),
        (_("Ended"), shown.moment(execution.ended_at)),
        (_("Expires"), shown.moment(None if execution.ended_at else execution.expires_at)),
        (pgettext("time", "Paused"), shown.moment(execution.paused_at)),
        (_("Next looked at"), shown.moment(None if execution.ended_at else execution.due_at)),
        (_("Attempt"), execution.attempt if execution.attempt > 1 else None),
        (_("Rerun of"), shown.execution_link(execution.rerun_of_id, site) if execution.rerun_of_id else None),
        (
            _("Parent"),
            shown.execution_link(execution.parent_execution_id, site) if execution.parent_execution_id else None,
        ),
    ]
    for label, value in facts:
        if value not in (None, ""):
            yield label, value


def relatives(execution: Execution, site: str) -> list[tuple[str, list[tuple[Any, Any]]]]:
    """Children and reruns as (heading, [(link, badge)]); two queries."""
    columns = ("id", "status", "ended_at", "paused_at", "parked")
    found = []
    for heading, rows in ((_("Children"), execution.children), (_("Reruns"), execution.reruns)):
        listed = rows.only(*columns).order_by("id")[:_RELATIVES]
        links = [(shown.execution_link(row.pk, site), shown.execution_badge(row)) for row in listed]
        if links:
            found.append((heading, links))
    return found


def _user(pk: int | None) -> str | None:
    if pk is None:
        return None
    user = get_user_model()._default_manager.filter(pk=pk).first()
    return _("deleted user %s") % pk if user is None else str(user)
