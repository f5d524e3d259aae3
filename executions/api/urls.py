"""The addresses of runs, jobs, and of running a workflow; include them beside those of `workflows`."""

from django.urls import re_path

from executions.api import views
from workflows import registries
from workflows.api.routers import OptionalSlashRouter

router = OptionalSlashRouter()
router.register("executions", views.ExecutionViewSet, basename="sluice-execution")
router.register("jobs", views.JobViewSet, basename="sluice-job")

registries.register_api_root("executions", "sluice-execution-list")
registries.register_api_root("jobs", "sluice-job-list")

urlpatterns = [
    re_path(
        r"^workflows/(?P<workflow_pk>[^/.]+)/execute/?$",
        views.ExecuteView.as_view({"post": "execute"}),
        name="sluice-workflow-execute",
    ),
    *router.urls,
]
