"""Workflows, nodes and categories over HTTP. No rule lives here: everything goes through `versions` and `editing`."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from django.urls import NoReverseMatch
from django.utils.translation import gettext as _
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from workflows import editing, registries, versions
from workflows.api import serializers as shapes
from workflows.api.base import OurView, RecordViewSet, missing, to_id
from workflows.api.filtersets import CategoryFilter, NodeFilter, WorkflowFilter
from workflows.api.pagination import whole_number
from workflows.errors import NotFound
from workflows.models import Category, Node, Workflow


class RootView(OurView):
    """The collections of this API."""

    permission_classes = [IsAuthenticated]

    def get(self, request: Request) -> Response:
        found = {}
        for name, url_name in registries.api_roots().items():
            try:
                found[name] = reverse(url_name, request=request)
            except NoReverseMatch:
                # Registered by an app whose addresses this project does not include.
                continue
        return Response(found)


class UnknownView(OurView):
    """What no address of this API matched, in the shape of its other errors."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound(_("There is no address %s here.") % request.path[:200])


class WorkflowViewSet(RecordViewSet[Workflow]):
    """Versions of workflows; each row is one version."""

    queryset = Workflow.objects.all()
    record_class = shapes.WorkflowSerializer
    filterset_class = WorkflowFilter
    permissions = {
        "list": "workflows.view_workflow",
        "retrieve": "workflows.view_workflow",
        "compare": "workflows.view_workflow",
        "create": "workflows.add_workflow",
        "revise": "workflows.add_workflow",
        "copy": "workflows.add_workflow",
        "update": "workflows.change_workflow",
        "partial_update": "workflows.change_workflow",
        "enable": "workflows.change_workflow",
        "disable": "workflows.change_workflow",
        "destroy": "workflows.delete_workflow",
    }
    inputs = {
        "create": shapes.WorkflowCreate,
        "update": shapes.WorkflowChange,
        "partial_update": shapes.WorkflowChange,
        "revise": shapes.WorkflowCopy,
        "copy": shapes.WorkflowCopy,
        "enable": shapes.Input,
        "disable": shapes.Input,
    }

    def load(self, queryset: QuerySet[Workflow], names: Collection[str]) -> QuerySet[Workflow]:
        queryset = super().load(queryset, names)
        return queryset.prefetch_related("categories") if "categories" in names else queryset

    def decorate(self, records: Sequence[Workflow], names: Collection[str]) -> None:
        if "executed" in names:
            executed = versions.executed([workflow.pk for workflow in records])
            for workflow in records:
                workflow.executed = executed.get(workflow.pk, 0)  # type: ignore[attr-defined]

    def create(self, request: Request) -> Response:
        return self.answer(versions.create_workflow(by=request.user, **self.body()), status=201)

    def update(self, request: Request, pk: str) -> Response:
        return self.answer(versions.change_workflow(self.get_object(), by=request.user, **self.body()))

    def partial_update(self, request: Request, pk: str) -> Response:
        return self.update(request, pk)

    def destroy(self, request: Request, pk: str) -> Response:
        versions.delete([self.get_object()], by=request.user)
        return Response(status=204)

    @action(detail=True, url_path=r"compare/(?P<other>[^/.]+)")
    def compare(self, request: Request, pk: str, other: str) -> Response:
        """What became of this version in the other one."""
        found = versions.compare(self.get_object(), self.find(self.get_queryset(), other))
        return Response(asdict(found))

    @action(detail=True, methods=["post"])
    def revise(self, request: Request, pk: str) -> Response:
        """A new version: not current and disabled, with the same nodes."""
        return self.answer(versions.revise(self.get_object(), by=request.user, **self.body()), status=201)

    @action(detail=True, methods=["post"])
    def copy(self, request: Request, pk: str) -> Response:
        """A new workflow like this one, disabled."""
        return self.answer(versions.copy(self.get_object(), by=request.user, **self.body()), status=201)

    @action(detail=True, methods=["post"])
    def enable(self, request: Request, pk: str) -> Response:
        self.body()
        workflow = self.get_object()
        versions.enable(workflow, by=request.user)
        return self.answer(self.get_object())

    @action(detail=True, methods=["post"])
    def disable(self, request: Request, pk: str) -> Response:
        self.body()
        workflow = self.get_object()
        versions.disable(workflow, by=request.user)
        return self.answer(self.get_object())


