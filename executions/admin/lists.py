"""The filters and the search of lists of runs. Each goes by an index, and none counts."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from executions.models import Execution
from executions.statuses import ExecutionStatus
from workflows.api.pagination import MAX_NUMBER
from workflows.models import Workflow
from workflows.triggers import triggers

#: Workflows, and runs by event key or name, that one search follows.
_FOUND = 200


class StatusFilter(admin.SimpleListFilter):
    title = gettext_lazy("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("queued", gettext_lazy("Queued")),
            ("paused", gettext_lazy("Paused")),
            *((status.name.lower(), status.label) for status in ExecutionStatus),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Execution]) -> QuerySet[Execution]:
        value = self.value()
        if value == "queued":
            return queryset.filter(status=None)
        if value == "paused":
            # Only unended runs can be paused, and those are found by their status.
            return queryset.filter(Q(status=None) | Q(status=0), paused_at__isnull=False)
        if not value:
            return queryset
        if value.upper() in ExecutionStatus.names:
            return queryset.filter(status=ExecutionStatus[value.upper()])
        messages.error(
            request,
            _("There is no status %(given)r; there are %(known)s.")
            % {"given": value[:40], "known": ", ".join(str(name) for name, _title in self.lookup_choices)},
        )
        return queryset.none()


class WorkflowFilter(admin.SimpleListFilter):
    """What a person types: a workflow's key, name, id or a part of its title. A list of all could be long."""

    title = gettext_lazy("workflow")
    parameter_name = "workflow"
    template = "admin/executions/text_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        # One that is never shown: Django leaves out filters without choices.
        return [("", "")]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        others = {name: value for name, value in changelist.get_filters_params().items() if name != self.parameter_name}
        if changelist.query:
            others["q"] = [changelist.query]
        yield {
            "name": self.parameter_name,
            "value": self.value() or "",
            "others": [
                (name, item)
                for name, value in others.items()
                for item in (value if isinstance(value, list) else [value])
            ],
            "clear": changelist.get_query_string(remove=[self.parameter_name]),
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Execution]) -> QuerySet[Execution]:
        value = (self.value() or "").strip()
        return queryset.filter(key__in=keys_of(value)) if value else queryset


class TypeFilter(admin.SimpleListFilter):
    title = gettext_lazy("trigger type")
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(trigger.type, trigger.title) for trigger in triggers().values()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Execution]) -> QuerySet[Execution]:
        return queryset.filter(type=self.value()) if self.value() else queryset


class ManuallyFilter(admin.SimpleListFilter):
    title = gettext_lazy("started by hand")
    parameter_name = "manually"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", gettext_lazy("Yes")), ("no", gettext_lazy("No"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Execution]) -> QuerySet[Execution]:
        if self.value() == "yes":
            return queryset.filter(manually=True)
        return queryset.exclude(manually=True) if self.value() == "no" else queryset


class CreatedFilter(admin.SimpleListFilter):
    title = gettext_lazy("created")
    parameter_name = "since"
    _SPANS = {
        "hour": (gettext_lazy("In the last hour"), timedelta(hours=1)),
        "day": (gettext_lazy("In the last 24 hours"), timedelta(days=1)),
        "week": (gettext_lazy("In the last 7 days"), timedelta(days=7)),
        "month": (gettext_lazy("In the last 30 days"), timedelta(days=30)),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, label) for name, (label, _span) in self._SPANS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Execution]) -> QuerySet[Execution]:
        if self.value() not in self._SPANS:
            return queryset
        return queryset.filter(created_at__gte=timezone.now() - self._SPANS[self.value() or ""][1])


def keys_of(text: str) -> list[str]:
    """Keys of the workflows meant by a key, name, id or part of a title; a key also if its workflow was deleted."""
    if "\x00" in text:
        return []
    named = Q(key=text) | Q(name=text) | Q(title__icontains=text)
    if (pk := as_id(text)) is not None:
        named |= Q(pk=pk)
    found = Workflow.objects.filter(named).order_by().values_list("key", flat=True).distinct()
    return [text, *found[:_FOUND]]


def search(queryset: QuerySet[Execution], text: str) -> QuerySet[Execution]:
    """Runs with this id, event key or name, and those of the workflows it means.

    Each is looked up by its own index first: one statement with OR over all would read the table.
    """
    known = Execution.objects.order_by()
    ids = {*known.filter(event_key=text).values_list("pk", flat=True)[:_FOUND]}
    ids.update(known.filter(name=text).values_list("pk", flat=True)[:_FOUND])
    if (pk := as_id(text)) is not None:
        ids.add(pk)
    return queryset.filter(Q(pk__in=ids) | Q(key__in=keys_of(text)))


def as_id(text: str) -> int | None:
    """None for what can't be an id."""
    fits = text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= MAX_NUMBER
    return int(text) if fits else None
