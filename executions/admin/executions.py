"""Executions in the admin: a list that opens fast however long it is, and a page for each run."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from executions import dispatcher, operations
from executions.admin import lists, shown
from executions.admin.operating import MOST, OPERATIONS, Operation, delete_all, operate_on, tell_run
from executions.admin.pages import Steps, page_facts, relatives
from executions.models import Execution, Job
from executions.statuses import ExecutionStatus
from workflows.admin import tree
from workflows.admin.base import (
    COUNTED,
    STYLES,
    CappedPaginator,
    ModelAdmin,
    confirm_page,
    form_page,
    post_page,
    require,
)
from workflows.admin.forms import JsonField
from workflows.errors import SluiceError
from workflows.graph import load_graph
from workflows.models import Workflow

#: All that a row of the list shows; contexts, outputs and agendas are never loaded for it.
_LISTED = (
    "id", "key", "title", "version", "status", "reason", "paused_at", "parked", "created_at", "started_at",
    "ended_at", "workflow__id",
)  # fmt: skip


class RunForm(forms.Form):
    values = JsonField(
        label=gettext_lazy("Values"),
        required=False,
        help_text=gettext_lazy("What the trigger hands over, as JSON; templates find it as $context."),
    )


class RerunForm(forms.Form):
    node_id = forms.TypedChoiceField(label=gettext_lazy("From"), coerce=int, empty_value=None, required=False)

    def __init__(self, *args: Any, nodes: Sequence[tuple[Any, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["node_id"].choices = [("", _("The start")), *nodes]  # type: ignore[attr-defined]


class ExecutionAdmin(ModelAdmin[Execution]):
    list_display = [
        "id", "shown_workflow", "shown_status", "shown_duration", "shown_created", "shown_reason",
    ]  # fmt: skip
    list_display_links = ["id"]
    list_filter = [
        lists.StatusFilter, lists.WorkflowFilter, lists.CreatedFilter, lists.TypeFilter, lists.ManuallyFilter,
    ]  # fmt: skip
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
        css = STYLES

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
        return super().get_queryset(request).select_related("workflow").only(*_LISTED)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Execution], search_term: str
    ) -> tuple[QuerySet[Execution], bool]:
        text = search_term.strip()
        return (lists.search(queryset, text) if text else queryset), False

    @admin.display(description=gettext_lazy("workflow"))
    def shown_workflow(self, execution: Execution) -> str:
        return shown.workflow_link(execution, self.admin_site.name)

    @admin.display(description=gettext_lazy("status"))
    def shown_status(self, execution: Execution) -> str:
        return shown.execution_badge(execution)

    @admin.display(description=gettext_lazy("created"))
    def shown_created(self, execution: Execution) -> str:
        return shown.brief_moment(execution.created_at)

    @admin.display(description=gettext_lazy("duration"), empty_value="")
    def shown_duration(self, execution: Execution) -> str:
        if execution.ended_at or not execution.started_at:
            return shown.duration(execution.started_at, execution.ended_at)
        return shown.span_text(max(timezone.now() - execution.started_at, timedelta())) + " …"

    @admin.display(description=gettext_lazy("reason"), empty_value="")
    def shown_reason(self, execution: Execution) -> str:
        return execution.get_reason_display() or ""

    @admin.action(description=OPERATIONS["cancel"].title, permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Execution]) -> None:
        self._operate(request, OPERATIONS["cancel"], queryset)

    @admin.action(description=OPERATIONS["pause"].title, permissions=["pause"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Execution]) -> None:
        self._operate(request, OPERATIONS["pause"], queryset)

    @admin.action(description=OPERATIONS["resume"].title, permissions=["pause"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Execution]) -> None:
        self._operate(request, OPERATIONS["resume"], queryset)

    @admin.action(description=OPERATIONS["rerun"].title, permissions=["rerun"])
    def rerun_selected(self, request: HttpRequest, queryset: QuerySet[Execution]) -> None:
        self._operate(request, OPERATIONS["rerun"], queryset)

    # Takes the place of Django's own action of this name, which would load every job into memory.
    @admin.action(description=gettext_lazy("Delete"), permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Execution]) -> HttpResponse | None:
        ids = ids_of(queryset)
        if "confirmed" in request.POST:
            self._delete(request, ids)
            return None
        return self._confirm_deletion(request, ids, action="delete_selected")

    def _operate(self, request: HttpRequest, operation: Operation, queryset: QuerySet[Execution]) -> None:
        done = operate_on(request, operation, ids_of(queryset), self.admin_site.name)
        for execution in Execution.objects.filter(pk__in=done).only("id", "title"):
            self.log_change(request, execution, str(operation.title))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Execution | None:
        """The whole row but the engine's own notes; an id that is none finds nothing."""
        pk = lists.as_id(object_id)
        if pk is None:
            return None
        return Execution.objects.select_related("workflow").defer("agenda", "stack").filter(pk=pk).first()

    def get_fields(self, request: HttpRequest, obj: Execution | None = None) -> Any:
        # The page's own template shows everything.
        return ()

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Execution | None = None,
    ) -> HttpResponse:
        if obj is not None:
            site = self.admin_site.name
            may = request.user.has_perm
            context.update(
                execution=obj,
                facts=list(page_facts(obj, site)),
                relatives=relatives(obj, site),
                steps=Steps(obj, lists.as_id(request.GET.get("after", "")) or 0)
                if may("executions.view_job")
                else None,
                buttons=[item for item in _BUTTONS if may(item.permission) and item.fits(obj)],
                may_delete=may("executions.delete_execution") and obj.status != ExecutionStatus.STARTED,
                may_rerun=may("executions.rerun_execution") and obj.status is not None,
                title=str(obj),
                subtitle=None,
            )
        return super().render_change_form(request, context, add, change, form_url, obj)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("run/<int:workflow_id>/", view(self.run_page), name="executions_execution_run"),
            path("<int:pk>/rerun/", view(self.rerun_page), name="executions_execution_rerun"),
            *(
                path(f"<int:pk>/{item.name}/", view(self._button(item)), name=f"executions_execution_{item.name}")
                for item in _BUTTONS
            ),
            *super().get_urls(),
        ]

    def page_url(self, pk: int) -> str:
        return reverse("admin:executions_execution_change", args=[pk], current_app=self.admin_site.name)

    def _button(self, operation: Operation) -> Callable[..., HttpResponse]:
        def page(request: HttpRequest, pk: int) -> HttpResponse:
            require(request, operation.permission)

            def run() -> tuple[str, str]:
                execution = operation.operate(pk, by=request.user)
                self.log_change(request, execution, str(operation.title))
                return str(operation.done) % f"#{pk}", self.page_url(pk)

            return post_page(request, run, self.page_url(pk))

        return page

    def run_page(self, request: HttpRequest, workflow_id: int) -> HttpResponse:
        """Runs a workflow by hand, then shows the run."""
        require(request, "workflows.execute_workflow")
        workflow = get_object_or_404(Workflow, pk=workflow_id)
        form = RunForm(request.POST or None, initial={"values": {}})
        back = reverse("admin:workflows_workflow_change", args=[workflow_id], current_app=self.admin_site.name)

        def run(cleaned: Mapping[str, Any]) -> HttpResponse:
            execution = dispatcher.run_now(workflow, cleaned["values"], by=request.user)
            if execution is None:
                messages.warning(request, _("Nothing was run: the values don't meet the trigger's condition."))
                return HttpResponseRedirect(back)
            tell_run(request, workflow, execution)
            may_look = request.user.has_perm("executions.view_execution")
            return HttpResponseRedirect(self.page_url(execution.pk) if may_look else back)

        return form_page(
            request, site=self.admin_site, model=Workflow, title=_("Run “%s” now") % workflow, form=form, run=run,
            submit=_("Run now"), original=workflow, back=back,
        )  # fmt: skip

    def rerun_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """From the start or from a node: goes on with a started run, repeats an ended one as a new run."""
        require(request, "executions.rerun_execution")
        execution = self.get_object(request, str(pk))
        if execution is None:
            raise Http404
        form = RerunForm(
            request.POST if request.method == "POST" else None, initial=request.GET.dict(), nodes=_nodes(execution)
        )

        def run(cleaned: Mapping[str, Any]) -> HttpResponse:
            again = operations.rerun(pk, node_id=cleaned["node_id"], by=request.user)
            self.log_change(request, execution, _("Rerun as #%s") % again.pk)
            messages.success(request, _("Rerun of #%(old)s: this is #%(new)s.") % {"old": pk, "new": again.pk})
            return HttpResponseRedirect(self.page_url(again.pk))

        return form_page(
            request, site=self.admin_site, model=Execution, title=_("Rerun %s") % execution, form=form, run=run,
            submit=_("Rerun"), original=execution, back=self.page_url(pk),
        )  # fmt: skip

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        execution = self.get_object(request, object_id)
        if not self.has_delete_permission(request, execution):
            raise PermissionDenied
        if execution is None:
            raise Http404
        if "confirmed" not in request.POST:
            return self._confirm_deletion(request, [execution.pk])
        gone = self._delete(request, [execution.pk])
        listed = reverse("admin:executions_execution_changelist", current_app=self.admin_site.name)
        return HttpResponseRedirect(listed if gone else self.page_url(execution.pk))

    def _delete(self, request: HttpRequest, ids: Sequence[int]) -> int:
        chosen = list(Execution.objects.filter(pk__in=ids[:MOST]).only("id", "title"))
        deleted = delete_all(request, ids)
        left = set(Execution.objects.filter(pk__in=ids[:MOST]).values_list("pk", flat=True))
        gone = [execution for execution in chosen if execution.pk not in left]
        if gone:
            self.log_deletions(request, gone)  # type: ignore[arg-type]
        return deleted

    def _confirm_deletion(self, request: HttpRequest, ids: Sequence[int], action: str = "") -> HttpResponse:
        """Counts what goes and what is refused; a list of jobs could be millions long."""
        chosen = ids[:MOST]
        refused = Execution.objects.filter(pk__in=chosen, status=ExecutionStatus.STARTED).count()
        going = len(chosen) - refused
        jobs = Job.objects.filter(execution__in=chosen).exclude(execution__status=ExecutionStatus.STARTED)
        sentences = [
            ngettext("%d execution goes,", "%d executions go,", going) % going + _jobs_text(jobs),
        ]
        if refused:
            sentence = ngettext(
                "%d runs or waits and is refused; cancel it first.",
                "%d run or wait and are refused; cancel them first.",
                refused,
            )
            sentences.append(sentence % refused)
        if len(ids) > MOST:
            sentences.append(_("Only the first %d are taken; do it again for the rest.") % MOST)
        return confirm_page(
            request,
            site=self.admin_site,
            model=Execution,
            title=_("Delete executions?"),
            names=[f"#{pk}" for pk in ids],
            sentences=sentences,
            selected=ids,
            action=action,
            submit=_("Delete"),
        )


def _jobs_text(jobs: QuerySet[Job]) -> str:
    """How many jobs, up to the most that a list counts."""
    count = jobs.order_by()[: COUNTED + 1].count()
    if count > COUNTED:
        return _(" with more than %d jobs.") % COUNTED
    return ngettext(" with %d job.", " with %d jobs.", count) % count


#: Done at once by a button of the run's page; a rerun asks from where.
_BUTTONS = [operation for operation in OPERATIONS.values() if operation.name != "rerun"]


def ids_of(queryset: QuerySet[Execution]) -> list[int]:
    """The ids of a selection, in order; one more than an action takes tells that there are more."""
    return list(queryset.order_by("id").values_list("pk", flat=True)[: MOST + 1])


def _nodes(execution: Execution) -> list[tuple[Any, str]]:
    try:
        graph = load_graph(execution.workflow_id) if execution.workflow_id else None
    except SluiceError:
        return []
    return (
        [(row.node.id, "\u2003" * row.indent + row.name) for row in tree.rows(graph) if row.index is None]
        if graph
        else []
    )
