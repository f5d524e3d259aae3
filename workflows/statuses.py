"""The numbers that runs and steps end with (spec nocobase-engine 2.1-2.4)."""

from django.db.models import IntegerChoices
from django.utils.translation import gettext_lazy as _


class JobStatus(IntegerChoices):
    """0 waits; 1 is done; a negative number is a failure."""

    PENDING = 0, _("Pending")
    RESOLVED = 1, _("Resolved")
    FAILED = -1, _("Failed")
    ERROR = -2, _("Error")
    ABORTED = -3, _("Aborted")
    CANCELED = -4, _("Canceled")
    REJECTED = -5, _("Rejected")
    RETRY_NEEDED = -6, _("Retry needed")


#: The statuses a run can end with; null is queued and 0 started.
FINAL_STATUSES = frozenset(status.value for status in JobStatus if status is not JobStatus.PENDING)
