"""What has happened by the hour, counted behind the engine's back, and which workers are there."""

from django.db import models

from workflows.fields import ExactCharField


class RunTotal(models.Model):
    """How many runs of a workflow ended within an hour with one status and took about as long."""

    hour = models.DateTimeField()
    #: The workflow's; "" has all of them together.
    key = ExactCharField(max_length=64)
    status = models.SmallIntegerField()
    #: The class of their durations (`executions.dashboard.durations`).
    duration = models.SmallIntegerField()
    number = models.PositiveBigIntegerField()

    class Meta:
        default_permissions = ()
        # The dashboard's range of hours, of all workflows or of some, goes by it too.
        constraints = [models.UniqueConstraint(fields=["key", "hour", "status", "duration"], name="run_total_once")]
        # What is old enough to be forgotten.
        indexes = [models.Index(fields=["hour"], name="run_total_hour")]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h {self.key} {self.status}: {self.number}"


class NodeTotal(models.Model):
    """What the jobs of one node came to, of the runs that ended within an hour."""

    hour = models.DateTimeField()
    #: The workflow's.
    key = ExactCharField(max_length=64)
    node_key = ExactCharField(max_length=64)
    jobs = models.PositiveBigIntegerField()
    failed = models.PositiveBigIntegerField()
    #: Microseconds of those that began and ended, and how many they are.
    taken = models.PositiveBigIntegerField()
    timed = models.PositiveBigIntegerField()

    class Meta:
        default_permissions = ()
        # The dashboard's range of hours, and what is old enough to be forgotten, go by it too.
        constraints = [models.UniqueConstraint(fields=["hour", "key", "node_key"], name="node_total_once")]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h {self.key} {self.node_key}: {self.jobs}"


class TotalsMark(models.Model):
    """The one row that says up to which end of a run the totals have counted; who counts locks it."""

    ended_at = models.DateTimeField()
    #: The last run counted of those that ended at that very moment.
    execution = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.ended_at}"


class WorkerSeen(models.Model):
    """A Celery worker that said lately that it lives."""

    name = models.CharField(max_length=64, primary_key=True)
    since = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
