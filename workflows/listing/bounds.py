"""What a list may cost: its statements end after a few seconds, and the caller is told what to narrow."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from django.db import OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext as _

from workflows.errors import Invalid

#: Seconds each statement of a list may take.
LIST_SECONDS = 5.0

#: What the drivers say when a statement was ended: SQLSTATE, MariaDB's and MySQL's numbers.
_CANCELED = ("57014", 1969, 3024)
#: Steps of SQLite's machine between two looks at the clock; some milliseconds.
_STEPS = 100_000


class TooSlow(Invalid):
    """A list takes longer to find than a connection may be held."""

    code = "too_slow"


@contextmanager
def bounded(alias: str, narrow_by: str = "") -> Iterator[None]:
    """Raises `TooSlow` where a statement inside takes too long; `narrow_by` are the parameters that help."""
    db = connections[alias]
    try:
        with _BOUNDS[db.vendor](db):
            yield
    except OperationalError as error:
        if not _ran_out(error):
            raise
        sentence = _("The list was not found within %d seconds.") % LIST_SECONDS
        remedy = _("Narrow it by %s.") % narrow_by if narrow_by else _("Narrow it by more filters.")
        raise TooSlow(f"{sentence} {remedy}") from error


def _ran_out(error: OperationalError) -> bool:
    cause: Any = error.__cause__
    number = error.args[0] if error.args else None
    return getattr(cause, "sqlstate", None) in _CANCELED or number in _CANCELED or str(error) == "interrupted"


@contextmanager
def _postgresql(db: BaseDatabaseWrapper) -> Iterator[None]:
    if db.in_atomic_block:
        with _inside_transaction(db):
            yield
        return
    # The setting ends with the transaction, so a pool's next client never meets it.
    with transaction.atomic(using=db.alias):
        _set_timeout(db, str(int(LIST_SECONDS * 1000)))
        yield


@contextmanager
def _inside_transaction(db: BaseDatabaseWrapper) -> Iterator[None]:
    """The host's transaction outlives a list that took too long, and its statements take as long as the host says.

    Past Django's cursor: what is set here is no query of the list.
    """
    db.connection.execute("SAVEPOINT sluice_list")
    before = _set_timeout(db, str(int(LIST_SECONDS * 1000)))
    try:
        yield
    except BaseException:
        # Takes the setting back, too.
        db.connection.execute("ROLLBACK TO SAVEPOINT sluice_list")
        raise
    else:
        _set_timeout(db, before)
    finally:
        db.connection.execute("RELEASE SAVEPOINT sluice_list")


def _set_timeout(db: BaseDatabaseWrapper, value: str) -> str:
    """Bounds the statements of this transaction; answers what bounded them before."""
    db.ensure_connection()
    setting = "SELECT current_setting('statement_timeout'), set_config('statement_timeout', %s, true)"
    return str(db.connection.execute(setting, [value]).fetchone()[0])


@contextmanager
def _mysql(db: BaseDatabaseWrapper) -> Iterator[None]:
    """Bounds each statement in itself: nothing is set that could stay."""
    mariadb = bool(getattr(db, "mysql_is_mariadb", True))

    def bound(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("SELECT", "(SELECT")) and mariadb:
            sql = f"SET STATEMENT max_statement_time={LIST_SECONDS} FOR {sql}"
        elif sql.startswith("SELECT"):
            sql = f"SELECT /*+ MAX_EXECUTION_TIME({int(LIST_SECONDS * 1000)}) */{sql.removeprefix('SELECT')}"
        return execute(sql, params, many, context)

    with db.execute_wrapper(bound):
        yield


@contextmanager
def _sqlite(db: BaseDatabaseWrapper) -> Iterator[None]:
    db.ensure_connection()
    connection: Any = db.connection
    until = time.monotonic() + LIST_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)


_BOUNDS: dict[str, Callable[[BaseDatabaseWrapper], AbstractContextManager[None]]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "sqlite": _sqlite,
}
