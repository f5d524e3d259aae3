"""The stock Django admin of runs: lists, a page a run, and what people do to runs, all through `operations`."""

from django.contrib import admin
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from executions.admin.executions import ExecutionAdmin
from executions.admin.jobs import JobAdmin
from executions.models import Execution, Job
from workflows import registries

__all__ = ["ExecutionAdmin", "JobAdmin"]

admin.site.register(Execution, ExecutionAdmin)
admin.site.register(Job, JobAdmin)

registries.register_workflow_tool(
    registries.WorkflowTool(
        name="run_now",
        title=_("Run now"),
        permission="workflows.execute_workflow",
        url=lambda workflow, site: reverse("admin:executions_execution_run", args=[workflow.pk], current_app=site),
        in_list=True,
    )
)
registries.register_workflow_tool(
    registries.WorkflowTool(
        name="executions",
        title=_("Executions"),
        permission="executions.view_execution",
        url=lambda workflow, site: (
            reverse("admin:executions_execution_changelist", current_app=site) + f"?workflow={workflow.key}"
        ),
    )
)
