"""What lists of runs and jobs can be filtered by. Each has an index, or narrows by one."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

import django_filters  # type: ignore[import-untyped]
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from executions.listing import listings, searching
from executions.listing.listings import TOOK, after
from executions.listing.searching import RowFilter, TagsFilter, TextSearchFilter
from executions.listing.statuses import JOB_STATUSES, STATUSES
from executions.models import Execution
from executions.statuses import ExecutionStatus, Parked
from workflows import ambient
from workflows.errors import Invalid
from workflows.listing.filters import (
    FlagFilter,
    IdField,
    IdFilter,
    ListFilter,
    StrictFilterSet,
    ids,
    is_empty,
    since,
    texts,
    until,
)
from workflows.listing.pages import Listing
from workflows.models import Workflow
from workflows.visibility import narrowed, visible_rows

#: Workflows that a part of a title may mean.
MOST_WORKFLOWS = 200
#: Seconds; a hundred years.
_LONGEST = 3_155_760_000
UNINDEXED = _("This text stands somewhere in it. Inside one workflow or a range of created, started or ended only.")


class StatusField(forms.CharField):
    """A status by name or number; "queued" and "null" are None."""

    def __init__(self, names: Mapping[str, int | None]) -> None:
        super().__init__()
        self.names = names

    @property
    def openapi(self) -> dict[str, Any]:
        numbers = ["null" if number is None else str(number) for number in self.names.values()]
        return {"type": "string", "enum": [*self.names, *numbers]}

    def clean(self, value: Any) -> int | None:
        text = super().clean(value).lower()
        if text in self.names:
            return self.names[text]
        for number in self.names.values():
            if text == ("null" if number is None else str(number)):
                return number
        raise ValidationError(
            gettext("There is no status %(given)r; there are %(known)s.")
            % {"given": text[:40], "known": ", ".join(self.names)}
        )


class _SecondsField(forms.FloatField):
    openapi = {"type": "number", "minimum": 0, "maximum": _LONGEST}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=_LONGEST, **kwargs)

    def clean(self, value: Any) -> timedelta | None:
        seconds = super().clean(value)
        return None if seconds is None else timedelta(seconds=seconds)


class _DurationFilter(django_filters.Filter):  # type: ignore[misc]
    """Of ended runs: how long it took."""

    field_class = _SecondsField

    def filter(self, queryset: QuerySet[Execution], value: timedelta | None) -> QuerySet[Execution]:
        if value is None:
            return queryset
        return queryset.alias(took=TOOK).filter(ended_at__isnull=False, **{f"took__{self.lookup_expr}": value})


class _RunningFilter(django_filters.Filter):  # type: ignore[misc]
    """Of runs that have begun and not ended: for how long by now."""

    field_class = _SecondsField

    def filter(self, queryset: QuerySet[Execution], value: timedelta | None) -> QuerySet[Execution]:
        if value is None:
            return queryset
        return queryset.filter(status=ExecutionStatus.STARTED, started_at__lte=timezone.now() - value)


class _PrefixFilter(django_filters.CharFilter):  # type: ignore[misc]
    """A range by code point, which an index holds and upper and lower case do not blur."""

    def filter(self, queryset: QuerySet[Execution], value: str) -> QuerySet[Execution]:
        if not value:
            return queryset
        queryset = queryset.filter(**{f"{self.field_name}__gte": value})
        behind = after(value)
        return queryset if behind is None else queryset.filter(**{f"{self.field_name}__lt": behind})


class _OrderFilter(django_filters.ChoiceFilter):  # type: ignore[misc]
    """Chooses no rows; the listing orders by it."""

    def filter(self, queryset: QuerySet[Execution], value: str) -> QuerySet[Execution]:
        return queryset


class ExecutionFilter(StrictFilterSet):
    id = ids("pk")
    status = ListFilter(each=StatusField(STATUSES), method="by_status", help_text=_("Statuses by name or number."))
    workflow = ids("workflow", help_text=_("Ids of workflow versions."))
    key = texts("key", help_text=_("Keys of workflows: every version."))
    title = django_filters.CharFilter(method="by_title", max_length=255, help_text=_("A part of the workflow's title."))
    type = texts("type", help_text=_("Trigger types."))
    name = texts("name", help_text=_("Names of executions."))
    name_prefix = _PrefixFilter(field_name="name", max_length=128, help_text=_("What the name begins with."))
    event_key = texts("event_key")
    event_key_prefix = _PrefixFilter(field_name="event_key", max_length=255)
    parent = ListFilter(each=IdField(), method="by_parent", help_text=_("Executions that started it."))
    rerun_of = ids("rerun_of")
    waiting_at = django_filters.CharFilter(
        method="by_waiting_at", max_length=64, help_text=_("The id or key of a node at which it waits.")
    )
    lane = texts("lane")
    manually = FlagFilter(field_name="manually", help_text=_("Started by hand."))
    paused = FlagFilter(method="by_paused")
    parked = ListFilter(
        field_name="parked",
        each=forms.ChoiceField(choices=Parked.choices),
        help_text=_("Why it is kept back: lane, hold, deferred, disabled."),
    )
    created_by = ids("created_by", help_text=_("Ids of users."))
    tags = TagsFilter()
    row = RowFilter()
    created_since = since("created_at")
    created_until = until("created_at")
    started_since = since("started_at")
    started_until = until("started_at")
    ended_since = since("ended_at")
    ended_until = until("ended_at")
    updated_since = since("updated_at")
    updated_until = until("updated_at")
    duration_min = _DurationFilter(lookup_expr="gte", help_text=_("Seconds from start to end, at least."))
    duration_max = _DurationFilter(lookup_expr="lte", help_text=_("Seconds from start to end, at most."))
    running_min = _RunningFilter(help_text=_("Not ended, and begun so many seconds ago or more."))
    context_contains = TextSearchFilter("context", is_json=True, help_text=UNINDEXED)
    output_contains = TextSearchFilter("output", is_json=True, help_text=UNINDEXED)
    error_contains = TextSearchFilter("error", is_json=False, help_text=UNINDEXED)
    order = _OrderFilter(
        choices=[(sign + name, sign + name) for name in listings.ORDERS for sign in ("", "-")],
        null_label=None,
        help_text=_("Inside one workflow or a range of created, started or ended; -id, the newest first, anywhere."),
    )

    further = searching.FURTHER
    narrow_by = "workflow, key, created_since"

    def filter_for(self, name: str) -> django_filters.Filter | None:
        return searching.filter_for(name)

    @cached_property
    def given(self) -> dict[str, Any]:
        """What the parameters ask for, without those that are empty."""
        cleaned = self.form.cleaned_data if self.is_valid() else {}
        return {name: value for name, value in cleaned.items() if not is_empty(value)}

    def narrowed(self, *, without: Collection[str] = ()) -> QuerySet[Execution]:
        """Filtered by what is given, but for some of the filters."""
        queryset: QuerySet[Execution] = self.queryset.order_by()
        for name, value in self.given.items():
            if name not in without:
                queryset = self.filters[name].filter(queryset, value)
        return queryset

    def listing(self) -> Listing:
        return listings.of(self)

    @cached_property
    def title_keys(self) -> list[str]:
        """Keys of the workflows that `title` means: they are few, and their runs have an index."""
        # The runs' own titles would be read one by one.
        named = Workflow.objects.filter(title__icontains=self.given["title"]).order_by()
        found = list(named.values_list("key", flat=True).distinct()[: MOST_WORKFLOWS + 1])
        if len(found) > MOST_WORKFLOWS:
            raise Invalid(
                gettext("More than %d workflows have this in their titles; write more of it.") % MOST_WORKFLOWS,
                field="title",
            )
        return found

    def by_status(self, queryset: QuerySet[Execution], name: str, values: Sequence[int | None]) -> QuerySet[Execution]:
        wanted = Q(status__in=[value for value in values if value is not None])
        return queryset.filter(wanted | Q(status=None) if None in values else wanted)

    def by_parent(self, queryset: QuerySet[Execution], name: str, values: Sequence[int]) -> QuerySet[Execution]:
        user = getattr(self.request, "user", None) or ambient.actor()
        if user is not None and narrowed(user):
            # Whose child a run is tells of a parent that is hidden.
            values = list(visible_rows(Execution.objects.filter(pk__in=values), user).values_list("pk", flat=True))
        return queryset.filter(parent_execution__in=values)

    def by_title(self, queryset: QuerySet[Execution], name: str, value: str) -> QuerySet[Execution]:
        return queryset.filter(key__in=self.title_keys)

    def by_waiting_at(self, queryset: QuerySet[Execution], name: str, value: str) -> QuerySet[Execution]:
        return queryset.filter(pk__in=listings.waiting_at(value).values("execution"))

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
    status = ListFilter(field_name="status", each=StatusField(JOB_STATUSES))
