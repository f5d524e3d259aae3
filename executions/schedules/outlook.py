"""What a schedule will do, for people: its words, its next fires in its zone, what was counted, what to mind."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from heapq import merge
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _

from executions.models import Schedule, ScheduledRow
from executions.schedules import keeping
from executions.store import session
from workflows.collections import reference
from workflows.models import Workflow
from workflows.triggers.schedule import Plan, ScheduleTrigger, indexed, zone_of
from workflows.triggers.schedule_words import sentences

NEXT = 5
#: A moment, and by rows the key of the row.
Coming = tuple[datetime, str | None]


@dataclass(frozen=True)
class Fire:
    #: In the workflow's zone.
    at: datetime
    #: The key of the row; None at set times.
    row: str | None


@dataclass(frozen=True)
class Outlook:
    words: str
    zone: tzinfo
    #: Whether it listens; if not, `fires` is what would come if it were enabled now.
    enabled: bool
    fires: list[Fire]
    #: So far, of all versions.
    fired: int
    limit: int | None
    remarks: list[str]


def outlook(workflow: Workflow) -> Outlook:
    """Raises `Invalid` where its configuration can't be meant."""
    if workflow.type != ScheduleTrigger.type:
        words = _("No clock sets it off: its type is %s.") % workflow.type
        return Outlook(words, zone_of(workflow), workflow.enabled, [], 0, None, [])
    plan = keeping.plan_of(workflow)
    row = Schedule.objects.using(session.alias()).filter(key=workflow.key).first()
    fired, limit = row.fired if row is not None else 0, plan.config.limit
    now = keeping.this_second()
    if row is not None and row.workflow_id == workflow.pk and row.settled_at is not None and not plan.by_rows:
        # What was missed and not made up for yet comes first; a clock that was set back comes later.
        now = row.settled_at
    coming = _of_rows(plan, row, now) if plan.by_rows else _at_set_times(plan, now)
    left = NEXT if limit is None else min(NEXT, max(0, limit - fired))
    fires = [Fire(moment.astimezone(plan.zone), key) for moment, key in islice(coming, left)]
    return Outlook(" ".join(sentences(plan)), plan.zone, workflow.enabled, fires, fired, limit, _remarks(plan))


def _at_set_times(plan: Plan, after: datetime) -> Iterator[Coming]:
    moment = plan.course.after(after) if plan.course is not None else None
    while moment is not None and plan.course is not None:
        yield moment, None
        moment = plan.course.after(moment)


def _of_rows(plan: Plan, row: Schedule | None, now: datetime) -> Iterator[Coming]:
    """Of the rows that start next and those that are due again next; no others come before them."""
    config = plan.config
    rows: dict[Any, Any] = {}
    field = plan.starts.field
    dated = config.model._base_manager.using(config.alias).only(*plan.fields)
    starting = dated.filter(**{f"{field}__gt": plan.bound(now)}).order_by(field, "pk")[:NEXT]
    rows.update((each.pk, each) for each in starting)
    if row is not None:
        notes = ScheduledRow.objects.using(session.alias()).filter(schedule=row).order_by("next_fire_at", "row")
        keys = [config.model._meta.pk.to_python(text) for text in notes.values_list("row", flat=True)[:NEXT]]
        rows.update((each.pk, each) for each in dated.filter(pk__in=keys))
    return merge(*(_of_row(plan, each, now) for each in rows.values()))


def _of_row(plan: Plan, row: Any, now: datetime) -> Iterator[Coming]:
    course = plan.course_of(row)
    moment = None if course is None else course.after(now)
    while course is not None and moment is not None:
        yield moment, str(row.pk)
        moment = course.after(moment)


def _remarks(plan: Plan) -> list[str]:
    if plan.by_rows and not indexed(plan.config.model, plan.starts.field):
        return [
            _(
                "%(model)s.%(field)s has no index of its own, so every second the whole table is read;"
                " give the field db_index=True."
            )
            % {"model": reference(plan.config.model), "field": plan.starts.field}
        ]
    return []
