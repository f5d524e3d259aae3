"""One row a workflow key says when its schedule fires next. It follows the definitions in their own transaction.

A change that went past the models' signals (`QuerySet.update`, SQL) is found by `reconcile`, every half minute.
"""

import hashlib
import json
import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.signals import post_delete, post_save

from executions.models import Schedule, ScheduledRow
from executions.store import session
from workflows.errors import Invalid
from workflows.models import Workflow
from workflows.triggers import get_trigger
from workflows.triggers.schedule import Plan, ScheduleTrigger, plan, zone_of

logger = logging.getLogger("sluice.schedules")

_SECOND = timedelta(seconds=1)


def install() -> None:
    """Connects the moments at which a workflow changes."""
    for signal in (post_save, post_delete):
        signal.connect(_changed, sender=Workflow, dispatch_uid="sluice.schedules")


def _changed(instance: Workflow, raw: bool = False, **_: Any) -> None:
    if instance.type == ScheduleTrigger.type and not raw:
        settle(instance.key)


def plan_of(workflow: Workflow) -> Plan:
    """Raises `Invalid` where its configuration or its zone can't be meant."""
    config = get_trigger(workflow.type).parse(workflow.config)
    found = plan(config, zone_of(workflow))
    if found.by_rows:
        # Made now: whatever is wrong with them is wrong with the configuration.
        _made = (config.model, config.alias, config.tree)
    return found


def settle(key: str) -> None:
    """Brings the row of a key in line with what is enabled; one that is keeps its times and what it has missed."""
    with transaction.atomic(using=session.alias()):
        row = _locked(key)
        # Read under the lock: who waited for it must not go by what was there before.
        version = enabled().filter(key=key).first()
        if row is None and version is not None:
            Schedule.objects.using(session.alias()).get_or_create(key=key)
            row = _locked(key)
        if row is None:
            return
        if version is None:
            _stop(row)
        elif row.workflow_id is None or row.signature != _signature(version):
            _begin(row, version)
        elif row.workflow_id != version.pk:
            row.workflow = version
            row.save(update_fields=["workflow"], using=session.alias())


def reconcile() -> list[str]:
    """Settles what differs from the definitions, and forgets what is gone; answers the keys."""
    rows = Schedule.objects.using(session.alias())
    versions = {version.key: version for version in enabled().only("key", "config", "time_zone")}
    known = {row.key: row for row in rows.filter(Q(workflow__isnull=False) | Q(key__in=list(versions)))}
    stale = [
        key for key in versions.keys() | known.keys() if _standing(known.get(key)) != _standing_of(versions.get(key))
    ]
    for key in sorted(stale):
        settle(key)
    keys = Workflow.objects.using(session.alias()).values("key")
    for row in rows.filter(workflow=None).exclude(key__in=keys)[:1000]:
        row.delete()
    return sorted(stale)


def _standing(row: Schedule | None) -> tuple[int, str] | None:
    return None if row is None or row.workflow_id is None else (row.workflow_id, row.signature)


def _standing_of(version: Workflow | None) -> tuple[int, str] | None:
    return None if version is None else (version.pk, _signature(version))


def enabled() -> Any:
    """Versions whose schedules fire."""
    return Workflow.objects.using(session.alias()).listening().filter(type=ScheduleTrigger.type)


def _locked(key: str) -> Schedule | None:
    return Schedule.objects.using(session.alias()).select_for_update().filter(key=key).first()


def _signature(version: Workflow) -> str:
    """What its times depend on."""
    try:
        zone = str(zone_of(version))
    except Invalid:
        zone = ""
    text = json.dumps([version.config, zone], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _stop(row: Schedule) -> None:
    ScheduledRow.objects.using(session.alias()).filter(schedule=row).delete()
    row.workflow, row.signature = None, ""
    row.next_fire_at = row.since = row.settled_at = row.cursor = None
    row.save(using=session.alias())


def _begin(row: Schedule, version: Workflow) -> None:
    """Its times begin with this second; those of rows that repeat may have begun long ago."""
    now = this_second()
    _stop(row)
    row.workflow, row.signature = version, _signature(version)
    row.since = row.settled_at = now - _SECOND
    try:
        reckoned = plan_of(version)
    except Invalid as error:
        logger.warning("Workflow %s is enabled but fires never: %s", version.pk, error)
    else:
        if reckoned.by_rows and reckoned.repeat is not None:
            row.settled_at = None
        row.next_fire_at = next_look(row, reckoned, now)
    row.save(using=session.alias())


def next_look(row: Schedule, reckoned: Plan, now: datetime) -> datetime | None:
    """When the clock must look again; None where nothing will fire."""
    limit = reckoned.config.limit
    if limit is not None and row.fired >= limit:
        return None
    if reckoned.course is None:
        return now
    return reckoned.course.after(row.settled_at or now)


def this_second() -> datetime:
    """The database's clock, what is less than a second left off."""
    return session.database_now().replace(microsecond=0)
