"""How many runs each version has, for lists that tell it; kept on PostgreSQL alone (`executions.store.counts`)."""

from django.db import models

from workflows.fields import ExactCharField


class RunCount(models.Model):
    """Part of a sum: runs that a tick has counted or, below nought, runs that were deleted, which a trigger writes."""

    #: The version's, 0 where the run has none.
    workflow_id = models.BigIntegerField()
    #: The workflow's.
    key = ExactCharField(max_length=64)
    #: Where the runs' ids lie, in thousands; -1 has what was merged.
    bucket = models.BigIntegerField()
    n = models.BigIntegerField()

    class Meta:
        default_permissions = ()
        indexes = [
            # The totals of a workflow, and of one version.
            models.Index(fields=["key", "bucket"], name="run_count_key"),
            models.Index(fields=["workflow_id", "bucket"], name="run_count_workflow"),
            # What is to be merged, and what was deleted before it was counted.
            models.Index(fields=["bucket"], name="run_count_bucket"),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.workflow_id} {self.bucket}: {self.n}"


class CountsMark(models.Model):
    """The one row that says which runs the counts hold: those of the buckets before `bucket`; who counts locks it."""

    bucket = models.BigIntegerField(default=0)
    #: Up to where they are to be counted next, as soon as none of `writers` is alive.
    until = models.BigIntegerField(null=True)
    #: Virtual transaction ids of those that were writing runs when `until` was noted.
    writers = models.JSONField(default=list)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.bucket}"
