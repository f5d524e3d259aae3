"""The closed sets of a run's life."""

from django.db.models import IntegerChoices, TextChoices
from django.utils.translation import gettext_lazy as _


class ExecutionStatus(IntegerChoices):
    """Null in the database is queued: accepted, not begun. 0 runs or waits; every other number has ended.

    queued -> started -> one of the final ones, and queued -> aborted; nothing leaves a final status.
    """

    STARTED = 0, _("Started")
    RESOLVED = 1, _("Resolved")
    FAILED = -1, _("Failed")
    ERROR = -2, _("Error")
    ABORTED = -3, _("Aborted")
    CANCELED = -4, _("Canceled")
    REJECTED = -5, _("Rejected")
    RETRY_NEEDED = -6, _("Retry needed")

    __empty__ = _("Queued")


class Reason(TextChoices):
    """Why a run was aborted or given up (spec nocobase-engine 2.4, and ours)."""

    TIMEOUT = "timeout", _("Timed out")
    CANCELED = "manual_cancel", _("Canceled by a person")
    PARENT = "parent_aborted", _("Its parent was aborted")
    CALLER_LOST = "caller_lost", _("Its caller was lost")
    CRASHED = "crashed", _("Lost its worker three times")
    WRITE_FAILED = "write_failed", _("Its results could not be written")
    DROPPED = "dropped", _("Dropped: no place was free in its lane")
    SUPERSEDED = "superseded", _("Made room for a newer execution of its lane")
    DEBOUNCED = "debounced", _("Dropped: a newer event of its key came")


class Parked(TextChoices):
    """Why a run that could go on does not."""

    LANE = "lane", _("Waits for its lane")
    HOLD = "hold", _("Held")
    DEFERRED = "deferred", _("Deferred")
    DISABLED = "disabled", _("Its workflow is disabled")


def ended_with(status: int) -> int:
    """The status of a run whose last line ends with this one: numbers beyond the named ones count by their sign (spec
    nocobase-engine 2.3)."""
    if status > ExecutionStatus.RESOLVED:
        return ExecutionStatus.RESOLVED
    return ExecutionStatus.FAILED if status < ExecutionStatus.RETRY_NEEDED else status
