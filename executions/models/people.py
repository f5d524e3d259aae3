"""What runs ask of people."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from executions.models.runs import Execution
from workflows.fields import ExactCharField, LooseForeignKey
from workflows.models import Node
from workflows.statuses import JobStatus


class TaskType(models.TextChoices):
    """Why it is in somebody's inbox."""

    MANUAL = "manual", _("Task")
    APPROVAL = "approval", _("Approval")
    #: For information: 0 is unread and 1 read, and nothing waits for it.
    CC = "cc", pgettext_lazy("task", "Copy")


class TaskQuerySet(models.QuerySet["Task"]):
    def open(self) -> "TaskQuerySet":
        """To be done, or to be read."""
        return self.filter(status=JobStatus.PENDING)

    def asking(self) -> "TaskQuerySet":
        """All that a run waits for; copies it does not wait for."""
        return self.exclude(type=TaskType.CC)


class Task(models.Model):
    """What one person is asked by one job of one run. Written only under the run's lock, but for `read_at` and `status`
    of copies."""

    type = models.CharField(_("type"), max_length=16, choices=TaskType.choices)
    user = LooseForeignKey(settings.AUTH_USER_MODEL, null=True, related_name="+", verbose_name=_("user"))
    execution = LooseForeignKey(Execution, null=True, related_name="tasks", verbose_name=_("execution"))
    #: The number of the job in its run.
    job = models.PositiveIntegerField(_("job"))
    node = LooseForeignKey(Node, null=True, related_name="+", verbose_name=_("node"))
    node_key = ExactCharField(_("node key"), max_length=64)
    #: The workflow's.
    key = ExactCharField(_("workflow key"), max_length=64)
    title = models.CharField(_("title"), max_length=255)
    status = models.SmallIntegerField(_("status"), choices=JobStatus.choices, default=JobStatus.PENDING)
    result = models.JSONField(_("result"), null=True)
    meta = models.JSONField(_("meta"), null=True)
    #: Counts how often the same job asks the same person: its attempts, an approval's rounds.
    round = models.PositiveIntegerField(_("round"), default=1)
    #: The place among the job's tasks, where they are asked one after another.
    order = models.PositiveIntegerField(pgettext_lazy("task", "order"), default=0)
    read_at = models.DateTimeField(_("read at"), null=True)
    decided_at = models.DateTimeField(_("decided at"), null=True)
    created_at = models.DateTimeField(_("created at"))
    updated_at = models.DateTimeField(_("updated at"))

    objects = TaskQuerySet.as_manager()

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        ordering = ["-id"]
        default_permissions = ("view",)
        # The tasks of a run and of a job go by it too.
        constraints = [models.UniqueConstraint(fields=["execution", "job", "user", "round"], name="task_once")]
        indexes = [
            # One's inbox, newest first: all of it, one type, one workflow.
            models.Index(fields=["user", "-id"], name="task_user"),
            models.Index(fields=["user", "type", "-id"], name="task_user_type"),
            models.Index(fields=["user", "key", "-id"], name="task_user_key"),
            # What one has to do, and counts by type and workflow, read from the index alone.
            models.Index(fields=["user", "status", "type", "key"], name="task_counts"),
            # Lists of all people's: those of one workflow.
            models.Index(fields=["key", "-id"], name="task_key"),
        ]

    def __str__(self) -> str:
        return self.title or self.node_key
