"""Which worker holds which runs: what tells a run that kills its workers from one that was merely waiting."""

import json
import os
import secrets
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Now

from executions.models import Holding
from executions.store import sql
from executions.store.session import alias, connection
from executions.store.side import on_side

#: Notes of workers that have not written for so long speak of nothing any more.
FORGOTTEN_AFTER = timedelta(days=1)
NOTHING_HELD = "[]"


@lru_cache(maxsize=1)
def _token(pid: int) -> str:
    """Tells a process from a dead one of the same number: containers start counting anew."""
    return secrets.token_hex(4)


def worker_name() -> str:
    pid = os.getpid()
    return f"{socket.gethostname()[:30]}:{pid}:{threading.get_native_id()}:{_token(pid)}"


Pairs = Iterable[tuple[int, int]]


def note(held: Pairs) -> None:
    """Replaces this worker's note by what it is about to touch: (execution id, turn) pairs."""
    with _notebook() as db, db.cursor() as cursor:
        cursor.execute(*_upsert(db, held))


def take(held: Pairs) -> dict[tuple[int, int], int]:
    """Notes what was claimed and answers which of all runs other workers noted and did not commit: they died with them.

    (execution id, turn) -> how many runs that worker's note held. SQLite has noted before it claimed, and only looks.
    """
    sqlite = connection().vendor == "sqlite"
    others = "SELECT worker, held FROM executions_holding WHERE worker <> %s"
    with _notebook() as db, db.cursor() as cursor:
        if sqlite:
            cursor.execute(others, [worker_name()])
        else:
            text, parameters = _upsert(db, held)
            if db.vendor == "postgresql":
                cursor.execute(f"WITH noted AS ({text}) {others}", [*parameters, worker_name()])
            else:
                cursor.execute(text, parameters)
                cursor.execute(others, [worker_name()])
        rows = cursor.fetchall()
    found: dict[tuple[int, int], int] = {}
    for worker, text in rows:
        # On SQLite a note comes before the lock, so another's note says nothing while that process lives.
        if text == NOTHING_HELD or (sqlite and _lives(worker)):
            continue
        pairs = text if isinstance(text, list) else json.loads(text)
        for execution_id, turn in pairs:
            found[(execution_id, turn)] = min(len(pairs), found.get((execution_id, turn), len(pairs)))
    return found


def clear() -> None:
    """A worker that has finished holds nothing; on SQLite its process tells that."""
    if connection().vendor != "sqlite":
        note(())


@contextmanager
def _notebook() -> Iterator[BaseDatabaseWrapper]:
    """The connection of the notes: a second one, so that they stand before the claim's transaction commits."""
    if connection().vendor == "sqlite":
        yield connection()
        return
    with on_side() as db:
        yield db


def _upsert(db: BaseDatabaseWrapper, held: Pairs) -> tuple[str, list[str]]:
    now = sql.NOW[db.vendor]
    new = (
        f"ON DUPLICATE KEY UPDATE held = VALUES(held), updated_at = {now}"
        if db.vendor == "mysql"
        else "ON CONFLICT (worker) DO UPDATE SET held = excluded.held, updated_at = excluded.updated_at"
    )
    text = json.dumps([list(pair) for pair in held])
    return f"INSERT INTO executions_holding (worker, held, updated_at) VALUES (%s, %s, {now}) {new}", [
        worker_name(),
        text,
    ]


def _lives(worker: str) -> bool:
    pid = int(worker.rsplit(":", 3)[1])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def forget() -> None:
    """Removes the notes of workers that are long gone."""
    Holding.objects.using(alias()).filter(updated_at__lt=Now() - FORGOTTEN_AFTER).delete()
