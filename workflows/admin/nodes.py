"""Nodes in the admin: their own page, and small pages that add, move, copy and delete them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import ValidationError as PydanticError

from workflows import editing, undoing
from workflows.admin import schemas
from workflows.admin.base import OperationAdmin, form_page, live, require, shown_json
from workflows.admin.canvas import panel, seen
from workflows.admin.choosing import PeopleMixin
from workflows.admin.forms import pretty
from workflows.admin.history import HistoryMixin
from workflows.admin.nodeforms import NO_PLACE, DeleteBranchForm, DeleteNodeForm, NewNodeForm, NodeForm, PlaceForm
from workflows.admin.remarks import of_people
from workflows.admin.trying import TryMixin
from workflows.canvas import lay_out, tree
from workflows.canvas.places import allowed
from workflows.errors import SluiceError
from workflows.graph import Graph, GraphNode
from workflows.instructions import get_instruction, instructions
from workflows.models import HistoryEntry, HistoryQuerySet, Node, Workflow
from workflows.variables import Group, in_scope
from workflows.visibility import visible, visible_nodes

_EDITED = ("title", "config", "policy")
_READ = ("title", "shown_config", "shown_policy")
#: Places in a list are not indented further.
_DEEPEST = 20


class NodeAdmin(PeopleMixin, TryMixin, HistoryMixin, OperationAdmin[Node]):
    form = NodeForm
    list_display = ["id", "shown_title", "type", "key", "workflow_link"]
    list_display_links = ["id", "shown_title"]
    list_filter = ["type"]
    list_select_related = ["workflow"]
    search_fields = ["id__exact", "key__exact", "title", "workflow__title", "workflow__key__exact"]
    search_help_text = gettext_lazy("Id, key or title of the node; title or key of its workflow.")
    ordering = ["-id"]
    sortable_by = ["id", "type"]
    actions = None
    change_form_template = "admin/workflows/node/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Node]:
        return visible_nodes(super().get_queryset(request), request.user).select_related("workflow")

    def entries_of(self, row: Node) -> HistoryQuerySet:
        return HistoryEntry.objects.of_node(row.workflow.key, row.key)

    @admin.display(description=gettext_lazy("title"))
    def shown_title(self, node: Node) -> str:
        return str(node)

    @admin.display(description=gettext_lazy("workflow"))
    def workflow_link(self, node: Node) -> str:
        return format_html('<a href="{}">{}</a>', self.workflow_url(node.workflow_id), node.workflow)

    @admin.display(description=gettext_lazy("policy"))
    def shown_policy(self, node: Node) -> str:
        return shown_json(node.policy)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Node | None = None) -> bool:
        return super().has_change_permission(request, obj) and not (obj is not None and obj.workflow.frozen)

    def has_delete_permission(self, request: HttpRequest, obj: Node | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj is not None and obj.workflow.frozen)

    def get_fields(self, request: HttpRequest, obj: Node | None = None) -> Any:
        return ("key", *(_EDITED if self.has_change_permission(request, obj) else _READ))

    def get_readonly_fields(self, request: HttpRequest, obj: Node | None = None) -> tuple[str, ...]:
        return ("key",) if self.has_change_permission(request, obj) else ("key", *_READ)

    def response_change(self, request: HttpRequest, obj: Node) -> HttpResponse:
        for sentence in of_people(obj):
            messages.warning(request, sentence)
        if "_continue" in request.POST:
            return super().response_change(request, obj)
        messages.success(request, _("Saved node “%s”.") % obj)
        return HttpResponseRedirect(self.workflow_url(obj.workflow_id))

    def get_form(self, request: HttpRequest, obj: Node | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.seen = seen(request)
        return form

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not live(request):
            return super().change_view(request, object_id, form_url, extra_context)
        node = self.get_object(request, unquote(object_id))
        if node is None or not self.has_view_permission(request, node):
            raise Http404
        return self._drawer(request, node)

    def _drawer(self, request: HttpRequest, node: Node) -> HttpResponse:
        """The node's form beside the canvas."""
        if not self.has_change_permission(request, node):
            return self._page(
                request, node.workflow, str(node), forms.Form(), _never, "", node=node,
                template="admin/workflows/canvas/node.html", shown_config=shown_json(node.config),
                shown_policy=shown_json(node.policy), **kind_context(node.type),
            )  # fmt: skip
        made = self.get_form(request, node, change=True, fields=_EDITED)
        form = made(request.POST if request.method == "POST" else None, instance=node)

        def run(cleaned: Mapping[str, Any]) -> HttpResponse:
            told = of_people(form.saved)
            return self._done(request, node.workflow, _("Saved node “%s”.") % form.saved, node, told)

        return self._page(
            request, node.workflow, str(node), form, run, _("Save"), node=node,
            template="admin/workflows/canvas/node.html", **self.page_context(request, node),
        )  # fmt: skip

    def page_context(self, request: HttpRequest, node: Node, /) -> dict[str, Any]:
        return {
            **kind_context(node.type),
            "variables": _variables(node.workflow, node.upstream_id, node.branch_index),
            "workflow_url": self.workflow_url(node.workflow_id),
            "try_url": self.try_url(request, node),
        }

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("to/<int:workflow_id>/", view(self.add_page), name="workflows_node_add_to"),
            path("<int:pk>/places/", view(self.places_page), name="workflows_node_places"),
            path("<int:pk>/move/", view(self.move_page), name="workflows_node_move"),
            path("<int:pk>/copy/", view(self.copy_page), name="workflows_node_copy"),
            path(
                "<int:pk>/branch/<int:index>/delete/",
                view(self.delete_branch_page),
                name="workflows_node_branch_delete",
            ),
            *super().get_urls(),
        ]

    def add_page(self, request: HttpRequest, workflow_id: int) -> HttpResponse:
        """Without `?type=` a page to choose one; with it the form of the new node."""
        require(request, "workflows.add_node")
        workflow = get_object_or_404(visible(Workflow.objects.all(), request.user), pk=workflow_id)
        if refusal := self._frozen(request, workflow):
            return refusal
        kind = instructions().get(request.GET.get("type", ""))
        places = self._places(workflow)
        given = {"place": request.GET.get("place", "")}
        if request.POST.get("place", given["place"]) not in dict(places):
            if request.method == "GET":
                messages.warning(request, _("The place the link named is gone; choose another."))
            places, given = [(NO_PLACE, "---------"), *places], {"place": NO_PLACE}
        if kind is None:
            form: forms.Form = PlaceForm(initial=given, places=places)
            template = (
                "admin/workflows/canvas/choose.html" if live(request) else "admin/workflows/node/choose_kind.html"
            )
            return self._page(
                request, workflow, _("Add a node"), form, _never, _("Continue"), groups=kind_groups(), template=template
            )
        initial = {**given, "config": {}, "policy": {}}
        form = NewNodeForm(request.POST or None, initial=initial, places=places, kind=kind)

        def run(cleaned: Mapping[str, Any]) -> HttpResponse:
            values = {name: cleaned[name] for name in ("title", "config", "policy")}
            values |= tree.parse_place(cleaned["place"])
            with self._edit(request, workflow) as edit:
                node = editing.add_node(workflow, type=kind.type, **values, by=request.user)
                edit.what = _("Added node “%s”.") % node
            return self._done(request, workflow, edit.what, node, of_people(node))

        chosen = form["place"].value()
        place = tree.parse_place(chosen) if chosen in dict(places) and chosen != NO_PLACE else None
        known = _variables(workflow, place["upstream"], place["branch_index"]) if place else []
        return self._page(
            request, workflow, _("Add a node: %s") % kind.title, form, run, _("Add node"), variables=known,
            try_url=self.try_new_url(workflow, kind), **kind_context(kind.type),
        )  # fmt: skip

    def places_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The places that may take the node, while it is dragged."""
        require(request, "workflows.change_node")
        node = self._node(request, pk)
        return JsonResponse({"places": [place for place, _label in self._places(node.workflow, moved=pk)]})

    def move_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        require(request, "workflows.change_node")
        node = self._node(request, pk)
        if refusal := self._frozen(request, node.workflow):
            return refusal
        form = PlaceForm(request.POST or None, places=self._places(node.workflow, moved=pk))

        def run(cleaned: Mapping[str, Any]) -> HttpResponse:
            with self._edit(request, node.workflow) as edit:
                editing.move_node(node, **tree.parse_place(cleaned["place"]), by=request.user)
                edit.what = _("Moved node “%s”.") % node
            return self._done(request, node.workflow, edit.what, node)

        return self._page(request, node.workflow, _("Move “%s” and its branches") % node, form, run, _("Move node"))

    def copy_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        require(request, "workflows.add_node")
        node = self._node(request, pk)
        if refusal := self._frozen(request, node.workflow):
            return refusal
        form = PlaceForm(request.POST or None, initial={"place": str(pk)}, places=self._places(node.workflow))

        def run(cleaned: Mapping[str, Any]) -> HttpResponse:
            with self._edit(request, node.workflow) as edit:
                copy = editing.copy_node(node, **tree.parse_place(cleaned["place"]), by=request.user)
                edit.what = _("Copied node “%s”.") % node
            return self._done(request, node.workflow, edit.what, copy)

        return self._page(request, node.workflow, _("Copy “%s” without its branches") % node, form, run, _("Copy node"))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """In the place of Django's own, which knows nothing of links and branches."""
        require(request, "workflows.delete_node")
        node = self.get_object(request, unquote(object_id))
        if node is None:
            raise Http404
        if refusal := self._frozen(request, node.workflow):
            return refusal
        place = _graph(node.workflow).nodes[node.pk]
        kept = _("Keep those of “%s”")
        name = str(node)
        filled = [(str(row.index), kept % row.label) for row in tree.branches(place) if row.filled]
        form = DeleteNodeForm(request.POST if request.method == "POST" else None, branches=filled)

        def run(cleaned: Mapping[str, Any]) -> HttpResponse:
            index = cleaned.get("keep_branch") or None
            with self._edit(request, node.workflow) as edit:
                editing.remove_node(node, keep_branch=None if index is None else int(index), by=request.user)
                edit.what = _("Deleted node “%s”.") % name
            return self._done(request, node.workflow, edit.what)

        return self._page(request, node.workflow, _("Delete “%s”?") % node, form, run, _("Delete node"), danger=True)

    def delete_branch_page(self, request: HttpRequest, pk: int, index: int) -> HttpResponse:
        require(request, "workflows.delete_node")
        node = self._node(request, pk)
        if refusal := self._frozen(request, node.workflow):
            return refusal
        place = _graph(node.workflow).nodes[pk]
        label = next((row.label for row in tree.branches(place) if row.index == index), index)
        # Only kinds whose branches are numbered in a row can close a gap.
        shifts = getattr(instructions().get(node.type), "shifts", False)
        form = DeleteBranchForm(request.POST if request.method == "POST" else None, shifts=shifts)

        def run(cleaned: Mapping[str, Any]) -> HttpResponse:
            with self._edit(request, node.workflow) as edit:
                editing.remove_branch(node, index, shift=cleaned.get("shift", False), by=request.user)
                edit.what = _("Deleted branch “%s”.") % label
            return self._done(request, node.workflow, edit.what, node)

        title = _("Delete branch “%(label)s” of “%(node)s”?") % {"label": label, "node": node}
        lost = _names(place, index)
        return self._page(request, node.workflow, title, form, run, _("Delete branch"), danger=True, lost=lost)

    def workflow_url(self, pk: int) -> str:
        return reverse("admin:workflows_workflow_change", args=[pk], current_app=self.admin_site.name)

    def _frozen(self, request: HttpRequest, workflow: Workflow) -> HttpResponse | None:
        """To the version's page with what to do instead, before anybody fills in a form for nothing."""
        try:
            editing.refuse_frozen(workflow)
        except SluiceError as error:
            if live(request):
                return panel(request, self.admin_site, workflow, str(error))
            messages.error(request, str(error))
            return HttpResponseRedirect(self.workflow_url(workflow.pk))
        return None

    def _edit(self, request: HttpRequest, workflow: Workflow) -> AbstractContextManager[undoing.Edit]:
        return undoing.undoable(workflow, by=request.user, seen=seen(request))

    def _node(self, request: HttpRequest, pk: int) -> Node:
        return get_object_or_404(self.get_queryset(request), pk=pk)

    def _places(self, workflow: Workflow, moved: int | None = None) -> list[tuple[str, str]]:
        """All places, or those that may take a node that is moved."""
        try:
            graph = _graph(workflow)
        except SluiceError as error:
            raise Http404(str(error)) from None
        found = allowed(graph, graph.nodes[moved]) if moved else lay_out(graph, places=True).places
        return [(place.place, "\u2003" * min(place.depth, _DEEPEST) + str(place.label)) for place in found]

    def _done(
        self,
        request: HttpRequest,
        workflow: Workflow,
        sentence: str,
        node: Node | None = None,
        warnings: Sequence[str] = (),
    ) -> HttpResponse:
        self.log_change(request, workflow, sentence)
        if live(request):
            said = " ".join([sentence, *warnings])
            return panel(request, self.admin_site, workflow, said, node.pk if node else None)
        messages.success(request, sentence)
        for warning in warnings:
            messages.warning(request, warning)
        return HttpResponseRedirect(self.workflow_url(workflow.pk))

    def _page(
        self,
        request: HttpRequest,
        workflow: Workflow,
        title: str,
        form: forms.Form,
        run: Any,
        submit: str,
        **context: Any,
    ) -> HttpResponse:
        return form_page(
            request, site=self.admin_site, model=Workflow, title=title, form=form, run=run, submit=submit,
            original=workflow, back=self.workflow_url(workflow.pk), **context,
        )  # fmt: skip


