"""A second connection to the engine's database, one a thread: for what must stand whatever becomes of the first."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import local

from django.db.backends.base.base import BaseDatabaseWrapper

from executions.store.session import PEOPLE_WAIT, alias, connection

_threads = local()


def side_connection() -> BaseDatabaseWrapper:
    """The thread's second connection, in autocommit. Not on SQLite, whose one writer would wait for itself."""
    held: dict[str, BaseDatabaseWrapper] = _threads.__dict__.setdefault("held", {})
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
    for db in _threads.__dict__.pop("held", {}).values():
        db.close()


@contextmanager
def on_side() -> Iterator[BaseDatabaseWrapper]:
    """The second connection; closed when it fails, so that the next use opens a new one."""
    db = side_connection()
    try:
        yield db
    except Exception:
        db.close()
        raise
