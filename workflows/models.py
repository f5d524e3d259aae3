"""What should happen: workflows (one row a version), their nodes, and what is counted of them."""

import secrets
import string
from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from workflows.fields import ExactCharField

_KEY_ALPHABET = string.ascii_lowercase + string.digits
COUNTER_SLOTS = 16


def new_key() -> str:
    """Eleven random letters and digits, as NocoBase's uids are (spec nocobase-http 4.1)."""
    return "".join(secrets.choice(_KEY_ALPHABET) for _ in range(11))


def default_options() -> dict[str, Any]:
    return {"timeout": 0}


class Category(models.Model):
    title = models.CharField(_("title"), max_length=255)
    color = models.CharField(_("color"), max_length=32, default="default")
    sort = models.IntegerField(_("sort"), default=0)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ["sort", "id"]

    def __str__(self) -> str:
        return self.title


class WorkflowQuerySet(models.QuerySet["Workflow"]):
    def current(self) -> "WorkflowQuerySet":
        """One version of each workflow: the one people mean by its name."""
        return self.filter(current=True)

    def listening(self) -> "WorkflowQuerySet":
        """The versions whose triggers fire."""
        return self.filter(enabled=True)


class Workflow(models.Model):
    """One version of a workflow; versions share `key`. A version freezes at the first claim of a run of it."""

    key = ExactCharField(_("key"), max_length=64, default=new_key, editable=False)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    name = ExactCharField(
        _("name"),
        max_length=128,
        null=True,
        blank=True,
        validators=[
            RegexValidator(
                r"^[A-Za-z_][A-Za-z0-9_-]{0,127}\Z",
                _("Begin with a letter or _; then letters, digits, _ and -, 128 at most."),
            )
        ],
        help_text=_("What start() and API clients call it. Unique among current versions, case-sensitive."),
    )
    title = models.CharField(_("title"), max_length=255)
    description = models.TextField(_("description"), blank=True, default="")
    type = models.CharField(_("type"), max_length=64, help_text=_("What sets it off."))
    trigger_title = models.CharField(_("trigger title"), max_length=255, blank=True, default="")
    config = models.JSONField(_("trigger configuration"), default=dict, blank=True)
    enabled = models.BooleanField(_("enabled"), default=False)
    #: True for one version of a key, null (never False) for the others: uniqueness rests on nulls being distinct.
    current = models.BooleanField(_("current"), null=True, default=None, editable=False)
    sync = models.BooleanField(_("synchronous"), default=False)
    invalid = models.BooleanField(_("invalid"), default=False, editable=False)
    options = models.JSONField(_("options"), default=default_options, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True, default="")
    definition_source = models.TextField(_("definition source"), null=True, blank=True, editable=False)
    frozen_at = models.DateTimeField(_("frozen at"), null=True, editable=False)
    categories = models.ManyToManyField(Category, verbose_name=_("categories"), blank=True, related_name="workflows")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True, editable=False, db_constraint=False, related_name="+"
    )
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True, editable=False, db_constraint=False, related_name="+"
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    objects = WorkflowQuerySet.as_manager()

    class Meta:
        verbose_name = _("workflow")
        verbose_name_plural = _("workflows")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["key", "current"], name="workflow_one_current"),
            models.UniqueConstraint(fields=["key", "version"], name="workflow_version"),
            models.UniqueConstraint(
                fields=["name", "current"],
                name="workflow_name_current",
                violation_error_message=_("Another workflow has this name; choose another."),
            ),
        ]
        indexes = [
            # What listens: read whenever definitions changed.
            models.Index(fields=["enabled", "type"], name="workflow_listening"),
        ]
        permissions = [
            ("execute_workflow", _("Can run workflows by hand")),
            ("use_sql", _("Can save SQL nodes")),
            ("use_script", _("Can save script nodes")),
        ]

    def __str__(self) -> str:
        return f"{self.title} (v{self.version})"

    @property
    def frozen(self) -> bool:
        return self.frozen_at is not None


class Node(models.Model):
    """One step of one version. `upstream` is the node before it, or the branching node if `branch_index` is set."""

    key = ExactCharField(_("key"), max_length=64, default=new_key, editable=False)
    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="nodes", verbose_name=_("workflow"))
    title = models.CharField(_("title"), max_length=255, blank=True, default="")
    type = models.CharField(_("type"), max_length=64)
    config = models.JSONField(_("configuration"), default=dict, blank=True)
    policy = models.JSONField(_("policy"), default=dict, blank=True)
    upstream = models.ForeignKey(
        "self", models.DO_NOTHING, null=True, editable=False, db_constraint=False, related_name="followers"
    )
    #: The next node on the same line; never a branch head.
    downstream = models.ForeignKey(
        "self", models.DO_NOTHING, null=True, editable=False, db_constraint=False, related_name="+"
    )
    branch_index = models.IntegerField(_("branch"), null=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("node")
        verbose_name_plural = _("nodes")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["workflow", "key"], name="node_key_in_version"),
            # Two nodes can't stand at one place of one branch; heads and lines are held by editing and Graph.
            models.UniqueConstraint(fields=["upstream", "branch_index"], name="node_branch_head"),
        ]

    def __str__(self) -> str:
        return self.title or f"{self.type} {self.key}"


class Counter(models.Model):
    """Runs begun, by version and slot; summed when read. Rows of a deleted version keep its count for the key."""

    key = ExactCharField(max_length=64)
    workflow = models.ForeignKey(Workflow, models.DO_NOTHING, null=True, db_constraint=False, related_name="counters")
    slot = models.PositiveSmallIntegerField()
    executed = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workflow", "slot"], name="counter_slot")]
        # The count of a workflow over all its versions.
        indexes = [models.Index(fields=["key"], name="counter_key")]

    def __str__(self) -> str:
        return f"{self.key}/{self.slot}: {self.executed}"


class Generation(models.Model):
    """One row whose number grows with every change of what listens, so that other processes notice."""

    number = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.number)
