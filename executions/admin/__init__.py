"""The stock Django admin of runs: lists, a page a run, and what people do to runs, all through `operations`."""

from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Model
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from executions.admin.accesskeys import AccessKeyAdmin
from executions.admin.applications import ApplicationAdmin
from executions.admin.bulk import BulkOperationAdmin
from executions.admin.executions import ExecutionAdmin
from executions.admin.holds import HoldAdmin, add_url, hold_part
from executions.admin.jobs import JobAdmin
from executions.admin.schedules import schedule_part
from executions.admin.tasks import TaskAdmin
from executions.models import AccessKey, Application, BulkOperation, Execution, Hold, Job, Task
from workflows import registries
from workflows.subjects import name_of

__all__ = [
    "AccessKeyAdmin",
    "ApplicationAdmin",
    "BulkOperationAdmin",
    "ExecutionAdmin",
    "HoldAdmin",
    "JobAdmin",
    "TaskAdmin",
]

admin.site.register(Application, ApplicationAdmin)
admin.site.register(BulkOperation, BulkOperationAdmin)
admin.site.register(Execution, ExecutionAdmin)
admin.site.register(Job, JobAdmin)
admin.site.register(Task, TaskAdmin)
admin.site.register(Hold, HoldAdmin)
admin.site.register(AccessKey, AccessKeyAdmin)
if admin.site.index_template is None:
    # Says how many tasks wait; a project with a first page of its own has the tag `sluice_open_tasks` for it.
    admin.site.index_template = "executions/admin_index.html"

registries.register_workflow_part("hold", hold_part)
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
registries.register_workflow_tool(
    registries.WorkflowTool(name="hold", title=_("Hold"), permission="executions.add_hold", url=add_url, in_list=True)
)


def executions_of(row: Model, site: str) -> str:
    """Where the executions of a row are listed: on the row's own site of the admin or, where that has no executions, on
    the project's first; "" where none has."""
    for each in (site, None):
        try:
            listed = reverse("admin:executions_execution_changelist", current_app=each)
        except NoReverseMatch:
            continue
        return f"{listed}?{urlencode({'row': name_of(type(row), row.pk)})}"
    return ""


registries.register_row_tool(
    registries.RowTool(
        name="executions",
        title=_("Executions of this object"),
        permission="executions.view_execution",
        url=executions_of,
    )
)
