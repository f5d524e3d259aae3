"""Runs that take long, found by the tick: one look at an index of what is under way, which ended runs don't lengthen.

A `RunWatch` says up to which start all runs are dealt with; it moves on in the commit of what it sets off, a little
behind the border, so that a start that is committed late is still seen. Whatever is seen twice is told of once, by its
event key; a run that ends before a tick sees it is told of by its end (`ends`). All times are the database's.
"""

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, Value
from django.db.models.functions import Cast, Concat, Now
from django.db.models.signals import post_delete, post_save

from executions.models import EventKey, Execution, RunWatch
from executions.statuses import ExecutionStatus
from executions.store import session, sql
from executions.watching import ends
from workflows.errors import Invalid
from workflows.models import Workflow
from workflows.triggers import get_trigger
from workflows.triggers.execution import LONGER, ExecutionTrigger
from workflows.triggers.listening import listener_of

logger = logging.getLogger("sluice.watching")

#: Seconds after which a tick begins no further transaction.
SECONDS = 0.5
#: Runs told of in one transaction.
BATCH = 200
#: Seconds that a start may be committed late.
LATE = 60


def due_sql(vendor: str) -> str:
    """A condition: some watch has runs to tell of, or must be moved on lest its stretch grows, or back with the clock.

    For the tick's one statement; without watches it reads one empty table.
    """
    now = sql.NOW[vendor]

    def ago(more: int) -> str:
        if vendor == "postgresql":
            return f"{now} - (w.seconds + {more}) * interval '1 second'"
        if vendor == "mysql":
            return f"{now} - INTERVAL (w.seconds + {more}) SECOND"
        return sql.SQLITE_NOW.format(f", '-' || (w.seconds + {more}) || ' seconds'")

    key = "`key`" if vendor == "mysql" else '"key"'
    event_key = f"CONCAT('{LONGER}:', e.id)" if vendor == "mysql" else f"'{LONGER}:' || CAST(e.id AS TEXT)"
    return (
        "EXISTS (SELECT 1 FROM executions_runwatch w WHERE"
        f" w.settled_at < {ago(3 * LATE)} OR w.settled_at > {ago(0)} OR EXISTS"
        f" (SELECT 1 FROM executions_execution e WHERE e.status = 0 AND e.started_at > w.settled_at"
        f" AND e.started_at <= {ago(0)} AND (w.watched = '' OR w.watched = e.{key}) AND e.{key} <> w.{key}"
        f" AND NOT EXISTS (SELECT 1 FROM executions_eventkey k WHERE k.{key} = w.{key} AND k.event_key = {event_key})))"
    )


def fire_due(*, seconds: float = SECONDS) -> None:
    """Tells of what is due; what there is no time for stays due."""
    until = time.monotonic() + seconds
    waiting = list(RunWatch.objects.using(session.alias()).order_by("settled_at").values_list("pk", flat=True))
    while waiting and time.monotonic() < until:
        pk = waiting.pop(0)
        if _fire(pk):
            waiting.append(pk)


def _fire(pk: int) -> bool:
    """One commit of one watch; whether it has more to tell of. One that fails keeps nobody waiting."""
    try:
        with session.segment(claims=True):
            return _look(pk)
    except Exception as error:
        known = logger.warning if session.transient(error) else logger.exception
        known("Watch %s for long runs could not look; it tries again with the next tick.", pk, exc_info=True)
        return False


def _look(pk: int) -> bool:
    rows = RunWatch.objects.using(session.alias()).filter(pk=pk)
    row = session.bounding(session.unheld(rows)).annotate(now=Now()).first()
    if row is None:
        # Another clock has it.
        return False
    version = enabled().filter(pk__in=[row.workflow_id]).first()
    if version is None:
        settle(row.key)
        return False
    border = row.now - timedelta(seconds=row.seconds)
    safe = border - timedelta(seconds=LATE)
    if row.settled_at > border:
        # The clock was set back.
        row.settled_at, row.since = safe, min(row.since, safe)
    runs = _overdue(row, border)
    watching = listener_of(version)
    begun = ends.begin(session.connection(), [(run, watching) for run in runs])
    more = len(runs) == BATCH
    row.settled_at = max(row.settled_at, min(safe, runs[-1].started_at - timedelta(milliseconds=1)) if more else safe)
    row.save(using=session.alias(), update_fields=["settled_at", "since"])
    return more and begun > 0


