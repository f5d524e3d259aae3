"""Bulk operations: begun from the list for all that its filter finds, watched while workers do them, and stopped."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from executions import bulk
from executions.admin import shown
from executions.admin.filters import RunFilter
from executions.admin.operating import MOST, OPERATIONS
from executions.admin.steps import RUN_STYLES
from executions.models import BulkOperation, Execution
from workflows.admin.base import CappedPaginator, ModelAdmin, badge, confirm_page, page_of_site, shown_json, ticked
from workflows.admin.forms import ReasonForm
from workflows.admin.history import HistoryMixin
from workflows.errors import Invalid, SluiceError
from workflows.models import HistoryEntry, HistoryQuerySet
from workflows.templatetags.sluice import moment
from workflows.visibility import narrowed

if TYPE_CHECKING:
    _Base = ModelAdmin[Execution]
else:
    _Base = object

#: The list's action -> what is done in bulk.
_ACTIONS = {f"{action}_selected": BulkOperation.Action(action) for action in BulkOperation.Action.values}
_TONES = {"queued": "wait", "running": "busy", "done": "good", "stopped": "off", "failed": "bad"}
#: Refusals shown on the page.
_SHOWN = 100


class AllForm(ReasonForm):
    """Goes back to the list's action as it was chosen: for all, not for some."""

    select_across = forms.CharField(widget=forms.HiddenInput, initial="1", required=False)


class BulkMixin(_Base):
    """For the admin of executions: an action for more runs than one request takes is done in the background."""

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Execution], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        name = _chosen_action(request)
        if request.POST.get("select_across") == "1" and name in _ACTIONS and name in self.get_actions(request):
            found = queryset.order_by("id").values_list("pk", flat=True)
            if len(found[: MOST + 1]) > MOST:
                return self._for_all(request, _ACTIONS[name], name)
        return super().response_action(request, queryset, *args, **kwargs)

    def _for_all(self, request: HttpRequest, action: BulkOperation.Action, name: str) -> HttpResponse:
        back = request.get_full_path()
        try:
            where = self._where(request)
        except SluiceError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(back)
        form = AllForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            return self._ask_for_all(request, action, name, where, form, back)
        try:
            operation = bulk.start(action, where, all=not where, by=request.user, reason=form.cleaned_data["reason"])
        except SluiceError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(back)
        messages.success(request, _("Begun as bulk operation %d; its page shows how far it is.") % operation.pk)
        try:
            shown_at = reverse(
                "admin:executions_bulkoperation_change", args=[operation.pk], current_app=self.admin_site.name
            )
        except NoReverseMatch:
            # A site of the project's own that has no such page.
            shown_at = back
        return HttpResponseRedirect(shown_at)

    def _where(self, request: HttpRequest) -> dict[str, Any]:
        """The list's filter as the API takes it. Raises `Invalid` where it holds what a filter is not."""
        changelist = self.get_changelist_instance(request)
        specs = [spec for spec in changelist.filter_specs if isinstance(spec, RunFilter)]
        where = specs[0].where() if specs else {}
        if changelist.query:
            raise Invalid(
                _("A search finds executions in several ways at once; use the filter beside the list instead."),
                field="filter",
            )
        return where

    def _ask_for_all(
        self,
        request: HttpRequest,
        action: BulkOperation.Action,
        name: str,
        where: dict[str, Any],
        form: forms.Form,
        back: str,
    ) -> HttpResponse:
        asked = [f"{label}: {', '.join(map(str, values))}" for label, values in where.items()]
        sentences = [
            _("These are more than %d, so workers do it in the background; you see how far they are, and can stop it.")
            % MOST,
            _("What begins after now is left alone."),
        ]
        if action in (BulkOperation.Action.CANCEL, BulkOperation.Action.DELETE):
            sentences.append(_("There is no way back."))
        return confirm_page(
            request, site=self.admin_site, model=Execution, title=_("%s: all that the filter finds?") % _title(action),
            names=asked or [_("Every execution there is")], sentences=sentences, submit=_("Yes, begin"), form=form,
            action=name, back=back, selected=[int(pk) for pk in ticked(request)[:1]],
        )  # fmt: skip


