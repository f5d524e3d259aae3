"""Disabling a workflow parks its queued runs, enabling lets them go: in the transaction that does it."""

from collections.abc import Collection
from typing import Any

from django.db.models.signals import post_delete, post_save

from executions.flow import holds
from executions.store import session
from workflows.models import Workflow


def install() -> None:
    """Connects the moments at which a workflow changes."""
    post_save.connect(_saved, sender=Workflow, dispatch_uid="sluice.flow")
    post_delete.connect(_deleted, sender=Workflow, dispatch_uid="sluice.flow")


def _saved(
    instance: Workflow, created: bool, raw: bool = False, update_fields: Collection[str] | None = None, **_: Any
) -> None:
    if raw or (update_fields is not None and "enabled" not in update_fields) or (created and not instance.enabled):
        return
    versions = Workflow.objects.using(session.alias()).filter(key=instance.key)
    # Its queued runs are of all versions, and go on while any listens.
    if instance.enabled or versions.filter(enabled=True).exists():
        holds.enable(instance.key)
    else:
        holds.disable(instance.key)


def _deleted(instance: Workflow, **_: Any) -> None:
    if not Workflow.objects.using(session.alias()).filter(key=instance.key).exists():
        holds.enable(instance.key)
