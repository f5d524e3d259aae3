"""Jobs in the admin: a light list, a page to read, and pages on which people end one that waits."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from executions.admin import shown
from executions.admin.finishing import FINISHES, Finish
from executions.admin.revealing import may_reveal, revealed
from executions.admin.steps import RUN_STYLES, shown_attempts, shown_log
from executions.masking import hide_jobs
from executions.models import Execution, Job, Task
from workflows.admin.base import CappedPaginator, ModelAdmin, form_page, require
from workflows.admin.history import HistoryMixin
from workflows.instructions.base import Wait
from workflows.listing.pages import as_id
from workflows.models import HistoryEntry, HistoryQuerySet
from workflows.templatetags.sluice import sluice_json
from workflows.visibility import visible_rows

_LISTED = ("id", "execution", "number", "node_key", "status", "wait", "attempt", "created_at", "started_at", "ended_at")


class JobAdmin(HistoryMixin, ModelAdmin[Job]):
    list_display = [
        "id",
        "shown_execution",
        "number",
        "node_key",
        "shown_status",
        "shown_wait",
        "attempt",
        "shown_created",
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
    change_form_template = "admin/executions/job/change_form.html"
    readonly_fields = [
        "shown_execution", "number", "shown_node", "shown_status", "shown_wait", "shown_parent", "shown_upstream",
        "shown_children", "shown_tasks", "attempt", "shown_started", "shown_ended", "shown_due", "queue", "shown_input",
        "shown_result", "shown_meta", "shown_attempts", "shown_log",
    ]  # fmt: skip
    fields = list(readonly_fields)

    class Media:
        css = RUN_STYLES

    def entries_of(self, row: Job) -> HistoryQuerySet:
        return HistoryEntry.objects.filter(object_kind="job", object_id=row.pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return request.user.has_perm("executions.view_job")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            *(
                path(f"<int:pk>/{item.name}/", view(self._finish_page(item)), name=f"executions_job_{item.name}")
                for item in FINISHES
            ),
            *super().get_urls(),
        ]

    def _finish_page(self, finish: Finish) -> Any:
        def page(request: HttpRequest, pk: int) -> HttpResponse:
            require(request, "executions.change_job")
            job = self.get_object(request, str(pk))
            if job is None or job.execution_id is None:
                raise Http404
            form = finish.form(request.POST if request.method == "POST" else None)
            execution_id = job.execution_id
            known = {"number": job.number, "id": execution_id, "node": job.node or job.node_key}

            def run(cleaned: Mapping[str, Any]) -> HttpResponse:
                done = finish.operate(pk, by=request.user, **cleaned)
                self.log_change(request, done, str(finish.title))
                messages.success(request, str(finish.done) % known)
                may_look = request.user.has_perm("executions.view_execution")
                index = reverse("admin:index", current_app=self.admin_site.name)
                return HttpResponseRedirect(self._back(execution_id, done.number) if may_look else index)

            return form_page(
                request, site=self.admin_site, model=Job, title=finish.question % known, form=form, run=run,
                submit=finish.title, original=job, back=self._back(execution_id, job.number),
                danger=finish.name == "fail",
            )  # fmt: skip

        return page

    def _back(self, execution_id: int, number: int) -> str:
        address = reverse("admin:executions_execution_change", args=[execution_id], current_app=self.admin_site.name)
        return f"{address}?after={number - 1}#job-{number}"

    def page_context(self, request: HttpRequest, job: Job, /) -> dict[str, Any]:
        waits = job.status == 0 and job.wait != Wait.BRANCH
        waits = waits and job.execution is not None and job.execution.ended_at is None
        return {
            "finishes": FINISHES if waits and request.user.has_perm("executions.change_job") else [],
            "may_reveal": may_reveal(request, job.execution_id),
        }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        return visible_rows(super().get_queryset(request), request.user, key="execution__key").only(*_LISTED)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Job | None:
        pk = as_id(object_id)
        if pk is None:
            return None
        rows = visible_rows(Job.objects.filter(pk=pk), request.user, key="execution__key")
        found = rows.select_related("execution", "node").first()
        if found is not None:
            found.seen_by = request.user  # type: ignore[attr-defined]
            hide_jobs([found], revealed=revealed(request))
        return found

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        text = search_term.strip().removeprefix("#")
        if not text:
            return queryset, False
        pk = as_id(text)
        return (queryset.none() if pk is None else queryset.filter(execution=pk)), False

    @admin.display(description=gettext_lazy("execution"))
    def shown_execution(self, job: Job) -> str:
        return _in_run(job, self.admin_site.name) if job.execution_id else ""

    @admin.display(description=gettext_lazy("node"))
    def shown_node(self, job: Job) -> str:
        if job.node_id is None or job.node is None:
            return shown.node_title(job, None)
        address = reverse("admin:workflows_node_change", args=[job.node_id], current_app=self.admin_site.name)
        return format_html('<a href="{}">{}</a> <span class="sluice-quiet">{}</span>', address, job.node, job.node.type)

    @admin.display(description=gettext_lazy("inside"), empty_value="")
    def shown_parent(self, job: Job) -> str:
        return self._of_same_run(job, job.parent)

    @admin.display(description=gettext_lazy("follows"), empty_value="")
    def shown_upstream(self, job: Job) -> str:
        return self._of_same_run(job, job.upstream)

    def _of_same_run(self, job: Job, number: int | None) -> str:
        if number is None:
            return ""
        found = Job.objects.filter(execution=job.execution_id, number=number).only("id").first()
        if found is None:
            return ""
        address = reverse("admin:executions_job_change", args=[found.pk], current_app=self.admin_site.name)
        return format_html('<a href="{}">{}</a>', address, _("Job %d") % number)

    @admin.display(description=gettext_lazy("executions it started"), empty_value="")
    def shown_children(self, job: Job) -> str:
        children: QuerySet[Execution] = Execution.objects.filter(
            parent_execution=job.execution_id, parent_job=job.number
        ).order_by("id")
        runs = visible_rows(children, job.seen_by)  # type: ignore[attr-defined]
        pairs = (
            (shown.execution_link(row.pk, self.admin_site.name), shown.execution_badge(row))
            for row in runs.only("id", *shown.BADGE_COLUMNS)[:50]
        )
        return format_html_join(", ", "{} {}", pairs)

    @admin.display(description=gettext_lazy("tasks"), empty_value="")
    def shown_tasks(self, job: Job) -> str:
        """Whom it asked, and what came of it."""
        rows = Task.objects.filter(execution=job.execution_id, job=job.number).select_related("user").order_by("id")
        if not job.seen_by.has_perm("executions.view_task"):  # type: ignore[attr-defined]
            rows = rows.filter(user=job.seen_by.pk)  # type: ignore[attr-defined]
        pairs = (
            (
                reverse("admin:executions_task_change", args=[row.pk], current_app=self.admin_site.name),
                row.user or _("deleted user %s") % row.user_id,
                shown.job_badge(row.status),
            )
            for row in rows[:50]
        )
        return format_html_join(", ", '<a href="{}">{}</a> {}', pairs)

    @admin.display(description=gettext_lazy("status"))
    def shown_status(self, job: Job) -> str:
        return shown.job_badge(job.status)

    @admin.display(description=gettext_lazy("waits for"), empty_value="")
    def shown_wait(self, job: Job) -> str:
        return shown.wait_text(job.wait)

    @admin.display(description=gettext_lazy("created at"))
    def shown_created(self, job: Job) -> str:
        return shown.moment(job.created_at)

    @admin.display(description=gettext_lazy("started at"), empty_value="")
    def shown_started(self, job: Job) -> str:
        return shown.moment(job.started_at)

    @admin.display(description=gettext_lazy("ended at"), empty_value="")
    def shown_ended(self, job: Job) -> str:
        return shown.moment(job.ended_at)

    @admin.display(description=gettext_lazy("due at"), empty_value="")
    def shown_due(self, job: Job) -> str:
        return shown.moment(job.due_at)

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
        return _attempts(job)

    @admin.display(description=gettext_lazy("log"))
    def shown_log(self, job: Job) -> str:
        return _lines(job)


def _pre(value: Any) -> str:
    return "" if value is None else format_html('<pre class="sluice-json">{}</pre>', sluice_json(value))


def _attempts(job: Job) -> SafeString | str:
    """A row for each attempt that has ended."""
    rows = [(number, start, end, badge, message) for number, start, end, _, badge, message in shown_attempts(job)]
    if not rows:
        return ""
    heads = (_("Number"), _("Started"), _("Ended"), _("Status"), _("Message"))
    return format_html(
        '<table class="sluice-attempts"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>',
        format_html_join("", '<th scope="col">{}</th>', [(head,) for head in heads]),
        format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", rows),
    )


def _in_run(job: Job, site: str) -> SafeString:
    """The run's page at this very job."""
    address = reverse("admin:executions_execution_change", args=[job.execution_id], current_app=site)
    return format_html('<a href="{}?after={}#job-{}">#{}</a>', address, job.number - 1, job.number, job.execution_id)


def _lines(job: Job) -> SafeString | str:
    lines = shown_log(job, job.log)
    if not lines:
        return ""
    items = format_html_join("", '<li class="sluice-{1}">{0} <b>{1}</b> {2}</li>', lines)
    return format_html('<ul class="sluice-lines">{}</ul>', items)
