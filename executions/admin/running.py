"""The form for a run by hand, made of what the workflow's trigger takes; JSON does it all the same."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from executions import dispatcher
from executions.admin.operating import tell_run
from executions.models import Execution
from workflows import jsoninput
from workflows.admin.base import ModelAdmin, form_page, page_of_site, require
from workflows.admin.forms import JsonField, pretty
from workflows.errors import Invalid, refuse
from workflows.listing.bounds import TooSlow, bounded
from workflows.models import Workflow
from workflows.triggers import get_trigger
from workflows.triggers.fields import ManualField
from workflows.variables import blank_context
from workflows.visibility import visible

if TYPE_CHECKING:
    _Base = ModelAdmin[Execution]
else:
    _Base = object

#: Rows offered while somebody types.
OFFERED = 20
_BEFORE = "value-"


class RowInput(AdminTextInputWidget):
    """A row's key, typed, or chosen from rows that are found while one types: a list the browser itself shows."""

    template_name = "admin/executions/row_input.html"

    def __init__(self, url: str) -> None:
        super().__init__(attrs={"autocomplete": "off"})
        self.url = url

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        found = super().get_context(name, value, attrs)
        listed = f"{found['widget']['attrs'].get('id', name)}-rows"
        found["widget"]["attrs"] |= {
            "list": listed, "hx-get": self.url, "hx-trigger": "load, input changed delay:250ms",
            "hx-target": f"#{listed}", "hx-include": "this",
        }  # fmt: skip
        return {**found, "listed": listed}


class _Values(JsonField):
    def prepare_value(self, value: Any) -> Any:
        """Nothing is nothing, not a null to be sent."""
        return "" if value is None else super().prepare_value(value)


class RunForm(forms.Form):
    """The trigger's own values, each in its field; or all of them as JSON."""

    values = _Values(
        label=gettext_lazy("Values"),
        required=False,
        help_text=gettext_lazy("What the trigger hands over, as JSON; templates find it as $context."),
    )

    def __init__(self, data: Any, workflow: Workflow, rows_url: Callable[[str], str]) -> None:
        super().__init__(data)
        self.asked = {f"{_BEFORE}{field.name}": field for field in asked(workflow)}
        for name, field in self.asked.items():
            self.fields[name] = _field(field, rows_url)
        if not self.asked:
            self.fields["values"].initial = blank_context(workflow)
            return
        self.fields["values"].label = _("All values as JSON")
        self.fields["values"].help_text = _("Takes the place of the fields above, where it is filled in.")
        # The names that it may give.
        self.fields["values"].widget.attrs |= {"rows": 5, "placeholder": pretty(blank_context(workflow))}
        if self.is_bound and str(self.data.get("values", "")).strip():
            # Then nobody need fill in the fields.
            for name in self.asked:
                self.fields[name].required = False

    @property
    def aliases(self) -> dict[str, str]:
        """Where errors of a value stand."""
        return {} if self._as_json else {field.name: name for name, field in self.asked.items()}

    @property
    def _as_json(self) -> bool:
        return bool(str(self.data.get("values", "")).strip())

    @property
    def own_fields(self) -> list[Any]:
        return [self[name] for name in self.asked]

    def given(self) -> Any:
        """What the trigger is handed. Raises `Invalid` naming a value that its field can't be."""
        if self._as_json or not self.asked:
            return self.cleaned_data["values"]
        found: dict[str, Any] = {}
        for name, field in self.asked.items():
            value = _value(field, self.cleaned_data.get(name))
            if value is not None:
                found[field.name] = value
        return found


def asked(workflow: Workflow) -> list[ManualField]:
    """What the workflow's trigger asks for; nothing where it can't say, or is not configured."""
    try:
        trigger = get_trigger(workflow.type)
        return trigger.manual_fields(trigger.parse(workflow.config))
    except Invalid:
        return []


def _field(field: ManualField, rows_url: Callable[[str], str]) -> forms.Field:
    common: dict[str, Any] = {"label": _label(field), "required": field.required}
    kind = field.kind
    if kind == "row":
        told = _("Type a part of it and choose, or type its key.")
        return forms.CharField(widget=RowInput(rows_url(field.name)), help_text=told, max_length=255, **common)
    if kind == "rows":
        return forms.CharField(widget=AdminTextInputWidget(), help_text=_("Keys, separated by commas."), **common)
    if kind == "number":
        return forms.DecimalField(**common)
    if kind == "boolean":
        yes_no = [("", "---------"), ("true", _("Yes")), ("false", _("No"))]
        return forms.ChoiceField(choices=yes_no, **common)
    if kind in ("date", "moment"):
        when = _("Empty is now.") if field.name == "date" else ""
        made = forms.DateField if kind == "date" else forms.DateTimeField
        shown = "date" if kind == "date" else "datetime-local"
        return made(widget=AdminTextInputWidget({"type": shown, "class": ""}), help_text=when, **common)
    if kind in ("text", "time"):
        return forms.CharField(widget=AdminTextInputWidget(), strip=False, **common)
    told = {"list": _("A list as JSON."), "object": _("An object as JSON.")}.get(kind, _("JSON, or a plain text."))
    return forms.CharField(widget=AdminTextareaWidget({"rows": 3, "class": "vLargeTextField sluice-json"}),
                           help_text=told, **common)  # fmt: skip


