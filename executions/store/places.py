"""The places of a lane: who has one, and who is before whom. Each query reads as many rows as it answers."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import QuerySet

from executions.models import Execution
from executions.statuses import ExecutionStatus
from executions.store.session import alias, connection

#: Whoever is kept back by people is passed over, and joins again when let go; so is an event that a debounce keeps
#: back, until a worker first looks at it.
_IN_LINE = (
    "paused_at IS NULL AND (parked IS NULL OR parked = 'lane'"
    " OR (parked = 'deferred' AND (debounce_key IS NULL OR turn > 0)))"
)


@dataclass(frozen=True, slots=True)
class Ahead:
    """Who keeps a run waiting: how many have begun, and how many older ones are queued; no more than were asked for."""

    started: int
    queued: int


def ahead(lane: str, execution_id: int, ancestors: Collection[int], most: int) -> Ahead:
    """Of each at most `most`. A run whose ancestor has a place shares that: it waits for nobody who is queued."""
    db = connection()
    table = db.ops.quote_name(Execution._meta.db_table)
    marks = ", ".join(["%s"] * len(ancestors))
    others = f" AND id NOT IN ({marks})" if ancestors else ""
    hint, order = _by("execution_lane")
    members = f"SELECT 1 FROM {table}{hint} WHERE lane = %s AND ended_at IS NULL"
    started = f"{members} AND status = 0{others} ORDER BY {order} LIMIT {int(most)}"
    queued = f"{members} AND status IS NULL AND id < %s AND {_IN_LINE} ORDER BY {order} LIMIT {int(most)}"
    shares = f"EXISTS ({members} AND status = 0 AND id IN ({marks}))" if ancestors else "0 = 1"
    text = (
        f"SELECT (SELECT COUNT(*) FROM ({started}) AS s),"
        f" CASE WHEN {shares} THEN 0 ELSE (SELECT COUNT(*) FROM ({queued}) AS q) END"
    )
    parameters: list[str | int] = [lane, *ancestors]
    if ancestors:
        parameters += [lane, *ancestors]
    parameters += [lane, execution_id]
    with db.cursor() as cursor:
        cursor.execute(text, parameters)
        return Ahead(*cursor.fetchone())


def _by(index: str) -> tuple[str, str]:
    """What makes a planner go by this index and no other: (a hint behind the table, the order).

    It might hope to meet the first rows by the primary key, and read millions; so the order is one that the index alone
    gives. MariaDB would rather sort, and has to be told.
    """
    return (f" FORCE INDEX ({index})", "id") if connection().vendor == "mysql" else ("", "status, id")


def started(lane: str) -> QuerySet[Execution]:
    """The lane's runs that have begun and not ended, in no order."""
    rows = Execution.objects.using(alias()).filter(lane=lane, ended_at=None, status=ExecutionStatus.STARTED)
    return rows.order_by()


def begun(lane: str, most: int) -> int:
    """How many have begun and not ended; counts no further than `most`."""
    db = connection()
    hint, order = _by("execution_lane")
    with db.cursor() as cursor:
        where = "lane = %s AND ended_at IS NULL AND status = 0"
        text = f"SELECT 1 FROM {db.ops.quote_name(Execution._meta.db_table)}{hint} WHERE {where}"
        cursor.execute(f"SELECT COUNT(*) FROM ({text} ORDER BY {order} LIMIT {int(most)}) AS s", [lane])
        return int(cursor.fetchone()[0])


def first_queued(lane: str, most: int, *, but: int = 0, below: int | None = None, parked: bool = False) -> list[int]:
    """The first in line, by age: without one run, those older than another, those that the lane keeps back."""
    db = connection()
    hint, order = _by("execution_lane")
    where = "lane = %s AND ended_at IS NULL AND status IS NULL AND id <> %s AND "
    where += "paused_at IS NULL AND parked = 'lane'" if parked else _IN_LINE
    parameters: list[str | int] = [lane, but]
    if below is not None:
        where += " AND id < %s"
        parameters.append(below)
    with db.cursor() as cursor:
        text = f"SELECT id FROM {db.ops.quote_name(Execution._meta.db_table)}{hint} WHERE {where}"
        cursor.execute(f"{text} ORDER BY {order} LIMIT {int(most)}", parameters)
        return [pk for (pk,) in cursor.fetchall()]


def newer_event(execution_id: int) -> bool:
    """Whether a newer run of the same debounce key is queued; False for a run without one."""
    db = connection()
    table = db.ops.quote_name(Execution._meta.db_table)
    hint, order = _by("execution_debounce")
    with db.cursor() as cursor:
        cursor.execute(
            f"SELECT 1 FROM {table}{hint} WHERE debounce_key ="
            f" (SELECT debounce_key FROM {table} one WHERE one.id = %s) AND ended_at IS NULL"
            f" AND status IS NULL AND id > %s ORDER BY {order} LIMIT 1",
            [execution_id, execution_id],
        )
        return cursor.fetchone() is not None
