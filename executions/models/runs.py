"""Runs, their steps' jobs, and what runs are found by."""

from collections.abc import Sequence

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from executions.statuses import ExecutionStatus, Parked, Reason
from workflows.fields import ExactCharField, LooseForeignKey, SortedCharField
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

    workflow = LooseForeignKey(Workflow, null=True, related_name="executions", verbose_name=_("workflow"))
    # Copies, so that history reads without its workflow and lists need no join.
    key = ExactCharField(_("workflow key"), max_length=64)
    title = models.CharField(_("workflow title"), max_length=255)
    version = models.PositiveIntegerField(_("version"))
    type = models.CharField(_("trigger type"), max_length=64)

    name = SortedCharField(_("name"), max_length=128, null=True, blank=True)
    event_key = SortedCharField(_("event key"), max_length=255, null=True, blank=True)
    context = models.JSONField(_("context"), null=True)
    status = models.SmallIntegerField(_("status"), null=True, choices=ExecutionStatus.choices)
    reason = models.CharField(_("reason"), max_length=32, null=True, choices=Reason.choices)
    error = models.TextField(_("error"), null=True)
    output = models.JSONField(_("output"), null=True)
    manually = models.BooleanField(_("started by hand"), null=True)
    tags = models.JSONField(_("tags"), default=list, blank=True)

    #: [[execution, workflow version], ...] of the runs that led here, oldest first.
    stack = models.JSONField(default=list, blank=True)
    parent_execution = LooseForeignKey("self", null=True, related_name="children", verbose_name=_("parent"))
    #: The number of the parent's job that waits for this run.
    parent_job = models.PositiveIntegerField(null=True)
    rerun_of = LooseForeignKey("self", null=True, related_name="reruns", verbose_name=_("rerun of"))
    attempt = models.PositiveIntegerField(_("attempt"), default=1)

    due_at = models.DateTimeField(_("due at"), null=True)
    #: Grows with every write of the run; who comes back with an older number drops what it knew.
    turn = models.PositiveIntegerField(default=0)
    #: The moves that are left; null when nothing is (engine.md, "Agenda").
    agenda = models.JSONField(null=True)
    #: Claimed alone: some step touches the host, or the run shares a lane.
    solo = models.BooleanField(default=False)
    lane = ExactCharField(_("lane"), max_length=200, null=True)
    #: Of the runs of a key that have not begun, the newest goes.
    debounce_key = ExactCharField(max_length=200, null=True, editable=False)
    parked = models.CharField(_("parked"), max_length=16, null=True, choices=Parked.choices)
    paused_at = models.DateTimeField(_("paused at"), null=True)
    queue = models.CharField(_("queue"), max_length=40)
    #: A head start in seconds.
    priority = models.IntegerField(_("priority"), default=0)
    crashes = models.PositiveSmallIntegerField(default=0)

    created_by = LooseForeignKey(settings.AUTH_USER_MODEL, null=True, related_name="+", verbose_name=_("created by"))
    created_at = models.DateTimeField(_("created at"))
    started_at = models.DateTimeField(_("started at"), null=True)
    expires_at = models.DateTimeField(_("expires at"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)
    updated_at = models.DateTimeField(_("updated at"))

    #: (name, text, number) of the search attributes that are written with its row.
    found_by: Sequence[tuple[str, str, float | None]] = ()
    #: Seconds after its insert before a worker may begin it.
    delay: float = 0.0

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
            # Lists, newest first: one workflow's history, one version's, one status, one trigger type, one caller.
            models.Index(fields=["key", "-id"], name="execution_key"),
            models.Index(fields=["workflow", "-id"], name="execution_workflow"),
            models.Index(fields=["status", "-id"], name="execution_status"),
            models.Index(fields=["type", "-id"], name="execution_type"),
            models.Index(fields=["created_by", "-id"], name="execution_creator", condition=Q(created_by__isnull=False)),
            # The same of one status or one caller within a workflow, where either alone may be of many runs.
            models.Index(fields=["key", "status", "-id"], name="execution_key_status"),
            models.Index(
                fields=["created_by", "key", "-id"],
                name="execution_creator_key",
                condition=Q(created_by__isnull=False),
            ),
            # Lists of a range of times, in the order of that time, and within a workflow; ended: retention too.
            models.Index(fields=["created_at", "id"], name="execution_created"),
            # This one also tells the status and its reason: pages by number pass over what they don't show.
            models.Index(fields=["key", "created_at", "id", "status", "reason"], name="execution_key_created"),
            models.Index(fields=["started_at", "id"], name="execution_started", condition=Q(started_at__isnull=False)),
            models.Index(
                fields=["key", "started_at", "id"],
                name="execution_key_started",
                condition=Q(started_at__isnull=False),
            ),
            models.Index(fields=["ended_at", "id"], name="execution_ended", condition=Q(ended_at__isnull=False)),
            models.Index(
                fields=["key", "ended_at", "id"], name="execution_key_ended", condition=Q(ended_at__isnull=False)
            ),
            # The clock: runs under way that take long. An expression, so that MariaDB, which has no partial indexes,
            # makes none: there the index of starts serves.
            models.Index(F("started_at"), name="execution_going", condition=Q(status=0)),
            # Runs by name, and by what their names begin with; within a workflow its constraint serves.
            models.Index(fields=["name", "id"], name="execution_named", condition=Q(name__isnull=False)),
            # Who is in a lane: those that have begun, and those that are queued, oldest first.
            models.Index(
                fields=["lane", "status", "id"],
                name="execution_lane",
                condition=Q(lane__isnull=False, ended_at__isnull=True),
            ),
            # Whether a newer run of the same debounce key is queued.
            models.Index(
                fields=["debounce_key", "status", "id"],
                name="execution_debounce",
                condition=Q(debounce_key__isnull=False, ended_at__isnull=True),
            ),
            # Who is parked and why: lists, newest first; what a release lets go, and lanes that were not told.
            models.Index(fields=["parked", "-id"], name="execution_parked", condition=Q(parked__isnull=False)),
            # The children of an aborted run; lists of a run's children, and of those of one workflow.
            models.Index(
                fields=["parent_execution", "-id"], name="execution_parent", condition=Q(parent_execution__isnull=False)
            ),
            models.Index(
                fields=["parent_execution", "key", "-id"],
                name="execution_parent_key",
                condition=Q(parent_execution__isnull=False),
            ),
            # Reruns of a run.
            models.Index(fields=["rerun_of"], name="execution_rerun", condition=Q(rerun_of__isnull=False)),
            # The first run of an event, and search by event key.
            models.Index(fields=["event_key", "key"], name="execution_event_key", condition=Q(event_key__isnull=False)),
        ]
        permissions = [
            ("cancel_execution", _("Can cancel executions")),
            ("rerun_execution", _("Can rerun executions")),
            ("pause_execution", _("Can pause and resume executions")),
            ("reveal_values", _("Can have masked values shown")),
        ]

    def __str__(self) -> str:
        return f"{self.title} #{self.pk}"


