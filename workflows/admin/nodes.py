"""Nodes in the admin: their own page, and small pages that add, move, copy and delete them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import AdminTextInputWidget
from django.db.models import JSONField, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows import editing
from workflows.admin import schemas, tree
from workflows.admin.base import STYLES, CappedPaginator, ModelAdmin, form_page, require
from workflows.admin.forms import JsonField, OperationForm, pretty
from workflows.errors import SluiceError
from workflows.graph import Graph, GraphNode
from workflows.instructions import get_instruction, instructions
from workflows.models import Node, Workflow

_EDITED = ("title", "config", "policy")
_READ = ("title", "shown_config", "shown_policy")
#: Stands for a place to be chosen where the one that was asked for is gone.
_NO_PLACE = "-"


class NodeForm(OperationForm):
    def operate(self, adding: bool) -> Node:
        return editing.change_node(self.instance, by=self.by, **self.changed())


class PlaceForm(forms.Form):
    """Where a node goes."""

    aliases = {"upstream": "place", "branch_index": "place"}

    place = forms.ChoiceField(label=gettext_lazy("Place"), required=False)

    def __init__(self, *args: Any, places: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["place"].choices = places  # type: ignore[attr-defined]

    def clean_place(self) -> str:
        place: str = self.cleaned_data["place"]
        if place == _NO_PLACE:
            raise forms.ValidationError(_("Choose where the node shall stand."))
        return place


class NewNodeForm(PlaceForm):
    title = forms.CharField(label=gettext_lazy("Title"), max_length=255, required=False, widget=AdminTextInputWidget)
    config = JsonField(label=gettext_lazy("Configuration"), required=False)
    policy = JsonField(
        label=gettext_lazy("Policy"),
        required=False,
        help_text=gettext_lazy(
            'What to do when an attempt fails, e.g. {"retry": {"attempts": 3}, "onError": "continue"}.'
        ),
    )

    field_order = ["title", "config", "policy", "place"]


class DeleteNodeForm(forms.Form):
    keep_branch = forms.ChoiceField(
        label=gettext_lazy("Nodes in its branches"), widget=forms.RadioSelect, required=False
    )

    def __init__(self, *args: Any, branches: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if branches:
            self.fields["keep_branch"].choices = [("", _("Delete them all")), *branches]  # type: ignore[attr-defined]
        else:
            del self.fields["keep_branch"]


class DeleteBranchForm(forms.Form):
    shift = forms.BooleanField(
        label=gettext_lazy("Close the gap"),
        required=False,
        help_text=gettext_lazy("Branches with a higher number move down by one."),
    )

    def __init__(self, *args: Any, shifts: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not shifts:
            del self.fields["shift"]


class NodeAdmin(ModelAdmin[Node]):
    form = NodeForm
    list_display = ["id", "shown_title", "type", "key", "workflow_link"]
    list_display_links = ["id", "shown_title"]
    list_filter = ["type"]
    list_select_related = ["workflow"]
    search_fields = ["id__exact", "key__exact", "title", "workflow__title", "workflow__key__exact"]
    search_help_text = gettext_lazy("Id, key or title of the node; title or key of its workflow.")
    ordering = ["-id"]
    sortable_by = ["id", "type"]
    paginator = CappedPaginator
    show_full_result_count = False
    actions = None
    formfield_overrides = {JSONField: {"form_class": JsonField}}
    change_form_template = "admin/workflows/node/change_form.html"

    class Media:
        css = STYLES

    def get_queryset(self, request: HttpRequest) -> QuerySet[Node]:
        return super().get_queryset(request).select_related("workflow")

    @admin.display(description=gettext_lazy("title"))
    def shown_title(self, node: Node) -> str:
        return str(node)

    @admin.display(description=gettext_lazy("workflow"))
    def workflow_link(self, node: Node) -> str:
        return format_html('<a href="{}">{}</a>', self.workflow_url(node.workflow_id), node.workflow)

    @admin.display(description=gettext_lazy("configuration"))
    def shown_config(self, node: Node) -> str:
        return format_html('<pre class="sluice-json">{}</pre>', pretty(node.config))

    @admin.display(description=gettext_lazy("policy"))
    def shown_policy(self, node: Node) -> str:
        return format_html('<pre class="sluice-json">{}</pre>', pretty(node.policy))

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

    def get_form(self, request: HttpRequest, obj: Node | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"by": request.user})

    def save_model(self, request: HttpRequest, obj: Node, form: Any, change: Any) -> None:
        """The form's operation has saved it."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """A node has nothing related of its own."""

    def response_change(self, request: HttpRequest, obj: Node) -> HttpResponse:
        if "_continue" in request.POST:
            return super().response_change(request, obj)
        messages.success(request, _("Saved node “%s”.") % obj)
        return HttpResponseRedirect(self.workflow_url(obj.workflow_id))

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Node | None = None,
    ) -> HttpResponse:
        if obj is not None:
            context.update(kind_context(obj.type), workflow_url=self.workflow_url(obj.workflow_id))
            context.update(title=str(obj), subtitle=None)
        context["show_save_and_add_another"] = False
        return super().render_change_form(request, context, add, change, form_url, obj)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("to/<int:workflow_id>/", view(self.add_page), name="workflows_node_add_to"),
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
        workflow = get_object_or_404(Workflow, pk=workflow_id)
        kind = instructions().get(request.GET.get("type", ""))
        places = self._places(workflow)
        given = {"place": request.GET.get("place", "")}
        if request.POST.get("place", given["place"]) not in dict(places):
            if request.method == "GET":
                messages.warning(request, _("The place the link named is gone; choose another."))
            places, given = [(_NO_PLACE, "---------"), *places], {"place": _NO_PLACE}
        if kind is None:
            form: forms.Form = PlaceForm(initial=given, places=places)
            return self._page(request, workflow, _("Add a node"), form, _never, _("Continue"), groups=kind_groups(),
                              template="admin/workflows/node/choose_kind.html")  # fmt: skip
        initial = {**given, "config": schemas.skeleton(kind.Config), "policy": {}}
        form = NewNodeForm(request.POST or None, initial=initial, places=places)

        def run(cleaned: Mapping[str, Any]) -> HttpResponse:
            values = {name: cleaned[name] for name in ("title", "config", "policy")}
            values |= tree.parse_place(cleaned["place"])
            node = editing.add_node(workflow, type=kind.type, **values, by=request.user)
            return self._done(request, workflow, _("Added node “%s”.") % node)

        return self._page(
            request, workflow, _("Add a node: %s") % kind.title, form, run, _("Add node"), **kind_context(kind.type)
        )

    def move_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        require(request, "workflows.change_node")
        node = self._node(pk)
        form = PlaceForm(request.POST or None, places=self._places(node.workflow, without=pk))

        def run(cleaned: Mapping[str, Any]) -> HttpResponse:
            editing.move_node(node, **tree.parse_place(cleaned["place"]), by=request.user)
            return self._done(request, node.workflow, _("Moved node “%s”.") % node)

        return self._page(request, node.workflow, _("Move “%s” and its branches") % node, form, run, _("Move node"))

    def copy_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        require(request, "workflows.add_node")
        node = self._node(pk)
        form = PlaceForm(request.POST or None, initial={"place": str(pk)}, places=self._places(node.workflow))

        def run(cleaned: Mapping[str, Any]) -> HttpResponse:
            editing.copy_node(node, **tree.parse_place(cleaned["place"]), by=request.user)
            return self._done(request, node.workflow, _("Copied node “%s”.") % node)

        return self._page(request, node.workflow, _("Copy “%s” without its branches") % node, form, run, _("Copy node"))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """In the place of Django's own, which knows nothing of links and branches."""
        require(request, "workflows.delete_node")
        node = self.get_object(request, unquote(object_id))
        if node is None:
            raise Http404
        place = self._graph(node.workflow).nodes[node.pk]
        kept = _("Keep those of “%s”")
        filled = [(str(row.index), kept % row.label) for row in tree.branches(place) if row.filled]
        form = DeleteNodeForm(request.POST if request.method == "POST" else None, branches=filled)

        def run(cleaned: Mapping[str, Any]) -> HttpResponse:
            index = cleaned.get("keep_branch") or None
            editing.remove_node(node, keep_branch=None if index is None else int(index), by=request.user)
            return self._done(request, node.workflow, _("Deleted node “%s”.") % node)

        return self._page(request, node.workflow, _("Delete “%s”?") % node, form, run, _("Delete node"), danger=True)

    def delete_branch_page(self, request: HttpRequest, pk: int, index: int) -> HttpResponse:
        require(request, "workflows.delete_node")
        node = self._node(pk)
        place = self._graph(node.workflow).nodes[pk]
        label = next((row.label for row in tree.branches(place) if row.index == index), index)
        # Only kinds whose branches are numbered in a row can close a gap.
        shifts = getattr(instructions().get(node.type), "shifts", False)
        form = DeleteBranchForm(request.POST if request.method == "POST" else None, shifts=shifts)

        def run(cleaned: Mapping[str, Any]) -> HttpResponse:
            editing.remove_branch(node, index, shift=cleaned.get("shift", False), by=request.user)
            return self._done(request, node.workflow, _("Deleted branch “%s”.") % label)

        title = _("Delete branch “%(label)s” of “%(node)s”?") % {"label": label, "node": node}
        lost = _names(place, index)
        return self._page(request, node.workflow, title, form, run, _("Delete branch"), danger=True, lost=lost)

    def workflow_url(self, pk: int) -> str:
        return reverse("admin:workflows_workflow_change", args=[pk], current_app=self.admin_site.name)

    def _node(self, pk: int) -> Node:
        return get_object_or_404(Node.objects.select_related("workflow"), pk=pk)

    def _graph(self, workflow: Workflow) -> Graph:
        return Graph(workflow, Node.objects.filter(workflow=workflow))

    def _places(self, workflow: Workflow, without: int | None = None) -> list[tuple[str, str]]:
        try:
            graph = self._graph(workflow)
        except SluiceError as error:
            raise Http404(str(error)) from None
        return tree.places(graph, graph.nodes[without] if without else None)

    def _done(self, request: HttpRequest, workflow: Workflow, sentence: str) -> HttpResponse:
        self.log_change(request, workflow, sentence)  # type: ignore[arg-type]
        messages.success(request, sentence)
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


def _never(cleaned: Mapping[str, Any]) -> HttpResponse:
    raise Http404


def _names(place: GraphNode, index: int) -> list[str]:
    """The nodes of a branch, those in their own branches as well."""
    head = place.branches.get(index)
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
