"""Counts what has ended, by the hour, in the tick: runs are read by the index of their ends, once, a while after.

The engine writes nothing for it. A mark tells how far it has come; whoever counts holds it.
"""

import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Now

from executions.dashboard.durations import NONE, class_of
from executions.models import Execution, Job, NodeTotal, RunTotal, TotalsMark
from executions.store import session

#: (id, key, status, start, end)
Ended = tuple[int, str, int, datetime | None, datetime]

#: The key of what all workflows have together: whoever sees all of them need not add them up.
ALL = ""
#: Runs counted in one transaction.
CHUNK = 500
#: Jobs of one run that count for its nodes, the first ones: one run with a loop of 100,000 must not hold up the rest.
JOBS = 2_000
#: What ended later may still be uncommitted; engine transactions last no longer (`session.FREED_AFTER`).
LATE = timedelta(seconds=2 * session.FREED_AFTER)
#: Rows of one statement.
_ROWS = 500
#: How far back the first count begins, and how long totals are kept.
FIRST, KEPT = timedelta(days=7), timedelta(days=8)


def count_up(*, seconds: float) -> int:
    """Counts what has ended since the last call, at most for so long; answers how many runs."""
    until, counted = time.monotonic() + seconds, 0
    while True:
        number = _count_chunk()
        counted += number
        if number < CHUNK or time.monotonic() >= until:
            return counted


def forget() -> None:
    """Removes the totals of hours long past."""
    for model in (RunTotal, NodeTotal):
        model._base_manager.using(session.alias()).filter(hour__lt=Now() - KEPT).delete()


def _count_chunk() -> int:
    with session.segment():
        mark = session.unheld(TotalsMark.objects.using(session.alias()).filter(pk=1)).first()
        if mark is None:
            return _begin()
        rows = uncounted(mark).filter(ended_at__lt=Now() - LATE)
        runs: list[Ended] = list(rows.values_list("id", "key", "status", "started_at", "ended_at")[:CHUNK])  # type: ignore[arg-type]
        if not runs:
            return 0
        session.alone()
        _add_runs(runs)
        _add_nodes(runs)
        mark.ended_at, mark.execution = runs[-1][4], runs[-1][0]
        mark.save()
        return len(runs)


def _begin() -> int:
    """Makes the mark, unless somebody else holds it."""
    begin = session.database_now() - FIRST
    TotalsMark.objects.using(session.alias()).bulk_create([TotalsMark(pk=1, ended_at=begin)], ignore_conflicts=True)
    return 0


def uncounted(mark: TotalsMark) -> QuerySet[Execution]:
    """What has ended after the mark, in the order of the ends."""
    rows = Execution.objects.using(session.alias()).filter(
        # Of what ended at the mark's own moment, what is left.
        Q(ended_at__gt=mark.ended_at) | Q(pk__gt=mark.execution),
        ended_at__gte=mark.ended_at,
    )
    return rows.order_by("ended_at", "id")


def _add_runs(runs: Iterable[Ended]) -> None:
    found: Counter[tuple[Any, ...]] = Counter(
        (name, hour_of(end), status, duration_class(start, end))
        for _pk, key, status, start, end in runs
        for name in (key, ALL)
    )
    _add(RunTotal, ("key", "hour", "status", "duration"), ("number",), [(*row, n) for row, n in found.items()])


def _add_nodes(runs: Iterable[Ended]) -> None:
    hours: dict[datetime, list[int]] = {}
    for pk, *_columns, end in runs:
        hours.setdefault(hour_of(end), []).append(pk)
    for hour, ids in hours.items():
        rows = (
            Job.objects.using(session.alias())
            .filter(execution__in=ids, number__lte=JOBS)
            .order_by()
            .values_list("execution__key", "node_key")
            .annotate(
                all=Count("id"),
                bad=Count("id", filter=Q(status__lt=0)),
                taken=Sum(F("ended_at") - F("started_at"), output_field=models.DurationField()),
                timed=Count("id", filter=Q(started_at__isnull=False, ended_at__isnull=False)),
            )
        )
        found = [
            (hour, key, node, jobs, failed, max(taken or timedelta(), timedelta()) // timedelta(microseconds=1), timed)
            for key, node, jobs, failed, taken, timed in rows
        ]
        _add(NodeTotal, ("hour", "key", "node_key"), ("jobs", "failed", "taken", "timed"), found)


def _add(
    model: type[models.Model], names: tuple[str, ...], counts: tuple[str, ...], rows: list[tuple[Any, ...]]
) -> None:
    """Adds to the rows that are there, and makes the others; `rows` have the values of names and counts."""
    db = session.connection()
    quote, adapt = db.ops.quote_name, db.ops.adapt_datetimefield_value
    table = quote(model._meta.db_table)
    columns = [quote(name) for name in (*names, *counts)]
    if db.vendor == "mysql":
        sums = ", ".join(f"{quote(name)} = {quote(name)} + VALUES({quote(name)})" for name in counts)
        added = f"ON DUPLICATE KEY UPDATE {sums}"
    else:
        sums = ", ".join(f"{quote(name)} = {table}.{quote(name)} + excluded.{quote(name)}" for name in counts)
        added = f"ON CONFLICT ({', '.join(map(quote, names))}) DO UPDATE SET {sums}"
    row_marks = f"({', '.join(['%s'] * len(columns))})"
    with db.cursor() as cursor:
        for some in (rows[at : at + _ROWS] for at in range(0, len(rows), _ROWS)):
            text = f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row_marks] * len(some))} {added}"
            values = [value for row in some for value in row]
            cursor.execute(text, [adapt(value) if isinstance(value, datetime) else value for value in values])


def hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def duration_class(start: datetime | None, end: datetime) -> int:
    return NONE if start is None else class_of((end - start).total_seconds())
