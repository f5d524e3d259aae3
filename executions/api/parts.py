"""What belongs to one run: its jobs, its log, its timeline and its graph."""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import django_filters  # type: ignore[import-untyped]
from django import forms
from django.core.exceptions import ValidationError as FormError
from django.core.handlers.asgi import ASGIRequest
from django.db.models import QuerySet
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from executions import graphs, logs, timeline
from executions.api import described, serializers
from executions.following import Follower, astream, stream
from executions.hidden import hide_ancestors
from executions.listing.filtersets import JobFilter
from executions.listing.statuses import job_status_name, status_name
from executions.masking import hide_jobs, hide_runs
from executions.models import Execution, Job
from executions.reruns import failed_node
from workflows.api.base import RecordViewSet, missing, to_id
from workflows.api.pagination import KeysetPagination
from workflows.api.parameters import check_query
from workflows.listing.filters import FlagFilter, StrictFilterSet, ids, since, texts
from workflows.visibility import visible_rows

MEDIA_TYPE = "application/x-ndjson"


class PartViewSet(RecordViewSet[Job]):
    """Jobs of the run that the path names, by number."""

    queryset = Job.objects.all()
    record_class = serializers.JobSerializer
    permissions = {"list": "executions.view_job"}
    keyset = "number"
    #: Of the run.
    columns: tuple[str, ...] = ("id",)

    @cached_property
    def execution(self) -> Execution:
        """Raises `NotFound`."""
        pk = self.kwargs["execution_pk"]
        runs = visible_rows(Execution.objects.filter(pk=to_id(pk, Execution)), self.request.user)
        found = runs.only(*self.columns).first()
        if found is None:
            raise missing(Execution, pk)
        hide_ancestors([found], self.request.user)
        hide_runs([found])
        return found

    def decorate(self, records: Sequence[Job], names: Collection[str]) -> None:
        hide_jobs(records)

    def get_queryset(self) -> QuerySet[Job]:
        return super().get_queryset().filter(execution=self.execution.pk)


class RunJobsViewSet(PartViewSet):
    """Every job of one run with its input, result, log and attempts, in their order."""

    filterset_class = JobFilter

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        names = self.asked_fields(self.record_class.Meta.fields)
        page: list[Job] = self.paginate_queryset(self.load(self.filter_queryset(self.get_queryset()), names)) or []
        self.decorate(page, names)
        return self.get_paginated_response(self.show(page, names, many=True))


class LongPages(KeysetPagination):
    """For rows that are small."""

    page_size = 200
    max_page_size = 1000
    params = ("cursor", "page_size")


class _NoFilter(StrictFilterSet):
    """Nothing but paging."""


class TimelineViewSet(PartViewSet):
    """When each job began and ended, in seconds; with the run's own bounds."""

    answers = {"list": {200: described.TIMELINE}}
    columns = timeline.RUN_COLUMNS
    pagination_class = LongPages
    filterset_class = _NoFilter

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        jobs = self.filter_queryset(self.get_queryset()).only("execution", *timeline.JOB_COLUMNS)
        page: list[Job] = self.paginate_queryset(jobs) or []
        self.decorate(page, ())
        graph = graphs.graph_of(self.execution)
        response = self.get_paginated_response(
            [{**timeline.bar(job, graph), "status_name": job_status_name(job.status)} for job in page]
        )
        bounds = {**timeline.bounds(self.execution), "status_name": status_name(self.execution.status)}
        response.data = {"execution": bounds, **response.data}
        return response


class GraphViewSet(PartViewSet):
    """The nodes and links of the run's version, with what the jobs of each node came to."""

    answers = {"list": {200: described.GRAPH}}
    columns = ("id", "key", "workflow", "version", "status", "reason", "ended_at")
    pagination_class = None

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        execution = self.execution
        check_query(request, ())
        graph = graphs.graph_of(execution)
        picture = graphs.picture(execution, graph)
        for node in picture["nodes"]:
            names: Counter[str] = Counter()
            for status, number in node["statuses"].items():
                names[job_status_name(status)] += number
            node["statuses"] = dict(names)
            node["status_name"] = None if node["status"] is None else job_status_name(node["status"])
        failed = failed_node(execution, graph)
        run = {
            "id": execution.pk,
            "status": execution.status,
            "status_name": status_name(execution.status),
            "failed_node": failed.id if failed is not None else None,
        }
        return Response({"execution": run, "workflow": execution.workflow_id, **picture})


