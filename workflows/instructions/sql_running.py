"""One bound statement on a database, within a time, a number of rows, and, where it only reads, without a change.

Each vendor binds in the server (SQLite: in its library), which takes one statement at a time: whatever is in a value,
and however a text was read, a value can't become SQL.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from itertools import islice
from typing import Any

from django.db import OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext as _

from workflows.conf import conf
from workflows.errors import Invalid, SluiceError

#: Steps of SQLite's machine between two looks at the clock; some milliseconds.
_STEPS = 100_000
#: What the drivers say when a statement took too long: SQLSTATE, MariaDB's and MySQL's numbers.
_CANCELED = ("57014", 1969, 3024)
#: Rows that PostgreSQL is asked for at once.
_PIECE = 50
#: How a statement's places are written.
PLACES: dict[str, Callable[[int], str]] = {
    "postgresql": lambda number: f"${number}",
    "mysql": lambda number: "?",
    "sqlite": lambda number: "?",
}


class TooSlow(SluiceError):
    """The statement was ended after its time."""

    code = "too_slow"


@dataclass(frozen=True, slots=True)
class Found:
    """`columns` is None of a statement without rows; `changed` are the rows it wrote, as the driver counts them."""

    columns: list[str] | None
    rows: list[tuple[Any, ...]]
    changed: int
    truncated: bool


@dataclass(frozen=True, slots=True)
class Bounds:
    seconds: float
    rows: int
    writes: bool
    #: Whether it is a query, which a cursor in the server can read piece by piece.
    query: bool


def run_statement(alias: str, text: str, values: list[Any], bounds: Bounds) -> Found:
    """Runs it in a transaction, inside another in a savepoint, that is rolled back unless `bounds.writes`.

    Raises `TooSlow`, `Invalid` where a statement that may only read has no rows, or Django's database errors.
    """
    db = connections[alias]
    run, bounded = _VENDORS[db.vendor]
    try:
        with bounded(db, bounds):
            return _through(db, text, values, partial(run, db, bounds))
    except OperationalError as error:
        if not _ran_out(error):
            raise
        message = _("The statement took longer than %s seconds; narrow it, or raise SLUICE['SQL_SECONDS'].")
        raise TooSlow(message % f"{bounds.seconds:g}", field="sql") from error


@contextmanager
def rolled_back(alias: str) -> Iterator[bool]:
    """All that is written on this database inside is taken back; gives True."""
    with transaction.atomic(using=alias):
        yield True
        transaction.set_rollback(True, using=alias)


@contextmanager
def reading(alias: str, seconds: float) -> Iterator[bool]:
    """Statements on this database may only read inside, and each take so long; gives False. Raises `TooSlow`."""
    db = connections[alias]
    _run, bounded = _VENDORS[db.vendor]
    bounds = Bounds(seconds, rows=0, writes=False, query=True)
    try:
        with bounded(db, bounds):
            yield False
    except OperationalError as error:
        if not _ran_out(error):
            raise
        raise TooSlow(_("Reading took longer than %s seconds; narrow the filter.") % f"{seconds:g}") from error


def _through(db: BaseDatabaseWrapper, text: str, values: list[Any], run: Callable[[str, list[Any]], Found]) -> Found:
    """Whoever watches the connection's statements sees this one too: the engine checks what was written."""

    def execute(sql: str, params: Any, many: bool, context: Any) -> Found:
        with db.wrap_database_errors:
            return run(sql, params)

    watched: Callable[..., Any] = execute
    for wrapper in reversed(db.execute_wrappers):
        watched = partial(wrapper, watched)
    found: Found = watched(text, values, False, {"connection": db, "cursor": None})
    return found


def _ran_out(error: OperationalError) -> bool:
    cause: Any = error.__cause__
    number = error.args[0] if error.args else None
    return getattr(cause, "sqlstate", None) in _CANCELED or number in _CANCELED or str(error) == "interrupted"


def _found(description: Any, rows: list[tuple[Any, ...]], changed: int, bounds: Bounds) -> Found:
    if description is None and not bounds.writes:
        raise Invalid(_("A statement that may only read gives rows; this one gave none."), field="sql")
    columns = None if description is None else [column[0] for column in description]
    return Found(columns, rows[: bounds.rows], changed, len(rows) > bounds.rows)


def _taken(rows: Iterable[tuple[Any, ...]], bounds: Bounds) -> list[tuple[Any, ...]]:
    """One row more than the bound, as long as a job could hold them: what is too large never fills the memory."""
    found, left = [], conf().MAX_RESULT_BYTES
    for row in islice(rows, bounds.rows + 1):
        left -= sum(_size(value) for value in row)
        if left < 0:
            raise Invalid(
                _("The rows have more than %d bytes; take fewer or shorter ones, or raise SLUICE['MAX_RESULT_BYTES'].")
                % conf().MAX_RESULT_BYTES,
                field="sql",
            )
        found.append(row)
    return found


def _size(value: Any) -> int:
    if isinstance(value, str | bytes | bytearray | memoryview):
        return len(value)
    return len(str(value)) if isinstance(value, dict | list) else 1


@contextmanager
def _in_transaction(db: BaseDatabaseWrapper, writes: bool) -> Iterator[None]:
    with transaction.atomic(using=db.alias):
        yield
        if not writes:
            transaction.set_rollback(True, using=db.alias)


# PostgreSQL


