"""What happened: runs, their steps' jobs, and what the engine notes beside them."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from executions.statuses import ExecutionStatus, Parked, Reason
from workflows.fields import ExactCharField
from workflows.instructions.base import Wait
from workflows.models import Node, Workflow
from workflows.statuses import JobStatus


class ExecutionQuerySet(models.QuerySet["Execution"]):
    def queued(self) -> "ExecutionQuerySet":
        return self.filter(status=None)

    def unended(self) -> "ExecutionQuerySet":
        """Queued, running or waiting."""
        return self.filter(ended_at=None)

    def ended(self) -> "ExecutionQuerySet":
        return self.filter(ended_at__isnull=False)


class Execution(models.Model):
    """One run. `due_at` is when a worker must next look at it: queue, timers, time-outs and crash recovery in one."""

    workflow = models.ForeignKey(
        Workflow,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        related_name="executions",
        verbose_name=_("workflow"),
    )
    # Copies, so that history reads without its workflow and lists need no join.
    key = ExactCharField(_("workflow key"), max_length=64)
    title = models.CharField(_("workflow title"), max_length=255)
    version = models.PositiveIntegerField(_("version"))
    type = models.CharField(_("trigger type"), max_length=64)

    name = ExactCharField(_("name"), max_length=128, null=True, blank=True)
    event_key = ExactCharField(_("event key"), max_length=255, null=True, blank=True)
    context = models.JSONField(_("context"), null=True)
    status = models.SmallIntegerField(_("status"), null=True, choices=ExecutionStatus.choices)
    reason = models.CharField(_("reason"), max_length=32, null=True, choices=Reason.choices)
    error = models.TextField(_("error"), null=True)
    output = models.JSONField(_("output"), null=True)
    manually = models.BooleanField(_("started by hand"), null=True)
    tags = models.JSONField(_("tags"), default=list, blank=True)

    #: [[execution, workflow version], ...] of the runs that led here, oldest first.
    stack = models.JSONField(default=list, blank=True)
    parent_execution = models.ForeignKey(
        "self", models.DO_NOTHING, null=True, db_constraint=False, related_name="children", verbose_name=_("parent")
    )
    #: The number of the parent's job that waits for this run.
    parent_job = models.PositiveIntegerField(null=True)
    rerun_of = models.ForeignKey(
        "self", models.DO_NOTHING, null=True, db_constraint=False, related_name="reruns", verbose_name=_("rerun of")
    )
    attempt = models.PositiveIntegerField(_("attempt"), default=1)

    due_at = models.DateTimeField(_("due at"), null=True)
    #: Grows with every write of the run; who comes back with an older number drops what it knew.
    turn = models.PositiveIntegerField(default=0)
    #: The moves that are left; null when nothing is (engine.md, "Agenda").
    agenda = models.JSONField(null=True)
    #: Claimed alone: some step touches the host, or the run shares a lane.
    solo = models.BooleanField(default=False)
    lane = ExactCharField(_("lane"), max_length=200, null=True)
    parked = models.CharField(_("parked"), max_length=16, null=True, choices=Parked.choices)
    paused_at = models.DateTimeField(_("paused at"), null=True)
    queue = models.CharField(_("queue"), max_length=40)
    #: A head start in seconds.
    priority = models.IntegerField(_("priority"), default=0)
    crashes = models.PositiveSmallIntegerField(default=0)

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        related_name="+",
        verbose_name=_("created by"),
    )
    created_at = models.DateTimeField(_("created at"))
    started_at = models.DateTimeField(_("started at"), null=True)
    expires_at = models.DateTimeField(_("expires at"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)
    updated_at = models.DateTimeField(_("updated at"))

    objects = ExecutionQuerySet.as_manager()

    class Meta:
        verbose_name = _("execution")
        verbose_name_plural = _("executions")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["key", "name"], name="execution_name_in_workflow"),
        ]
        indexes = [
            # The claim, the tick and the drain's choice of class: the head of what is due.
            models.Index(fields=["queue", "solo", "due_at"], name="execution_due", condition=Q(due_at__isnull=False)),
            # Lists: one workflow's history, one version's, one status; newest first.
            models.Index(fields=["key", "-id"], name="execution_key"),
            models.Index(fields=["workflow", "-id"], name="execution_workflow"),
            models.Index(fields=["status", "-id"], name="execution_status"),
            # Who is in a lane: its unended runs, oldest first.
            models.Index(
                fields=["lane", "id"], name="execution_lane", condition=Q(lane__isnull=False, ended_at__isnull=True)
            ),
            # The children of an aborted run.
            models.Index(
                fields=["parent_execution"], name="execution_parent", condition=Q(parent_execution__isnull=False)
            ),
            # Reruns of a run.
            models.Index(fields=["rerun_of"], name="execution_rerun", condition=Q(rerun_of__isnull=False)),
            # The first run of an event, and search by event key.
            models.Index(fields=["event_key", "key"], name="execution_event_key", condition=Q(event_key__isnull=False)),
            # Retention: what ended long enough ago.
            models.Index(fields=["ended_at"], name="execution_ended", condition=Q(ended_at__isnull=False)),
        ]
        permissions = [
            ("cancel_execution", _("Can cancel executions")),
            ("rerun_execution", _("Can rerun executions")),
            ("pause_execution", _("Can pause and resume executions")),
        ]

    def __str__(self) -> str:
        return f"{self.title} #{self.pk}"


class Job(models.Model):
    """One step of one run. `number` counts them; `parent` and `upstream` are numbers of the same run."""

    execution = models.ForeignKey(
        Execution,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        related_name="jobs",
        db_index=False,
        verbose_name=_("execution"),
    )
    number = models.PositiveIntegerField(_("number"))
    node = models.ForeignKey(
        Node,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        related_name="jobs",
        db_index=False,
        verbose_name=_("node"),
    )
    node_key = ExactCharField(_("node key"), max_length=64)
    #: The job of the branching node it ran under.
    parent = models.PositiveIntegerField(_("parent"), null=True)
    #: The job it followed.
    upstream = models.PositiveIntegerField(_("upstream"), null=True)
    status = models.SmallIntegerField(_("status"), choices=JobStatus.choices)
    input = models.JSONField(_("input"), null=True)
    result = models.JSONField(_("result"), null=True)
    meta = models.JSONField(_("meta"), null=True)
    log = models.TextField(_("log"), null=True)
    wait = models.CharField(
        _("waits for"), max_length=16, null=True, choices=[(wait.value, wait.value) for wait in Wait]
    )
    queue = models.CharField(_("queue"), max_length=40, null=True)
    due_at = models.DateTimeField(_("due at"), null=True)
    attempt = models.PositiveIntegerField(_("attempt"), default=1)
    #: Finished attempts: [{number, start, end, status, message}], the last 50.
    attempts = models.JSONField(_("attempts"), null=True)
    started_at = models.DateTimeField(_("started at"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)
    created_at = models.DateTimeField(_("created at"))
    updated_at = models.DateTimeField(_("updated at"))

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering = ["execution_id", "number"]
        constraints = [
            # The database itself refuses a second author of a step.
            models.UniqueConstraint(fields=["execution", "number"], name="job_number"),
        ]
        indexes = [
            # The latest job of a node, for templates.
            models.Index(F("execution"), F("node"), F("number").desc(), name="job_latest"),
            # What a run waits for.
            models.Index(fields=["execution"], name="job_pending", condition=Q(status=0)),
            # What performers may perform.
            models.Index(
                fields=["queue", "due_at"], name="job_perform", condition=Q(wait="performer", due_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.execution_id}/{self.number} {self.node_key}"


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
    """A lock with a name: only who may go on takes it, and only for the moment of deciding."""

    key = ExactCharField(max_length=200, primary_key=True)

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
