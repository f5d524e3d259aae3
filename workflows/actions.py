"""The closed sets of the history: what was done, to what, and from where."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Action(TextChoices):
    """What a person did; the part before the dot is the kind of object it was done to."""

    WORKFLOW_CREATE = "workflow.create", pgettext_lazy("done", "Created")
    WORKFLOW_CHANGE = "workflow.change", pgettext_lazy("done", "Changed")
    WORKFLOW_ENABLE = "workflow.enable", pgettext_lazy("done", "Enabled")
    WORKFLOW_DISABLE = "workflow.disable", pgettext_lazy("done", "Disabled")
    WORKFLOW_REVISE = "workflow.revise", _("New version made")
    WORKFLOW_COPY = "workflow.copy", _("Copy made")
    WORKFLOW_DELETE = "workflow.delete", pgettext_lazy("done", "Deleted")
    NODE_ADD = "node.add", _("Node added")
    NODE_CHANGE = "node.change", _("Node changed")
    NODE_MOVE = "node.move", _("Node moved")
    NODE_COPY = "node.copy", _("Node added as a copy")
    NODE_TRY = "node.try", _("Node tried alone")
    NODE_REMOVE = "node.remove", _("Node deleted")
    NODE_REMOVE_BRANCH = "node.remove_branch", _("Branch deleted")
    NODE_UNDO = "node.undo", _("Edit taken back")
    EXECUTION_CANCEL = "execution.cancel", pgettext_lazy("done", "Canceled")
    EXECUTION_PAUSE = "execution.pause", pgettext_lazy("done", "Paused")
    EXECUTION_RESUME = "execution.resume", pgettext_lazy("done", "Resumed")
    EXECUTION_RERUN = "execution.rerun", pgettext_lazy("done", "Rerun")
    EXECUTION_REVEAL = "execution.reveal", _("Masked values shown")
    EXECUTION_DELETE = "execution.delete", pgettext_lazy("done", "Deleted")
    JOB_COMPLETE = "job.complete", _("Job completed")
    JOB_FAIL = "job.fail", _("Job failed")
    TASK_SUBMIT = "task.submit", _("Task answered")
    TASK_DELEGATE = "task.delegate", _("Task handed over")
    TASK_RETURN = "task.return", _("Approval returned")
    TASK_ADD_SIGNERS = "task.add_signers", _("Approvers added")
    APPLICATION_SUBMIT = "application.submit", pgettext_lazy("done", "Submitted")
    APPLICATION_WITHDRAW = "application.withdraw", pgettext_lazy("done", "Withdrawn")
    SECRET_CREATE = "secret.create", pgettext_lazy("done", "Created")
    SECRET_CHANGE = "secret.change", pgettext_lazy("done", "Changed")
    SECRET_DELETE = "secret.delete", pgettext_lazy("done", "Deleted")
    ACCESS_KEY_CREATE = "access_key.create", pgettext_lazy("done", "Created")
    ACCESS_KEY_REVOKE = "access_key.revoke", pgettext_lazy("done", "Revoked")
    ACCESS_KEY_DELETE = "access_key.delete", pgettext_lazy("done", "Deleted")
    HOLD_ADD = "hold.add", pgettext_lazy("done", "Held")
    HOLD_RELEASE = "hold.release", pgettext_lazy("done", "Released")
    BULK_START = "bulk.start", _("Bulk operation started")
    BULK_STOP = "bulk.stop", _("Bulk operation stopped")

    @property
    def kind(self) -> str:
        return self.value.partition(".")[0]


class Origin(TextChoices):
    """Where a change came from; a dialect is named by itself."""

    PYTHON = "python", _("Python code")
    COMMAND = "command", _("Command line")
    WEB = "web", _("Website")
    ADMIN = "admin", _("Admin")
    API = "api", _("API")
    NOCOBASE = "nocobase", "NocoBase API"
    CLOUDFLOW = "cloudflow", "CloudFlow API"
    FUNCTIONGRAPH = "functiongraph", "FunctionGraph API"
    IFLYRPA = "iflyrpa", "iFlyRPA API"