class Job(models.Model):
    """One step of one run. `number` counts them; `parent` and `upstream` are numbers of the same run."""

    execution = LooseForeignKey(Execution, null=True, related_name="jobs", verbose_name=_("execution"))
    number = models.PositiveIntegerField(_("number"))
    node = LooseForeignKey(Node, null=True, related_name="jobs", verbose_name=_("node"))
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
            models.Index(fields=["execution", "node", "-number"], name="job_latest"),
            # What a run waits for.
            models.Index(fields=["execution"], name="job_pending", condition=Q(status=0)),
            # Lists: the runs that wait at a node.
            models.Index(fields=["node_key", "-execution"], name="job_waiting", condition=Q(status=0)),
            # What performers may perform.
            models.Index(
                fields=["queue", "due_at"], name="job_perform", condition=Q(wait="performer", due_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.execution_id}/{self.number} {self.node_key}"


class Attribute(models.Model):
    """What a run is found by: a search attribute that its workflow declares or, where `name` is "", a tag."""

    execution = LooseForeignKey(Execution, related_name="attributes")
    #: The workflow's.
    key = ExactCharField(max_length=64)
    name = ExactCharField(max_length=64)
    text = SortedCharField(max_length=128)
    number = models.FloatField(null=True)

    class Meta:
        default_permissions = ()
        # Deletion with the run goes by it too.
        constraints = [models.UniqueConstraint(fields=["execution", "name", "text"], name="attribute_once")]
        indexes = [
            # Lists: runs with a tag or a value, newest first; a range of texts; each also within a workflow.
            models.Index(fields=["name", "text", "-execution"], name="attribute_text"),
            models.Index(fields=["key", "name", "text", "-execution"], name="attribute_text_of_key"),
            # The same of numbers.
            models.Index(
                fields=["name", "number", "execution"], name="attribute_number", condition=Q(number__isnull=False)
            ),
            models.Index(
                fields=["key", "name", "number", "execution"],
                name="attribute_number_of_key",
                condition=Q(number__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.execution_id} {self.name or 'tag'}: {self.text}"
