"""Executions in the admin: a list that opens fast however long it is, and a page for each run."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from executions import operations
from executions.admin import lists, rerunning, shown
from executions.admin.asking import ask_cancel, ask_deletion, ask_rerun
from executions.admin.bulk import BulkMixin
from executions.admin.dashboard import DashboardMixin
from executions.admin.filters import RunFilter, RunList, without_empty
from executions.admin.following import FollowingMixin, next_look, render_parts
from executions.admin.operating import MOST, OPERATIONS, Operation, delete_all, operate_on
from executions.admin.pages import ancestors_of, page_facts, relatives, sentence
from executions.admin.panels import PanelMixin
from executions.admin.picture import draw
from executions.admin.rerunning import RerunForm
from executions.admin.revealing import RevealMixin, may_reveal, revealed
from executions.admin.running import RunMixin
from executions.admin.saved import SavedFiltersMixin
from executions.admin.steps import RUN_STYLES, Steps
from executions.graphs import graph_of
from executions.hidden import hide_ancestors
from executions.masking import hide_runs
from executions.models import Execution
from executions.reruns import failed_node
from executions.statuses import ExecutionStatus
from workflows.admin.base import (
    CappedPaginator,
    ModelAdmin,
    chosen,
    form_page,
    post_page,
    require,
)
from workflows.admin.forms import ReasonForm
from workflows.admin.history import HistoryMixin
from workflows.errors import Invalid
from workflows.history import LONGEST_REASON
from workflows.listing.pages import as_id
from workflows.models import HistoryEntry, HistoryQuerySet
from workflows.visibility import visible_rows

#: All that a row of the list shows; contexts, outputs and agendas are never loaded for it.
_LISTED = (
    "id", "key", "title", "version", "status", "reason", "paused_at", "parked", "created_at", "started_at",
    "ended_at", "workflow__id",
)  # fmt: skip


class ExecutionAdmin(
    DashboardMixin, FollowingMixin, PanelMixin, SavedFiltersMixin, BulkMixin, RunMixin, RevealMixin, HistoryMixin,
    ModelAdmin[Execution],
):  # fmt: skip
    list_display = [
        "id", "shown_workflow", "shown_status", "shown_duration", "shown_created", "shown_reason",
    ]  # fmt: skip
    list_display_links = ["id"]
    list_filter = [RunFilter]
    # Django shows the search box where there are fields; `get_search_results` looks by itself.
    search_fields = ["id"]
    search_help_text = gettext_lazy("Id, event key or name of a run; key, name or title of its workflow.")
    ordering = ["-id"]
    sortable_by = ["id"]
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    actions = ["cancel_selected", "pause_selected", "resume_selected", "rerun_selected", "delete_selected"]
    change_form_template = "admin/executions/execution/change_form.html"

    class Media:
        css = RUN_STYLES

    def entries_of(self, row: Execution) -> HistoryQuerySet:
        return HistoryEntry.objects.of_execution(row.pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Execution | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Execution | None = None) -> bool:
        return request.user.has_perm("executions.view_execution")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("executions.cancel_execution")

    def has_pause_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("executions.pause_execution")

    def has_rerun_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("executions.rerun_execution")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Execution]:
        rows = visible_rows(super().get_queryset(request), request.user)
        return rows.select_related("workflow").only(*_LISTED)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """A form sends its empty fields too; an address without them can be read and handed on."""
        given = without_empty(request.GET)
        if request.method == "GET" and len(given) < len(request.GET):
            return HttpResponseRedirect(f"?{given.urlencode()}")
        return super().changelist_view(request, extra_context)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[RunList]:
        return RunList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Execution], search_term: str
    ) -> tuple[QuerySet[Execution], bool]:
        text = search_term.strip()
        return (lists.search(queryset, text, request.user) if text else queryset), False

    @admin.display(description=gettext_lazy("workflow"))
    def shown_workflow(self, execution: Execution) -> str:
        return shown.workflow_link(execution, self.admin_site.name)

    @admin.display(description=gettext_lazy("status"))
    def shown_status(self, execution: Execution) -> str:
        return shown.execution_badge(execution)

    @admin.display(description=gettext_lazy("created"))
    def shown_created(self, execution: Execution) -> str:
        return shown.moment(execution.created_at)

    @admin.display(description=gettext_lazy("duration"), empty_value="")
    def shown_duration(self, execution: Execution) -> str:
        if execution.ended_at or not execution.started_at:
            return shown.duration(execution.started_at, execution.ended_at)
        return shown.span_text(max(timezone.now() - execution.started_at, timedelta())) + " …"

    @admin.display(description=gettext_lazy("reason"), empty_value="")
    def shown_reason(self, execution: Execution) -> str:
        return execution.get_reason_display() or ""

    @admin.action(description=OPERATIONS["cancel"].title, permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Execution]) -> HttpResponse | None:
        form = ReasonForm.of(request)
        if not form.is_valid():
            return ask_cancel(request, self.admin_site, self._chosen(request, queryset), form, action="cancel_selected")
        self._operate(request, OPERATIONS["cancel"], queryset, form.cleaned_data["reason"])
        return None

    @admin.action(description=OPERATIONS["pause"].title, permissions=["pause"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Execution]) -> None:
        self._operate(request, OPERATIONS["pause"], queryset)

    @admin.action(description=OPERATIONS["resume"].title, permissions=["pause"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Execution]) -> None:
        self._operate(request, OPERATIONS["resume"], queryset)

    @admin.action(description=OPERATIONS["rerun"].title, permissions=["rerun"])
    def rerun_selected(self, request: HttpRequest, queryset: QuerySet[Execution]) -> HttpResponse | None:
        ids, form = self._chosen(request, queryset), ReasonForm.of(request)
        sentences = [] if form.is_valid() else rerunning.begun_among(ids)
        if sentences or (form.is_bound and not form.is_valid()):
            return ask_rerun(request, self.admin_site, ids, sentences, form, action="rerun_selected")
        self._operate(request, OPERATIONS["rerun"], queryset, form.cleaned_data["reason"] if form.is_bound else None)
        return None

    # Takes the place of Django's own action of this name, which would load every job into memory.
    @admin.action(description=gettext_lazy("Delete"), permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Execution]) -> HttpResponse | None:
        ids, form = self._chosen(request, queryset), ReasonForm.of(request)
        if form.is_valid():
            self._delete(request, ids, form.cleaned_data["reason"])
            return None
        return ask_deletion(request, self.admin_site, ids, form, action="delete_selected")

    def _chosen(self, request: HttpRequest, queryset: QuerySet[Execution]) -> list[int]:
        return ids_of(chosen(request, self.get_queryset(request), queryset))

    def _operate(
        self, request: HttpRequest, operation: Operation, queryset: QuerySet[Execution], reason: str | None = None
    ) -> None:
        done = operate_on(request, operation, self._chosen(request, queryset), self.admin_site.name, reason)
        for execution in Execution.objects.filter(pk__in=done).only("id", "title"):
            self.log_change(request, execution, str(operation.title))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Execution | None:
        """The whole row but the engine's own notes; an id that is none finds nothing."""
        pk = as_id(object_id)
        if pk is None:
            return None
        rows = visible_rows(Execution.objects.filter(pk=pk), request.user)
        found = rows.select_related("workflow", "created_by").defer("agenda", "stack").first()
        if found is not None:
            hide_ancestors([found], request.user)
            hide_runs([found], revealed=revealed(request))
        return found

    def get_fields(self, request: HttpRequest, obj: Execution | None = None) -> Any:
        # The page's own template shows everything.
        return ()

    def page_context(self, request: HttpRequest, execution: Execution, /) -> dict[str, Any]:
        site = self.admin_site.name
        may = request.user.has_perm
        steps = self._steps(request, execution) if may("executions.view_job") else None
        return {
            "opts": self.opts,
            "execution": execution,
            "sentence": sentence(execution, may_see_jobs=may("executions.view_job")),
            # The sentence has it, unless it is too long for one.
            "long_error": execution.error if execution.error != shown.line(execution.error) else None,
            "facts": list(page_facts(execution, site, ancestors_of(execution))),
            "relatives": relatives(execution, request.user, site),
            "steps": steps,
            "drawn": None if steps is None else draw(execution, steps),
            "trigger_kind": shown.trigger_title(execution.type),
            "longest_reason": str(LONGEST_REASON),
            "may_reveal": may_reveal(request, execution.pk),
            "buttons": [item for item in _BUTTONS if may(item.permission) and item.fits(execution)],
            "may_delete": may("executions.delete_execution") and execution.status != ExecutionStatus.STARTED,
            "may_rerun": may("executions.rerun_execution") and rerunning.fits(execution),
            "failed_node": failed_node(execution, steps.graph) if steps is not None else None,
        }

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        answer: Any = super().render_change_form(request, context, *args, **kwargs)
        known = answer.context_data
        known["texts"] = render_parts(request, known)
        known["look"] = next_look(request, known["execution"], known["texts"])
        return answer  # type: ignore[no-any-return]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/rerun/", view(self.rerun_page), name="executions_execution_rerun"),
            *(
                path(f"<int:pk>/{item.name}/", view(self._button(item)), name=f"executions_execution_{item.name}")
                for item in _BUTTONS
            ),
            *super().get_urls(),
        ]

    def _steps(self, request: HttpRequest, execution: Execution) -> Steps:
        return Steps(execution, request.GET, request.user, self.admin_site.name, revealed(request))

    def page_url(self, pk: int) -> str:
        return reverse("admin:executions_execution_change", args=[pk], current_app=self.admin_site.name)

    def _button(self, operation: Operation) -> Callable[..., HttpResponse]:
        def page(request: HttpRequest, pk: int) -> HttpResponse:
            require(request, operation.permission)
            if not visible_rows(Execution.objects.filter(pk=pk), request.user).exists():
                raise Http404
            form = ReasonForm.of(request) if operation.asks else ReasonForm(request.POST)
            if operation.asks and not form.is_valid():
                return ask_cancel(request, self.admin_site, [pk], form, back=self.page_url(pk))

            def run() -> tuple[str, str]:
                if not form.is_valid():
                    raise Invalid(_("The reason is too long, or no text."), field="reason")
                execution = operation.operate(pk, by=request.user, reason=form.cleaned_data["reason"])
                self.log_change(request, execution, str(operation.title))
                return str(operation.done) % f"#{pk}", self.page_url(pk)

            return post_page(request, run, self.page_url(pk))

        return page

    def rerun_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """From the start or from a node: goes on with a started run, repeats an ended one as a new run."""
        require(request, "executions.rerun_execution")
        execution = self.get_object(request, str(pk))
        if execution is None:
            raise Http404
        if request.method != "POST" and not rerunning.fits(execution):
            messages.error(request, rerunning.refusal(execution))
            return HttpResponseRedirect(self.page_url(pk))
        graph = graph_of(execution)
        may_see_jobs = request.user.has_perm("executions.view_job")
        form = RerunForm(
            request.POST if request.method == "POST" else None,
            initial=request.GET.dict(),
            nodes=rerunning.nodes(graph),
        )

        def run(cleaned: Mapping[str, Any]) -> HttpResponse:
            waited = [job.pk for job in rerunning.waiting(execution)[:MOST]]
            node_id = cleaned["node_id"]
            again = operations.rerun(pk, node_id=node_id, by=request.user, reason=cleaned["reason"])
            if again.pk == pk:
                self.log_change(request, execution, _("Rerun"))
                messages.success(request, rerunning.told(again, graph, waited, node_id, may_see_jobs=may_see_jobs))
            else:
                self.log_change(request, execution, _("Rerun as #%s") % again.pk)
                messages.success(request, rerunning.told_anew(pk, again, self.admin_site.name))
            return HttpResponseRedirect(self.page_url(again.pk))

        return form_page(
            request, site=self.admin_site, model=Execution, title=_("Rerun %s") % execution, form=form, run=run,
            submit=_("Rerun"), original=execution, back=self.page_url(pk),
            sentences=rerunning.warnings(execution, graph, may_see_jobs=may_see_jobs),
        )  # fmt: skip

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        execution = self.get_object(request, object_id)
        if not self.has_delete_permission(request, execution):
            raise PermissionDenied
        if execution is None:
            raise Http404
        form = ReasonForm.of(request)
        if not form.is_valid():
            return ask_deletion(request, self.admin_site, [execution.pk], form, back=self.page_url(execution.pk))
        gone = self._delete(request, [execution.pk], form.cleaned_data["reason"])
        listed = reverse("admin:executions_execution_changelist", current_app=self.admin_site.name)
        return HttpResponseRedirect(listed if gone else self.page_url(execution.pk))

    def _delete(self, request: HttpRequest, ids: Sequence[int], reason: str | None) -> int:
        chosen = list(Execution.objects.filter(pk__in=ids[:MOST]).only("id", "title"))
        deleted = delete_all(request, ids, reason)
        left = set(Execution.objects.filter(pk__in=ids[:MOST]).values_list("pk", flat=True))
        gone = [execution for execution in chosen if execution.pk not in left]
        if gone:
            self.log_deletions(request, gone)  # type: ignore[arg-type]
        return deleted


#: Done at once by a button of the run's page; a rerun asks from where.
_BUTTONS = [operation for operation in OPERATIONS.values() if operation.name != "rerun"]


def ids_of(queryset: QuerySet[Execution]) -> list[int]:
    """The ids of a selection, in order; one more than an action takes tells that there are more."""
    return list(queryset.order_by("id").values_list("pk", flat=True)[: MOST + 1])
