"""What people did, wherever they did it: the History page of an object, and the whole log."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows.actions import Action, Origin
from workflows.admin.base import STYLES, CappedPaginator, ModelAdmin, page_of_site, shown_json
from workflows.models import HistoryEntry, HistoryQuerySet
from workflows.templatetags.sluice import moment
from workflows.visibility import visible_rows

if TYPE_CHECKING:
    _Base = ModelAdmin[Any]
else:
    _Base = object

_KINDS = {
    "workflow": gettext_lazy("Workflow"),
    "node": gettext_lazy("Node"),
    "execution": gettext_lazy("Execution"),
    "job": gettext_lazy("Job"),
    "task": gettext_lazy("Task"),
    "application": gettext_lazy("Application"),
    "secret": gettext_lazy("Secret"),
    "access_key": gettext_lazy("Access key"),
    "hold": gettext_lazy("Hold"),
    "bulk": gettext_lazy("Bulk operation"),
}
#: Entries of one page.
SHOWN = 50


class HistoryMixin(_Base):
    """For a model admin: its history page shows our entries in the place of Django's, which know the admin alone."""

    def entries_of(self, row: Any) -> HistoryQuerySet:
        """The entries of this object."""
        raise NotImplementedError

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row: Model | None = self.get_object(request, unquote(object_id))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined, no-any-return]
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        found = self.entries_of(row).order_by("-id")
        before = request.GET.get("before", "")
        if before.isascii() and before.isdecimal() and len(before) < 19:
            found = found.filter(pk__lt=int(before))
        entries = list(found[: SHOWN + 1])
        context = {
            "title": _("History of %s") % row,
            "opts": self.opts,
            "original": row,
            "entries": entries[:SHOWN],
            "older": entries[SHOWN - 1].pk if len(entries) > SHOWN else None,
            "newer": bool(before),
            "media": forms.Media(css=STYLES),
            **(extra_context or {}),
        }
        return page_of_site(request, self.admin_site, "admin/workflows/history.html", context)


class ActionFilter(admin.SimpleListFilter):
    title = gettext_lazy("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(action.value, f"{_KINDS[action.kind]}: {action.label}") for action in Action]

    def queryset(self, request: HttpRequest, queryset: QuerySet[HistoryEntry]) -> QuerySet[HistoryEntry]:
        return queryset.filter(action=self.value()) if self.value() else queryset


class OriginFilter(admin.SimpleListFilter):
    title = gettext_lazy("from")
    parameter_name = "origin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Origin.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[HistoryEntry]) -> QuerySet[HistoryEntry]:
        return queryset.filter(origin=self.value()) if self.value() else queryset


class HistoryEntryAdmin(ModelAdmin[HistoryEntry]):
    """The whole log, also of what was deleted; to read."""

    list_display = ["shown_at", "actor_name", "shown_origin", "shown_action", "title", "reason"]
    list_filter = [ActionFilter, OriginFilter]
    # Django shows the search box where there are fields; `get_search_results` looks by itself.
    search_fields = ["workflow_key"]
    search_help_text = gettext_lazy("Key of a workflow or id of an execution.")
    ordering = ["-id"]
    sortable_by = ()
    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    actions = None
    fields = (
        "shown_at", "actor_name", "shown_origin", "address", "shown_action", "object_kind", "object_id", "title",
        "workflow_key", "node_key", "execution", "bulk", "reason", "shown_changes",
    )  # fmt: skip
    readonly_fields = fields

    class Media:
        css = STYLES

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: HistoryEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: HistoryEntry | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[HistoryEntry]:
        return visible_rows(super().get_queryset(request), request.user, key="workflow_key")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[HistoryEntry], search_term: str
    ) -> tuple[QuerySet[HistoryEntry], bool]:
        text = search_term.strip().removeprefix("#")
        if not text:
            return queryset, False
        if text.isascii() and text.isdecimal() and len(text) < 19:
            return queryset.filter(execution=int(text)), False
        return queryset.filter(workflow_key=text), False

    @admin.display(description=gettext_lazy("at"))
    def shown_at(self, entry: HistoryEntry) -> str:
        return moment(entry.at)

    @admin.display(description=gettext_lazy("from"))
    def shown_origin(self, entry: HistoryEntry) -> str:
        return entry.origin_title

    @admin.display(description=gettext_lazy("action"))
    def shown_action(self, entry: HistoryEntry) -> str:
        return entry.action_title

    @admin.display(description=gettext_lazy("changes"))
    def shown_changes(self, entry: HistoryEntry) -> str:
        return shown_json(entry.changes)
