"""Lanes: how many runs that share a text are under way at a time, and how often one starts (docs/flow.md).

A run has a place from its start to its end. Who has one is read from the rows of the runs, under the lane's lock;
nothing counts places up and down, so a dead worker keeps none.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from executions.ending import abort
from executions.models import Execution, Lane
from executions.run import Run
from executions.runclock import CarriedClock
from executions.statuses import ExecutionStatus, Parked, Reason
from executions.store import journal, places, session
from workflows.errors import SluiceError
from workflows.graph import load_graph
from workflows.options import Rate, WorkflowOptions
from workflows.statuses import JobStatus

#: How soon a lane is looked at again that somebody else is just deciding about.
AGAIN_SECONDS = 0.1
#: The lock under which children park; no lane is named like it, as none begins with a space.
_CHILDREN = " children"
_MOST_LOOKED_AT = 1_000
#: Runs that one look makes room for; what is left is looked at again.
_ENDED_AT_ONCE = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def may_go(run: Run, clock: CarriedClock) -> bool:
    """Whether a queued run may start now. If not, it was parked, put off or ended, in this transaction."""
    options = run.graph.options
    if options.lane_limit is None and options.rate is None:
        # Its limits were taken off while it was queued.
        return True
    # Most of a long queue has no place anyway: it parks without asking for the lock. A rate is told by starts that
    # follow one another, so those who park must not fall in between.
    looked = options.on_limit == "queue" and options.rate is None
    if looked and _full(run):
        _park(run, clock)
        return False
    row = _lock(run.lane or "")
    if row is None:
        journal.postpone(run, clock.now(), AGAIN_SECONDS)
        return False
    # Looked at again under the lock: an older run may have been resumed in between. SQLite's one writer is alone.
    if options.rate is None:
        return (looked and session.vendor() == "sqlite") or _finds_room(run, clock)
    recent = _recent(row, options.rate, clock.now())
    room = _finds_room(run, clock, begins=len(recent) < options.rate.limit)
    return room and _keeps_rate(run, row, options.rate, recent, clock)


def _full(run: Run) -> bool:
    limit = run.graph.options.lane_limit
    if limit is None:
        return False
    ahead = places.ahead(run.lane or "", run.id, _ancestors(run), limit)
    return ahead.started + ahead.queued >= limit


def _ancestors(run: Run) -> set[int]:
    return {entry[0] for entry in run.stack}


def _finds_room(run: Run, clock: CarriedClock, *, begins: bool = True) -> bool:
    """Whether there is a place, made if need be by what the workflow says of a full lane.

    Nobody under way is ended for a run that may not begin yet: then the answer is True, and its rate keeps it back.
    """
    if not _full(run):
        return True
    on_limit = run.graph.options.on_limit
    if on_limit == "drop_newest":
        run.end(JobStatus.ABORTED, clock.now(), reason=Reason.DROPPED)
        journal.write([run], clock.now())
    elif on_limit == "cancel_oldest":
        for _turn in range(_ENDED_AT_ONCE):
            oldest = _oldest(run, begun=begins)
            if oldest is None and not begins:
                return True
            if oldest is None or not abort(oldest, clock, Reason.SUPERSEDED, by=run):
                break
            if not _full(run):
                return True
        journal.postpone(run, clock.now(), AGAIN_SECONDS)
    else:
        _park(run, clock)
    return False


def _oldest(run: Run, *, begun: bool) -> int | None:
    """Who has been in the lane longest, of those that wait there or, `begun`, of all."""
    lane = run.lane or ""
    found = places.first_queued(lane, 1, below=run.id)
    if begun:
        oldest = places.started(lane).exclude(pk__in=_ancestors(run)).aggregate(oldest=Min("id"))["oldest"]
        found += [oldest] if oldest is not None else []
    return min(found, default=None)


def _park(run: Run, clock: CarriedClock) -> None:
    if run.parent_execution_id is not None:
        # Two children that park at one moment must see each other: their circle is looked for one after another.
        if _lock(_CHILDREN) is None:
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
    """(a run that keeps this one waiting, the ancestor of this one that it waits for in the end), or None.

    A run waits for its children, a queued one for a place in its lane: until so few of those who have one are stuck
    that somebody makes room. Stuck is who waits, by whatever way, for an ancestor of this run.
    """
    ancestors = _ancestors(run)
    blocking = _holders(run.lane or "", ancestors)
    waits = _waits(blocking)
    stuck = {pk: pk for pk in ancestors}
    grown = True
    while grown:
        grown = False
        for pk, groups in waits.items():
            if pk in stuck:
                continue
            for others, limit in groups:
                found = [stuck[each] for each in others if each in stuck]
                if len(found) >= limit:
                    stuck[pk], grown = found[0], True
                    break
    found = [pk for pk in blocking if pk in stuck]
    limit = run.graph.options.lane_limit or 1
    return (found[0], stuck[found[0]]) if len(found) >= limit else None


def _holders(lane: str, ancestors: Collection[int]) -> list[int]:
    return list(places.started(lane).exclude(pk__in=ancestors).values_list("id", flat=True)[:_MOST_LOOKED_AT])


def _waits(first: Iterable[int]) -> dict[int, list[tuple[list[int], int]]]:
    """Who waits for whom: run -> [(others, how many of them must be stuck for it to be stuck)]."""
    waits: dict[int, list[tuple[list[int], int]]] = {pk: [] for pk in first}
    looking = list(waits)
    while looking and len(waits) < _MOST_LOOKED_AT:
        following: list[int] = []
        children = Execution.objects.using(session.alias()).filter(parent_execution_id__in=looking, ended_at=None)
        for child in children.only("id", "lane", "status", "stack", "workflow_id", "parent_execution_id"):
            if child.pk not in waits:
                following.append(child.pk)
            known = waits.setdefault(child.pk, [])
            waits[child.parent_execution_id or 0].append(([child.pk], 1))
            if child.status is None and child.lane is not None and not known:
                holders = _holders(child.lane, {entry[0] for entry in child.stack})
                known.append((holders, _limit(child.workflow_id) or 1))
                following += [pk for pk in holders if pk not in waits]
                waits.update({pk: [] for pk in holders if pk not in waits})
        looking = following
    return waits


def _options(workflow_id: int | None) -> WorkflowOptions | None:
    with suppress(SluiceError):
        return load_graph(workflow_id or 0).options
    return None


def _limit(workflow_id: int | None) -> int | None:
    options = _options(workflow_id)
    return options.lane_limit if options is not None else 1


def _recent(row: Lane, rate: Rate, now: datetime) -> list[int]:
    """The latest starts within the span, in microseconds, no more than may be."""
    since = _microseconds(now) - rate.seconds * 1_000_000
    # A start that lies ahead was noted before the clock was set back: it counts, which delays and never doubles.
    return [at for at in row.starts or [] if at > since][-rate.limit :]


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _keeps_rate(run: Run, row: Lane, rate: Rate, recent: list[int], clock: CarriedClock) -> bool:
    """Whether one more start fits; it is noted then. The first in line is due at the next free moment, the others
    behind it are parked and told one by one."""
    now = clock.now()
    ahead = places.ahead(run.lane or "", run.id, _ancestors(run), rate.limit)
    if rate.limit - len(recent) > ahead.queued:
        starts = [*recent, _microseconds(now)][-rate.limit :]
        until = now + timedelta(seconds=rate.seconds)
        Lane.objects.using(session.alias()).filter(pk=row.pk).update(starts=starts, kept_until=until)
        _let(places.first_queued(run.lane or "", max(1, rate.limit - len(starts)), but=run.id))
        return True
    if ahead.queued:
        _park(run, clock)
        return False
    run.parked = Parked.DEFERRED
    run.deferred_to = _EPOCH + timedelta(microseconds=recent[-rate.limit], seconds=rate.seconds)
    journal.write([run], now)
    return False


def _let(ids: Collection[int]) -> tuple[int, bool]:
    """Lets those of these runs look again that the lane keeps back; they park again if need be.

    Answers how many, and whether none of all these is held by somebody: nobody waits for a second run's row.
    """
    if not ids:
        return 0, True
    # Why they wait is read under their locks: one that was just looked at may have parked since.
    found = session.unheld(Execution.objects.using(session.alias()).filter(pk__in=ids))
    free = dict(found.values_list("id", "parked"))
    return _unpark([pk for pk, why in free.items() if why == Parked.LANE]), len(free) == len(ids)


def _unpark(ids: Collection[int]) -> int:
    if not ids:
        return 0
    rows = Execution.objects.using(session.alias()).filter(pk__in=ids, parked=Parked.LANE)
    return rows.update(parked=None, due_at=Now(), turn=F("turn") + 1, updated_at=Now())


def tell(run: Run) -> bool:
    """An ended run tells those whom its place may go to; False where somebody holds one of them just now.

    Who is not parked may be parking at this very moment, because it saw this run; so its row has to be free.
    """
    lane = run.lane or ""
    limit = _limit(run.workflow_id)
    free = 1
    if limit is not None:
        free = limit - places.begun(lane, limit)
        if run.started_at is not None:
            # Whoever is first may go by another workflow, with more room.
            free = max(1, free)
    _told, all_free = _let(places.first_queued(lane, free)) if free > 0 else (0, True)
    if run.parent_execution_id is not None:
        # Its siblings share the place of an ancestor, whoever is before them in the line.
        siblings = Execution.objects.using(session.alias()).filter(parent_execution_id=run.parent_execution_id)
        waiting = siblings.filter(lane=lane, status=None, ended_at=None, paused_at=None).order_by("id")
        all_free &= _let(list(waiting.values_list("id", flat=True)[:_ENDED_AT_ONCE]))[1]
    return all_free


def pass_over(run: Run) -> None:
    """A queued run that is kept back lets the next of its lane look; who is passed over here is found by `repair`."""
    _let(places.first_queued(run.lane or "", _ENDED_AT_ONCE, but=run.id, parked=True))


def repair(most: int) -> int:
    """Lets those go on whom nobody told: the teller died or looked a moment too early, or a limit was raised."""
    runs = Execution.objects.using(session.alias())
    parked = runs.filter(parked=Parked.LANE, ended_at=None, paused_at=None, status=None)
    oldest = parked.order_by().values("lane").annotate(first=Min("id")).values_list("lane", "first")[:most]
    firsts = {lane: pk for lane, pk in oldest if lane is not None}
    begun = runs.filter(lane__in=list(firsts), status=ExecutionStatus.STARTED, ended_at=None).order_by()
    started = dict(begun.values("lane").annotate(Count("id")).values_list("lane", "id__count"))
    workflows = dict(runs.filter(pk__in=list(firsts.values())).values_list("id", "workflow_id"))
    told = 0
    for lane, pk in firsts.items():
        options = _options(workflows.get(pk))
        if options is not None and options.rate is not None:
            # The first in line is deferred, not parked; where there is none, nobody was told.
            free = 1 if places.first_queued(lane, 1) == places.first_queued(lane, 1, parked=True) else 0
        else:
            limit = _limit(workflows.get(pk))
            free = 1 if limit is None else limit - started.get(lane, 0)
        if free > 0:
            told += _let(places.first_queued(lane, free))[0]
    return told + _repair_children(parked, most)


def _repair_children(parked: QuerySet[Execution], most: int) -> int:
    """Children share the place of an ancestor in their lane: of those, whoever is first in line says nothing."""
    free = []
    for child in parked.filter(parent_execution_id__isnull=False).only("id", "lane", "stack", "workflow_id")[:most]:
        limit = _limit(child.workflow_id) or 1
        ahead = places.ahead(child.lane or "", child.pk, {entry[0] for entry in child.stack}, limit)
        if ahead.started + ahead.queued < limit:
            free.append(child.pk)
    return _unpark(free)


def _lock(lane: str) -> Lane | None:
    """The lane's row under its lock; None where somebody else has it. SQLite's one writer needs none."""
    lanes = Lane.objects.using(session.alias())
    locking = session.connection().features.has_select_for_update
    locked = lanes.select_for_update(skip_locked=True) if locking else lanes
    row = locked.filter(pk=lane).first()
    if row is not None:
        return row
    if locking and lanes.filter(pk=lane).exists():
        return None
    lanes.bulk_create([Lane(key=lane)], ignore_conflicts=True)
    return locked.filter(pk=lane).first()


def forget() -> None:
    """Removes the locks of lanes in which nobody is, and whose starts no longer matter."""
    unended = Execution.objects.filter(lane=OuterRef("key"), ended_at=None)
    old = Q(kept_until=None) | Q(kept_until__lt=Now())
    Lane.objects.using(session.alias()).filter(old, ~Exists(unended)).delete()
