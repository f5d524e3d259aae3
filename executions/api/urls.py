"""The addresses of runs, jobs, and of running a workflow; include them after those of `workflows`.

Their last line answers for every address below that neither knows, so whatever shares the prefix goes before.
"""

from django.urls import re_path

from executions.api import applications, bulk, history, holds, parts, schedules, tasks, views
from workflows import registries
from workflows.api.routers import OptionalSlashRouter
from workflows.api.views import UnknownView

router = OptionalSlashRouter()
router.register("executions", views.ExecutionViewSet, basename="sluice-execution")
router.register("jobs", views.JobViewSet, basename="sluice-job")
router.register("approvals", applications.ApplicationViewSet, basename="sluice-application")
router.register("tasks", tasks.TaskViewSet, basename="sluice-task")
router.register("bulk-operations", bulk.BulkOperationViewSet, basename="sluice-bulk-operation")
router.register("holds", holds.HoldViewSet, basename="sluice-hold")

registries.register_api_root("executions", "sluice-execution-list")
registries.register_api_root("jobs", "sluice-job-list")
registries.register_api_root("approvals", "sluice-application-list")
registries.register_api_root("tasks", "sluice-task-list")
registries.register_api_root("bulk-operations", "sluice-bulk-operation-list")
registries.register_api_root("holds", "sluice-hold-list")

urlpatterns = [
    re_path(
        r"^workflows/(?P<workflow_pk>[^/.]+)/execute/?$",
        views.ExecuteView.as_view({"post": "execute"}),
        name="sluice-workflow-execute",
    ),
    re_path(
        r"^workflows/(?P<workflow_pk>[^/.]+)/fires/?$",
        schedules.FiresView.as_view({"get": "fires"}),
        name="sluice-workflow-fires",
    ),
    # Before the router's, which would take "bulk" for an id.
    re_path(r"^executions/bulk/?$", bulk.BulkOperationViewSet.as_view({"post": "begin"}), name="sluice-execution-bulk"),
    re_path(
        r"^approvals/startable/?$",
        applications.ApplicationViewSet.as_view({"get": "startable"}),
        name="sluice-application-startable",
    ),
    re_path(r"^tasks/counts/?$", tasks.TaskViewSet.as_view({"get": "counts"}), name="sluice-task-counts"),
    re_path(r"^tasks/read/?$", tasks.TaskViewSet.as_view({"post": "read_all"}), name="sluice-task-read-all"),
    *(
        re_path(
            rf"^executions/(?P<execution_pk>[^/.]+)/{name}/?$",
            view.as_view({"get": "list"}),
            name=f"sluice-execution-{name}",
        )
        for name, view in (
            ("jobs", parts.RunJobsViewSet),
            ("logs", parts.LogsViewSet),
            ("timeline", parts.TimelineViewSet),
            ("graph", parts.GraphViewSet),
            ("history", history.ExecutionHistoryViewSet),
        )
    ),
    *router.urls,
    re_path(r"^", UnknownView.as_view(), name="sluice-unknown"),
]
