"""What lists of definitions can be filtered by."""

import django_filters  # type: ignore[import-untyped]

from workflows.api.filters import FlagFilter, StrictFilterSet, ids, since, texts, until


class WorkflowFilter(StrictFilterSet):
    id = ids("pk")
    key = texts("key")
    name = texts("name")
    title = django_filters.CharFilter(field_name="title", lookup_expr="icontains", max_length=255)
    type = texts("type")
    enabled = FlagFilter(field_name="enabled")
    current = FlagFilter(field_name="current")
    sync = FlagFilter(field_name="sync")
    category = ids("categories", distinct=True)
    created_since = since("created_at")
    created_until = until("created_at")
    updated_since = since("updated_at")
    updated_until = until("updated_at")


class NodeFilter(StrictFilterSet):
    id = ids("pk")
    workflow = ids("workflow")
    key = texts("key")
    type = texts("type")
    title = django_filters.CharFilter(field_name="title", lookup_expr="icontains", max_length=255)


class CategoryFilter(StrictFilterSet):
    id = ids("pk")
    title = texts("title")
