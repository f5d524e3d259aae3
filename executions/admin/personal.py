"""Rows of people: everybody who may sign in to the admin sees their own, whoever may view all asks for those."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from executions.admin.steps import RUN_STYLES
from workflows.admin.base import CappedPaginator, ModelAdmin
from workflows.admin.history import HistoryMixin
from workflows.listing.pages import as_id
from workflows.models import HistoryEntry, HistoryQuerySet


class WhoseFilter(admin.SimpleListFilter):
    """One's own, unless one may see those of others and asks for them."""

    title = gettext_lazy("person")
    parameter_name = "whose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        sees_all = request.user.has_perm(f"executions.view_{model_admin.opts.model_name}")
        return [("all", _("Everybody"))] if sees_all else []

    def choices(self, changelist: Any) -> Iterator[Any]:
        first, *others = super().choices(changelist)
        return iter([{**first, "display": _("Mine")}, *others])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() == "all" else queryset.filter(user=request.user.pk)


class PersonalAdmin(HistoryMixin, ModelAdmin[Any]):
    """Of a model whose rows have a `user`; they come and go by pages of their own."""

    ordering = ["-id"]
    sortable_by = []
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50

    class Media:
        css = RUN_STYLES

    def entries_of(self, row: Any) -> HistoryQuerySet:
        return HistoryEntry.objects.filter(object_kind=self.opts.model_name, object_id=row.pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """One's own are everybody's to see; `get_queryset` holds no others."""
        return request.user.is_active and bool(getattr(request.user, "is_staff", False))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        pk = as_id(object_id)
        return None if pk is None else self.get_queryset(request).filter(pk=pk).select_related("user").first()
