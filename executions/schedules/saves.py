"""Saved rows whose date is close, or that repeat, are noted for the clock: it would meet some too late, or not again.

The note lies in the transaction of the save (on another database: it follows its commit), so a row that is committed
after its time has come still fires, and a new date takes effect at once. Rows written in bulk are found by the stretch
of the date's index alone.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.apps import apps
from django.db import connections, transaction
from django.db.models import DateTimeField, Model
from django.db.models.functions import Now
from django.db.models.signals import post_save
from django.utils import timezone

from executions.models import Schedule, ScheduledRow
from executions.schedules import keeping
from executions.schedules.rows import LONGEST_KEY
from executions.store import session
from workflows.errors import Invalid
from workflows.models import Workflow
from workflows.triggers import schedule
from workflows.triggers.base import Listener
from workflows.triggers.schedule import OF_ROWS, Plan

logger = logging.getLogger("sluice.schedules")

#: How near to now a date is noted. Wide, for it is this host's clock that is asked, and it may be wrong.
NEAR = timedelta(hours=2)


@dataclass(frozen=True)
class Watched:
    key: str
    plan: Plan


#: By the very class that is saved; replaced as a whole.
_watched: Mapping[type[Model], tuple[Watched, ...]] = {}


def install() -> None:
    schedule.connect(watch)


def watch(listeners: Sequence[Listener]) -> None:
    """These, and only these, schedules are enabled now."""
    global _watched
    ids = [each.workflow_id for each in listeners if each.config.mode == OF_ROWS]
    found: dict[type[Model], list[Watched]] = defaultdict(list)
    for version in Workflow.objects.using(session.alias()).filter(pk__in=ids) if ids else ():
        try:
            plan = keeping.plan_of(version)
        except Invalid as error:
            logger.warning("Workflow %s is enabled but fires never: %s", version.pk, error)
            continue
        for cls in apps.get_models(include_auto_created=True):
            if issubclass(cls, plan.config.model):
                found[cls].append(Watched(version.key, plan))
    before, _watched = _watched, {cls: tuple(each) for cls, each in found.items()}
    for cls in before.keys() - _watched.keys():
        post_save.disconnect(_on_save, sender=cls, dispatch_uid="sluice.schedules")
    for cls in _watched.keys() - before.keys():
        post_save.connect(_on_save, sender=cls, dispatch_uid="sluice.schedules")


def _on_save(sender: type[Model], instance: Model, raw: bool, using: str, **_: Any) -> None:
    for each in _watched.get(sender, ()):
        if not raw and each.plan.config.alias == using and len(str(instance.pk)) <= LONGEST_KEY:
            start = _start(each, instance)
            if start is not None:
                _tell(each.key, str(instance.pk), start, using)


def _start(watched: Watched, instance: Model) -> datetime | None:
    """When the row's times begin, if the clock should be told: None for no date, and for one that is far away."""
    plan = watched.plan
    if not all(_is_read(instance, name) for name in plan.fields):
        # A text or an expression was assigned: the row knows, this object doesn't.
        instance = plan.config.model._base_manager.using(plan.config.alias).get(pk=instance.pk)
    course = plan.course_of(instance)
    if course is None:
        return None
    now = timezone.now()
    near = course.start < now + NEAR and (watched.plan.repeat is not None or course.start > now - NEAR)
    return course.start if near else None


def _is_read(instance: Model, name: str) -> bool:
    value = getattr(instance, name)
    kind = datetime if isinstance(instance._meta.get_field(name), DateTimeField) else date
    return value is None or type(value) is kind


def _tell(key: str, row: str, start: datetime, using: str) -> None:
    if using != session.alias() and connections[using].in_atomic_block:
        transaction.on_commit(partial(_note, key, row, start), using=using, robust=True)
    else:
        _note(key, row, start)


def _note(key: str, row: str, start: datetime) -> None:
    owner = Schedule.objects.using(session.alias()).filter(key=key, workflow__isnull=False).values_list("pk").first()
    if owner is None:
        return
    rows = ScheduledRow.objects.using(session.alias())
    note = ScheduledRow(schedule_id=owner[0], row=row, start=start, next_fire_at=start)
    rows.bulk_create([note], ignore_conflicts=True)
    # One that was noted with another date is looked at now.
    rows.filter(schedule=owner[0], row=row).exclude(start=start).update(
        start=start, settled_at=None, next_fire_at=Now()
    )
