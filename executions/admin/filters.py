"""The filters of the list of runs: one form beside it, whose parameters the API's own filter set takes.

So a list here and one over HTTP find the same runs by the same indexes, and refuse the same questions.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import IGNORED_PARAMS, ORDER_VAR, ChangeList
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from executions.admin.lists import keys_of
from executions.listing.filtersets import ExecutionFilter
from executions.models import Execution
from executions.statuses import ExecutionStatus, Parked
from workflows.admin.base import RowList
from workflows.errors import Invalid, refuse
from workflows.listing.bounds import bounded
from workflows.listing.pages import Listing, as_id
from workflows.models import Workflow
from workflows.triggers import triggers
from workflows.visibility import visible

SPANS = {
    "hour": (gettext_lazy("In the last hour"), timedelta(hours=1)),
    "day": (gettext_lazy("In the last 24 hours"), timedelta(days=1)),
    "week": (gettext_lazy("In the last 7 days"), timedelta(days=7)),
    "month": (gettext_lazy("In the last 30 days"), timedelta(days=30)),
}
TIMES = {
    "created": pgettext_lazy("time", "Created"),
    "started": pgettext_lazy("time", "Started"),
    "ended": gettext_lazy("Ended"),
    "updated": pgettext_lazy("time", "Updated"),
}
#: Names that hold a name or a path, as the API's filter set takes them.
_FURTHER = ("attr.", "context.", "output.")
_YES_NO = [("", gettext_lazy("All")), ("true", gettext_lazy("Yes")), ("false", gettext_lazy("No"))]


def _text(label: Any, hint: Any = "") -> forms.CharField:
    return forms.CharField(label=label, required=False, widget=forms.TextInput({"placeholder": hint}))


def _choice(label: Any, choices: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, required=False, choices=choices)


def _kinds() -> list[tuple[str, Any]]:
    return [("", _("All")), *((kind.type, kind.title) for kind in triggers().values())]


class _MomentInput(forms.DateTimeInput):
    input_type = "datetime-local"


class RunFilterForm(forms.Form):
    """Only shows what is asked for; the filter set checks it."""

    status = forms.MultipleChoiceField(
        label=gettext_lazy("Status"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=[
            ("queued", gettext_lazy("Queued")),
            *((status.name.lower(), status.label) for status in ExecutionStatus),
        ],
    )
    workflow = _text(gettext_lazy("Workflow"), gettext_lazy("Key, name, id or title"))
    type = _choice(gettext_lazy("Trigger type"), _kinds)
    running_min = _text(gettext_lazy("Running longer than"), gettext_lazy("seconds"))
    context_contains = _text(gettext_lazy("Text in the context"))
    output_contains = _text(gettext_lazy("Text in the output"))
    error_contains = _text(gettext_lazy("Text in the error"))
    name_prefix = _text(gettext_lazy("Name begins with"))
    event_key = _text(gettext_lazy("Event key"))
    tags = _text(gettext_lazy("Tags"), gettext_lazy("All of these, with commas"))
    created_by = _text(gettext_lazy("Created by"), gettext_lazy("Name of a user, or id"))
    waiting_at = _text(gettext_lazy("Waiting at node"), gettext_lazy("Key or id"))
    parent = _text(gettext_lazy("Started by execution"), gettext_lazy("Id"))
    manually = _choice(gettext_lazy("Started by hand"), _YES_NO)
    paused = _choice(gettext_lazy("Paused"), _YES_NO)
    parked = _choice(gettext_lazy("Kept back"), [("", gettext_lazy("All")), *Parked.choices])
    duration_min = _text(gettext_lazy("At least"), gettext_lazy("seconds"))
    duration_max = _text(gettext_lazy("At most"), gettext_lazy("seconds"))

    def __init__(self, data: QueryDict, attributes: Sequence[str]) -> None:
        # Ids of their own: the page has a form of actions and one of the search too.
        super().__init__(data, auto_id="filter-%s")
        for time in TIMES:
            self.fields[f"{time}_span"] = _choice(
                _("When"), [("", _("Any time")), *((name, label) for name, (label, _span) in SPANS.items())]
            )
            for end, label in (("since", pgettext("time", "From")), ("until", _("Before"))):
                self.fields[f"{time}_{end}"] = forms.CharField(label=label, required=False, widget=_MomentInput)
        self.attributes = list(attributes)
        for name in attributes:
            self.fields[f"attr.{name}"] = _text(name)
            self.fields[f"attr.{name}__gte"] = _text(_("At least"))
            self.fields[f"attr.{name}__lte"] = _text(_("At most"))

    def groups(self) -> Iterator[tuple[Any, list[Any], bool]]:
        """(heading, bound fields, whether it stands open); the first has no heading."""
        yield "", self._bound("status", "workflow", "type", "running_min"), True
        for time, heading in TIMES.items():
            fields = self._bound(f"{time}_span", f"{time}_since", f"{time}_until")
            yield heading, fields, time == "created" or self._given(fields)
        for label, names in (
            (_("Text inside"), ("context_contains", "output_contains", "error_contains")),
            (_("Duration"), ("duration_min", "duration_max")),
            (_("Names and people"), ("name_prefix", "event_key", "tags", "created_by")),
            (_("Where it stands"), ("waiting_at", "paused", "parked", "manually", "parent")),
        ):
            fields = self._bound(*names)
            yield label, fields, self._given(fields)
        for name in self.attributes:
            yield name, self._bound(*(f"attr.{name}{end}" for end in ("", "__gte", "__lte"))), True

    def label_of(self, name: str) -> str:
        """As the form calls a parameter; where the API alone has it, its own name."""
        time, _sign, end = name.rpartition("_")
        if time in TIMES and end in ("span", "since", "until"):
            return str(TIMES[time])
        return str(self.fields[name].label) if name in self.fields else name

    def _bound(self, *names: str) -> list[Any]:
        return [self[name] for name in names]

    def _given(self, fields: Sequence[Any]) -> bool:
        return any(field.data for field in fields)


class RunFilter(admin.ListFilter):
    """All filters of the list in one, so that several are chosen before the list is asked for."""

    title = gettext_lazy("what you give")
    template = "admin/executions/run_filter.html"
    #: How the list's pages are found; None where nothing is asked for, or what is asked for is refused.
    listing: Listing | None = None

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.request = request
        self.asked: dict[str, list[str]] = {}
        for name in [name for name in params if is_asked(name)]:
            values = [text for value in params.pop(name) if (text := value.strip())]
            if values:
                self.asked[name] = values

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.asked)

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """What the form keeps: the search, and parameters that it has no field for."""
        kept = {name: values for name, values in self.asked.items() if name not in self.form.fields}
        if changelist.query:
            kept["q"] = [changelist.query]
        yield {"kept": [(name, value) for name, values in kept.items() for value in values]}

    @cached_property
    def form(self) -> RunFilterForm:
        data = QueryDict(mutable=True)
        for name, values in self.asked.items():
            data.setlist(name, [part for value in values for part in value.split(",")] if name == "status" else values)
        return RunFilterForm(data, self._attributes())

    def _attributes(self) -> list[str]:
        """The search attributes of the one workflow that is chosen."""
        if "workflow" not in self.asked:
            return []
        found = visible(Workflow.objects.filter(key__in=self._keys, current=True), self.request.user)
        options = list(found.order_by().values_list("options", flat=True)[:2])
        declared = options[0].get("search_attributes") if len(options) == 1 and options[0] else None
        return sorted(declared) if isinstance(declared, Mapping) else []

    @cached_property
    def _keys(self) -> list[str]:
        return keys_of(self.asked["workflow"][-1], self.request.user)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Execution]) -> QuerySet[Execution]:
        if not self.asked:
            return queryset
        if "workflow" in self.asked and not self._keys:
            return queryset.none()
        try:
            filters = ExecutionFilter(self._parameters(), queryset=queryset)
            refuse(filters.refusals())
            self.listing = filters.listing()
            found: QuerySet[Execution] = filters.narrowed()
            return found
        except Invalid as error:
            tell_refused(request, error, self.form.label_of)
            return queryset.none()

    def where(self) -> dict[str, list[str]]:
        """What the list is filtered by, as `bulk.start` takes it. Raises `Invalid`."""
        if "workflow" in self.asked and not self._keys:
            raise Invalid(_("There is no such workflow."), field="workflow")
        return {name: [str(value) for value in values] for name, values in self._parameters().lists()}

    def _parameters(self) -> QueryDict:
        """As the API is asked. Raises `Invalid`."""
        data = QueryDict(mutable=True)
        for name, values in self.asked.items():
            time = name.removesuffix("_span")
            if name == "workflow":
                data.setlist("key", self._keys)
            elif name == "created_by":
                data.setlist(name, [_user_id(part.strip()) for value in values for part in value.split(",")])
            elif time != name:
                if f"{time}_since" not in self.asked:
                    data[f"{time}_since"] = _begin(name, values[-1])
            elif name == "status" or name in ExecutionFilter.base_filters or len(values) == 1:
                data.setlist(name, values)
            else:
                data[name] = values[-1]
        return data


class RunList(RowList):
    """Pages as the API finds them: their keys from an index in its order, then their rows; none takes long."""

    def get_results(self, request: HttpRequest) -> None:
        wrong: IncorrectLookupParameters | None = None
        try:
            with bounded(self.queryset.db, _("workflow or created")):
                try:
                    self._find(request)
                except IncorrectLookupParameters as error:
                    # A page that there is not: past the bound, whose transaction it would break.
                    wrong = error
        except Invalid as error:
            tell_refused(request, error, str)
            self.queryset = self.queryset.none()
            super().get_results(request)
        if wrong is not None:
            raise wrong

    def _find(self, request: HttpRequest) -> None:
        super().get_results(request)
        listing = next((spec.listing for spec in self.filter_specs if isinstance(spec, RunFilter)), None)
        if listing is None or self.query or ORDER_VAR in self.params:
            self.result_list = list(self.result_list)
        else:
            self.result_list = self._page(listing)

    def _page(self, listing: Listing) -> list[Execution]:
        whole = not self.multi_page or (self.show_all and self.can_show_all)
        most = self.list_max_show_all if whole else self.list_per_page
        keys = listing.keys("", most, 0 if whole else (self.page_num - 1) * most)
        numbers = [number for _value, number in keys]
        rows = {row.pk: row for row in self.queryset.order_by().filter(pk__in=numbers)}
        return [rows[number] for number in numbers if number in rows]


def without_empty(given: QueryDict) -> QueryDict:
    """These parameters without our own that ask for nothing."""
    found = QueryDict(mutable=True)
    for name, values in given.lists():
        kept = [value for value in values if value.strip()] if is_asked(name) else values
        if kept:
            found.setlist(name, kept)
    return found


def tell_refused(request: HttpRequest, error: Invalid, label_of: Any) -> None:
    """A message for each parameter at fault."""
    for name, sentence in (error.errors or {"": error.message}).items():
        messages.error(request, f"{label_of(name)}: {sentence}" if name else str(sentence))


def is_asked(name: str) -> bool:
    """Whether a parameter of the list is one of its filters."""
    if name in IGNORED_PARAMS:
        return False
    spans = [f"{time}_span" for time in TIMES]
    return name in ExecutionFilter.base_filters or name.startswith(_FURTHER) or name in spans


def _begin(name: str, span: str) -> str:
    if span not in SPANS:
        raise Invalid(
            _("There is no span %(given)r; there are %(known)s.") % {"given": span[:40], "known": ", ".join(SPANS)},
            field=name,
        )
    return (timezone.now() - SPANS[span][1]).isoformat()


def _user_id(text: str) -> str:
    """The id of a user by name; an id stays as it is."""
    if as_id(text) is not None:
        return text
    users = get_user_model()
    found = None if "\x00" in text else users.objects.filter(**{users.USERNAME_FIELD: text}).order_by().first()
    if found is None:
        raise Invalid(_("There is no user %r.") % text[:40], field="created_by")
    return str(found.pk)
