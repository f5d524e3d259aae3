"""What keeps runs from starting; see `executions.flow.holds`."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from workflows.fields import ExactCharField, LooseForeignKey


class Hold(models.Model):
    """Runs that it covers stay queued. A row goes once all that it kept back was let go."""

    class Scope(models.TextChoices):
        ALL = "all", _("Everything")
        QUEUE = "queue", _("Queue")
        WORKFLOW = "workflow", _("Workflow")
        #: Made by disabling a workflow, for as long as runs may still come in that nobody parked.
        DISABLED = "disabled", _("Disabled workflow")

    scope = models.CharField(_("scope"), max_length=16, choices=Scope.choices)
    #: The queue's name or the workflow's key; "" where everything is meant.
    target = ExactCharField(_("target"), max_length=64, blank=True, default="")
    reason = models.TextField(_("reason"), null=True)
    created_by = LooseForeignKey(settings.AUTH_USER_MODEL, null=True, related_name="+", verbose_name=_("created by"))
    created_at = models.DateTimeField(_("created at"))
    #: True while it holds, null (never False) once it is released and what it kept back is let go.
    active = models.BooleanField(_("active"), null=True, default=True)
    #: Since when it has been as it is: held, or released.
    since = models.DateTimeField(_("since"))
    #: When the clock must next park or let go what it covers; null is never.
    due_at = models.DateTimeField(null=True)
    #: The last run that was looked at.
    cursor = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        ordering = ["-id"]
        default_permissions = ("add", "delete", "view")
        constraints = [
            models.UniqueConstraint(fields=["scope", "target", "active"], name="hold_once"),
        ]
        indexes = [
            # The tick: what is to be parked or let go.
            models.Index(fields=["due_at"], name="hold_due", condition=Q(due_at__isnull=False)),
        ]

    #: What it holds by its title, where somebody has looked that up.
    words = ""

    def __str__(self) -> str:
        return self.words or f"{self.get_scope_display()} {self.target}".strip()
