"""The addresses of iFlyRPA's interface; include them before those of NocoBase where both are below `api/`.

path("api/rpa-openapi/", include("executions.dialects.iflyrpa.urls"))

Each is served with or without a slash at its end, and what is none of them answers 404 as JSON: clients follow no
redirect with their key.
"""

from django.db.transaction import non_atomic_requests
from django.urls import re_path

from executions.dialects.iflyrpa import views

urlpatterns = [
    # Before the id, which would take "get" for one.
    re_path(r"^executions/get/?$", views.ExecutionsView.as_view(), name="sluice-iflyrpa-executions"),
    re_path(r"^executions/(?P<execution_id>[^/]+)/?$", views.ExecutionView.as_view(), name="sluice-iflyrpa-execution"),
    re_path(r"^workflows/get/?$", views.WorkflowsView.as_view(), name="sluice-iflyrpa-workflows"),
    re_path(r"^workflows/get/(?P<project_id>[^/]+)/?$", views.WorkflowView.as_view(), name="sluice-iflyrpa-workflow"),
    # Where a host puts requests into transactions: a run that is not committed has no end to wait for.
    re_path(r"^workflows/execute/?$", non_atomic_requests(views.ExecuteView.as_view()), name="sluice-iflyrpa-execute"),
    re_path(
        r"^workflows/execute-async/?$",
        non_atomic_requests(views.ExecuteAsyncView.as_view()),
        name="sluice-iflyrpa-execute-async",
    ),
    re_path(r"", views.UnknownView.as_view(), name="sluice-iflyrpa-unknown"),
]
