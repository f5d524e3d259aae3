"""What lists of runs and jobs can be filtered by. Each has an index, or narrows by one."""

from collections.abc import Mapping, Sequence
from typing import Any

import django_filters  # type: ignore[import-untyped]
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from executions.api.statuses import JOB_STATUSES, STATUSES
from executions.models import Execution
from workflows.api.filters import FlagFilter, IdFilter, ListFilter, StrictFilterSet, ids, since, texts, until
from workflows.models import Workflow


class _StatusField(forms.CharField):
    """A status by name or number; "queued" and "null" are None."""

    def __init__(self, names: Mapping[str, int | None]) -> None:
        super().__init__()
        self.names = names

    def clean(self, value: Any) -> int | None:
        text = super().clean(value).lower()
        if text in self.names:
            return self.names[text]
        for number in self.names.values():
            if text == ("null" if number is None else str(number)):
                return number
        raise ValidationError(
            _("There is no status %(given)r; there are %(known)s.")
            % {"given": text[:40], "known": ", ".join(self.names)}
        )


class ExecutionFilter(StrictFilterSet):
    id = ids("pk")
    status = ListFilter(each=_StatusField(STATUSES), method="by_status")
    workflow = ids("workflow")
    key = texts("key")
    title = django_filters.CharFilter(method="by_title", max_length=255)
    type = texts("type")
    event_key = texts("event_key")
    name = texts("name")
    parent = ids("parent_execution")
    rerun_of = ids("rerun_of")
    lane = texts("lane")
    manually = FlagFilter(field_name="manually")
    paused = FlagFilter(method="by_paused")
    created_by = ids("created_by")
    created_since = since("created_at")
    created_until = until("created_at")
    started_since = since("started_at")
    started_until = until("started_at")
    ended_since = since("ended_at")
    ended_until = until("ended_at")

    def by_status(self, queryset: QuerySet[Execution], name: str, values: Sequence[int | None]) -> QuerySet[Execution]:
        wanted = Q(status__in=[value for value in values if value is not None])
        return queryset.filter(wanted | Q(status=None) if None in values else wanted)

    def by_title(self, queryset: QuerySet[Execution], name: str, value: str) -> QuerySet[Execution]:
        # Through the few workflows and the index on their keys; the runs' own titles would be read one by one.
        return queryset.filter(key__in=Workflow.objects.filter(title__icontains=value).values("key"))

    def by_paused(self, queryset: QuerySet[Execution], name: str, value: bool) -> QuerySet[Execution]:
        if not value:
            return queryset.filter(paused_at=None)
        # Only unended runs can be paused, and those are found by their status.
        return queryset.filter(Q(status=None) | Q(status=0), paused_at__isnull=False)


class JobFilter(StrictFilterSet):
    id = ids("pk")
    execution = IdFilter(field_name="execution")
    node = ids("node")
    node_key = texts("node_key")
    status = ListFilter(field_name="status", each=_StatusField(JOB_STATUSES))
