"""What the clock does about schedules: each that is due is locked, fired and moved on in one commit.

So any number of clocks fire a time once, and one that dies in between has fired nothing. All times are the database's.
"""

import logging
import time
from datetime import timedelta
from functools import lru_cache
from itertools import islice
from typing import Any

from django.db.models.functions import Now

from executions.models import Schedule
from executions.schedules import keeping, taking
from executions.schedules import rows as of_rows
from executions.schedules.taking import Taken, event_key
from executions.store import session
from workflows.models import Workflow
from workflows.triggers.listening import listener_of
from workflows.triggers.schedule import Plan

logger = logging.getLogger("sluice.schedules")

#: Seconds after which a tick begins no further transaction.
SECONDS = 0.5
#: A schedule that can't be fired is tried again after this.
AGAIN = timedelta(minutes=1)


def fire_due(*, seconds: float = SECONDS) -> None:
    """Fires what is due; what there is no time for stays due."""
    until = time.monotonic() + seconds
    waiting = [row.pk for row in _due() if not _quiet(row)]
    while waiting and time.monotonic() < until:
        pk = waiting.pop(0)
        if _fire(pk):
            waiting.append(pk)


def _due() -> Any:
    rows = Schedule.objects.using(session.alias()).filter(next_fire_at__lte=Now())
    return rows.order_by("next_fire_at").annotate(now=Now())


def _quiet(row: Any) -> bool:
    """Whether there is nothing to do for it after all, found out without its lock: by rows that is the rule."""
    try:
        plan = _known_plan(row.workflow_id, row.signature)
        return plan is not None and plan.by_rows and of_rows.quiet(row, plan, row.now.replace(microsecond=0))
    except Exception:
        # Another database may be away, or a table: it is told of where it would fire.
        return False


@lru_cache(maxsize=1024)
def _known_plan(workflow_id: int, signature: str) -> Plan | None:
    """What a signature stands for, which does not change. For looking only: who fires reads the workflow anew."""
    version = Workflow.objects.using(session.alias()).filter(pk=workflow_id).first()
    return None if version is None else keeping.plan_of(version)


def _fire(pk: int) -> bool:
    """One commit of one schedule; whether it has more that is due. One that fails keeps nobody waiting."""
    try:
        with session.segment(claims=True):
            return _look(pk)
    except Exception as error:
        if session.transient(error):
            logger.warning("Schedule %s could not be fired; it is tried again in a second.", pk, exc_info=True)
            return False
        logger.exception("Schedule %s could not be fired; it is tried again in a minute.", pk)
        with session.segment():
            later = Schedule.objects.using(session.alias()).filter(pk=pk, next_fire_at__lte=Now())
            later.update(next_fire_at=Now() + AGAIN)
        return False


def _look(pk: int) -> bool:
    rows = Schedule.objects.using(session.alias()).filter(pk=pk, next_fire_at__lte=Now())
    row = session.bounding(session.unheld(rows)).annotate(now=Now()).first()
    if row is None:
        # Another clock has it, or has just been here.
        return False
    version = keeping.enabled().filter(pk__in=[row.workflow_id]).first()
    if version is None:
        keeping.settle(row.key)
        return False
    now = row.now.replace(microsecond=0)
    taken = Taken(row, keeping.plan_of(version), listener_of(version), now, taking.pulse.missed_before(now))
    if taken.plan.by_rows:
        return of_rows.look(taken)
    return _at_set_times(taken)


def _at_set_times(taken: Taken) -> bool:
    row, course = taken.row, taken.plan.course
    assert course is not None
    assert row.settled_at is not None
    times = list(islice(taken.due(course, row.settled_at), min(taking.BATCH, taken.left) + 1))
    more = len(times) > min(taking.BATCH, taken.left)
    times = times[: taking.BATCH]
    taken.fire([(event_key(row.key, moment), {"date": moment}) for moment in times])
    # A clock that was set back does not take back what was settled.
    row.settled_at = max(row.settled_at, times[-1] if more else taken.now)
    row.next_fire_at = keeping.next_look(row, taken.plan, taken.now)
    row.save(using=session.alias())
    return more and row.next_fire_at is not None
