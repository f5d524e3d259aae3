"""A long history of runs, for lists: common values, rare ones, and some that ended long ago. Written with COPY."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.ground import DATABASE_URL

#: How many rows a rare value has, however long the history: more than a page.
RARE = 60
JOBS = 3
TABLES = ("executions_execution", "executions_job", "executions_attribute")


@dataclass(frozen=True)
class People:
    common: int
    rare: int
    past: int


@dataclass(frozen=True)
class Spot:
    """Where a run stands among `number`: how far, from 0 to 1, and whether it is one of the few rare ones."""

    index: int
    number: int

    @property
    def share(self) -> float:
        return self.index / self.number

    @property
    def mixed(self) -> int:
        """0 to 999, alike at every length of history."""
        return self.index * 7919 % 1000

    @property
    def rare(self) -> bool:
        return self.index % (self.number // RARE) == 7

    @property
    def past(self) -> bool:
        """One in fifty of all runs, and all of them in the oldest tenth."""
        return self.share < 0.1 and self.mixed < 200


BEGAN = datetime(2026, 6, 1, tzinfo=UTC)
SPAN = timedelta(days=90)

_RUN = (
    "id", "workflow_id", "key", "title", "version", "type", "name", "event_key", "context", "status", "error", "output",
    "manually", "tags", "stack", "parent_execution_id", "parent_job", "attempt", "turn", "solo", "queue", "priority",
    "crashes", "created_by_id", "created_at", "started_at", "ended_at", "updated_at",
)  # fmt: skip
_JOB = (
    "execution_id", "number", "node_key", "upstream", "status", "result", "attempt", "started_at", "ended_at",
    "created_at", "updated_at",
)  # fmt: skip
_ATTRIBUTE = ("execution_id", "key", "name", "text", "number")


def moment(share: float) -> datetime:
    return BEGAN + SPAN * share


def write(schema: str, number: int, workflows: Sequence[Any], people: People) -> None:
    """Makes the tables in a schema of their own, with the same indexes, and fills them: three jobs a run."""
    import psycopg

    with psycopg.connect(DATABASE_URL, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        connection.execute(f"CREATE SCHEMA {schema}")
        for table in TABLES:
            connection.execute(f"CREATE TABLE {schema}.{table} (LIKE public.{table} INCLUDING ALL)")
        connection.execute(f"SET search_path TO {schema}, public")
        spots = [Spot(index, number) for index in range(number)]
        _copy(connection, "executions_execution", _RUN, (_run(spot, workflows, people) for spot in spots))
        _copy(connection, "executions_job", _JOB, (job for spot in spots for job in _jobs(spot)))
        _copy(connection, "executions_attribute", _ATTRIBUTE, (row for spot in spots for row in _attributes(spot)))
        connection.execute(f"VACUUM ANALYZE {', '.join(TABLES)}")


def _copy(connection: Any, table: str, columns: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None:
    with connection.cursor().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def which(spot: Spot) -> int:
    """Which workflow: 0 has half of the runs, 1 a few, 2 those of the past, the others one in a hundred each."""
    if spot.rare:
        return 1
    if spot.past:
        return 2
    return 0 if spot.mixed % 2 == 0 else 3 + spot.mixed // 2 % 50


def _status(spot: Spot) -> int | None:
    if spot.share > 0.99:
        return None if spot.mixed < 500 else 0
    if spot.rare:
        return -5
    if spot.past:
        return -4
    return {0: -2, 1: -2, 2: -1, 3: -3}.get(spot.mixed % 100, 1)


def _creator(spot: Spot, people: People) -> int | None:
    if spot.rare:
        return people.rare
    if spot.past:
        return people.past
    return people.common if spot.mixed % 3 == 0 else None


def _run(spot: Spot, workflows: Sequence[Any], people: People) -> tuple[Any, ...]:
    workflow, status, index = workflows[which(spot)], _status(spot), spot.index
    created = moment(spot.share)
    started = None if status is None else created + timedelta(milliseconds=5 + spot.mixed)
    ended = None if started is None or status == 0 else started + timedelta(seconds=spot.mixed % 60 + 0.01)
    name = (
        f"vip-{index}" if spot.rare else f"old-{index}" if spot.past else f"order-{index}" if index % 4 == 0 else None
    )
    parent = 1 if spot.mixed % 20 == 3 else 2 if spot.rare else index // 10 * 10 + 1 if spot.mixed % 50 == 7 else None
    return (
        index + 1, workflow.pk, workflow.key, workflow.title, workflow.version, workflow.type, name,
        f"delivery-{index}" if index % 5 == 0 else None,
        json.dumps({"data": {"id": index, "status": "paid" if index % 2 else "open", "total": spot.mixed}}),
        status, "Division by zero." if status == -2 else None, json.dumps({"total": spot.mixed}) if ended else None,
        None, json.dumps([text for _id, _key, _name, text, _number in _tags(spot)]), "[]", parent,
        None if parent is None else 1, 1, 3, False, "sluice", 0, 0, _creator(spot, people), created, started, ended,
        ended or started or created,
    )  # fmt: skip


def _jobs(spot: Spot) -> Iterator[tuple[Any, ...]]:
    created = moment(spot.share)
    waits = _status(spot) == 0
    for number in range(1, JOBS + 1):
        pending = waits and number == JOBS
        yield (
            spot.index + 1, number, f"n{number}", number - 1 or None, 0 if pending else 1, "1", 1, created,
            None if pending else created, created, created,
        )  # fmt: skip


def key_of(position: int) -> str:
    return f"workflow{position:03d}"


def _tags(spot: Spot) -> Iterator[tuple[Any, ...]]:
    key = key_of(which(spot))
    if spot.mixed % 4 == 1:
        yield spot.index + 1, key, "", "express", None
    if spot.rare or spot.past:
        yield spot.index + 1, key, "", "rare" if spot.rare else "past", None


def _attributes(spot: Spot) -> Iterator[tuple[Any, ...]]:
    yield from _tags(spot)
    key = key_of(which(spot))
    yield spot.index + 1, key, "customer", "vip" if spot.rare else f"C{spot.mixed % 100}", None
    yield spot.index + 1, key, "total", str(spot.index), float(spot.index)