def _overdue(row: RunWatch, border: datetime) -> Sequence[Any]:
    event_key = Concat(Value(f"{LONGER}:"), Cast(OuterRef("pk"), CharField()))
    told = EventKey.objects.filter(key=row.key, event_key=event_key)
    runs = Execution.objects.using(session.alias()).filter(
        ~Exists(told), status=ExecutionStatus.STARTED, started_at__gt=row.settled_at, started_at__lte=border
    )
    if row.watched:
        runs = runs.filter(key=row.watched)
    columns = ("id", "key", "status", "workflow_id", "stack", "created_by_id", "started_at", "ended_at")
    return list(runs.exclude(key=row.key).only(*columns).order_by("started_at", "id")[:BATCH])


def install() -> None:
    """Connects the moments at which a workflow changes."""
    for signal in (post_save, post_delete):
        signal.connect(_changed, sender=Workflow, dispatch_uid="sluice.watching")


def _changed(instance: Workflow, raw: bool = False, **_: Any) -> None:
    if instance.type == ExecutionTrigger.type and not raw:
        settle(instance.key)


def enabled() -> Any:
    """Versions that watch runs."""
    return Workflow.objects.using(session.alias()).listening().filter(type=ExecutionTrigger.type)


def settle(key: str) -> None:
    """Brings the watches of a key in line with what is enabled; those that stay keep what is dealt with."""
    with transaction.atomic(using=session.alias()):
        rows = RunWatch.objects.using(session.alias()).filter(key=key)
        version = enabled().filter(key=key).first()
        wanted = _wanted(version)
        known = {row.watched: row for row in rows.select_for_update()}
        # A watch of another length begins anew.
        kept = {row.watched for row in known.values() if wanted.get(row.watched) == row.seconds}
        rows.exclude(watched__in=kept).delete()
        rows.update(workflow=version)
        now = session.database_now()
        RunWatch.objects.using(session.alias()).bulk_create(
            [_begun(key, watched, version, wanted[watched], now) for watched in wanted.keys() - kept],
            ignore_conflicts=True,
        )


def _begun(key: str, watched: str, version: Workflow | None, seconds: int, now: datetime) -> RunWatch:
    since = now - timedelta(seconds=seconds)
    return RunWatch(key=key, watched=watched, workflow=version, seconds=seconds, since=since, settled_at=since)


def _wanted(version: Workflow | None) -> dict[str, int]:
    """Seconds by watched key; none of a workflow that waits for ends."""
    if version is None:
        return {}
    try:
        config = get_trigger(version.type).parse(version.config)
    except Invalid as error:
        logger.warning("Workflow %s is enabled but watches nothing: %s", version.pk, error)
        return {}
    if config.mode != LONGER or config.seconds is None:
        return {}
    return dict.fromkeys(config.workflows or [""], config.seconds)


def reconcile() -> None:
    """Settles what went past the models' signals."""
    wanted = {version.key: (version.pk, _wanted(version)) for version in enabled().only("key", "type", "config")}
    standing: dict[str, tuple[int | None, dict[str, int]]] = {}
    for row in RunWatch.objects.using(session.alias()):
        standing.setdefault(row.key, (row.workflow_id, {}))[1][row.watched] = row.seconds
    for key in sorted(wanted.keys() | standing.keys()):
        if wanted.get(key, (None, {}))[1] != standing.get(key, (None, {}))[1] or (
            key in standing and key in wanted and wanted[key][0] != standing[key][0]
        ):
            settle(key)
