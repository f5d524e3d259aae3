"""The addresses of runs, jobs, and of running a workflow; include them after those of `workflows`.

Their last line answers for every address below that neither knows, so whatever shares the prefix goes before.
"""

from django.urls import re_path

from executions.api import views
from workflows import registries
from workflows.api.routers import OptionalSlashRouter
from workflows.api.views import UnknownView

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
    re_path(r"^", UnknownView.as_view(), name="sluice-unknown"),
]