@contextmanager
def _bounded_postgresql(db: BaseDatabaseWrapper, bounds: Bounds) -> Iterator[None]:
    with _in_transaction(db, bounds.writes):
        if not bounds.writes:
            with db.cursor() as cursor:
                cursor.execute("SET TRANSACTION READ ONLY")
        before = _statement_timeout(db, str(int(bounds.seconds * 1000)))
        yield
        if bounds.writes:
            # The rest of a transaction around this takes as long as it says; a rollback restores it too.
            _statement_timeout(db, before)


def _statement_timeout(db: BaseDatabaseWrapper, value: str) -> str:
    with db.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('statement_timeout'), set_config('statement_timeout', %s, true)", [value]
        )
        before: str = cursor.fetchone()[0]
    return before


def _postgresql(db: BaseDatabaseWrapper, bounds: Bounds, text: str, values: list[Any]) -> Found:
    import psycopg
    from psycopg.types.json import JsonbLoader

    connection: Any = db.connection
    as_query = bounds.query and not bounds.writes
    cursor: Any = psycopg.RawServerCursor(connection, "sluice_sql") if as_query else psycopg.RawCursor(connection)
    # Django reads jsonb as text, for its own fields.
    cursor.adapters.register_loader("jsonb", JsonbLoader)
    with cursor:
        # A pipeline, as the other cursor, speaks the protocol that binds in the server and takes one statement only.
        with nullcontext() if as_query else connection.pipeline():
            cursor.execute(text, values)
        rows = _taken(_pieces(connection, cursor, bounds) if as_query else cursor, bounds) if cursor.description else []
        return _found(cursor.description, rows, cursor.rowcount, bounds)


def _pieces(connection: Any, cursor: Any, bounds: Bounds) -> Iterator[tuple[Any, ...]]:
    """All pieces within the one time: it is set anew for each, as the statement itself could have changed it."""
    until = time.monotonic() + bounds.seconds
    while True:
        left = max(int((until - time.monotonic()) * 1000), 1)
        connection.execute("SELECT set_config('statement_timeout', %s, true)", [str(left)])
        piece = cursor.fetchmany(_PIECE)
        yield from piece
        if len(piece) < _PIECE:
            return


# MariaDB and MySQL


@contextmanager
def _bounded_mysql(db: BaseDatabaseWrapper, bounds: Bounds) -> Iterator[None]:
    db.ensure_connection()
    mariadb = bool(getattr(db, "mysql_is_mariadb", True))
    name, value = ("max_statement_time", bounds.seconds) if mariadb else ("max_execution_time", bounds.seconds * 1000)
    with db.cursor() as cursor:
        cursor.execute(f"SELECT @@SESSION.{name}")
        (before,) = cursor.fetchone()
        cursor.execute(f"SET SESSION {name} = {value:g}")
    outermost = not db.in_atomic_block
    try:
        with _in_transaction(db, bounds.writes):
            if outermost and not bounds.writes:
                # Inside another transaction that is too late: there the rollback alone undoes what was written.
                with db.cursor() as cursor:
                    cursor.execute("SET TRANSACTION READ ONLY")
            yield
    finally:
        if db.connection is not None and db.is_usable():
            with db.connection.cursor() as cursor:
                cursor.execute(f"SET SESSION {name} = {before}")


def _mysql(db: BaseDatabaseWrapper, bounds: Bounds, text: str, values: list[Any]) -> Found:
    connection: Any = db.connection
    unbuffered = import_module("MySQLdb.cursors").SSCursor
    names = [f"@sluice_{index}" for index in range(len(values))]
    with connection.cursor() as cursor:
        for name, value in zip(names, values, strict=True):
            cursor.execute(f"SET {name} = %s", [value])
        cursor.execute("PREPARE sluice_sql FROM %s", [text])
    try:
        # Otherwise the driver would keep every row before the first is asked for.
        with connection.cursor(unbuffered) as cursor:
            cursor.execute("EXECUTE sluice_sql" + (f" USING {', '.join(names)}" if names else ""))
            if cursor.description is None:
                return _found(None, [], cursor.rowcount, bounds)
            description, rows = cursor.description, _taken(cursor, bounds)
        return _found(description, rows, 0, bounds)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DEALLOCATE PREPARE sluice_sql")


# SQLite


@contextmanager
def _bounded_sqlite(db: BaseDatabaseWrapper, bounds: Bounds) -> Iterator[None]:
    db.ensure_connection()
    connection: Any = db.connection
    until = time.monotonic() + bounds.seconds
    # A transaction of its own would keep other writers out (IMMEDIATE); reading needs none.
    with _in_transaction(db, True) if bounds.writes else nullcontext():
        (before,) = connection.execute("PRAGMA query_only").fetchone()
        if not bounds.writes:
            connection.execute("PRAGMA query_only = 1")
        connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
        longest = connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, conf().MAX_RESULT_BYTES)
        try:
            yield
        finally:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest)
            connection.set_progress_handler(None, 0)
            connection.execute(f"PRAGMA query_only = {before}")


def _sqlite(db: BaseDatabaseWrapper, bounds: Bounds, text: str, values: list[Any]) -> Found:
    connection: Any = db.connection
    cursor = connection.execute(text, values)
    try:
        rows = _taken(cursor, bounds)
        if bounds.writes:
            # RETURNING: the rest too is to be written.
            for _row in cursor:
                pass
        return _found(cursor.description, rows, cursor.rowcount, bounds)
    finally:
        cursor.close()


_VENDORS: dict[str, tuple[Callable[..., Found], Callable[..., Any]]] = {
    "postgresql": (_postgresql, _bounded_postgresql),
    "mysql": (_mysql, _bounded_mysql),
    "sqlite": (_sqlite, _bounded_sqlite),
}
