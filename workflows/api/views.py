"""Workflows, nodes and categories over HTTP. No rule lives here: everything goes through `versions` and `editing`."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from typing import Any

from django.db import router
from django.db.models import QuerySet
from django.urls import NoReverseMatch
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from workflows import editing, registries, versions
from workflows.api import serializers as shapes
from workflows.api.base import OurView, RecordViewSet, missing, to_id
from workflows.api.branches import check_branch
from workflows.api.filtersets import CategoryFilter, NodeFilter, WorkflowFilter
from workflows.api.pagination import whole_number
from workflows.api.parameters import REASON, flag
from workflows.api.shapes import ref
from workflows.counters import executed_of_keys
from workflows.errors import Invalid, NotFound
from workflows.listing.parameters import BOOLEAN, Parameter
from workflows.models import Category, Node, Workflow
from workflows.problems import problems_of, problems_of_version
from workflows.trying import Trial, try_node
from workflows.visibility import visible, visible_nodes


class RootView(OurView):
    """The collections of this API."""

    permission_classes = [IsAuthenticated]
    answers = {"get": {200: {"type": "object", "additionalProperties": {"type": "string", "format": "uri"}}}}

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
        "validate": "workflows.view_workflow",
        "validate_definition": "workflows.add_workflow",
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
        "enable": shapes.Reasoned,
        "disable": shapes.Reasoned,
        "validate": shapes.Input,
        "validate_definition": shapes.Definition,
    }
    answers = {
        "create": {201: shapes.WorkflowSerializer},
        "revise": {201: shapes.WorkflowSerializer},
        "copy": {201: shapes.WorkflowSerializer},
        "compare": {200: ref("Comparison")},
        "validate": {200: ref("Problems")},
        "validate_definition": {200: ref("Problems")},
    }
    parameters = {"destroy": [REASON]}
    state_columns = ("updated_at",)
    conditional = ("list", "retrieve")
    preconditions = ("update", "partial_update", "destroy", "enable", "disable")

    def get_queryset(self) -> QuerySet[Workflow]:
        return visible(super().get_queryset(), self.request.user)

    def varying(self, workflow: Workflow, names: Collection[str]) -> Any:
        """A run freezes and is counted without a change of the workflow; a category may be deleted."""
        categories = [each.pk for each in workflow.categories.all()] if "categories" in names else None
        frozen_at = workflow.frozen_at if {"frozen", "frozen_at"} & {*names} else None
        return [frozen_at, getattr(workflow, "executed", None), getattr(workflow, "executed_all", None), categories]

    def load(self, queryset: QuerySet[Workflow], names: Collection[str]) -> QuerySet[Workflow]:
        queryset = super().load(queryset, names)
        return queryset.prefetch_related("categories") if "categories" in names else queryset

    def decorate(self, records: Sequence[Workflow], names: Collection[str]) -> None:
        if "executed" in names:
            executed = versions.executed([workflow.pk for workflow in records])
            for workflow in records:
                workflow.executed = executed.get(workflow.pk, 0)  # type: ignore[attr-defined]
        if "executed_all" in names:
            of_keys = executed_of_keys([workflow.key for workflow in records])
            for workflow in records:
                workflow.executed_all = of_keys[workflow.key]  # type: ignore[attr-defined]

    def create(self, request: Request) -> Response:
        """Makes a workflow: its first version, current and, unless `enabled` says so, disabled."""
        return self.answer(versions.create_workflow(by=request.user, **self.body()), status=201)

    def update(self, request: Request, pk: str) -> Response:
        """Changes a version."""
        workflow = self.get_object()
        body = self.body(workflow)
        with self.unmoved(workflow, _locking(workflow)):
            changed = versions.change_workflow(workflow, by=request.user, **body)
        return self.answer(changed)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Changes what is sent of a version."""
        return self.update(request, pk)

    def destroy(self, request: Request, pk: str) -> Response:
        """Deletes a version with its nodes; with a current one all versions. Executions stay."""
        workflow = self.get_object()
        with self.unmoved(workflow, _locking(workflow)):
            versions.delete([workflow], by=request.user, reason=request.query_params.get("reason"))
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
        """Makes a version listen, and current."""
        body, workflow = self.body(), self.get_object()
        with self.unmoved(workflow, _locking(workflow)):
            versions.enable(workflow, by=request.user, **body)
        return self.answer(self.get_object())

    @action(detail=True, methods=["post"])
    def disable(self, request: Request, pk: str) -> Response:
        """Stops a version listening; it stays current, and its executions go on."""
        body, workflow = self.body(), self.get_object()
        with self.unmoved(workflow, _locking(workflow)):
            versions.disable(workflow, by=request.user, **body)
        return self.answer(self.get_object())

    @action(detail=True, methods=["post"])
    def validate(self, request: Request, pk: str) -> Response:
        """What stands in the way of this version running as it is stored; nothing is changed."""
        self.body()
        return _problems(problems_of_version(self.get_object(), by=request.user))

    @action(detail=False, methods=["post"], url_path="validate")
    def validate_definition(self, request: Request) -> Response:
        """What stands in the way of a definition: trigger, options and all nodes. Nothing is saved."""
        return _problems(problems_of(self.body(), by=request.user))


