"""When schedules fire next: kept beside the definitions, looked at by the clock; see `executions.schedules`."""

from django.db import models
from django.db.models import Q

from workflows.fields import ExactCharField, LooseForeignKey
from workflows.models import Workflow


class Schedule(models.Model):
    """What the clock knows of a workflow with a schedule. One row a key: its fires are counted over all versions."""

    #: The workflow's.
    key = ExactCharField(max_length=64, unique=True)
    #: The enabled version; null while none is.
    workflow = LooseForeignKey(Workflow, null=True, related_name="+")
    #: Of the configuration and the zone that the times below were reckoned with.
    signature = models.CharField(max_length=64, default="")
    #: When the clock must next look at it; null is never. By rows: always past, for rows are asked about every second.
    next_fire_at = models.DateTimeField(null=True)
    #: What came before it was enabled is none of its times. Whole seconds, as is `settled_at`.
    since = models.DateTimeField(null=True)
    #: All times up to this one are dealt with; null where those of rows are still gone through from the first.
    settled_at = models.DateTimeField(null=True)
    #: By rows: the last row of an unfinished stretch, as [its date, its key].
    cursor = models.JSONField(null=True)
    #: Fires, of all versions.
    fired = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()
        # The tick: what is due.
        indexes = [
            models.Index(fields=["next_fire_at"], name="schedule_due", condition=Q(next_fire_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return str(self.key)


class ScheduledRow(models.Model):
    """A row of the host's that the clock must look at: it repeats, or its date was saved when it was about to come."""

    schedule = models.ForeignKey(Schedule, models.CASCADE, db_index=False, related_name="rows")
    #: The row's key as text.
    row = ExactCharField(max_length=255)
    #: When the row's times begin, as it was when they were reckoned.
    start = models.DateTimeField()
    #: The times of this row up to this one are dealt with; null: its date is new.
    settled_at = models.DateTimeField(null=True)
    next_fire_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["schedule", "row"], name="scheduled_row_once")]
        # The clock: what is due of a schedule.
        indexes = [models.Index(fields=["schedule", "next_fire_at"], name="scheduled_row_due")]

    def __str__(self) -> str:
        return f"{self.schedule_id}: {self.row}"
