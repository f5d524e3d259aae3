"""Jobs in the admin: a light list and a page to read; what people do to them goes by their run."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy

from executions.admin import lists, shown
from executions.models import Job
from workflows.admin.base import STYLES, CappedPaginator, ModelAdmin
from workflows.templatetags.sluice import sluice_json

_LISTED = ("id", "execution", "number", "node_key", "status", "wait", "attempt", "created_at", "started_at", "ended_at")


class JobAdmin(ModelAdmin[Job]):
    list_display = [
        "id",
        "shown_execution",
        "number",
        "node_key",
        "shown_status",
        "shown_wait",
        "attempt",
        "created_at",
        "shown_duration",
    ]
    search_fields = ["execution_id"]
    search_help_text = gettext_lazy("Id of the execution.")
    ordering = ["-id"]
    sortable_by = ["id"]
    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    actions = None
    readonly_fields = [
        "shown_execution", "number", "node_key", "shown_status", "shown_wait", "parent", "upstream", "attempt",
        "started_at", "ended_at", "due_at", "queue", "shown_input", "shown_result", "shown_meta", "shown_attempts",
        "shown_log",
    ]  # fmt: skip
    fields = list(readonly_fields)

    class Media:
        css = STYLES

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return request.user.has_perm("executions.view_job")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        return super().get_queryset(request).only(*_LISTED)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Job | None:
        pk = lists.as_id(object_id)
        return None if pk is None else Job.objects.filter(pk=pk).first()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        text = search_term.strip().removeprefix("#")
        if not text:
            return queryset, False
        pk = lists.as_id(text)
        return (queryset.none() if pk is None else queryset.filter(execution=pk)), False

    @admin.display(description=gettext_lazy("execution"))
    def shown_execution(self, job: Job) -> str:
        return shown.execution_link(job.execution_id, self.admin_site.name) if job.execution_id else ""

    @admin.display(description=gettext_lazy("status"))
    def shown_status(self, job: Job) -> str:
        return shown.job_badge(job.status)

    @admin.display(description=gettext_lazy("waits for"), empty_value="")
    def shown_wait(self, job: Job) -> str:
        return shown.wait_text(job.wait)

    @admin.display(description=gettext_lazy("duration"))
    def shown_duration(self, job: Job) -> str:
        return shown.duration(job.started_at, job.ended_at)

    @admin.display(description=gettext_lazy("input"))
    def shown_input(self, job: Job) -> str:
        return _pre(job.input)

    @admin.display(description=gettext_lazy("result"))
    def shown_result(self, job: Job) -> str:
        return _pre(job.result)

    @admin.display(description=gettext_lazy("meta"))
    def shown_meta(self, job: Job) -> str:
        return _pre(job.meta)

    @admin.display(description=gettext_lazy("attempts"))
    def shown_attempts(self, job: Job) -> str:
        return _pre(job.attempts)

    @admin.display(description=gettext_lazy("log"))
    def shown_log(self, job: Job) -> str:
        return format_html('<pre class="sluice-json">{}</pre>', job.log) if job.log else ""


def _pre(value: Any) -> str:
    return "" if value is None else format_html('<pre class="sluice-json">{}</pre>', sluice_json(value))