class NodeViewSet(RecordViewSet[Node]):
    """Nodes of all workflows, each by its own id."""

    queryset = Node.objects.all()
    record_class = shapes.NodeSerializer
    filterset_class = NodeFilter
    keyset = "id"
    permissions = {
        "list": "workflows.view_node",
        "retrieve": "workflows.view_node",
        "copy": "workflows.add_node",
        "update": "workflows.change_node",
        "partial_update": "workflows.change_node",
        "move": "workflows.change_node",
        "destroy": "workflows.delete_node",
        "destroy_branch": "workflows.delete_node",
    }
    inputs = {
        "update": shapes.NodeChange,
        "partial_update": shapes.NodeChange,
        "copy": shapes.NodeCopy,
        "move": shapes.NodePlace,
    }

    def get_queryset(self) -> QuerySet[Node]:
        queryset = super().get_queryset()
        return queryset if self.action == "list" else queryset.select_related("workflow")

    def update(self, request: Request, pk: str) -> Response:
        return self.answer(editing.change_node(self.get_object(), by=request.user, **self.body()))

    def partial_update(self, request: Request, pk: str) -> Response:
        return self.update(request, pk)

    def destroy(self, request: Request, pk: str) -> Response:
        """`?keep_branch=` names the branch whose nodes take the node's place."""
        editing.remove_node(
            self.get_object(), keep_branch=whole_number(request, "keep_branch", 0, 2**31 - 1), by=request.user
        )
        return Response(status=204)

    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        body = {"upstream": None, **self.body()}
        return self.answer(editing.move_node(self.get_object(), by=request.user, **body))

    @action(detail=True, methods=["post"])
    def copy(self, request: Request, pk: str) -> Response:
        body = {"upstream": None, **self.body()}
        return self.answer(editing.copy_node(self.get_object(), by=request.user, **body), status=201)

    def destroy_branch(self, request: Request, pk: str, index: str) -> Response:
        """Removes a branch with all its nodes; with `?shift=1` the branches after it move up by one."""
        shift = whole_number(request, "shift", 0, 1) == 1
        editing.remove_branch(self.get_object(), int(index), shift=shift, by=request.user)
        return Response(status=204)


class WorkflowNodesViewSet(NodeViewSet):
    """The nodes of one workflow, and the way to a new one."""

    permissions = {"list": "workflows.view_node", "create": "workflows.add_node"}
    inputs = {"create": shapes.NodeCreate}

    def get_queryset(self) -> QuerySet[Node]:
        return super().get_queryset().filter(workflow=self.workflow())

    def workflow(self) -> Workflow:
        pk = self.kwargs["workflow_pk"]
        found = Workflow.objects.filter(pk=to_id(pk, Workflow)).first()
        if found is None:
            raise missing(Workflow, pk)
        return found

    def create(self, request: Request, workflow_pk: str) -> Response:
        return self.answer(editing.add_node(self.workflow(), by=request.user, **self.body()), status=201)


class CategoryViewSet(RecordViewSet[Category]):
    """Categories group workflows in lists."""

    queryset = Category.objects.all()
    record_class = shapes.CategorySerializer
    filterset_class = CategoryFilter
    keyset = "id"
    permissions = {
        "list": "workflows.view_category",
        "retrieve": "workflows.view_category",
        "create": "workflows.add_category",
        "update": "workflows.change_category",
        "partial_update": "workflows.change_category",
        "destroy": "workflows.delete_category",
    }

    def create(self, request: Request) -> Response:
        return self.answer(Category.objects.create(**self.body()), status=201)

    def update(self, request: Request, pk: str) -> Response:
        category = self.get_object()
        for name, value in self.body().items():
            setattr(category, name, value)
        category.save()
        return self.answer(category)

    def partial_update(self, request: Request, pk: str) -> Response:
        return self.update(request, pk)

    def destroy(self, request: Request, pk: str) -> Response:
        self.get_object().delete()
        return Response(status=204)
