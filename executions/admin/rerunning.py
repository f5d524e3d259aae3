"""Running again in the admin: what is told before it is done, and what it came to."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from executions.admin import shown
from executions.admin.operating import MOST
from executions.models import Execution, Job
from executions.operations import nothing_to_rerun
from executions.reruns import workflow_gone
from executions.statuses import ExecutionStatus
from workflows.admin.forms import ReasonField
from workflows.canvas import tree
from workflows.graph import Graph
from workflows.instructions.base import Wait
from workflows.statuses import JobStatus

#: Waiting jobs that are named; of more, only their number.
_NAMED = 10


class RerunForm(forms.Form):
    node_id = forms.TypedChoiceField(label=gettext_lazy("From"), coerce=int, empty_value=None, required=False)
    reason = ReasonField()

    def __init__(self, *args: Any, nodes: Sequence[tuple[Any, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["node_id"].choices = [("", _("The start")), *nodes]  # type: ignore[attr-defined]


def fits(execution: Execution) -> bool:
    """Whether a rerun is offered; `workflow` must be joined, so that a deleted one shows as such."""
    return execution.status is not None and execution.workflow_id is not None and execution.workflow is not None


def refusal(execution: Execution) -> str:
    """Why a run that doesn't fit can't run again, as the operation itself says it."""
    return nothing_to_rerun(execution.pk) if execution.status is None else workflow_gone(execution.pk)


def nodes(graph: Graph | None) -> list[tuple[Any, str]]:
    """Choices of where to begin."""
    rows = tree.rows(graph) if graph else ()
    return [(row.node.id, "\u2003" * row.indent + row.name) for row in rows if row.index is None]


def warnings(execution: Execution, graph: Graph | None, *, may_see_jobs: bool) -> list[str]:
    """What becomes of this very run if it runs again; one query."""
    if execution.ended_at is not None:
        return [_("It has ended and stays as it is: a new execution begins.")]
    sentences = [_("It has not ended: this very execution goes on from where you choose, and no new one begins.")]
    jobs = list(waiting(execution)[: _NAMED + 1])
    if jobs and not may_see_jobs:
        sentences.append(_("What it waits for at the node you choose or after it ends as Aborted."))
    elif jobs:
        sentence = _("Of what it waits for, all at the node you choose or after it ends as Aborted: %s.")
        sentences.append(sentence % _names(jobs, graph))
    if execution.paused_at is not None:
        sentences.append(_("It is paused, and stays paused until it is resumed."))
    return sentences


def waiting(execution: Execution) -> QuerySet[Job]:
    """What the run waits for; not the jobs that only wait for those in their branches."""
    jobs = Job.objects.filter(execution=execution, status=JobStatus.PENDING).exclude(wait=Wait.BRANCH.value)
    return jobs.only("id", "number", "node", "node_key").order_by("number")


def _names(jobs: Sequence[Job], graph: Graph | None) -> str:
    known = graph.nodes if graph else {}
    names = [
        _("“%(node)s” (job %(number)d)")
        % {"node": shown.node_title(job, known.get(job.node_id or 0)), "number": job.number}
        for job in jobs[:_NAMED]
    ]
    return ", ".join(names) + (_(" and more") if len(jobs) > _NAMED else "")


def told(
    again: Execution, graph: Graph | None, waited: Sequence[int], node_id: int | None, *, may_see_jobs: bool
) -> str:
    """What the rerun of a run that had not ended came to; `waited` are the ids of the jobs that it waited for."""
    node = graph.nodes.get(node_id) if graph and node_id is not None else None
    known = {"id": again.pk, "node": node and Truncator(node.title or node.key).chars(60)}
    sentence = _("#%(id)s began again from “%(node)s”") if node else _("#%(id)s began again from the start")
    parts = [sentence % known + (_("; it is still paused.") if again.paused_at is not None else ".")]
    ended = list(Job.objects.filter(pk__in=waited, status=JobStatus.ABORTED).order_by("number")[: _NAMED + 1])
    if ended and not may_see_jobs:
        parts.append(_("What it waited for there ended as Aborted."))
    elif ended:
        parts.append(_("Ended as Aborted: %s.") % _names(ended, graph))
    return " ".join(parts)


def told_anew(old: int, again: Execution, site: str) -> str:
    """What the rerun of an ended run came to."""
    link = shown.execution_link(old, site)
    return format_html(_("This is #{new}, a rerun of {old}."), new=again.pk, old=link)


def begun_among(ids: Sequence[int]) -> list[str]:
    """What to ask before the runs of a selection run again from the start; nothing to ask where all have ended."""
    begun = Execution.objects.filter(pk__in=ids[:MOST], status=ExecutionStatus.STARTED, ended_at=None)
    count = begun.count()
    if not count:
        return []
    sentences = [
        ngettext(
            "%d execution has not ended: it goes on itself from the start, and no new one begins.",
            "%d executions have not ended: they go on themselves from the start, and no new ones begin.",
            count,
        )
        % count
    ]
    jobs = Job.objects.filter(execution__in=begun, status=JobStatus.PENDING).exclude(wait=Wait.BRANCH.value).count()
    if jobs:
        sentences.append(ngettext("%d waiting job ends as Aborted.", "%d waiting jobs end as Aborted.", jobs) % jobs)
    paused = begun.exclude(paused_at=None).count()
    if paused:
        sentence = ngettext(
            "%d is paused, and stays paused until it is resumed.",
            "%d are paused, and stay paused until they are resumed.",
            paused,
        )
        sentences.append(sentence % paused)
    if ended := len(ids[:MOST]) - count:
        sentence = ngettext(
            "%d more runs again as a new execution, if it has ended.",
            "%d more run again as new executions, those that have ended.",
            ended,
        )
        sentences.append(sentence % ended)
    return sentences
