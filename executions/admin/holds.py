"""Holds in the admin: made, listed, released; and said so on the pages of the workflows that they keep back."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from executions.flow import holds
from executions.models import Hold
from workflows.admin.base import OperationAdmin, form_page, require
from workflows.admin.forms import OperationForm, ReasonField
from workflows.admin.history import HistoryMixin
from workflows.conf import conf
from workflows.errors import SluiceError
from workflows.models import HistoryEntry, HistoryQuerySet, Workflow
from workflows.templatetags.sluice import moment


class HoldForm(OperationForm):
    scope = forms.ChoiceField(
        label=pgettext_lazy("hold", "What"), choices=[(scope.value, scope.label) for scope in holds.SCOPES]
    )
    target = forms.CharField(
        label=gettext_lazy("Which"),
        required=False,
        max_length=128,
        help_text=gettext_lazy("The queue's name, or the workflow's key or name; empty for everything."),
    )
    reason = ReasonField()

    class Meta:
        model = Hold
        fields: list[str] = []

    def operate(self, adding: bool) -> Hold:
        given = self.cleaned_data
        return _titled(holds.hold(given["scope"], given["target"], by=self.by, reason=given["reason"]))


class ReleaseForm(forms.Form):
    reason = ReasonField()


class HoldAdmin(HistoryMixin, OperationAdmin[Hold]):
    form = HoldForm
    list_display = ["shown_title", "reason", "shown_by", "shown_created", "shown_release"]
    sortable_by = []
    ordering = ["-id"]
    actions = ["release_selected"]
    readonly_fields = ["shown_title", "reason", "shown_by", "shown_created", "shown_release"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Hold]:
        return holds.held(request.user).select_related("created_by")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Hold | None:
        found = super().get_object(request, object_id, from_field)
        return found and _titled(found)

    def entries_of(self, row: Hold) -> HistoryQuerySet:
        return HistoryEntry.objects.filter(object_kind="hold", object_id=row.pk)

    def has_change_permission(self, request: HttpRequest, obj: Hold | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Hold | None = None) -> bool:
        """Released, not deleted."""
        return False

    def has_release_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("executions.delete_hold")

    def get_fields(self, request: HttpRequest, obj: Hold | None = None) -> Any:
        return ["scope", "target", "reason"] if obj is None else self.readonly_fields

    def get_readonly_fields(self, request: HttpRequest, obj: Hold | None = None) -> list[str]:
        return [] if obj is None else list(self.readonly_fields)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {name: request.GET[name] for name in ("scope", "target") if name in request.GET}

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.release_page)
        return [path("<int:pk>/release/", view, name="executions_hold_release"), *super().get_urls()]

    def release_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        require(request, "executions.delete_hold")
        hold = get_object_or_404(self.get_queryset(request), pk=pk)

        def run(given: Mapping[str, Any]) -> HttpResponse:
            holds.release(hold.pk, by=request.user, reason=given["reason"])
            messages.success(request, _("Released: %s.") % holds.title(hold))
            return HttpResponseRedirect(reverse("admin:executions_hold_changelist", current_app=self.admin_site.name))

        form = ReleaseForm(request.POST if request.method == "POST" else None)
        title = _("Release: %s") % holds.title(hold)
        return form_page(
            request, site=self.admin_site, model=Hold, title=title, form=form, run=run, submit=gettext_lazy("Release")
        )

    @admin.action(description=gettext_lazy("Release"), permissions=["release"])
    def release_selected(self, request: HttpRequest, queryset: QuerySet[Hold]) -> None:
        for hold in queryset:
            try:
                holds.release(hold.pk, by=request.user)
            except SluiceError as error:
                messages.error(request, str(error))
            else:
                messages.success(request, _("Released: %s.") % holds.title(hold))

    @admin.display(description=gettext_lazy("held"))
    def shown_title(self, hold: Hold) -> str:
        return holds.title(hold)

    @admin.display(description=gettext_lazy("since"))
    def shown_created(self, hold: Hold) -> str:
        return moment(hold.created_at)

    @admin.display(description=gettext_lazy("by"))
    def shown_by(self, hold: Hold) -> Any:
        return hold.created_by if hold.created_by_id is not None else None

    @admin.display(description=gettext_lazy("Release"))
    def shown_release(self, hold: Hold) -> str:
        url = reverse("admin:executions_hold_release", args=[hold.pk], current_app=self.admin_site.name)
        return format_html('<a href="{}">{}</a>', url, _("Release"))


def _titled(hold: Hold) -> Hold:
    hold.words = holds.title(hold)
    return hold


def add_url(workflow: Workflow, site: str) -> str:
    """The page on which this workflow is held."""
    return (
        reverse("admin:executions_hold_add", current_app=site)
        + f"?{urlencode({'scope': 'workflow', 'target': workflow.key})}"
    )


def hold_part(workflow: Workflow, user: Any) -> str:
    """What keeps this workflow's executions from starting, on its page."""
    if not user.has_perm("executions.view_hold"):
        return ""
    given = workflow.options.get("queue") if isinstance(workflow.options, dict) else None
    found = [(holds.title(hold), hold) for hold in holds.of_workflow(workflow.key, str(given or conf().QUEUE), user)]
    may = user.has_perm("executions.delete_hold")
    return render_to_string("admin/executions/holds.html", {"holds": found, "may": may}) if found else ""
