"""Lanes: runs that share a text go one after another, across workflows (engine.md, "Lanes")."""

from django.db.models import Q, QuerySet

from executions.models import Execution, Lane
from executions.run import CarriedClock, Run
from executions.statuses import ExecutionStatus, Parked
from executions.store import journal, session

#: How soon a lane is looked at again that somebody else is just deciding about.
AGAIN_SECONDS = 0.1


def may_go(run: Run, clock: CarriedClock) -> bool:
    """Whether a queued run may start now. If not, it was parked or put off, in this transaction."""
    if _taken(run):
        run.parked = Parked.LANE
        journal.write([run], clock.now())
        return False
    if not _lock(run.lane or ""):
        journal.postpone(run, clock.now(), AGAIN_SECONDS)
        return False
    # Looked at again under the lock: an older run may have been resumed in between.
    if _taken(run):
        run.parked = Parked.LANE
        journal.write([run], clock.now())
        return False
    return True


def members(lane: str) -> QuerySet[Execution]:
    """The lane's unended runs, oldest first."""
    return Execution.objects.using(session.alias()).filter(lane=lane, ended_at=None).order_by("id")


def _taken(run: Run) -> bool:
    ancestors = [entry[0] for entry in run.stack]
    older_or_started = Q(status=ExecutionStatus.STARTED) | Q(id__lt=run.id, paused_at=None)
    return members(run.lane or "").filter(older_or_started).exclude(pk__in=[run.id, *ancestors]).exists()


def _lock(lane: str) -> bool:
    lanes = Lane.objects.using(session.alias())
    if not session.connection().features.has_select_for_update:
        return True
    locked = lanes.select_for_update(skip_locked=True)
    if locked.filter(pk=lane).first() is not None:
        return True
    if lanes.filter(pk=lane).exists():
        return False
    lanes.bulk_create([Lane(key=lane)], ignore_conflicts=True)
    return locked.filter(pk=lane).first() is not None


def forget() -> None:
    """Removes the locks of lanes in which nobody is."""
    from django.db.models import Exists, OuterRef

    unended = Execution.objects.filter(lane=OuterRef("key"), ended_at=None)
    Lane.objects.using(session.alias()).filter(~Exists(unended)).delete()
