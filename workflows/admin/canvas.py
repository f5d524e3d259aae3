"""The canvas on a version's page: drawn whole, swapped whole after each edit, and edits taken back."""

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from pydantic import ValidationError

from workflows import undoing
from workflows.admin.base import live, page_of_site, require
from workflows.admin.cards import notes_of
from workflows.canvas import Canvas, lay_out
from workflows.errors import SluiceError
from workflows.graph import Graph
from workflows.models import Node, Workflow
from workflows.triggers import triggers
from workflows.visibility import visible

_NODE_PERMISSIONS = ("add_node", "change_node", "delete_node")
_PANEL = "admin/workflows/canvas/panel.html"


def panel_context(request: HttpRequest, site: admin.AdminSite, workflow: Workflow) -> dict[str, Any]:
    """What the canvas shows of a version to this user."""
    may = {name: request.user.has_perm(f"workflows.{name}") and not workflow.frozen for name in _NODE_PERMISSIONS}
    kind = triggers().get(workflow.type)
    known: dict[str, Any] = {
        "workflow": workflow,
        "may": may,
        "seen": undoing.stamp(workflow),
        "last_edit": None if workflow.frozen else undoing.last(workflow, request.user),
        "trigger_kind": kind.title if kind else workflow.type,
        "nodes_url": reverse("admin:workflows_node_changelist", current_app=site.name),
        "canvas": Canvas(),
    }
    try:
        graph = Graph(workflow, Node.objects.filter(workflow=workflow))
        notes = notes_of(graph) if request.user.has_perm("workflows.view_node") else None
        known["canvas"] = lay_out(graph, extras=notes, places=may["add_node"] or may["change_node"])
        known["node_count"] = len(graph.nodes)
    except (SluiceError, ValidationError) as error:
        known["tree_error"] = str(error)
    return known


def panel(
    request: HttpRequest, site: admin.AdminSite, workflow: Workflow, said: str, focus: int | None = None
) -> HttpResponse:
    """The canvas as it is after an edit, in the place of the one on the page; the browser says what was done."""
    fresh = Workflow.objects.get(pk=workflow.pk)
    response = page_of_site(request, site, _PANEL, panel_context(request, site, fresh))
    response["HX-Retarget"] = "#sluice-panel"
    response["HX-Reswap"] = "outerHTML"
    # A header holds ASCII; the event's name is known to canvas.js.
    response["HX-Trigger-After-Swap"] = json.dumps({"sluice:edited": {"said": said, "focus": focus}})
    return response


def seen(request: HttpRequest) -> str:
    """The state of the version that the canvas shows to whoever sends this; "" from a page without one."""
    return request.headers.get("Sluice-Seen", "")


class CanvasMixin:
    """For the admin of workflows."""

    def get_urls(self: Any) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/canvas/", view(self.canvas_page), name="workflows_workflow_canvas"),
            path("<int:pk>/undo/", view(self.undo_page), name="workflows_workflow_undo"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def canvas_page(self: Any, request: HttpRequest, pk: int) -> HttpResponse:
        """The canvas alone, as it is now."""
        require(request, "workflows.view_workflow")
        workflow = get_object_or_404(visible(Workflow.objects.all(), request.user), pk=pk)
        return page_of_site(request, self.admin_site, _PANEL, panel_context(request, self.admin_site, workflow))

    def undo_page(self: Any, request: HttpRequest, pk: int) -> HttpResponse:
        """Takes back the newest edit of this user; it needs what any edit of nodes needs."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        for name in _NODE_PERMISSIONS:
            require(request, f"workflows.{name}")
        workflow = get_object_or_404(visible(Workflow.objects.all(), request.user), pk=pk)
        try:
            said = _("Taken back: %s") % undoing.undo(workflow, by=request.user)
        except SluiceError as error:
            said = str(error)
        else:
            self.log_change(request, workflow, said)
        if live(request):
            return panel(request, self.admin_site, workflow, said)
        self.message_user(request, said)
        return HttpResponseRedirect(self.page_url(pk))
