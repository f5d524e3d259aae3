"""Lanes: runs that share a text go one after another, across workflows (engine.md, "Lanes")."""

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from executions.models import Execution, Lane
from executions.run import CarriedClock, Run
from executions.statuses import ExecutionStatus, Parked
from executions.store import journal, session
from workflows.statuses import JobStatus

#: How soon a lane is looked at again that somebody else is just deciding about.
AGAIN_SECONDS = 0.1
#: The lock under which children park; no lane is named like it, as none is blank.
_CHILDREN = " children"
_MOST_LOOKED_AT = 1_000


def may_go(run: Run, clock: CarriedClock) -> bool:
    """Whether a queued run may start now. If not, it was parked, put off or ended, in this transaction."""
    if _taken(run):
        _park(run, clock)
        return False
    if not _lock(run.lane or ""):
        journal.postpone(run, clock.now(), AGAIN_SECONDS)
        return False
    # Looked at again under the lock: an older run may have been resumed in between. SQLite's one writer is alone.
    if session.vendor() != "sqlite" and _taken(run):
        _park(run, clock)
        return False
    return True


def _park(run: Run, clock: CarriedClock) -> None:
    if run.parent_execution_id is not None:
        # Two children that park at one moment must see each other: their circle is looked for one after another.
        if not _lock(_CHILDREN):
            journal.postpone(run, clock.now(), AGAIN_SECONDS)
            return
        if circle := _circle(run):
            lane = _("Waiting for lane %(lane)s would close a circle: execution %(one)s there waits for %(other)s.")
            names = {"lane": run.lane, "one": circle[0], "other": circle[1]}
            run.end(JobStatus.ERROR, clock.now(), error=lane % names)
            journal.write([run], clock.now())
            return
    run.parked = Parked.LANE
    journal.write([run], clock.now())


def _circle(run: Run) -> tuple[int, int] | None:
    """(a run that blocks this one, the ancestor of this one that it waits for in the end), or None.

    A run waits for its children, a parked child for who is before it in its lane, and so on.
    """
    ancestors = {entry[0] for entry in run.stack}
    blocking = list(_before(run.lane or "", run.id, ancestors))
    origin = {pk: pk for pk in blocking}
    while blocking and len(origin) < _MOST_LOOKED_AT:
        executions = Execution.objects.using(session.alias()).filter(parent_execution_id__in=blocking, ended_at=None)
        following: list[int] = []
        for child in executions.only("id", "lane", "parked", "stack", "parent_execution_id"):
            waits_for = [child.pk]
            if child.parked == Parked.LANE:
                waits_for += _before(child.lane or "", child.pk, {entry[0] for entry in child.stack})
            for pk in waits_for:
                if pk in ancestors:
                    return origin[child.parent_execution_id or 0], pk
                if pk not in origin:
                    origin[pk] = origin[child.parent_execution_id or 0]
                    following.append(pk)
        blocking = following
    return None


def _before(lane: str, execution_id: int, ancestors: set[int]) -> QuerySet[Execution, int]:
    """Who keeps a run of this lane waiting: the one that has started, and the older ones that are not paused."""
    older_or_started = Q(status=ExecutionStatus.STARTED) | Q(id__lt=execution_id, paused_at=None)
    others = members(lane).filter(older_or_started).exclude(pk__in=[execution_id, *ancestors])
    return others.values_list("id", flat=True)


def members(lane: str) -> QuerySet[Execution]:
    """The lane's unended runs, oldest first."""
    return Execution.objects.using(session.alias()).filter(lane=lane, ended_at=None).order_by("id")


def _taken(run: Run) -> bool:
    return _before(run.lane or "", run.id, {entry[0] for entry in run.stack}).exists()


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
