"""What the engine notes beside the runs: events it accepted, locks by name, what workers hold."""

from django.db import models

from workflows.fields import ExactCharField


class EventKey(models.Model):
    """An event that was accepted; remembered 30 days whatever becomes of its run."""

    key = ExactCharField(max_length=64)
    event_key = ExactCharField(max_length=255)
    created_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["key", "event_key"], name="event_key_in_workflow")]
        # Retention of the keys themselves.
        indexes = [models.Index(fields=["created_at"], name="event_key_created")]

    def __str__(self) -> str:
        return f"{self.key}: {self.event_key}"


class Lane(models.Model):
    """A lock with a name: only who may go on takes it, and only for the moment of deciding.

    Where a rate limits the lane it says when runs of it started, for no row of theirs need be left.
    """

    key = ExactCharField(max_length=200, primary_key=True)
    #: Microseconds since 1970 of the last starts, oldest first; as many as the rate allows.
    starts = models.JSONField(null=True)
    #: When the starts no longer matter.
    kept_until = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.key)


class Holding(models.Model):
    """What a worker holds: [[execution, turn], ...]. Who claims one of them at that turn knows that it died with it."""

    worker = models.CharField(max_length=64, primary_key=True)
    held = models.JSONField(default=list)
    updated_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.worker}"