def _graph(workflow: Workflow) -> Graph:
    return Graph(workflow, Node.objects.filter(workflow=workflow))


def _variables(workflow: Workflow, upstream: int | None, branch: int | None) -> list[Group]:
    """What a node may name at this place; nothing where the nodes form no tree."""
    try:
        nodes = _graph(workflow).nodes
    except (SluiceError, PydanticError):
        return []
    return in_scope(workflow, nodes.get(upstream) if upstream is not None else None, branch=branch)


def _never(cleaned: Mapping[str, Any]) -> HttpResponse:
    raise Http404


def _names(place: GraphNode, index: int) -> list[str]:
    """The nodes of a branch, those in their own branches as well."""
    head = place.heads.get(index)
    if head is None:
        return []
    found = [inner for node in head.line() for inner in (node, *node.below())]
    return [tree.Row(0, node).name for node in found]


def kind_groups() -> list[tuple[str, list[Any]]]:
    """The kinds under their groups, as they were registered."""
    groups: dict[str, list[Any]] = {}
    for kind in instructions().values():
        groups.setdefault(str(kind.group), []).append(kind)
    return list(groups.items())


def kind_context(type: str) -> dict[str, Any]:
    """What a node's page tells of its kind; nothing for a kind that is not installed."""
    try:
        kind = get_instruction(type)
    except SluiceError:
        return {}
    return {
        "kind": kind,
        "kind_schema": pretty(schemas.schema(kind.Config)),
        "kind_example": pretty(schemas.skeleton(kind.Config)),
    }
