"""Operations on many runs at once."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from workflows.fields import LooseForeignKey


class BulkOperation(models.Model):
    """One operation on all runs that a filter finds, done by workers a chunk at a time; see `executions.bulk`."""

    class Action(models.TextChoices):
        CANCEL = "cancel", _("Cancel")
        PAUSE = "pause", _("Pause")
        RESUME = "resume", _("Resume")
        RERUN = "rerun", _("Rerun")
        DELETE = "delete", _("Delete")

    class State(models.TextChoices):
        """queued -> running -> done, stopped (by a person) or failed (the filter no longer fits)."""

        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        STOPPED = "stopped", _("Stopped")
        FAILED = "failed", _("Failed")

    action = models.CharField(_("action"), max_length=16, choices=Action.choices)
    #: As the list of executions takes it: {name: value or list of values}; empty means all.
    filter = models.JSONField(_("filter"), default=dict)
    reason = models.TextField(_("reason"), null=True)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.QUEUED)
    error = models.TextField(_("error"), null=True)
    queue = models.CharField(_("queue"), max_length=40)
    #: When a worker must next look at it; null once it has ended.
    due_at = models.DateTimeField(_("due at"), null=True)
    #: The last run dealt with, and the newest there was at the start: what begins later is not touched.
    cursor = models.BigIntegerField(default=0)
    upper = models.BigIntegerField(default=0)
    #: How often the next run was held by a worker.
    tries = models.PositiveSmallIntegerField(default=0)
    #: Runs found at the start; null: more than are counted.
    total = models.PositiveIntegerField(_("total"), null=True)
    done = models.PositiveIntegerField(_("done"), default=0)
    refused = models.PositiveIntegerField(_("refused"), default=0)
    failed = models.PositiveIntegerField(_("failed"), default=0)
    #: The first of both: [[run, sentence] ...].
    refusals = models.JSONField(_("refusals"), default=list)
    created_by = LooseForeignKey(settings.AUTH_USER_MODEL, null=True, related_name="+", verbose_name=_("created by"))
    #: Where it was asked for, as in the history.
    origin = models.CharField(_("from"), max_length=16)
    address = models.CharField(_("address"), max_length=64, blank=True, default="")
    created_at = models.DateTimeField(_("created at"))
    started_at = models.DateTimeField(_("started at"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)

    class Meta:
        verbose_name = _("bulk operation")
        verbose_name_plural = _("bulk operations")
        ordering = ["-id"]
        default_permissions = ("view",)
        indexes = [
            # The tick and the workers: what is due.
            models.Index(fields=["queue", "due_at"], name="bulk_due", condition=Q(due_at__isnull=False)),
            # Lists: one's own, newest first.
            models.Index(fields=["created_by", "-id"], name="bulk_creator"),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} #{self.pk}"