def _label(field: ManualField) -> str:
    title = str(field.title or field.name)
    return title[:1].upper() + title[1:]


def _value(field: ManualField, cleaned: Any) -> Any:
    """As JSON; None for nothing."""
    if cleaned in (None, ""):
        return None
    if field.kind == "rows":
        return [part.strip() for part in cleaned.split(",") if part.strip()]
    if field.kind == "boolean":
        return cleaned == "true"
    if isinstance(cleaned, Decimal):
        return int(cleaned) if cleaned.as_tuple().exponent == 0 else float(cleaned)
    if field.kind in ("date", "moment"):
        return cleaned.isoformat()
    if field.kind in ("list", "object", "any"):
        return _from_json(field, cleaned)
    return cleaned


def _from_json(field: ManualField, text: str) -> Any:
    try:
        return jsoninput.loads(text)
    except Invalid as error:
        if field.kind == "any" and not text.lstrip().startswith(("{", "[", '"')):
            return text
        refuse({field.name: str(error)})


class RunMixin(_Base):
    """For the admin of executions: workflows are run by hand here."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("run/<int:workflow_id>/", view(self.run_page), name="executions_execution_run"),
            path("run/<int:workflow_id>/rows/", view(self.rows_part), name="executions_execution_run_rows"),
            *super().get_urls(),
        ]

    def run_page(self, request: HttpRequest, workflow_id: int) -> HttpResponse:
        """Runs a version by hand, then shows the run."""
        workflow = self._to_run(request, workflow_id)
        form = RunForm(request.POST or None, workflow, partial(self._rows_url, workflow_id))
        back = reverse("admin:workflows_workflow_change", args=[workflow_id], current_app=self.admin_site.name)

        def run(_cleaned: Mapping[str, Any]) -> HttpResponse:
            execution = dispatcher.run_now(workflow, form.given(), by=request.user)
            if execution is None:
                messages.warning(request, _("Nothing was run: the values don't meet the trigger's condition."))
                return HttpResponseRedirect(back)
            tell_run(request, workflow, execution)
            shown = reverse("admin:executions_execution_change", args=[execution.pk], current_app=self.admin_site.name)
            return HttpResponseRedirect(shown if request.user.has_perm("executions.view_execution") else back)

        return form_page(
            request, site=self.admin_site, model=Workflow, title=_("Run “%s” now") % workflow, form=form, run=run,
            submit=_("Run now"), original=workflow, back=back, template="admin/executions/run.html",
        )  # fmt: skip

    def rows_part(self, request: HttpRequest, workflow_id: int) -> HttpResponse:
        """The rows that fit what was typed of a value, as options: `?of=` its name, and the field itself."""
        workflow = self._to_run(request, workflow_id)
        name = request.GET.get("of", "")
        text = request.GET.get(f"{_BEFORE}{name}", "").strip().replace("\x00", "")
        try:
            rows = offered(request, self.admin_site, workflow, name, text[:255])
        except TooSlow:
            # Whoever types more finds fewer; the key does it without any.
            rows = []
        return page_of_site(request, self.admin_site, "admin/executions/rows.html", {"rows": rows})

    def _to_run(self, request: HttpRequest, pk: int) -> Workflow:
        require(request, "workflows.execute_workflow")
        return get_object_or_404(visible(Workflow.objects.all(), request.user), pk=pk)

    def _rows_url(self, workflow_id: int, name: str) -> str:
        address = reverse("admin:executions_execution_run_rows", args=[workflow_id], current_app=self.admin_site.name)
        return f"{address}?{urlencode({'of': name})}"


def offered(
    request: HttpRequest, site: admin.AdminSite, workflow: Workflow, name: str, text: str
) -> list[tuple[Any, str]]:
    """(key, title) of rows that this value may be, by the search of the model's own admin; none for whoever may not
    see the model there. Raises `TooSlow`."""
    model = next((field.model for field in asked(workflow) if field.name == name and field.kind == "row"), None)
    model_admin = site._registry.get(model) if model is not None else None
    if model is None or model_admin is None or not model_admin.has_view_permission(request):
        return []
    rows: QuerySet[Any] = model_admin.get_queryset(request)
    if text:
        rows, _may_repeat = model_admin.get_search_results(request, rows, text)
    with bounded(rows.db):
        return [(row.pk, str(row)) for row in rows.order_by("-pk")[:OFFERED]]
