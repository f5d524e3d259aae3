"""What should happen: workflows (one row a version), their nodes, and what is counted of them."""

import secrets
import string
from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from workflows.actions import Action, Origin
from workflows.errors import Refused
from workflows.fields import ExactCharField, LooseForeignKey

_KEY_ALPHABET = string.ascii_lowercase + string.digits
COUNTER_SLOTS = 16
#: What `$env.` may be followed by.
ENV_NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,63}\Z"


def new_key() -> str:
    """Eleven random letters and digits, as NocoBase's uids are (spec nocobase-http 4.1)."""
    return "".join(secrets.choice(_KEY_ALPHABET) for _ in range(11))


def default_options() -> dict[str, Any]:
    return {"timeout": 0}


class Category(models.Model):
    title = models.CharField(_("title"), max_length=255)
    color = models.CharField(_("color"), max_length=32, default="default")
    sort = models.IntegerField(_("sort"), default=0)
    #: None of those that are older than these columns.
    created_at = models.DateTimeField(_("created at"), auto_now_add=True, null=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True, null=True)

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


class Undo(models.Model):
    """What some nodes of a version were before one edit of a person's, so that it can be taken back."""

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="+", db_index=False)
    user = LooseForeignKey(settings.AUTH_USER_MODEL, related_name="+")
    #: The edit in a sentence.
    what = models.CharField(max_length=255)
    #: Columns of the nodes that it touched by id; null for one that was not there.
    nodes = models.JSONField()
    #: The version's `updated_at` before the edit and after it: whether nobody came in between.
    before = models.DateTimeField()
    after = models.DateTimeField()

    class Meta:
        default_permissions = ()
        # The newest edits of a person in a version.
        indexes = [models.Index(fields=["workflow", "user", "-id"], name="undo_of_person")]

    def __str__(self) -> str:
        return self.what


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


class Secret(models.Model):
    """A value that templates name as `$env.NAME`; written by `workflows.secrets` and never shown."""

    #: Encrypted, yet none of a collection's readers' business.
    sluice_sensitive = ("sealed",)

    name = ExactCharField(
        _("name"),
        max_length=64,
        unique=True,
        validators=[RegexValidator(ENV_NAME, _("Begin with a letter or _; then letters, digits and _, 64 at most."))],
        help_text=_("Templates name it as {{$env.NAME}}; case-sensitive."),
    )
    #: The value encrypted.
    sealed = models.TextField(editable=False)
    description = models.CharField(_("description"), max_length=255, blank=True, default="")
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        null=True,
        editable=False,
        db_constraint=False,
        related_name="+",
        verbose_name=_("changed by"),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("secret")
        verbose_name_plural = _("secrets")
        ordering = ["name"]

    def __str__(self) -> str:
        return str(self.name)


class RevokedToken(models.Model):
    """What was ended before its time: one token by its `jti`, or all of one sign-in by its `sid`."""

    token = models.CharField(max_length=64, primary_key=True)
    #: When the last token that this could mean has expired by itself.
    expires_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        # Retention: what no longer matters.
        indexes = [models.Index(fields=["expires_at"], name="revoked_token_expires")]

    def __str__(self) -> str:
        return self.token


class HistoryQuerySet(models.QuerySet["HistoryEntry"]):
    """Reads and adds; entries stay as they were written."""

    def of_workflow(self, key: str) -> "HistoryQuerySet":
        """What was done to all versions of a workflow and to their nodes; not to its runs."""
        return self.filter(workflow_key=key, execution=None)

    def of_node(self, workflow_key: str, node_key: str) -> "HistoryQuerySet":
        """What was done to a node, in all versions of its workflow."""
        return self.of_workflow(workflow_key).filter(node_key=node_key)

    def of_execution(self, pk: int) -> "HistoryQuerySet":
        """What was done to a run and its jobs."""
        return self.filter(execution=pk)

    def update(self, **columns: Any) -> int:
        raise _unchangeable()

    def delete(self) -> tuple[int, dict[str, int]]:
        raise _unchangeable()

    def bulk_update(self, *args: Any, **options: Any) -> int:
        raise _unchangeable()

    def update_or_create(self, *args: Any, **options: Any) -> tuple["HistoryEntry", bool]:
        raise _unchangeable()

    def bulk_create(self, objs: Any, *args: Any, **options: Any) -> list["HistoryEntry"]:
        if options.get("update_conflicts"):
            raise _unchangeable()
        return super().bulk_create(objs, *args, **options)


def _unchangeable() -> Refused:
    return Refused(_("History stays as it was written; entries can't be changed or deleted."))


class HistoryEntry(models.Model):
    """A change that a person made: who, when, from where, what, why. Written by `workflows.history`, never changed.

    Names are copies: they outlive the user and the object.
    """

    at = models.DateTimeField(_("at"))
    actor = LooseForeignKey(settings.AUTH_USER_MODEL, null=True, related_name="+", verbose_name=_("user"))
    actor_name = models.CharField(_("user name"), max_length=255, blank=True, default="")
    origin = models.CharField(_("from"), max_length=16)
    address = models.CharField(_("address"), max_length=64, blank=True, default="")
    #: Of the sets in `workflows.actions`; no `choices`, so that a further action needs no migration.
    action = models.CharField(_("action"), max_length=40)
    object_kind = models.CharField(_("kind of object"), max_length=16)
    object_id = models.BigIntegerField(_("object id"), null=True)
    title = models.CharField(_("what it was"), max_length=255)
    #: The version and the key of all its versions; of a run or a job only the latter.
    workflow = models.BigIntegerField(_("workflow version"), null=True)
    workflow_key = ExactCharField(_("workflow key"), max_length=64, null=True)
    #: Of nodes and jobs; versions share it.
    node_key = ExactCharField(_("node key"), max_length=64, null=True)
    #: Of runs and jobs.
    execution = models.BigIntegerField(_("execution"), null=True)
    #: The bulk operation that the change was part of.
    bulk = models.BigIntegerField(_("bulk operation"), null=True)
    reason = models.TextField(_("reason"), null=True)
    #: {field: [before, after]}, of bounded size, secrets masked.
    changes = models.JSONField(_("changes"), default=dict)

    objects = HistoryQuerySet.as_manager()

    class Meta:
        verbose_name = _("history entry")
        verbose_name_plural = _("history")
        ordering = ["-id"]
        default_permissions = ("view",)
        indexes = [
            # A workflow's history, over its versions and their nodes; newest first.
            models.Index(fields=["workflow_key", "execution", "-id"], name="history_workflow"),
            # A run's, its jobs included.
            models.Index(fields=["execution", "-id"], name="history_execution"),
            # What one person did.
            models.Index(fields=["actor", "-id"], name="history_actor"),
            # Any other object's, and what was done in a span of time.
            models.Index(fields=["object_kind", "object_id", "-id"], name="history_object"),
            models.Index(fields=["at"], name="history_at"),
        ]

    def __str__(self) -> str:
        return f"{self.action}: {self.title}"

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding:
            raise _unchangeable()
        super().save(*args, **{**options, "force_insert": True})

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        raise _unchangeable()

    @property
    def action_title(self) -> str:
        return str(Action(self.action).label) if self.action in Action.values else self.action

    @property
    def origin_title(self) -> str:
        return str(Origin(self.origin).label) if self.origin in Origin.values else self.origin
