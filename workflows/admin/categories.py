"""Categories in the admin."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from workflows.admin.base import ModelAdmin
from workflows.models import Category


class CategoryAdmin(ModelAdmin[Category]):
    list_display = ["title", "color", "sort", "used"]
    search_fields = ["title"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        return super().get_queryset(request).annotate(used_by=Count("workflows"))

    @admin.display(description=_("workflow versions"))
    def used(self, category: Category) -> int:
        return category.used_by  # type: ignore[attr-defined, no-any-return]
