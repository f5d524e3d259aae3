"""What waits for workers just now: read from the heads of the engine's own indexes, and never counted to the end."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from executions.store import session, sql

#: Rows that are counted of one queue, and queues that are looked at.
COUNTED, QUEUES = 10_000, 10
_RUNS, _CALLS = "runs", "calls"


@dataclass
class Queue:
    """What is due on one queue; `more` where that is more than is counted."""

    name: str
    runs: int = 0
    calls: int = 0
    #: Since when the longest waiting run, or call, is due.
    oldest: datetime | None = None
    more: bool = False


def queues() -> list[Queue]:
    """Every queue with something to come, by name; two statements."""
    db = session.connection()
    known = _names()
    found = {name: Queue(name) for name, _what in known}
    if not found:
        return []
    now = sql.NOW[db.vendor]
    parts: list[str] = []
    values: list[Any] = []
    for name, what in known:
        for where, more in _heads(what):
            rows = f"SELECT due_at FROM {where} AND queue = %s AND due_at <= {now} ORDER BY due_at LIMIT {COUNTED + 1}"
            parts.append(f"SELECT %s, %s, COUNT(*), MIN(due_at) FROM ({rows}) AS due{len(parts)}")
            values += [name, what, *more, name]
    with db.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), values)
        for name, what, number, oldest in cursor.fetchall():
            _add(found[name], what, number, oldest)
    return list(found.values())


def _heads(what: str) -> list[tuple[str, list[Any]]]:
    """Tables and conditions that an index begins with, each with its values."""
    if what == _RUNS:
        # Two classes of runs, each at its own place in the index.
        table = "executions_execution WHERE due_at IS NOT NULL AND solo = %s"
        return [(table, [False]), (table, [True])]
    return [("executions_job WHERE wait = 'performer' AND due_at IS NOT NULL", [])]


def _names() -> list[tuple[str, str]]:
    """(queue, runs or calls) of what is due or will be."""
    runs = sql.leap("runs", "executions_execution", "due_at IS NOT NULL")
    calls = sql.leap("calls", "executions_job", "wait = 'performer' AND due_at IS NOT NULL")
    text = (
        f"WITH RECURSIVE {runs}, {calls} SELECT queue, %s FROM runs WHERE queue IS NOT NULL"
        " UNION ALL SELECT queue, %s FROM calls WHERE queue IS NOT NULL"
    )
    with session.connection().cursor() as cursor:
        cursor.execute(text, [_RUNS, _CALLS])
        return sorted(cursor.fetchall())[: 2 * QUEUES]


def _add(queue: Queue, what: str, number: int, oldest: Any) -> None:
    queue.more = queue.more or number > COUNTED
    number = min(number, COUNTED)
    if what == _RUNS:
        queue.runs += number
    else:
        queue.calls += number
    if oldest is not None:
        queue.oldest = min(filter(None, (queue.oldest, session.as_time(oldest))))
