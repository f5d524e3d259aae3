"""A page on which a node is tried alone, with what stands in its form, saved or not."""

from typing import Any, cast
from urllib.parse import quote

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows.admin import schemas
from workflows.admin.base import STYLES, live, page_of_site, require
from workflows.admin.forms import JsonField, add_errors, pretty
from workflows.admin.schemaform import SchemaField
from workflows.errors import SluiceError
from workflows.instructions import instructions
from workflows.instructions.base import Instruction
from workflows.models import Node, Workflow
from workflows.statuses import JobStatus
from workflows.trying import Trial, try_node
from workflows.visibility import visible

_BELOW = "#sluice-try"


class TrialForm(forms.Form):
    """A configuration, and what its templates find."""

    config = JsonField(label=gettext_lazy("Configuration"), required=False)
    context = JsonField(
        label=gettext_lazy("Trigger data"), required=False, help_text=gettext_lazy("What {{$context...}} finds.")
    )
    results = JsonField(
        label=gettext_lazy("Results of nodes"),
        required=False,
        help_text=gettext_lazy("What {{$jobsMapByNodeKey...}} finds: results by the keys of nodes."),
    )
    scopes = JsonField(
        label=gettext_lazy("Branch scopes"),
        required=False,
        help_text=gettext_lazy("What {{$scopes...}} finds, by the keys of nodes."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "prefix": "trial"})
        for name in ("context", "results", "scopes"):
            self.fields[name].widget.attrs["rows"] = 5


class TryMixin:
    """For the admin of nodes."""

    def get_urls(self: Any) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/try/", view(self.try_page), name="workflows_node_try"),
            path("to/<int:workflow_id>/try/", view(self.try_new_page), name="workflows_node_try_new"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def try_url(self: Any, request: HttpRequest, node: Node) -> str:
        """Empty where this person may not try this node, or nobody can."""
        kind = instructions().get(node.type)
        if kind is None or not kind.testable or not request.user.has_perm("workflows.change_node"):
            return ""
        return reverse("admin:workflows_node_try", args=[node.pk], current_app=self.admin_site.name)

    def try_new_url(self: Any, workflow: Workflow, kind: Instruction[Any]) -> str:
        if not kind.testable:
            return ""
        url = reverse("admin:workflows_node_try_new", args=[workflow.pk], current_app=self.admin_site.name)
        return f"{url}?type={quote(kind.type)}"

    def try_page(self: Any, request: HttpRequest, pk: int) -> HttpResponse:
        require(request, "workflows.change_node")
        node = get_object_or_404(self.get_queryset(request), pk=pk)
        back = reverse("admin:workflows_node_change", args=[pk], current_app=self.admin_site.name)
        return _page(request, self.admin_site, node.workflow, node.type, node.config, back, node)

    def try_new_page(self: Any, request: HttpRequest, workflow_id: int) -> HttpResponse:
        """A node that is not saved yet, of the type that `?type=` names."""
        require(request, "workflows.add_node")
        workflow = get_object_or_404(visible(Workflow.objects.all(), request.user), pk=workflow_id)
        kind = instructions().get(request.GET.get("type", ""))
        if kind is None:
            # None named, or one that is no more: a type is chosen there.
            return cast(HttpResponse, self.add_page(request, workflow_id))
        back = reverse("admin:workflows_workflow_change", args=[workflow_id], current_app=self.admin_site.name)
        return _page(request, self.admin_site, workflow, kind.type, schemas.skeleton(kind.Config), back, None)


def _page(
    request: HttpRequest,
    site: admin.AdminSite,
    workflow: Workflow,
    type: str,
    config: Any,
    back: str,
    node: Node | None,
) -> HttpResponse:
    """From a node's form it comes with what was typed there; only its own button tries."""
    tried = "trial-config" in request.POST
    initial = {"config": _typed(request, type, config), "context": {}, "results": {}, "scopes": {}}
    form = TrialForm(request.POST if tried else None, initial=initial)
    trial: Trial | None = None
    if tried and form.is_valid():
        try:
            trial = try_node(type, **form.cleaned_data, workflow=workflow, node=node, by=request.user)
        except SluiceError as error:
            form.aliases = {"type": "config"}  # type: ignore[attr-defined]
            add_errors(form, error)
    context = {
        "opts": Workflow._meta,
        "original": workflow,
        "back": back,
        "title": _("Try “%s”") % (node or type),
        "form": form,
        "submit": _("Try"),
        "media": forms.Media(css=STYLES) + form.media,
        **(_told(trial) if trial is not None else {}),
    }
    # Below a node's form in the drawer, or in the drawer by itself.
    context["target"] = _BELOW if request.headers.get("HX-Target") == _BELOW[1:] else "#sluice-drawer-body"
    if live(request) and context["target"] == _BELOW:
        context["base_template"] = "admin/workflows/canvas/part.html"
    return page_of_site(request, site, "admin/workflows/node/try.html", context)


def _told(trial: Trial) -> dict[str, Any]:
    return {
        "trial": trial,
        "good": trial.status >= 0,
        "status": JobStatus(trial.status).label,
        "milliseconds": round(trial.seconds * 1000),
        "result": pretty(trial.result),
        "input": pretty(trial.input),
    }


def _typed(request: HttpRequest, type: str, saved: Any) -> Any:
    """The configuration as it stands in the node's form that this comes from, where that can be read."""
    field = SchemaField(instructions()[type].Config)
    if field.widget.value_omitted_from_data(request.POST, {}, "config"):
        return saved
    try:
        return field.clean(field.widget.value_from_datadict(request.POST, {}, "config"))
    except forms.ValidationError:
        return saved
