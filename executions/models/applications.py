"""What people applied for, and what became of it; see `executions.applications`."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from executions.models.runs import Execution
from workflows.fields import ExactCharField, LooseForeignKey
from workflows.models import Workflow


class ApplicationStatus(models.IntegerChoices):
    """The reference's numbers where it has them (spec 4.7)."""

    DRAFT = 0, pgettext_lazy("application", "Draft")
    #: Sent back to who applied, who may submit it again.
    RETURNED = 1, pgettext_lazy("application", "Returned")
    #: Nobody has decided anything yet, so it may be withdrawn.
    SUBMITTED = 2, pgettext_lazy("application", "Submitted")
    IN_PROGRESS = 3, pgettext_lazy("application", "In progress")
    APPROVED = 4, pgettext_lazy("application", "Approved")
    WITHDRAWN = 6, pgettext_lazy("application", "Withdrawn")
    REJECTED = -1, pgettext_lazy("application", "Rejected")
    #: The execution ended without a decision: an error, a time-out, a cancel.
    FAILED = -2, pgettext_lazy("application", "Failed")


class Application(models.Model):
    """One row a case, however often it is submitted. Written under the lock of its row or of its run, and only from
    the status that allows it."""

    #: The workflow's.
    key = ExactCharField(_("workflow key"), max_length=64)
    #: The version that it was last submitted to, or drafted for.
    workflow = LooseForeignKey(Workflow, null=True, related_name="+", verbose_name=_("workflow"))
    user = LooseForeignKey(settings.AUTH_USER_MODEL, null=True, related_name="+", verbose_name=_("applicant"))
    status = models.SmallIntegerField(_("status"), choices=ApplicationStatus.choices)
    collection = models.CharField(_("model"), max_length=200)
    #: Whether it asks for a new row, and not for a change of one.
    adds = models.BooleanField(_("new row"), default=True)
    #: The row that is to be changed or was made, as text; null while there is none.
    object_id = ExactCharField(_("row"), max_length=150, null=True)
    #: What was filled in: {field: value}.
    data = models.JSONField(_("data"))
    #: The row as it was when it was last submitted.
    snapshot = models.JSONField(_("snapshot"), null=True)
    #: The run of the last submission.
    execution = LooseForeignKey(Execution, null=True, related_name="+", verbose_name=_("execution"))
    #: How often it was submitted.
    round = models.PositiveIntegerField(_("round"), default=0)
    #: Why it failed.
    error = models.TextField(_("error"), null=True)
    submitted_at = models.DateTimeField(_("submitted at"), null=True)
    decided_at = models.DateTimeField(_("decided at"), null=True)
    created_at = models.DateTimeField(_("created at"))
    updated_at = models.DateTimeField(_("updated at"))

    class Meta:
        verbose_name = _("application")
        verbose_name_plural = _("applications")
        ordering = ["-id"]
        default_permissions = ("view",)
        # Whose application a run is: one's end, an approver's answer.
        constraints = [models.UniqueConstraint(fields=["execution"], name="application_execution")]
        indexes = [
            # One's own, newest first: all of them, and those of one status.
            models.Index(fields=["user", "-id"], name="application_user"),
            models.Index(fields=["user", "status", "-id"], name="application_user_status"),
            # Lists of all people's: those of one workflow.
            models.Index(fields=["key", "-id"], name="application_key"),
        ]

    def __str__(self) -> str:
        return f"{self.collection} #{self.pk}"