def _locking(workflow: Workflow) -> Callable[[], Any]:
    """Locks all versions of the key, as `versions` does and in the same order."""
    rows = Workflow.objects.using(router.db_for_write(Workflow)).filter(key=workflow.key).order_by("pk")
    return lambda: list(rows.select_for_update().values_list("pk"))


def _problems(found: Sequence[Any]) -> Response:
    wrong = any(each.severity == "error" for each in found)
    return Response({"valid": not wrong, "problems": [asdict(each) for each in found]})


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
        "test": "workflows.change_node",
        "test_type": "workflows.change_node",
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
        "test": shapes.NodeSample,
        "test_type": shapes.NodeTrial,
    }

    answers = {
        "copy": {201: shapes.NodeSerializer},
        "test": {200: ref("Trial")},
        "test_type": {200: ref("Trial")},
    }
    parameters = {
        "destroy": [
            Parameter(
                "keep_branch",
                {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
                gettext_lazy("The branch whose nodes take the node's place."),
            ),
            REASON,
        ],
        "destroy_branch": [
            Parameter("shift", BOOLEAN, gettext_lazy("Whether the branches after it move down by one.")),
            REASON,
        ],
    }
    path_schemas = {"index": {"type": "integer", "minimum": 0, "maximum": 999_999_999}}
    state_columns = ("updated_at", "upstream_id", "downstream_id", "branch_index")
    conditional = ("retrieve",)
    preconditions = ("update", "partial_update", "move", "destroy", "destroy_branch")

    def get_queryset(self) -> QuerySet[Node]:
        queryset = visible_nodes(super().get_queryset(), self.request.user)
        return queryset if self.action == "list" else queryset.select_related("workflow")

    def update(self, request: Request, pk: str) -> Response:
        """Changes a node's title, configuration and policy."""
        node = self.get_object()
        body = self.body(node)
        with self.unmoved(node, _locking_version(node)):
            changed = editing.change_node(node, by=request.user, **body)
        return self.answer(changed)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Changes what is sent of a node."""
        return self.update(request, pk)

    def destroy(self, request: Request, pk: str) -> Response:
        """Deletes a node with all in its branches, or puts the nodes of `keep_branch` in its place."""
        keep_branch = whole_number(request, "keep_branch", 0, 2**31 - 1)
        node = self.get_object()
        with self.unmoved(node, _locking_version(node)):
            reason = request.query_params.get("reason")
            editing.remove_node(node, keep_branch=keep_branch, by=request.user, reason=reason)
        return Response(status=204)

    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        """Takes a node with its branches to another place: after `upstream`, or first in one of its branches."""
        body, node = {"upstream": None, **self.body()}, self.get_object()
        with self.unmoved(node, _locking_version(node)):
            moved = editing.move_node(node, by=request.user, **body)
        return self.answer(moved)

    @action(detail=True, methods=["post"])
    def copy(self, request: Request, pk: str) -> Response:
        """A node like this one at another place; its branches are not copied."""
        body = {"upstream": None, **self.body()}
        return self.answer(editing.copy_node(self.get_object(), by=request.user, **body), status=201)

    @action(detail=True, methods=["post"], throttle_scope="execute")
    def test(self, request: Request, pk: str) -> Response:
        """Tries a saved node alone, with its own configuration or the one that is sent; nothing is saved."""
        node = self.get_object()
        body = {"config": node.config, **self.body()}
        return _tried(try_node(node.type, **body, workflow=node.workflow, node=node, by=request.user))

    @action(detail=False, methods=["post"], url_path="test", throttle_scope="execute")
    def test_type(self, request: Request) -> Response:
        """Tries a node that is not saved: what it comes to, its log and how long it took."""
        body = {"config": {}, **self.body()}
        if (pk := body.pop("workflow", None)) is not None:
            body["workflow"] = visible(Workflow.objects.filter(pk=pk), request.user).first()
            if body["workflow"] is None:
                raise Invalid(str(missing(Workflow, pk)), field="workflow")
        return _tried(try_node(**body, by=request.user))

    def destroy_branch(self, request: Request, pk: str, index: str) -> Response:
        """Deletes all nodes of a branch; with `shift` the branches after it move down by one."""
        shift, node = flag(request, "shift"), self.get_object()
        check_branch(node, int(index), shift=shift)
        with self.unmoved(node, _locking_version(node)):
            reason = request.query_params.get("reason")
            editing.remove_branch(node, int(index), shift=shift, by=request.user, reason=reason)
        return Response(status=204)


def _tried(trial: Trial) -> Response:
    log = [{"level": level, "message": message} for level, message in trial.log]
    shown = {"status": int(trial.status), "result": trial.result, "input": trial.input, "log": log}
    return Response({**shown, "duration": round(trial.seconds * 1000), "undone": trial.undone})


def _locking_version(node: Node) -> Callable[[], Any]:
    """Locks the node's version, as `editing` does."""
    rows = Workflow.objects.using(router.db_for_write(Workflow)).filter(pk=node.workflow_id)
    return lambda: list(rows.select_for_update().values_list("pk"))


class WorkflowNodesViewSet(NodeViewSet):
    """The nodes of one workflow, and the way to a new one."""

    permissions = {"list": "workflows.view_node", "create": "workflows.add_node"}
    inputs = {"create": shapes.NodeCreate}
    answers = {"create": {201: shapes.NodeSerializer}}

    def get_queryset(self) -> QuerySet[Node]:
        return super().get_queryset().filter(workflow=self.workflow())

    def workflow(self) -> Workflow:
        pk = self.kwargs["workflow_pk"]
        found = visible(Workflow.objects.filter(pk=to_id(pk, Workflow)), self.request.user).first()
        if found is None:
            raise missing(Workflow, pk)
        return found

    def create(self, request: Request, workflow_pk: str) -> Response:
        """Adds a node: first in the workflow, or after `upstream`, or first in one of its branches."""
        return self.answer(editing.add_node(self.workflow(), by=request.user, **self.body()), status=201)


class CategoryViewSet(RecordViewSet[Category]):
    """Categories group workflows in lists."""

    queryset = Category.objects.all()
    record_class = shapes.CategorySerializer
    filterset_class = CategoryFilter
    keyset = "id"
    inputs = {
        "create": shapes.CategoryChange,
        "update": shapes.CategoryChange,
        "partial_update": shapes.CategoryChange,
    }
    answers = {"create": {201: shapes.CategorySerializer}}
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
        for name, value in self.body(category).items():
            setattr(category, name, value)
        category.save()
        return self.answer(category)

    def partial_update(self, request: Request, pk: str) -> Response:
        return self.update(request, pk)

    def destroy(self, request: Request, pk: str) -> Response:
        self.get_object().delete()
        return Response(status=204)
