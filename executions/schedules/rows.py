"""Schedules by a date that rows hold: an index of the host's finds whose time has come, a note a row what repeats.

Rows are met twice. The *stretch* between the schedule's `settled_at` and now, asked of the date's own index, holds
those that start; it is gone through in batches. A `ScheduledRow` says when to look at one row again: because it
repeats, or because it was saved with a date close by, so that a transaction that commits late is not passed over. In
either case it is read again before it fires, so a changed date moves the fire and a deleted row has none; and the
event's key keeps both ways from firing one time twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db.models import Exists, Field, Model, Q

from executions.models import Schedule, ScheduledRow
from executions.schedules.taking import BATCH, Taken, event_key
from executions.store import session
from workflows.collections import to_json
from workflows.jsonable import jsonable
from workflows.triggers.schedule import Plan
from workflows.triggers.schedule_times import Course

#: Of a row whose date is new, times that came no longer ago than this still fire.
LATE = timedelta(minutes=1)
#: The stretch is settled this often where nothing is found: rows that come late are found in it so long.
SETTLED_EVERY = timedelta(seconds=10)
#: Longer keys are not scheduled by themselves.
LONGEST_KEY = 150


@dataclass
class Met:
    """A row whose time may have come."""

    row: Model
    course: Course
    #: Its times up to this one are dealt with.
    after: datetime
    note: ScheduledRow | None = None


def quiet(row: Schedule, plan: Plan, now: datetime) -> bool:
    """Whether a look would find nothing and write nothing. Asked without the schedule's lock, second by second."""
    if row.settled_at is None or row.cursor is not None or now - row.settled_at >= SETTLED_EVERY:
        return False
    notes = ScheduledRow.objects.using(session.alias()).filter(schedule=row, next_fire_at__lte=now)
    stretch = _stretch(row, plan, now)
    if stretch.db != session.alias():
        return not notes.exists() and not stretch.exists()
    either = Q(Exists(notes)) | Q(Exists(stretch))
    return not Schedule.objects.using(session.alias()).filter(either, pk=row.pk).exists()


def look(taken: Taken) -> bool:
    """Fires what is due of one batch of either kind; whether there may be more."""
    schedule = taken.row
    settled, cursor = schedule.settled_at, schedule.cursor
    noted, more_noted = _noted(taken)
    started, more_started = _started(taken)
    unfinished = _fire(taken, [*noted, *started])
    if not taken.left:
        ScheduledRow.objects.using(session.alias()).filter(schedule=schedule).delete()
        schedule.next_fire_at = None
    # With nothing to tell it is not written every second.
    behind = settled is None or (schedule.settled_at is not None and schedule.settled_at - settled >= SETTLED_EVERY)
    if taken.fired or started or cursor is not None or not taken.left or behind:
        schedule.save(using=session.alias())
    return bool(taken.left) and (more_noted or more_started or unfinished)


def _noted(taken: Taken) -> tuple[list[Met], bool]:
    notes = ScheduledRow.objects.using(session.alias()).filter(schedule=taken.row, next_fire_at__lte=taken.now)
    found = list(notes.order_by("next_fire_at")[:BATCH])
    rows = _rows(taken, [note.row for note in found])
    met, gone = [], []
    for note in found:
        row = rows.get(note.row)
        course = None if row is None else taken.plan.course_of(row)
        if row is None or course is None:
            gone.append(note.pk)
            continue
        after = note.settled_at
        if after is None or course.start != note.start:
            after = max(_since(taken), taken.now - LATE)
        met.append(Met(row, course, after, note))
    if gone:
        ScheduledRow.objects.using(session.alias()).filter(pk__in=gone).delete()
    return met, len(found) == BATCH


def _since(taken: Taken) -> datetime:
    assert taken.row.since is not None
    return taken.row.since


def _rows(taken: Taken, keys: Iterable[str]) -> dict[str, Model]:
    """Their dates, by key as text."""
    key: Field[Any, Any] = taken.plan.config.model._meta.pk
    rows = _dates(taken.plan).filter(pk__in=[key.to_python(text) for text in keys]) if keys else ()
    return {str(row.pk): row for row in rows}


def _dates(plan: Plan) -> Any:
    return plan.config.model._base_manager.using(plan.config.alias).only(*plan.fields)


