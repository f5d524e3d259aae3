"""Which worker holds which runs: what tells a run that kills its workers from one that was merely waiting."""

import json
import os
import socket
import threading
from collections.abc import Iterable
from datetime import timedelta

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Now

from executions.models import Holding
from executions.store import sql
from executions.store.session import alias, connection
from executions.store.side import on_side

#: Notes of workers that have not written for so long speak of nothing any more.
FORGOTTEN_AFTER = timedelta(days=1)


def worker_name() -> str:
    return f"{socket.gethostname()[:30]}:{os.getpid()}:{threading.get_native_id()}"


def note(held: Iterable[tuple[int, int]]) -> None:
    """Writes what this worker is about to touch, before it does: [(execution id, turn), ...]; replaces its last note."""
    text = json.dumps([list(pair) for pair in held])
    if connection().vendor == "sqlite":
        _upsert(connection(), text)
        return
    with on_side() as db:
        _upsert(db, text)


def _upsert(db: BaseDatabaseWrapper, text: str) -> None:
    table = db.ops.quote_name(Holding._meta.db_table)
    now = sql.NOW[db.vendor]
    new = (
        f"ON DUPLICATE KEY UPDATE held = VALUES(held), updated_at = {now}"
        if db.vendor == "mysql"
        else "ON CONFLICT (worker) DO UPDATE SET held = excluded.held, updated_at = excluded.updated_at"
    )
    with db.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} (worker, held, updated_at) VALUES (%s, %s, {now}) {new}", [worker_name(), text])


def lost_with() -> dict[tuple[int, int], int]:
    """(execution id, turn) -> how many runs the note held, of every other worker that is not known to live."""
    me = worker_name()
    db = connection()
    with db.cursor() as cursor:
        cursor.execute("SELECT worker, held FROM executions_holding WHERE worker <> %s", [me])
        rows = cursor.fetchall()
    one_machine = db.vendor == "sqlite"
    found: dict[tuple[int, int], int] = {}
    for worker, held in rows:
        # On SQLite a note comes before the lock, so another's note says nothing while that process lives.
        if worker == me or (one_machine and _lives(worker)):
            continue
        pairs = json.loads(held)
        for execution_id, turn in pairs:
            found[(execution_id, turn)] = min(len(pairs), found.get((execution_id, turn), len(pairs)))
    return found


def _lives(worker: str) -> bool:
    pid = int(worker.rsplit(":", 2)[1])
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
