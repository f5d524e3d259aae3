"""What the tick does, every second: wakes what is due, fires schedules, and once in a while clears what is old."""

import logging
import time
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from executions import lanes, wakeup
from executions.dashboard import totals, workers
from executions.flow import holds
from executions.models import Execution
from executions.schedules import firing, keeping, taking
from executions.store import counts, holdings, purge, session, sql
from executions.watching import overdue
from workflows import tokens
from workflows.conf import conf
from workflows.models import Workflow

logger = logging.getLogger("sluice.clock")

#: Seconds between two rounds of retention, the most one round may take, and the most of one tick.
RETENTION_EVERY, RETENTION_SECONDS, RETENTION_SLICE = 300.0, 20.0, 0.3
#: The same of counting what has ended, which no run waits for.
TOTALS_EVERY, TOTALS_SLICE = 15.0, 0.2
#: The same of counting runs for lists, which count themselves what came since.
COUNTS_EVERY, COUNTS_SLICE = 5.0, 0.2
#: How far ahead a queued or working run may be due before the clock must have been set back.
AHEAD = timedelta(minutes=2)


#: What is due on a queue.
_RUNS, _PERFORMS, _BULK, _SCHEDULES, _WATCHES, _HOLDS = range(6)


def tick() -> list[str]:
    """Wakes the queues on which something is due, and answers them; then fires what schedules are due, and tells of
    runs that take long.

    One statement over the heads of the indexes finds out.
    """
    taking.pulse.beat()
    woken, found = [], _due()
    for queue, what in found:
        if what in (_SCHEDULES, _WATCHES, _HOLDS):
            continue
        if what == _PERFORMS:
            wakeup.send_perform(queue, whatever_the_mark=True)
        elif what == _BULK:
            wakeup.send_bulk(queue)
        else:
            wakeup.send(queue, whatever_the_mark=True)
        woken.append(wakeup.perform_queue(queue) if what == _PERFORMS else queue)
    if ("", _SCHEDULES) in found:
        firing.fire_due()
    if ("", _WATCHES) in found:
        overdue.fire_due()
    if ("", _HOLDS) in found:
        holds.settle_due()
    return woken


def _due() -> list[tuple[str, int]]:
    """(queue, what is due on it), each once."""
    db = session.connection()
    now = sql.NOW[db.vendor]
    runs = sql.leap("runs", "executions_execution", "due_at IS NOT NULL")
    performs = sql.leap("performs", "executions_job", "wait = 'performer' AND due_at IS NOT NULL")
    due = f"SELECT 1 FROM executions_execution e WHERE e.queue = runs.queue AND e.solo = %s AND e.due_at <= {now}"
    performable = (
        "SELECT 1 FROM executions_job j"
        f" WHERE j.wait = 'performer' AND j.due_at IS NOT NULL AND j.queue = performs.queue AND j.due_at <= {now}"
    )
    text = (
        f"WITH RECURSIVE {runs}, {performs}"
        f" SELECT queue, {_RUNS} FROM runs WHERE queue IS NOT NULL AND (EXISTS ({due}) OR EXISTS ({due}))"
        f" UNION ALL SELECT queue, {_PERFORMS} FROM performs WHERE queue IS NOT NULL AND EXISTS ({performable})"
        f" UNION SELECT queue, {_BULK} FROM executions_bulkoperation WHERE due_at IS NOT NULL AND due_at <= {now}"
        f" UNION ALL SELECT '', {_SCHEDULES} FROM (SELECT 1 AS one) AS schedules WHERE EXISTS"
        f" (SELECT 1 FROM executions_schedule WHERE next_fire_at IS NOT NULL AND next_fire_at <= {now})"
        f" UNION ALL SELECT '', {_WATCHES} FROM (SELECT 1 AS one) AS watches WHERE {overdue.due_sql(db.vendor)}"
        f" UNION ALL SELECT '', {_HOLDS} FROM (SELECT 1 AS one) AS holds WHERE {holds.due_sql(db.vendor)}"
    )
    with db.cursor() as cursor:
        cursor.execute(text, [False, True])
        return [(queue, int(what)) for queue, what in cursor.fetchall()]


def repair_clock() -> int:
    """Makes due what lies in the future without a reason: the database's clock was set back."""
    rows = Execution.objects.using(session.alias()).filter(
        Q(status=None) | Q(agenda__isnull=False), due_at__gt=Now() + AHEAD, parked=None, paused_at=None
    )
    ids = list(rows.exclude(agenda=[["caller"]]).values_list("id", flat=True)[:1000])
    return (
        Execution.objects.using(session.alias())
        .filter(pk__in=ids, due_at__gt=Now() + AHEAD)
        .update(due_at=Now(), turn=F("turn") + 1, updated_at=Now())
    )


def repair_lanes() -> int:
    """Unparks runs whose lane has room; whoever should have told them died, or looked a moment too early."""
    with transaction.atomic(using=session.alias()):
        return lanes.repair(1_000)


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
    while time.monotonic() < until and tokens.purge():
        pass
    holdings.forget()
    lanes.forget()
    totals.forget()
    workers.forget()
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
        self._next_totals = time.monotonic() + TOTALS_EVERY
        self._next_counts = time.monotonic() + COUNTS_EVERY

    def run(self) -> None:
        now = time.monotonic()
        if now >= self._next_repair:
            self._next_repair = now + 30.0
            repair_clock()
            repair_lanes()
            keeping.reconcile()
            overdue.reconcile()
        if now >= self._next_totals:
            totals.count_up(seconds=TOTALS_SLICE)
            self._next_totals = now if time.monotonic() - now >= TOTALS_SLICE else now + TOTALS_EVERY
        if now >= self._next_counts:
            more = counts.keep(seconds=COUNTS_SLICE)
            self._next_counts = now if more else now + COUNTS_EVERY
        if now >= self._next_retention:
            deleted = retain(seconds=RETENTION_SLICE)
            # With more to delete it goes on in the next tick: whoever is due in between is not kept waiting.
            late = time.monotonic() - now >= RETENTION_SLICE
            self._next_retention = now if late else now + RETENTION_EVERY
            if deleted:
                logger.info("Retention deleted %d executions.", deleted)
