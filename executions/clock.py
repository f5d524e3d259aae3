"""What the tick does, every second: wakes what is due, and once in a while clears what is old."""

import logging
import time
from datetime import datetime, timedelta

from django.db.models import F, Q
from django.db.models.functions import Now

from executions import lanes, wakeup
from executions.models import Execution, Job
from executions.store import holdings, purge, session, sql
from workflows.conf import conf
from workflows.models import Workflow

logger = logging.getLogger("sluice.clock")

#: Seconds between two rounds of retention, and the most one round may take.
RETENTION_EVERY, RETENTION_SECONDS = 300.0, 20.0
#: How far ahead a queued or working run may be due before the clock must have been set back.
AHEAD = timedelta(minutes=2)


def tick() -> list[str]:
    """Wakes the queues on which something is due; answers them. One cheap look at the heads of two indexes."""
    woken = []
    for queue in _due_queues():
        wakeup.send(queue, whatever_the_mark=True)
        woken.append(queue)
    for queue in _performable_queues():
        wakeup.send_perform(queue)
        woken.append(wakeup.perform_queue(queue))
    return woken


def _due_queues() -> list[str]:
    # Queues are few: the index is leapt through, one probe a queue.
    return _leap(Execution._meta.db_table, "due_at IS NOT NULL", "due_at", by_class=True)


def _performable_queues() -> list[str]:
    return _leap(Job._meta.db_table, "wait = 'performer' AND due_at IS NOT NULL", "due_at", by_class=False)


def _leap(table: str, where: str, column: str, *, by_class: bool) -> list[str]:
    db = session.connection()
    name = db.ops.quote_name(table)
    now = sql.NOW[db.vendor]
    classes = (False, True) if by_class else (None,)
    due: list[str] = []
    queue = ""
    with db.cursor() as cursor:
        while True:
            cursor.execute(f"SELECT MIN(queue) FROM {name} WHERE {where} AND queue > %s", [queue])
            row = cursor.fetchone()
            if row is None or row[0] is None:
                return due
            queue = row[0]
            for solo in classes:
                class_is = "" if solo is None else " AND solo = %s"
                parameters = [queue] if solo is None else [queue, solo]
                cursor.execute(
                    f"SELECT EXISTS (SELECT 1 FROM {name} WHERE {where} AND queue = %s{class_is} AND {column} <= {now})",
                    parameters,
                )
                if cursor.fetchone()[0]:
                    due.append(queue)
                    break


def repair_clock() -> int:
    """Makes due what lies in the future without a reason: the database's clock was set back."""
    rows = Execution.objects.using(session.alias()).filter(
        Q(status=None) | Q(agenda__isnull=False), due_at__gt=Now() + AHEAD, ended_at=None, parked=None, paused_at=None
    )
    ids = list(rows.exclude(agenda=[["caller"]]).values_list("id", flat=True)[:1000])
    return (
        Execution.objects.using(session.alias())
        .filter(pk__in=ids, due_at__gt=Now() + AHEAD)
        .update(due_at=Now(), turn=F("turn") + 1, updated_at=Now())
    )


def retain(*, seconds: float = RETENTION_SECONDS) -> int:
    """Deletes what was kept long enough, oldest first, in short transactions; answers how many runs."""
    until = time.monotonic() + seconds
    deleted = 0
    for days, where in _retention_rules():
        moment = session.database_now() - timedelta(days=days)
        while time.monotonic() < until:
            count = _retain_chunk(moment, where)
            deleted += count
            if not count:
                break
    moment = session.database_now() - timedelta(days=conf().EVENT_KEY_DAYS)
    while time.monotonic() < until and purge.old_event_keys(moment):
        pass
    holdings.forget()
    lanes.forget()
    return deleted


def _retain_chunk(moment: datetime, where: Q) -> int:
    with session.segment():
        ids = purge.ended_before(moment, where)
        return purge.delete_runs(ids) if ids else 0


def _retention_rules() -> list[tuple[int, Q]]:
    """(days, which runs): workflows with their own `retentionDays`, then the rest by the setting."""
    current = Workflow.objects.using(session.alias()).filter(current=True)
    own: dict[str, int] = {}
    for key, options in current.filter(options__has_key="retentionDays").values_list("key", "options"):
        days = options.get("retentionDays")
        if isinstance(days, int) and days > 0:
            own[key] = days
    rules = [(days, Q(key=key)) for key, days in own.items()]
    general = conf().RETENTION_DAYS
    if general is not None:
        rules.append((general, ~Q(key__in=own)))
    return rules


class Housekeeping:
    """The rarer work of the tick, each part at its own pace."""

    def __init__(self) -> None:
        self._next_retention = time.monotonic() + 10.0
        self._next_repair = 0.0

    def run(self) -> None:
        now = time.monotonic()
        if now >= self._next_repair:
            self._next_repair = now + 30.0
            repair_clock()
        if now >= self._next_retention:
            self._next_retention = now + RETENTION_EVERY
            deleted = retain()
            if deleted:
                logger.info("Retention deleted %d executions.", deleted)
