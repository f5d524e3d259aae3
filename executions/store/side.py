"""A second connection to the engine's database, one a thread: for what must stand whatever becomes of the first."""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import current_thread, local
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from executions.store.session import PEOPLE_WAIT, alias, connection

_threads = local()


def side_connection() -> BaseDatabaseWrapper:
    """The thread's second connection, in autocommit. Not on SQLite, whose one writer would wait for itself."""
    held = _held()
    db = held.get(alias())
    if db is None or db.settings_dict["NAME"] != connection().settings_dict["NAME"]:
        if db is not None:
            db.close()
        db = held[alias()] = connection().copy()
    if db.connection is None:
        db.connect()
        with db.cursor() as cursor:
            if db.vendor == "postgresql":
                # What is noted here is worth less than the wait for the disk.
                cursor.execute(
                    "SELECT set_config('synchronous_commit', 'off', false), set_config('lock_timeout', %s, false)",
                    [f"{PEOPLE_WAIT}s"],
                )
            elif db.vendor == "mysql":
                cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {PEOPLE_WAIT}")
    return db


def close_side() -> None:
    """Closes the thread's second connection."""
    for db in _held().values():
        db.close()
    _held().clear()


def close_old_side(**_signal: Any) -> None:
    """After a request: it is kept for as long as Django keeps the first one (CONN_MAX_AGE)."""
    for db in _held().values():
        db.close_if_unusable_or_obsolete()


def _held() -> dict[str, BaseDatabaseWrapper]:
    if not hasattr(_threads, "held"):
        _threads.held = {}
        # Some servers begin a thread for each request; who closes the first connection knows nothing of the second.
        weakref.finalize(current_thread(), _let_go, _threads.held).atexit = False
    held: dict[str, BaseDatabaseWrapper] = _threads.held
    return held


def _let_go(held: dict[str, BaseDatabaseWrapper]) -> None:
    """Closes what a thread that has ended had open; the wrapper itself is that thread's alone."""
    for db in held.values():
        if db.connection is not None:
            with suppress(Exception):
                db.connection.close()


@contextmanager
def on_side() -> Iterator[BaseDatabaseWrapper]:
    """The second connection; closed when it fails, so that the next use opens a new one."""
    db = side_connection()
    try:
        yield db
    except Exception:
        db.close()
        raise
