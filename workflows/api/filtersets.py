"""What lists of definitions can be filtered by."""

import django_filters  # type: ignore[import-untyped]

from workflows.instructions import instructions
from workflows.listing.filters import FlagFilter, StrictFilterSet, ids, kinds, since, texts, until
from workflows.models import Node, Workflow
from workflows.triggers import triggers


class WorkflowFilter(StrictFilterSet):
    id = ids("pk")
    key = texts("key")
    name = texts("name")
    title = django_filters.CharFilter(field_name="title", lookup_expr="icontains", max_length=255)
    type = kinds("type", triggers, Workflow)
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
    type = kinds("type", instructions, Node)
    title = django_filters.CharFilter(field_name="title", lookup_expr="icontains", max_length=255)


class CategoryFilter(StrictFilterSet):
    id = ids("pk")
    title = texts("title")