def _started(taken: Taken) -> tuple[list[Met], bool]:
    """The next batch of the stretch, which moves on."""
    schedule, plan = taken.row, taken.plan
    field = plan.starts.field
    if schedule.settled_at is not None and schedule.settled_at >= taken.now:
        # A clock that was set back.
        return [], False
    rows = _stretch(schedule, plan, taken.now)
    if schedule.settled_at is not None and schedule.cursor is None and not plan.config.tree:
        # A few rows that fire now: read once, whole.
        rows = rows.defer(None)
    if schedule.cursor is not None:
        rows = rows.filter(_behind(taken))
    found = list(rows.order_by(field, "pk")[:BATCH])
    met = [
        Met(row, course, _since(taken))
        for row in found
        if len(str(row.pk)) <= LONGEST_KEY and (course := plan.course_of(row)) is not None
    ]
    if len(found) == BATCH:
        last = found[-1]
        schedule.cursor = jsonable([getattr(last, field), str(last.pk)])
        return met, True
    schedule.settled_at, schedule.cursor = taken.now, None
    return met, False


def _stretch(schedule: Schedule, plan: Plan, now: datetime) -> Any:
    """Rows whose time came since the schedule was settled; of their columns only dates."""
    field = plan.starts.field
    rows = _dates(plan).filter(**{f"{field}__lte": plan.bound(now)})
    if schedule.settled_at is not None:
        rows = rows.filter(**{f"{field}__gt": plan.bound(schedule.settled_at)})
    return rows


def _behind(taken: Taken) -> Q:
    """Behind the last row of the batch before."""
    meta, name = taken.plan.config.model._meta, taken.plan.starts.field
    fields: list[Any] = [meta.get_field(name), meta.pk]
    date, pk = (field.to_python(text) for field, text in zip(fields, taken.row.cursor or (), strict=True))
    # The first condition says no more than the rest does, but an index can follow it.
    return Q(**{f"{name}__gte": date}) & (Q(**{f"{name}__gt": date}) | Q(pk__gt=pk))


def _fire(taken: Taken, met: Sequence[Met]) -> bool:
    """Fires what is due of these rows and notes when to look at each again; whether some have more that is due."""
    due: list[tuple[datetime, Met]] = []
    unfinished = False
    for each in met:
        times = list(islice(taken.due(each.course, each.after), BATCH + 1))
        if len(times) > BATCH:
            del times[BATCH:]
            unfinished = True
            each.after = times[-1]
        else:
            each.after = max(each.after, taken.now)
        due += [(moment, each) for moment in times]
    due.sort(key=lambda pair: pair[0])
    shown = _shown(taken, due)
    taken.fire(
        [
            (event_key(taken.row.key, moment, str(each.row.pk)), {"data": shown[each.row.pk], "date": moment})
            for moment, each in due
            if each.row.pk in shown
        ]
    )
    _note(taken, met)
    return unfinished


def _shown(taken: Taken, due: Sequence[tuple[datetime, Met]]) -> dict[Any, Any]:
    """The rows that fire, with their relations, as JSON, by key; a row that went meanwhile is left out."""
    config = taken.plan.config
    rows = {each.row.pk: each.row for _moment, each in due}
    partly = [pk for pk, row in rows.items() if config.tree or row.get_deferred_fields()]
    whole = {pk: row for pk, row in rows.items() if pk not in set(partly)} | (config.load(partly) if partly else {})
    return {pk: to_json(row, config.tree, model=config.model) for pk, row in whole.items()}


def _note(taken: Taken, met: Sequence[Met]) -> None:
    rows = ScheduledRow.objects.using(session.alias())
    new, changed, done = [], [], []
    for each in met:
        following = each.course.after(each.after)
        note = each.note
        if following is None:
            done += [note.pk] if note is not None else []
        elif note is not None:
            note.start, note.settled_at, note.next_fire_at = each.course.start, each.after, following
            changed.append(note)
        else:
            new.append(
                ScheduledRow(
                    schedule=taken.row,
                    row=str(each.row.pk),
                    start=each.course.start,
                    settled_at=each.after,
                    next_fire_at=following,
                )
            )
    rows.filter(pk__in=done).delete()
    if changed:
        rows.bulk_update(changed, ["start", "settled_at", "next_fire_at"], batch_size=BATCH)
    rows.bulk_create(new, ignore_conflicts=True)