class _LevelField(forms.CharField):
    def clean(self, value: Any) -> str:
        text = super().clean(value).upper()
        level = "WARN" if text == "WARNING" else text
        if level not in ("", *logs.LEVELS):
            raise FormError(_("There is no level %(given)r; there are %(known)s.") % {
                "given": text[:40], "known": ", ".join(logs.LEVELS),
            })  # fmt: skip
        return level


class _LevelFilter(django_filters.Filter):  # type: ignore[misc]
    field_class = _LevelField


class LogFilter(StrictFilterSet):
    """Lines are made after the jobs are read: what concerns them is only checked here."""

    level = _LevelFilter(method="later")
    node = ids("node")
    node_key = texts("node_key")
    since = since("updated_at")
    follow = FlagFilter(method="later")

    def later(self, queryset: QuerySet[Job], name: str, value: Any) -> QuerySet[Job]:
        return queryset


class LinesRenderer(BaseRenderer):
    """A JSON text a line."""

    media_type = MEDIA_TYPE
    format = "ndjson"
    charset = None

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        return json.dumps(data, ensure_ascii=False, default=str).encode() + b"\n"


class LogsViewSet(PartViewSet):
    """What a run's steps wrote and what became of it, line by line; with `follow` as it happens."""

    answers = {"list": {200: described.LOGS}}
    columns = logs.RUN_COLUMNS
    pagination_class = LongPages
    filterset_class = LogFilter

    def get_renderers(self) -> Any:
        return [*super().get_renderers(), LinesRenderer()]

    def list(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        execution = self.execution
        jobs = self.filter_queryset(self.get_queryset())
        asked = LogFilter(request.query_params, queryset=jobs, request=request).form
        asked.is_valid()
        wanted = logs.Wanted(
            asked.cleaned_data["level"] or logs.LEVELS[0],
            asked.cleaned_data["node"],
            asked.cleaned_data["node_key"],
            asked.cleaned_data["since"],
        )
        follow = bool(asked.cleaned_data["follow"])
        if follow or request.accepted_renderer.format == LinesRenderer.format:
            return self._streamed(execution, wanted, follow=follow)
        return self._page(execution, jobs, wanted)

    def _page(self, execution: Execution, jobs: QuerySet[Job], wanted: logs.Wanted) -> Response:
        """Pages go by jobs; the lines of a page are in order of time."""
        page: list[Job] = self.paginate_queryset(jobs.only("execution", *logs.JOB_COLUMNS)) or []
        self.decorate(page, ())
        names = logs.titles(graphs.graph_of(execution))
        first = "cursor" not in self.request.query_params
        last = self.paginator.next is None  # type: ignore[union-attr]
        lines = [] if wanted.jobs_only or not first else [*logs.before_jobs(execution)]
        for job in page:
            lines += logs.of_job(job, names)
        if last and not wanted.jobs_only:
            lines += [*logs.after_jobs(execution), *logs.of_history(execution.pk)]
        lines.sort(key=lambda line: line.at)
        return self.get_paginated_response(logs.shown(filter(wanted.takes, lines), execution.pk))

    def _streamed(self, execution: Execution, wanted: logs.Wanted, *, follow: bool) -> StreamingHttpResponse:
        for name in KeysetPagination.params:
            if name in self.request.query_params:
                raise ValidationError({name: _("A stream has no pages; leave it out, or ask for lines with since.")})
        follower = Follower(execution, wanted)
        on_loop = isinstance(self.request._request, ASGIRequest)
        content = astream(follower, follow=follow) if on_loop else stream(follower, follow=follow)
        # Proxies that gather an answer before they send it would keep the reader waiting.
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingHttpResponse(content, content_type=MEDIA_TYPE, headers=headers)
