"""Three roles that most teams need, as sets of permissions; `manage.py sluice_roles` makes a group of each."""

from collections.abc import Mapping

_VIEWER = frozenset(
    {
        "workflows.view_workflow",
        "workflows.view_node",
        "workflows.view_category",
        "workflows.view_historyentry",
        "executions.view_execution",
        "executions.view_job",
        "executions.view_task",
        "executions.view_application",
        "executions.view_bulkoperation",
        "executions.view_hold",
    }
)

#: Name of the role -> the permissions it has.
ROLES: Mapping[str, frozenset[str]] = {
    "viewer": _VIEWER,
    "operator": _VIEWER
    | {
        "workflows.execute_workflow",
        "executions.change_job",
        "executions.cancel_execution",
        "executions.pause_execution",
        "executions.rerun_execution",
        "executions.delete_execution",
        "executions.add_hold",
        "executions.delete_hold",
        "executions.share_savedfilter",
    },
    "editor": _VIEWER
    | {
        f"workflows.{action}_{model}"
        for model in ("workflow", "node", "category")
        for action in ("add", "change", "delete")
    }
    # Names of secrets, for templates; their values nobody sees, and who may set them is given that besides.
    | {"workflows.execute_workflow", "workflows.view_secret"},
}
