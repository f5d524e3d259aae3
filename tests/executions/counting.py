"""Runs written and deleted over connections of their own, and what their totals must be."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, connections
from django.db.models import Count, Q

from executions.models import CountsMark, Execution
from executions.store import counts

#: (workflow id, key): two versions of a workflow, and another's one.
VERSIONS = [(1, "a"), (2, "a"), (3, "b")]
SEQUENCE = "pg_get_serial_sequence('executions_execution', 'id')"


def write(number: int = 1, version: tuple[int | None, str] = VERSIONS[0], *, alias: str = "default") -> list[int]:
    """Runs as plain as they get; answers their ids."""
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "INSERT INTO executions_execution (workflow_id, key, title, version, type, manually, tags, stack, attempt,"
            " turn, solo, queue, priority, crashes, created_at, updated_at)"
            " SELECT %s, %s, '', 1, 'manual', true, '[]', '[]', 1, 0, false, 'q', 0, 0, now(), now()"
            " FROM generate_series(1, %s) RETURNING id",
            [*version, number],
        )
        return [row[0] for row in cursor.fetchall()]


def delete(*ids: int, alias: str = "default") -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute("DELETE FROM executions_execution WHERE id = ANY(%s)", [list(ids)])


def next_bucket() -> None:
    """The ids go on at the next thousand, as if as many runs had been rolled back."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT setval({SEQUENCE}, (nextval({SEQUENCE}) / 1000 + 1) * 1000, false)")


def keep() -> None:
    while counts.keep(seconds=5):
        pass


def counted_up_to() -> int:
    """The first id that is not in the counts."""
    return CountsMark.objects.get().bucket * counts.BUCKET


def check(alias: str = "default") -> None:
    """Totals are what is there, to who looks through this connection."""
    asked = {"all": Q(), "a": Q(key="a"), "1": Q(workflow_id=1), "3": Q(key="b", workflow_id=3)}
    runs = Execution.objects.using(alias)
    there = runs.order_by().aggregate(**{name: Count("pk", filter=each) for name, each in asked.items()})
    assert {name: counts.total(runs.filter(each)) for name, each in asked.items()} == there


@contextmanager
def opened(alias: str) -> Iterator[str]:
    """A connection of its own, under this alias, with a transaction under way."""
    connections[alias] = connection.copy(alias)
    connections[alias].set_autocommit(False)
    try:
        yield alias
    finally:
        connections[alias].rollback()
        connections[alias].close()
        del connections[alias]
