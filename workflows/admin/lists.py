"""The filters of our lists. None of them counts."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows.models import Workflow
from workflows.triggers import triggers


class CurrentFilter(admin.SimpleListFilter):
    """A list of workflows shows one row each, until older and newer versions are asked for."""

    title = gettext_lazy("version")
    parameter_name = "versions"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("all", gettext_lazy("All versions")), ("other", gettext_lazy("Not current"))]

    def choices(self, changelist: ChangeList) -> Any:
        first, *others = super().choices(changelist)
        return [{**first, "display": _("Current")}, *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> QuerySet[Workflow]:
        if self.value() == "all":
            return queryset
        return queryset.filter(current=None) if self.value() == "other" else queryset.filter(current=True)


class TypeFilter(admin.SimpleListFilter):
    title = gettext_lazy("type")
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(trigger.type, trigger.title) for trigger in triggers().values()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> QuerySet[Workflow]:
        return queryset.filter(type=self.value()) if self.value() else queryset
