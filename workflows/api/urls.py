"""The addresses of definitions; include them wherever the API shall live, beside those of `executions`."""

from django.urls import path, re_path

from workflows import registries
from workflows.api import views
from workflows.api.routers import OptionalSlashRouter

router = OptionalSlashRouter()
router.register("workflows", views.WorkflowViewSet, basename="sluice-workflow")
router.register("nodes", views.NodeViewSet, basename="sluice-node")
router.register("categories", views.CategoryViewSet, basename="sluice-category")

registries.register_api_root("workflows", "sluice-workflow-list")
registries.register_api_root("nodes", "sluice-node-list")
registries.register_api_root("categories", "sluice-category-list")

urlpatterns = [
    path("", views.RootView.as_view(), name="sluice-root"),
    re_path(
        r"^workflows/(?P<workflow_pk>[^/.]+)/nodes/?$",
        views.WorkflowNodesViewSet.as_view({"get": "list", "post": "create"}),
        name="sluice-workflow-nodes",
    ),
    re_path(
        r"^nodes/(?P<pk>[^/.]+)/branches/(?P<index>[0-9]{1,9})/?$",
        views.NodeViewSet.as_view({"delete": "destroy_branch"}),
        name="sluice-node-branch",
    ),
    *router.urls,
]
