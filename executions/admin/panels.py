"""One node of a run, in the drawer beside the picture or as a page: the job of a chosen round with all it has."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from executions import logs
from executions.admin import rerunning, shown, unfolding
from executions.admin.revealing import may_reveal, revealed
from executions.admin.steps import RUN_STYLES, shown_attempts, shown_log
from executions.graphs import graph_of
from executions.masking import hide_jobs
from executions.models import Execution, Job
from workflows.admin.base import page_of_site, require
from workflows.graph import GraphNode
from workflows.instructions.base import Wait
from workflows.listing.pages import as_id
from workflows.visibility import visible_rows

#: Rounds that are counted, and lines of a log that are shown.
COUNTED, LINES = 10_000, 500
_RUN_COLUMNS = (
    "id", "key", "title", "version", "status", "ended_at", "workflow__id", "started_at", "created_at",
)  # fmt: skip


class PanelMixin:
    """For the admin of executions."""

    def get_urls(self: Any) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/panel/", view(self.panel_page), name="executions_execution_panel"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def panel_page(self: Any, request: HttpRequest, pk: int) -> HttpResponse:
        require(request, "executions.view_execution")
        require(request, "executions.view_job")
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET"])
        rows = visible_rows(Execution.objects.filter(pk=pk), request.user)
        execution = rows.select_related("workflow").only(*_RUN_COLUMNS).first()
        if execution is None:
            raise Http404
        page = _Panel(request, execution, self.admin_site.name).context()
        return page_of_site(request, self.admin_site, "admin/executions/execution/panel.html", page)


@dataclass(frozen=True)
class Round:
    """Which of how many jobs of its node it is."""

    place: int
    number: int
    #: (title, number of the job) of the others that lie near.
    links: list[tuple[str, int]]

    @property
    def more(self) -> str:
        return "+" if self.number >= COUNTED else ""


class _Panel:
    def __init__(self, request: HttpRequest, execution: Execution, site: str) -> None:
        self.request, self.execution, self.site = request, execution, site
        self.query: Mapping[str, str] = request.GET
        self.graph = graph_of(execution)
        self.jobs: QuerySet[Job] = Job.objects.filter(execution=execution)

    def context(self) -> dict[str, Any]:
        """Six queries at most, beside those of masking."""
        job, node = self._chosen()
        context: dict[str, Any] = {
            "opts": Execution._meta,
            "execution": self.execution,
            "media": forms.Media(css={**RUN_STYLES}),
            "title": self._title(job, node),
            "node": node,
            "words": self.query.get("q", "").strip(),
            "job": job,
        }
        if job is not None:
            hide_jobs([job], revealed=revealed(self.request))
            context |= self._told(job, node, context["words"])
        return context

    def _chosen(self) -> tuple[Job | None, GraphNode | None]:
        """The job that is asked for by its number, else the latest one of the node, else of the run."""
        known = self.graph.nodes if self.graph else {}
        number, place, asked = (as_id(self.query.get(name, "")) for name in ("job", "round", "node"))
        if number is not None:
            job = self.jobs.filter(number=number).first()
            if job is None:
                raise Http404
        elif asked is not None:
            rows = self._of_node(asked)
            job = rows.order_by("number")[min(place, COUNTED) - 1 :].first() if place else None
            job = job or rows.order_by("-number").first()
            if job is None and asked not in known:
                raise Http404
        else:
            job = self.jobs.order_by("-number").first()
        return job, known.get((asked if job is None else job.node_id) or 0)

    def _of_node(self, node_id: int) -> QuerySet[Job]:
        return self.jobs.filter(node=node_id)

    def _title(self, job: Job | None, node: GraphNode | None) -> str:
        if job is not None:
            return shown.node_title(job, node)
        return (node.title or node.key) if node is not None else str(self.execution)

    def _told(self, job: Job, node: GraphNode | None, words: str) -> dict[str, Any]:
        log = shown_log(job, job.log)
        if words:
            log = [line for line in log if words.casefold() in line[2].casefold()]
        return {
            "round": self._round(job),
            "facts": [(label, value) for label, value in self._facts(job) if value],
            "values": list(_values(job, words)),
            "log": log[-LINES:],
            "log_cut": len(log) > LINES,
            "attempts": list(shown_attempts(job)),
            "may_reveal": may_reveal(self.request, self.execution.pk),
            "tools": list(self._tools(job, node)),
        }

    def _round(self, job: Job) -> Round | None:
        """None where the node has run once."""
        rows = self._of_node(job.node_id).order_by("number") if job.node_id else self.jobs.none()
        number = rows.order_by().values("number")[:COUNTED].count()
        if number < 2:
            return None
        place = rows.filter(number__lte=job.number).order_by().values("number")[:COUNTED].count()
        before = rows.filter(number__lt=job.number).order_by("-number").values_list("number", flat=True).first()
        after = rows.filter(number__gt=job.number).values_list("number", flat=True).first()
        found = ((pgettext("round", "Previous"), before), (pgettext("round", "Next"), after))
        return Round(place, number, [(title, other) for title, other in found if other is not None])

    def _facts(self, job: Job) -> Iterator[tuple[str, Any]]:
        yield _("Status"), shown.job_badge(job.status)
        yield _("Waits for"), shown.wait_text(job.wait)
        yield pgettext("time", "Started"), shown.moment(logs.begun_at(job))
        yield _("Ended"), shown.moment(job.ended_at)
        yield _("Duration"), shown.duration(logs.begun_at(job), job.ended_at or self.execution.ended_at)
        yield _("Due"), shown.moment(job.due_at)
        yield _("Attempt"), job.attempt if job.attempt > 1 else None

    def _tools(self, job: Job, node: GraphNode | None) -> Iterator[tuple[str, str]]:
        may, at = self.request.user.has_perm, self.site
        waits = self.execution.ended_at is None and job.status == 0 and job.wait != Wait.BRANCH
        if waits and may("executions.change_job"):
            yield _("Complete"), reverse("admin:executions_job_complete", args=[job.pk], current_app=at)
            yield pgettext("verb", "Fail"), reverse("admin:executions_job_fail", args=[job.pk], current_app=at)
        if node is not None and may("executions.rerun_execution") and rerunning.fits(self.execution):
            address = reverse("admin:executions_execution_rerun", args=[self.execution.pk], current_app=at)
            yield _("Rerun from here"), f"{address}?node_id={node.id}"
        yield _("The job's page"), reverse("admin:executions_job_change", args=[job.pk], current_app=at)
        if node is not None and may("workflows.view_node"):
            yield _("The node"), reverse("admin:workflows_node_change", args=[node.id], current_app=at)


def _values(job: Job, words: str) -> Iterator[dict[str, Any]]:
    """What went in and what came out, each with the places of the words that are searched."""
    for name, label, value in (("input", _("Input"), job.input), ("result", _("Result"), job.result)):
        if value is None:
            continue
        found = unfolding.search(value, words) if words else []
        yield {
            "name": name,
            "label": label,
            "lines": unfolding.unfold(value),
            "found": found[: unfolding.FOUND],
            "more": len(found) > unfolding.FOUND,
        }
