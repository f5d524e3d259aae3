"""The addresses of definitions; include them wherever the API shall live, beside those of `executions`."""

from django.urls import path, re_path

from workflows import registries
from workflows.api import describing, history, signin, views
from workflows.api.routers import OptionalSlashRouter

router = OptionalSlashRouter()
router.register("workflows", views.WorkflowViewSet, basename="sluice-workflow")
router.register("nodes", views.NodeViewSet, basename="sluice-node")
router.register("categories", views.CategoryViewSet, basename="sluice-category")
router.register("history", history.HistoryViewSet, basename="sluice-history")

registries.register_api_root("workflows", "sluice-workflow-list")
registries.register_api_root("nodes", "sluice-node-list")
registries.register_api_root("categories", "sluice-category-list")
registries.register_api_root("history", "sluice-history-list")

urlpatterns = [
    path("", views.RootView.as_view(), name="sluice-root"),
    re_path(r"^token/?$", signin.ObtainView.as_view(), name="sluice-token"),
    re_path(r"^token/refresh/?$", signin.RefreshView.as_view(), name="sluice-token-refresh"),
    re_path(r"^token/revoke/?$", signin.RevokeView.as_view(), name="sluice-token-revoke"),
    *describing.urlpatterns(),
    re_path(
        r"^workflows/(?P<workflow_pk>[^/.]+)/nodes/?$",
        views.WorkflowNodesViewSet.as_view({"get": "list", "post": "create"}),
        name="sluice-workflow-nodes",
    ),
    re_path(
        r"^workflows/(?P<workflow_pk>[^/.]+)/history/?$",
        history.WorkflowHistoryViewSet.as_view({"get": "list"}),
        name="sluice-workflow-history",
    ),
    re_path(
        r"^nodes/(?P<node_pk>[^/.]+)/history/?$",
        history.NodeHistoryViewSet.as_view({"get": "list"}),
        name="sluice-node-history",
    ),
    re_path(
        r"^nodes/(?P<pk>[^/.]+)/branches/(?P<index>[0-9]{1,9})/?$",
        views.NodeViewSet.as_view({"delete": "destroy_branch"}),
        name="sluice-node-branch",
    ),
    *router.urls,
]
