"""The stock Django admin of runs: lists, a page a run, and what people do to runs, all through `operations`."""

from django.contrib import admin
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from executions.admin.executions import ExecutionAdmin
from executions.admin.jobs import JobAdmin
from executions.admin.schedules import schedule_part
from executions.admin.tasks import TaskAdmin
from executions.models import Execution, Job, Task
from workflows import registries

__all__ = ["ExecutionAdmin", "JobAdmin", "TaskAdmin"]

admin.site.register(Execution, ExecutionAdmin)
admin.site.register(Job, JobAdmin)
admin.site.register(Task, TaskAdmin)
if admin.site.index_template is None:
    # Says how many tasks wait; a project with a first page of its own has the tag `sluice_open_tasks` for it.
    admin.site.index_template = "executions/admin_index.html"

registries.register_workflow_part("schedule", schedule_part)
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
        of_count=True,
    )
)
