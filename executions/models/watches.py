"""Which workflows watch for long runs: kept beside the definitions, looked at by the clock."""

from django.db import models

from workflows.fields import ExactCharField, LooseForeignKey
from workflows.models import Workflow


class RunWatch(models.Model):
    """A workflow that runs of another one, or of all others, set off by taking long. Times are starts of runs."""

    #: The workflow's that is set off.
    key = ExactCharField(max_length=64)
    #: Of the workflow whose runs count; "" is all.
    watched = ExactCharField(max_length=64)
    #: The enabled version.
    workflow = LooseForeignKey(Workflow, null=True, related_name="+")
    #: How long a run may run.
    seconds = models.PositiveIntegerField()
    #: Runs that started up to then had run too long before anybody watched: they set nothing off.
    since = models.DateTimeField()
    #: Runs that started up to then are dealt with.
    settled_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        # The version's own rows go by it too.
        constraints = [models.UniqueConstraint(fields=["key", "watched"], name="run_watch_once")]

    def __str__(self) -> str:
        return f"{self.key}: {self.watched or '*'} > {self.seconds} s"