class BulkOperationAdmin(HistoryMixin, ModelAdmin[BulkOperation]):
    """One's own, and with the permission to see them everybody's: to watch and to stop."""

    list_display = ["id", "shown_action", "shown_state", "shown_counts", "created_by", "shown_created", "shown_ended"]
    list_filter = ["action", "state"]
    list_select_related = ["created_by"]
    ordering = ["-id"]
    sortable_by = ()
    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    actions = None
    change_form_template = "admin/executions/bulkoperation/change_form.html"

    class Media:
        css = RUN_STYLES

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/progress/", view(self.progress_part), name="executions_bulkoperation_progress"),
            path("<int:pk>/stop/", view(self.stop_page), name="executions_bulkoperation_stop"),
            *super().get_urls(),
        ]

    def entries_of(self, row: BulkOperation) -> HistoryQuerySet:
        return HistoryEntry.objects.filter(object_kind="bulk", object_id=row.pk)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: BulkOperation | None = None) -> bool:
        """Whoever may ask for one sees one's own; the rows are narrowed below."""
        return request.user.has_perm("executions.view_execution")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: BulkOperation | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: BulkOperation | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[BulkOperation]:
        rows = super().get_queryset(request).select_related("created_by")
        # Another's tell of runs that this one may not see.
        everybody = request.user.has_perm("executions.view_bulkoperation") and not narrowed(request.user)
        return rows if everybody else rows.filter(Q(created_by=request.user.pk))

    def get_fields(self, request: HttpRequest, obj: BulkOperation | None = None) -> Any:
        # The page's own template shows everything.
        return ()

    @admin.display(description=gettext_lazy("action"))
    def shown_action(self, operation: BulkOperation) -> str:
        return _title(BulkOperation.Action(operation.action))

    @admin.display(description=gettext_lazy("state"))
    def shown_state(self, operation: BulkOperation) -> SafeString:
        return _badge(operation)

    @admin.display(description=gettext_lazy("dealt with"))
    def shown_counts(self, operation: BulkOperation) -> str:
        return _counts(operation)

    @admin.display(description=gettext_lazy("created"))
    def shown_created(self, operation: BulkOperation) -> str:
        return moment(operation.created_at)

    @admin.display(description=gettext_lazy("ended"))
    def shown_ended(self, operation: BulkOperation) -> str:
        return moment(operation.ended_at)

    def page_context(self, request: HttpRequest, operation: BulkOperation, /) -> dict[str, Any]:
        return {
            **self._progress(request, operation),
            "filter": shown_json(operation.filter) if operation.filter else _("every execution there was"),
            "author": operation.created_by,
        }

    def _progress(self, request: HttpRequest, operation: BulkOperation) -> dict[str, Any]:
        dealt = operation.done + operation.refused + operation.failed
        under_way = operation.ended_at is None
        return {
            "operation": operation,
            "badge": _badge(operation),
            "counts": _counts(operation),
            "dealt": dealt,
            # Beyond what is counted nobody knows how many there are; the ids tell how far it is all the same.
            "at": dealt if operation.total is not None else operation.cursor,
            "most": max(operation.total if operation.total is not None else operation.upper, 1),
            "under_way": under_way,
            "refusals": [(pk, shown.execution_link(pk, self.admin_site.name), why)
                         for pk, why in operation.refusals[:_SHOWN]],
            "may_stop": under_way and request.user.has_perm(bulk.PERMISSIONS[BulkOperation.Action(operation.action)]),
        }  # fmt: skip

    def progress_part(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The part of the page that htmx asks for anew until the operation has ended."""
        operation = self._operation(request, pk)
        known = {**self._progress(request, operation), "part": True}
        return page_of_site(request, self.admin_site, "admin/executions/bulkoperation/progress.html", known)

    def stop_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ends it between two executions; what was done stays done."""
        operation = self._operation(request, pk)
        if not request.user.has_perm(bulk.PERMISSIONS[BulkOperation.Action(operation.action)]):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            bulk.stop(pk, by=request.user)
        except SluiceError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, _("Stopped; what was done stays done."))
        return HttpResponseRedirect(
            reverse("admin:executions_bulkoperation_change", args=[pk], current_app=self.admin_site.name)
        )

    def _operation(self, request: HttpRequest, pk: int) -> BulkOperation:
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = self.get_queryset(request).filter(pk=pk).first()
        if found is None:
            raise Http404
        return found


def _chosen_action(request: HttpRequest) -> str:
    """The page has a form of actions above the list and one below; `index` says whose button was pressed."""
    named = request.POST.getlist("action")
    index = request.POST.get("index", "0")
    at = int(index) if index.isascii() and index.isdecimal() and len(index) < 3 else 0
    return named[at] if at < len(named) else ""


def _title(action: BulkOperation.Action) -> str:
    known = OPERATIONS.get(action.value)
    return str(known.title if known else action.label)


def _badge(operation: BulkOperation) -> SafeString:
    return badge(operation.get_state_display(), _TONES[operation.state])


def _counts(operation: BulkOperation) -> str:
    dealt = operation.done + operation.refused + operation.failed
    if operation.total is not None:
        told = _("%(dealt)d of %(total)d") % {"dealt": dealt, "total": operation.total}
    else:
        told = _("%(dealt)d of more than %(counted)d") % {"dealt": dealt, "counted": bulk.COUNTED}
    parts = [
        _("%d refused") % operation.refused if operation.refused else "",
        _("%d failed") % operation.failed if operation.failed else "",
    ]
    return ", ".join([told, *filter(None, parts)])
